"""Only for tests: WebSocket commands that lead the certificate of the server they come through.

The test puts this folder into a Home Assistant's custom components, and beside this file the
library, as `library/housekey`, and the integration's `running_server.py`.
"""

from __future__ import annotations

import gc
import ssl
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "library"))

import voluptuous as vol
from homeassistant.components import websocket_api
from homeassistant.core import HomeAssistant, callback

from housekey.errors import HousekeyError
from housekey.pki.encoding import certificate_from_pem, fingerprint

from .running_server import RunningServer

DOMAIN = "housekey_live_test"


async def async_setup(hass: HomeAssistant, _config: dict[str, Any]) -> bool:
    """Adopt the server; a test's own commands do the rest."""
    hass.data[DOMAIN] = RunningServer(hass)
    for command in (swap, look, release, adopt):
        websocket_api.async_register_command(hass, command)
    return True


@websocket_api.require_admin
@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/swap",
        vol.Required("certificate"): str,
        vol.Required("key"): str,
    }
)
@websocket_api.async_response
async def swap(hass: HomeAssistant, connection: Any, message: dict[str, Any]) -> None:
    """Present the pair in two files of the configuration folder, under its `root.pem`."""
    server: RunningServer = hass.data[DOMAIN]
    root = Path(hass.config.path("root.pem"))
    pem = await hass.async_add_executor_job(root.read_bytes)
    began = time.perf_counter()
    try:
        leaf = await server.async_present(
            Path(hass.config.path(message["certificate"])),
            Path(hass.config.path(message["key"])),
            root=certificate_from_pem(pem),
        )
    except HousekeyError as error:
        connection.send_result(message["id"], {"refused": error.message})
    else:
        seconds = time.perf_counter() - began
        connection.send_result(message["id"], {"leaf": fingerprint(leaf), "seconds": seconds})


@websocket_api.require_admin
@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/look"})
@callback
def look(hass: HomeAssistant, connection: Any, message: dict[str, Any]) -> None:
    """Tell this process's memory (KiB), how many contexts of a server it holds, and why not."""
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - procfs never waits
        pages = int(statm.read().split()[1])
    contexts = sum(
        isinstance(each, ssl.SSLContext) and each.protocol is ssl.PROTOCOL_TLS_SERVER
        for each in gc.get_objects()
    )
    server: RunningServer = hass.data[DOMAIN]
    connection.send_result(
        message["id"],
        {
            "memory": pages * 4,
            "contexts": contexts,
            "not_live": server.not_live and server.not_live.obstacle,
        },
    )


@websocket_api.require_admin
@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/release"})
@callback
def release(hass: HomeAssistant, connection: Any, message: dict[str, Any]) -> None:
    """Do what the integration does when it is unloaded."""
    hass.data[DOMAIN].release()
    connection.send_result(message["id"], {})


@websocket_api.require_admin
@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/adopt"})
@callback
def adopt(hass: HomeAssistant, connection: Any, message: dict[str, Any]) -> None:
    """Do what the integration does when it is set up."""
    hass.data[DOMAIN] = RunningServer(hass)
    connection.send_result(message["id"], {})
