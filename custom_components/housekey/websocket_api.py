"""The panel's commands, for administrators only.

    housekey/overview          subscribes: one event at once, and one whenever something changed
    housekey/onboarding/start  serves the onboarding page, and answers with its addresses
    housekey/onboarding/stop   ends it
    housekey/renew             a new certificate, whether or not one is due

Commands outlive the config entry, so a panel that is open while the entry is set up anew goes on
by itself: it hears that housekey is not running, and then the next overview.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from homeassistant.components import websocket_api
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .overview import NOT_RUNNING, overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coordinator import HousekeyCoordinator


@dataclass(slots=True)
class _Watched:
    """The coordinator of now, and who wants to hear of it."""

    coordinator: HousekeyCoordinator | None = None
    watchers: set[Callable[[], None]] = field(default_factory=set)
    codes: dict[str, tuple[int, str]] = field(default_factory=dict)  # QR codes by address

    def tell(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()


_WATCHED: HassKey[_Watched] = HassKey(f"{DOMAIN}_panel")


@callback
def async_setup(hass: HomeAssistant) -> None:
    """Register the commands; once in the life of Home Assistant."""
    if _WATCHED in hass.data:
        return
    hass.data[_WATCHED] = _Watched()
    for command in (_overview, _start, _stop, _renew):
        websocket_api.async_register_command(hass, command)


@callback
def async_follow(hass: HomeAssistant, coordinator: HousekeyCoordinator) -> Callable[[], None]:
    """Show this coordinator from now on; call what is returned at unload."""
    watched = hass.data[_WATCHED]
    watched.coordinator = coordinator
    ignore = coordinator.async_add_listener(watched.tell)
    watched.tell()

    @callback
    def unfollow() -> None:
        ignore()
        watched.coordinator = None
        watched.tell()

    return unfollow


@websocket_api.websocket_command({"type": "housekey/overview"})
@websocket_api.require_admin
@callback
def _overview(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    watched = hass.data[_WATCHED]

    async def send() -> None:
        await _draw(hass, watched)
        message = _message(watched)  # only now: it may have changed while the code was drawn
        connection.send_message(websocket_api.event_message(msg["id"], message))

    @callback
    def changed() -> None:
        hass.async_create_background_task(send(), "housekey overview", eager_start=True)

    watched.watchers.add(changed)
    connection.subscriptions[msg["id"]] = lambda: watched.watchers.discard(changed)
    connection.send_result(msg["id"])
    changed()


@websocket_api.websocket_command({"type": "housekey/onboarding/start"})
@websocket_api.require_admin
@websocket_api.async_response
async def _start(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    urls = await _coordinator(hass).async_start_onboarding()
    connection.send_result(msg["id"], {"urls": list(urls)})


@websocket_api.websocket_command({"type": "housekey/onboarding/stop"})
@websocket_api.require_admin
@websocket_api.async_response
async def _stop(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    await _coordinator(hass).async_stop_onboarding()
    connection.send_result(msg["id"])


@websocket_api.websocket_command({"type": "housekey/renew"})
@websocket_api.require_admin
@websocket_api.async_response
async def _renew(
    hass: HomeAssistant, connection: websocket_api.ActiveConnection, msg: dict[str, Any]
) -> None:
    await _coordinator(hass).async_renew(force=True)
    connection.send_result(msg["id"])


def _coordinator(hass: HomeAssistant) -> HousekeyCoordinator:
    coordinator = hass.data[_WATCHED].coordinator
    if coordinator is None:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="not_running")
    return coordinator


def _address(watched: _Watched) -> str | None:
    """The address of the onboarding page that the QR code leads to; None while there is none."""
    if watched.coordinator is None:
        return None
    return next(iter(watched.coordinator.data.onboarding_urls), None)


def _message(watched: _Watched) -> dict[str, Any]:
    if watched.coordinator is None:
        return NOT_RUNNING
    return overview(watched.coordinator.data, watched.codes.get(_address(watched) or ""))


async def _draw(hass: HomeAssistant, watched: _Watched) -> None:
    address = _address(watched)
    if address is not None and address not in watched.codes:
        code = await hass.async_add_executor_job(_code, address)
        watched.codes = {address: code}  # the one of now is enough


def _code(address: str) -> tuple[int, str]:
    from housekey.onboarding import qr  # noqa: PLC0415 - reads its tables: not in the event loop

    return qr.path(address)
