"""What proves that HTTPS works: somebody signed in through it.

The proof listener of the onboarding page shows that a device trusts the root. It does not show
that Home Assistant's own listener answers: another port, another leaf. So a trial is kept when a
client has done everything on Home Assistant's listener itself: finished a TLS handshake, sent a
token that Home Assistant accepted, and opened the WebSocket that every frontend and companion app
opens first. In a trial nothing else than TLS is spoken there. That the chain is good, too, is seen
by the trial itself, by a handshake that trusts the root alone.

The Supervisor is such a client, too, and does not look at certificates: what comes from its network
proves nothing.

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

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate

# The network `hassio`, as `ha network info` tells it on Home Assistant OS.
_SUPERVISORS = ip_network("172.30.32.0/23")
_SECONDS = 10.0


@callback
def async_watch_for_proof(hass: HomeAssistant, proved: Callable[[], None]) -> Callable[[], None]:
    """Call `proved` whenever somebody has signed in over TLS; return what ends it."""

    @callback
    def connected() -> None:
        request = current_request.get()
        transport = None if request is None else request.transport
        # Not `request.secure`: a proxy's header may say so as well.
        if transport is None or transport.get_extra_info("sslcontext") is None:
            return
        peer = transport.get_extra_info("peername")
        if peer and not is_supervisors(str(peer[0])):
            proved()

    return async_dispatcher_connect(hass, SIGNAL_WEBSOCKET_CONNECTED, connected)


def is_supervisors(peer: str) -> bool:
    """Whether an address is in the network of the Supervisor and its apps."""
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped is not None and address.ipv4_mapped in _SUPERVISORS
    return address in _SUPERVISORS


def verified(host: str, port: int, *, root: Certificate, name: str) -> str | None:
    """Shake hands as a device that trusts `root` alone; say what is wrong, or None.

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
