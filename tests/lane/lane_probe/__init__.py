"""Opens the device lane in a real Home Assistant of the tests, once that speaks HTTPS.

What the integration will do, as small as it can be: the lane and its addresses on the port that
the configuration names, a webhook for the home alone, and actions to close it, to open it again
and to write down every route of the running application.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

# As custom_components/housekey/__init__.py puts its library there.
sys.path.insert(0, str(Path(__file__).parents[2] / "housekey-library"))

from cryptography import x509
from homeassistant.components import webhook
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers.network import get_url
from homeassistant.helpers.start import async_at_started

from custom_components.housekey import lane as lane_module
from custom_components.housekey.lane import Lane, own_networks
from custom_components.housekey.lane_app import application
from custom_components.housekey.lane_port import PortKeeper
from custom_components.housekey.lane_rules import Https
from custom_components.housekey.lane_urls import LaneUrls, host_for_devices
from housekey.errors import LaneFailed
from housekey.pki.names import names_of, parse_name

DOMAIN = "lane_probe"
lane_module._FIRST_REQUEST = 2.0  # seconds: what is silent is closed while a test can wait for it
WEBHOOK_ID = "of-the-house-alone"
STATE = f"{DOMAIN}.lane"


async def async_setup(hass: HomeAssistant, config: dict) -> bool:
    """Open the lane when Home Assistant has started with TLS."""
    port = config[DOMAIN]["port"]
    probe = Probe(hass, port)

    async def called(hass: HomeAssistant, webhook_id: str, request: object) -> None:
        hass.states.async_set(f"{DOMAIN}.webhook", f"{request.method} from {request.remote}")

    webhook.async_register(
        hass, DOMAIN, "probe", WEBHOOK_ID, called, local_only=True, allowed_methods=["POST", "GET"]
    )
    hass.services.async_register(DOMAIN, "open", probe.open)
    hass.services.async_register(DOMAIN, "close", probe.close)
    hass.services.async_register(DOMAIN, "walk", probe.walk)
    hass.services.async_register(DOMAIN, "tell", probe.tell)
    hass.services.async_register(DOMAIN, "blind", probe.blind)
    hass.services.async_register(DOMAIN, "late", probe.late)
    async_at_started(hass, probe.started)
    return True


class Probe:
    """One lane, and what the tests are told of it."""

    def __init__(self, hass: HomeAssistant, port: int) -> None:
        self.hass = hass
        self.port = port
        self.lane: Lane | None = None
        self.urls = LaneUrls(hass, lambda: self.lane.address if self.lane else None)

    async def started(self, _hass: HomeAssistant) -> None:
        if self.hass.config.api.use_ssl:
            await self.open()
        else:
            self.hass.states.async_set(STATE, "plain")

    async def open(self, call: ServiceCall | None = None) -> None:
        hass = self.hass
        port = (call.data if call else {}).get("port", self.port)
        pem = await hass.async_add_executor_job(Path(hass.http.ssl_certificate).read_bytes)
        names = names_of(x509.load_pem_x509_certificate(pem))
        internal = hass.config.internal_url
        host = internal.split("://")[1].rsplit(":", 1)[0]
        lane = Lane(
            hass,
            port=port,
            https=Https(hass.http.server_port, frozenset(names), parse_name(host)),
            host=host_for_devices(hass.config.api.local_ip, map(str, names), internal),
            networks=await own_networks(hass),
        )
        try:
            await lane.start()
        except LaneFailed as error:
            hass.states.async_set(STATE, "failed", {"message": error.message, "hint": error.hint})
            return
        self.lane = lane
        self.urls.install()
        self.keeper = PortKeeper(hass, lane)
        self.keeper.install()
        await self.tell()

    async def close(self, _call: ServiceCall) -> None:
        if self.lane is not None:
            self.urls.remove()
            self.keeper.remove()
            await self.lane.stop()
        await self.tell()

    async def tell(self, _call: ServiceCall | None = None) -> None:
        """What everybody would be told now, and what the lane has counted."""
        lane = self.lane
        urls = {
            "others": get_url(self.hass),
            "webhook": webhook.async_generate_url(self.hass, WEBHOOK_ID, prefer_external=False),
        }
        counts = {"counts": dict(lane.counts)} if lane else {}
        state = "open" if lane and lane.is_open else "closed"
        self.hass.states.async_set(STATE, state, {**urls, **counts})

    async def blind(self, call: ServiceCall) -> None:
        """Be a Home Assistant whose application cannot be had (`lane_app`), or no longer."""
        lane_module.application = (lambda _: None) if call.data["blind"] else application
        await self.tell()

    async def late(self, call: ServiceCall) -> None:
        """Load a module anew, if asked, and tell what the get_url says that it took by name."""
        name = call.data["module"]
        if call.data["anew"]:
            sys.modules.pop(name, None)
        module = await self.hass.async_add_executor_job(importlib.import_module, name)
        told = eval("get_url(hass)", vars(module), {"hass": self.hass})
        original = module.get_url is get_url
        self.hass.states.async_set(f"{DOMAIN}.late", told, {"original": original})

    async def walk(self, _call: ServiceCall) -> None:
        """Write every registered route to lane_routes.json: method, canonical path, kind."""
        routes = sorted(
            {
                (route.method, resource.canonical, type(resource).__name__)
                for resource in self.hass.http.app.router.resources()
                for route in resource
            }
        )
        path = Path(self.hass.config.path("lane_routes.json"))
        await self.hass.async_add_executor_job(path.write_text, json.dumps(routes))
