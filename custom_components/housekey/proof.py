"""What proves that HTTPS works: somebody signed in through it, or the onboarding page came by it.

The proof listener of the onboarding page shows that a device trusts the root. It does not show
that Home Assistant's own listener answers: another port, another leaf. So a trial is kept when a
client has done everything on Home Assistant's listener itself: finished a TLS handshake, sent a
token that Home Assistant accepted, and opened the WebSocket that every frontend and companion app
opens first. Or when the page, open on a device, has reached that listener (`page_proof`). In a
trial nothing else than TLS is spoken there. That the chain is good, too, is seen by the trial
itself, by a handshake that trusts the root alone.

No server sees whether its client has verified anything: a handshake with `curl -k` ends like any
other. What stands behind a sign-in is that the client holds a token; somebody who clicked a warning
away has seen it. What stands behind the page is that browsers send nothing to a server which they
did not accept.

The Supervisor is a client, too, and does not look at certificates: what comes from its network
proves nothing. Nor does what comes by TLS of another listener: Home Assistant Cloud's remote access
has one in this process, on a port of loopback and with a certificate of its own (snitun 0.45,
`utils/aiohttp_client.py`), whose requests end in the same application.

Home Assistant tells it by a signal of its WebSocket API, sent in the task of the request that
brought it (`SIGNAL_WEBSOCKET_CONNECTED`, sent after the token was accepted; read in 2026.7.4 and
2026.11.0, as `current_request`).
"""

from __future__ import annotations

import socket
import ssl
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from homeassistant.components.http import current_request
from homeassistant.components.websocket_api.const import SIGNAL_WEBSOCKET_CONNECTED
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from housekey.live.tls import context_trusting

from .http_store import running_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.web import Request

    from housekey.live.tls import Trust

# The network `hassio`, as `ha network info` tells it on Home Assistant OS.
_SUPERVISORS = ip_network("172.30.32.0/23")
_SECONDS = 10.0


@callback
def async_watch_for_proof(hass: HomeAssistant, proved: Callable[[], None]) -> Callable[[], None]:
    """Call `proved` whenever somebody has signed in over TLS; return what ends it."""

    @callback
    def connected() -> None:
        request = current_request.get()
        if request is not None and came_by_own_tls(request, running_port(hass)):
            proved()

    return async_dispatcher_connect(hass, SIGNAL_WEBSOCKET_CONNECTED, connected)


def came_by_own_tls(request: Request, port: int) -> bool:
    """Whether somebody else than the Supervisor has come by TLS to Home Assistant's own `port`."""
    transport = request.transport
    # Not `request.secure`: a proxy's header may say so as well.
    if transport is None or transport.get_extra_info("sslcontext") is None:
        return False
    here, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    return bool(here and here[1] == port and peer) and not is_supervisors(str(peer[0]))


def is_supervisors(peer: str) -> bool:
    """Whether an address is in the network of the Supervisor and its apps."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped is not None and address.ipv4_mapped in _SUPERVISORS
    return address in _SUPERVISORS


def verified(host: str, port: int, *, root: Trust, name: str) -> str | None:
    """Shake hands as a device that trusts `root`; say what is wrong, or None.

    Blocking: for an executor.
    """
    try:
        with (
            socket.create_connection((host, port), timeout=_SECONDS) as connection,
            context_trusting(root).wrap_socket(connection, server_hostname=name),
        ):
            return None
    except ssl.SSLCertVerificationError as refusal:
        return refusal.verify_message
    except OSError as trouble:
        return str(trouble)
