"""The device lane: a plain listener beside Home Assistant's HTTPS.

Each request is decided on by `lane_rules`; what may pass is answered by Home Assistant's own
application, with its own middlewares (bans, authentication, limits), in this very process: the
address that it sees is the client's own, so that webhooks for the home alone and bans work as
ever. Requests that came through a reverse proxy are refused: taking their `X-Forwarded-For` away
would make the internet look like the house.

The listener can take nothing from HTTPS: it has so many connections and no more, closes those that
ask nothing, and answers without reading a body where nothing is let through. It logs no URL: they
are the secrets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from homeassistant.const import EVENT_HOMEASSISTANT_STOP

from housekey.errors import LaneFailed

from .lane_app import LONGEST_LINE, SERVER_LOGGER, Application, application, bare_request, route_of
from .lane_rules import (
    Decision,
    Https,
    Refused,
    Through,
    ToHttps,
    asked,
    decide,
    is_of_the_house,
)
from .lane_urls import LaneAddress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from aiohttp.web_protocol import RequestHandler
    from homeassistant.core import Event, HomeAssistant

_LOGGER = logging.getLogger(__name__)

MOST_CONNECTIONS = 256  # at a time; more are closed at once
MOST_AT_A_TIME = 48  # requests of one address being answered
_FIRST_REQUEST = 15.0  # seconds in which a connection must have asked something
_KEPT_ALIVE = 30.0  # seconds between two requests of a connection
_AT_THE_END = 2.0  # seconds that open streams get when the lane is closed
_REMEMBERED = 20  # refusals
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - what Home Assistant listens on by default


@dataclass(frozen=True, slots=True)
class Turned:
    """One request that was not let through, for people: no query, and no more than its first
    segments, which hold no secret."""

    peer: str
    method: str
    path: str
    reason: str


class Lane:
    """The plain port for devices of the house; `start` opens it, `stop` closes it."""

    def __init__(
        self,
        hass: HomeAssistant,
        *,
        port: int,
        https: Https,
        host: str | None = None,
        networks: Sequence[IPv4Network | IPv6Network] = (),
        hosts: Sequence[str] | None = None,
    ) -> None:
        self.port = port
        self.host = host  # under which devices are told to come: lane_urls.host_for_devices
        self.https = https  # replaced when the certificate's names change
        self.networks = tuple(networks)  # of this machine
        self.counts: Counter[str] = Counter()  # through, redirected, refused
        self.turned: deque[Turned] = deque(maxlen=_REMEMBERED)
        self._hass = hass
        self._hosts = list(hosts or hass.http.server_host or _EVERYWHERE)  # as Home Assistant
        self._busy: Counter[str] = Counter()  # requests being answered, by address
        self._silent: dict[RequestHandler, asyncio.TimerHandle] = {}  # has asked nothing yet
        self._server: web.Server | None = None
        self._runner: web.ServerRunner | None = None
        self._listening: asyncio.Server | None = None
        self._forget_stop: Any = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._listening is not None

    @property
    def lets_through(self) -> bool:
        """Whether Home Assistant's application is at hand; if not, the lane only redirects."""
        return application(self._hass) is not None

    @property
    def address(self) -> LaneAddress | None:
        """What devices are told; None while they had better be told HTTPS: for `LaneUrls`."""
        if self.host is None or not (self.is_open and self.lets_through):
            return None
        names = frozenset(str(name) for name in self.https.names)
        return LaneAddress(self.host, self.port, also=names)

    async def start(self) -> None:
        """Listen; does nothing when it does. Raises LaneFailed when the port cannot be had."""
        if self.is_open:
            return
        if self.port == self._hass.http.server_port:
            raise LaneFailed(
                f"port {self.port} is Home Assistant's own",
                hint="move Home Assistant to another port first, such as 8443",
            )
        self._server = web.Server(
            self._answer,
            request_factory=self._make_request,
            handler_cancellation=True,  # as Home Assistant's own: a client that left ends a stream
            access_log=None,
            logger=SERVER_LOGGER,
            keepalive_timeout=_KEPT_ALIVE,
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
        )
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_AT_THE_END)
        await self._runner.setup()
        try:
            self._listening = await self._hass.loop.create_server(
                self._accept, self._hosts, self.port, backlog=128
            )
        except OSError as error:
            await self._runner.cleanup()
            raise LaneFailed(
                f"port {self.port} for devices cannot be opened: {error.strerror or error}",
                hint="another program may listen there: end it, or choose another port",
            ) from error
        self._forget_stop = self._hass.bus.async_listen_once(
            EVENT_HOMEASSISTANT_STOP, self._stop_with_home_assistant
        )

    async def stop(self) -> None:
        """Close the port and every connection; does nothing when it is closed."""
        listening, self._listening = self._listening, None
        if listening is None or self._runner is None:
            return
        if self._forget_stop is not None:
            self._forget_stop()
            self._forget_stop = None
        listening.close()
        await self._runner.cleanup()
        for timer in self._silent.values():
            timer.cancel()
        self._silent.clear()
        await listening.wait_closed()

    async def _stop_with_home_assistant(self, _event: Event) -> None:
        self._forget_stop = None
        await self.stop()

    # ---- connections

    def _accept(self) -> asyncio.Protocol:
        server = self._server
        if server is None or len(server.connections) >= MOST_CONNECTIONS:
            return _Full()
        connection = server()
        self._silent[connection] = self._hass.loop.call_later(
            _FIRST_REQUEST, self._close_if_silent, connection
        )
        return connection

    def _close_if_silent(self, connection: RequestHandler) -> None:
        if self._silent.pop(connection, None) is not None and connection.transport is not None:
            connection.transport.close()

    def _make_request(self, *parts: Any) -> web.BaseRequest:
        app = application(self._hass)
        return bare_request(*parts) if app is None else app.make_request(*parts)

    # ---- requests

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if (timer := self._silent.pop(request.protocol, None)) is not None:
            timer.cancel()
        peer = request.remote or ""
        decision = decide(
            asked(
                request.method,
                request.raw_path,
                request.headers.items(),
                local=is_of_the_house(peer, self.networks),
            ),
            self.https,
            is_phones=self._is_phones,
        )
        app = application(self._hass)
        if isinstance(decision, Through):
            if app is not None and isinstance(request, web.Request):
                if await self._is_what_was_decided(app, request, decision):
                    return await self._pass_on(app, request, peer)
                decision = Refused(403, "This is served over HTTPS alone")
            else:
                decision = ToHttps(self.https.url(request.headers.get("Host"), request.raw_path))
        return self._turn(request, peer, decision)

    async def _is_what_was_decided(
        self, app: Application, request: web.Request, decision: Through
    ) -> bool:
        """Whether the router takes the path for the same; what it does not know, it may answer."""
        route = await route_of(app, request)
        return route is None or route == decision.opening.route

    async def _pass_on(
        self, app: Application, request: web.Request, peer: str
    ) -> web.StreamResponse:
        if self._busy[peer] >= MOST_AT_A_TIME:
            return self._turn(
                request, peer, Refused(503, "This device asks too much at the same time")
            )
        self.counts["through"] += 1
        self._busy[peer] += 1
        try:
            return await app.answer(request)
        finally:
            self._busy[peer] -= 1
            if not self._busy[peer]:
                del self._busy[peer]

    def _turn(self, request: web.BaseRequest, peer: str, decision: Decision) -> web.Response:
        """The lane's own answer, two lines for a person, without reading what else was sent."""
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": ""}
        if isinstance(decision, ToHttps):
            self.counts["redirected"] += 1
            status, first = 307, "This is served over HTTPS alone"
            headers["Location"] = where = decision.url
        else:
            assert isinstance(decision, Refused)  # noqa: S101 - Through never comes here
            self.counts["refused"] += 1
            status, first = decision.status, decision.reason
            where = self.https.url(request.headers.get("Host"), "/")
            short = "/".join(request.path.split("/")[:3])
            self.turned.append(Turned(peer, request.method, short, first))
            _LOGGER.debug("Refused %s %s from %s: %s", request.method, short, peer, first)
        response = web.Response(
            status=status,
            text=f"{first}.\nUse {where} instead, from a device that trusts this home.\n",
            headers=headers,
        )
        if request.can_read_body or isinstance(decision, Refused):
            response.force_close()
        return response

    def _is_phones(self, webhook_id: str) -> bool:
        """Whether a webhook's ID is one of the companion app's, each of which is an entry."""
        entries = self._hass.config_entries.async_entries("mobile_app")
        return any(entry.data.get("webhook_id") == webhook_id for entry in entries)


class _Full(asyncio.Protocol):
    """Closes a connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def own_networks(hass: HomeAssistant) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks that this machine is in, as Home Assistant's network integration knows them."""
    from ipaddress import ip_network  # noqa: PLC0415

    from homeassistant.components import network  # noqa: PLC0415 - loaded with Home Assistant

    found = []
    for adapter in await network.async_get_adapters(hass):
        for address in (*adapter["ipv4"], *adapter["ipv6"]):
            text = f"{address['address']}/{address['network_prefix']}"
            found.append(ip_network(text, strict=False))
    return tuple(found)
