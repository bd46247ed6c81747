"""Only for tests: a WebSocket command that tells what Home Assistant's process holds in memory."""

from __future__ import annotations

import gc
import ssl
from typing import Any

import voluptuous as vol
from homeassistant.components import websocket_api
from homeassistant.core import HomeAssistant, callback

DOMAIN = "housekey_memory"


async def async_setup(hass: HomeAssistant, _config: dict[str, Any]) -> bool:
    """Register it."""
    websocket_api.async_register_command(hass, look)
    return True


@websocket_api.require_admin
@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/look"})
@callback
def look(_hass: HomeAssistant, connection: Any, message: dict[str, Any]) -> None:
    """Tell this process's memory (KiB), and how many contexts of a server it holds."""
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - procfs never waits
        pages = int(statm.read().split()[1])
    contexts = sum(
        isinstance(each, ssl.SSLContext) and each.protocol is ssl.PROTOCOL_TLS_SERVER
        for each in gc.get_objects()
    )
    connection.send_result(message["id"], {"memory": pages * 4, "contexts": contexts})
