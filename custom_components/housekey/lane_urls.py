"""While the lane is open, Home Assistant hands devices the lane's address, and all others HTTPS.

**What is wrong without this.** With TLS on, `get_url` (helpers/network.py) does three things:
it prefers the external URL, skips every URL whose host is an IP address, and never falls back to
`http://ADDRESS:PORT`. A speaker is then given `https://…`, which it does not trust, under a name
that it may not resolve, or nothing at all.

**What was weighed**, in the source of 2026.7.4 and 2026.11.0:

* `internal_url = http://NAME:PORT` in the settings. It is one value for everybody: the companion
  apps are told it (mDNS `internal_url`, `network/url`), integrations that need HTTPS get it, and
  with TLS on it is ignored when it is an IP address, which is what devices need. It is stored, so
  it outlives the lane: after an uninstall it leads nowhere.
* `hass.config.api` with `use_ssl = False`. `get_url` would behave, and the Supervisor, the cloud
  and the mDNS record would be told an untruth.
* Wrapping every consumer's call. `async_process_play_media_url` alone is imported by name in some
  40 modules; but it finds `get_url` in its own module, `media_player.browse_media`.
* **This:** `get_url` is replaced in the few modules that make URLs for devices (`SITES`), where it
  answers what it would if Home Assistant itself were the plain listener: the lane's address
  wherever an internal one may be given, the external one where the caller prefers that. Everybody
  else (the frontend, sign-in, mDNS, cast's own app with `require_ssl`, the settings page) calls
  the function that it always called. Nothing is stored, no file is touched, `remove` puts back
  what was there, and with the lane closed the answer is the old one.

A module that is loaded later (a config flow) takes `get_url` from `helpers.network`; so that holds
a function which asks who calls it: a site gets the lane's address, anybody else the original.

`is_hass_url` is replaced in the same way, so that a lane address is known for Home Assistant's own:
it is signed, and cast plays a camera's stream from it as one.

**What remains.** Addresses that were written down before: a device that was told its webhook
keeps the old one, `http://ADDRESS:8123/…`, and it works, when the lane is on the old port. An
absolute `https://` address of Home Assistant that an automation plays is left as it is. Google
Assistant's local fulfilment stays off (it looks at `use_ssl`).
"""

from __future__ import annotations

import inspect
import logging
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from housekey.pki.hosts import bracketed, is_address, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from homeassistant.core import HomeAssistant

_LOGGER = logging.getLogger(__name__)

_NETWORK = "homeassistant.helpers.network"


@dataclass(frozen=True, slots=True)
class Site:
    """A module that makes addresses for devices, and who gets them."""

    module: str  # below homeassistant.components
    who: str
    only: tuple[tuple[str, Any], ...] = ()  # the wishes that tell its calls for devices from others

    @property
    def name(self) -> str:
        """The module's full name."""
        return f"homeassistant.components.{self.module}"


SITES: tuple[Site, ...] = (
    Site("media_player.browse_media", "players and voice satellites: media and speech"),
    Site("tts", "programs that ask for the address of a speech (`tts_get_url`)"),
    Site("camera", "televisions: `camera.play_stream`, 2026.7"),
    Site("camera.services", "televisions: `camera.play_stream`, 2026.11"),
    Site("esphome.assist_satellite", "voice satellites: models of their wake words"),
    Site("webhook", "all that registers a webhook by `async_generate_url`"),
    Site("doorbird.device", "door stations: events"),
    Site("ecowitt.config_flow", "weather stations: the address that the user enters there"),
    Site("ekeybionyx.config_flow", "door openers: the address offered for webhooks"),
    Site("google_assistant.trait", "displays: a camera's stream"),
    Site("motioneye", "motionEye: webhook", only=(("allow_cloud", False),)),
    Site("nasweb.nasweb_data", "NASweb: webhook"),
    Site("nuki", "Nuki bridges: webhook"),
    Site("onvif.event_manager", "cameras: webhook"),
    Site("tedee", "Tedee bridges: which webhooks are ours"),
    Site("wiim.util", "WiiM players: the host that their events go to, 2026.7"),
)
# Where a lane address must be known for Home Assistant's own.
OWN_SITES: tuple[Site, ...] = (
    Site("media_player.browse_media", "signs the path"),
    Site("cast.media_player", "plays a camera's stream as one"),
)

_SITES = {site.name: site for site in SITES}
_OWN_SITES = frozenset(site.name for site in OWN_SITES)


