"""The server's side of TLS, when the client has gone before it begins."""

from __future__ import annotations

import socket
import ssl
import struct
import warnings
from contextlib import ExitStack, suppress

from housekey.live.tls import AcceptedSocket


def _reset_connection(held: ExitStack) -> socket.socket:
    """Return a server's end whose client has reset the connection without a word."""
    listener = held.enter_context(socket.create_server(("127.0.0.1", 0)))
    client = socket.create_connection(listener.getsockname())
    server = held.enter_context(listener.accept()[0])
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    return server


def test_a_client_that_resets_before_the_handshake_leaves_no_open_socket() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = AcceptedSocket  # CPython 3.11.7's own leaves one open here
    with ExitStack() as held, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        server = _reset_connection(held)
        with suppress(OSError):  # older Pythons return a socket that has no TLS
            context.wrap_socket(server, server_side=True).close()
    assert [str(each.message) for each in told] == []