@dataclass(frozen=True, slots=True)
class LaneAddress:
    """Under which address devices reach the lane."""

    host: str  # what is handed out: an IP address, best, or a name that devices resolve
    port: int
    also: frozenset[str] = frozenset()  # other hosts under which it answers

    @property
    def url(self) -> str:
        """What is handed out, without a slash at its end."""
        host = bracketed(self.host)
        return f"http://{host}{'' if self.port == 80 else f':{self.port}'}"

    def is_own(self, url: str) -> bool:
        """Whether an absolute URL leads to the lane."""
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError:
            return False
        host = (parts.hostname or "").lower()
        return parts.scheme == "http" and port == self.port and host in {self.host, *self.also}


def host_for_devices(
    own_address: str, covered: Iterable[str], internal_url: str | None
) -> str | None:
    """Under which host devices are told to come: an address, as they resolve no `.local`.

    `own_address` is what Home Assistant found to be its own; in a container with a network of its
    own it is nobody else's, so an address that the certificate covers goes first.
    """
    addresses = [host for host in covered if is_address(host) and not is_loopback(host)]
    if own_address in addresses or (not addresses and not is_loopback(own_address)):
        return own_address
    addresses.sort(key=lambda host: ":" in host)  # IPv4 first: few devices speak IPv6 alone
    if addresses:
        return addresses[0]
    return urlsplit(internal_url).hostname if internal_url else None


def answer(
    original: Callable[..., str], hass: HomeAssistant, lane: LaneAddress, wishes: dict[str, Any]
) -> str:
    """What `get_url` would say if Home Assistant were the plain listener.

    `wishes` are its keywords. Raises what `original` raises where the lane's address will not do.
    """
    no_lane = (
        wishes.get("require_ssl")
        or wishes.get("require_cloud")
        or wishes.get("require_current_request")
        or (wishes.get("require_standard_port") and lane.port != 80)
        or wishes.get("allow_internal") is False
        or (wishes.get("allow_ip") is False and is_address(lane.host))
    )
    if no_lane:
        return original(hass, **wishes)
    if wishes.get("prefer_external") and wishes.get("allow_external") is not False:
        from homeassistant.helpers.network import NoURLAvailableError  # noqa: PLC0415

        try:
            return original(hass, **{**wishes, "allow_internal": False})
        except NoURLAvailableError:
            pass
    return lane.url


class LaneUrls:
    """Hands out the lane's address from `install` until `remove`.

    `address` is asked at every call; None: the lane is closed, and everything is as without it.
    """

    def __init__(self, hass: HomeAssistant, address: Callable[[], LaneAddress | None]) -> None:
        self._hass = hass
        self._address = address
        self._replaced: list[tuple[str, Any, Any]] = []  # attribute, ours, theirs

    @property
    def installed(self) -> bool:
        """Whether it is in place."""
        return bool(self._replaced)

    def install(self) -> None:
        """Put it in place; in the event loop. Does nothing when it is."""
        if self._replaced:
            return
        network = sys.modules[_NETWORK]
        for attribute, sites, make in (
            ("get_url", _SITES, self._get_url),
            ("is_hass_url", _OWN_SITES, self._is_hass_url),
        ):
            theirs = getattr(network, attribute, None)
            if not callable(theirs):
                _LOGGER.warning("Home Assistant has no %s: devices get HTTPS addresses", attribute)
                continue
            ours = make(theirs)
            self._replaced.append((attribute, ours, theirs))
            for name in (_NETWORK, *sites):
                module = sys.modules.get(name)
                if module is not None and getattr(module, attribute, None) is theirs:
                    setattr(module, attribute, ours)

    def remove(self) -> None:
        """Put back what was there, also in modules that were loaded meanwhile."""
        for attribute, ours, theirs in self._replaced:
            for module in tuple(sys.modules.values()):
                if isinstance(module, ModuleType) and vars(module).get(attribute) is ours:
                    setattr(module, attribute, theirs)
        self._replaced.clear()

    def _get_url(self, theirs: Callable[..., str]) -> Callable[..., str]:
        def get_url(hass: HomeAssistant, **wishes: Any) -> str:
            site = _SITES.get(_caller())
            for_devices = site is not None and dict(site.only).items() <= wishes.items()
            lane = self._address() if for_devices and self.installed else None
            return theirs(hass, **wishes) if lane is None else answer(theirs, hass, lane, wishes)

        return get_url

    def _is_hass_url(self, theirs: Callable[..., bool]) -> Callable[..., bool]:
        def is_hass_url(hass: HomeAssistant, url: str) -> bool:
            lane = self._address() if _caller() in _OWN_SITES and self.installed else None
            return (lane is not None and lane.is_own(url)) or theirs(hass, url)

        return is_hass_url


def _caller() -> str:
    """The module that called the function which calls this."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = None if frame is None else frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))
