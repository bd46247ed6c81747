"""A server to prove a store by: HTTPS on this machine alone, with a leaf of this machine's house.

Its leaf is for this computer itself, issued for the purpose, good for a day and recorded as every
certificate is; its key is forgotten with the server. It answers anybody who speaks TLS with `ok`.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from housekey.errors import TrustFailed
from housekey.pki.names import DnsName, IpName
from housekey.trust.store import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from housekey.house.house import House
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret

_DAYS = 1
_SECONDS = 10.0  # for one connection; all come from this machine
_MOST_BYTES = 16 * 1024  # of a request
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
    b"Connection: close\r\n\r\nok\n"
)
_LOCALHOST = DnsName("localhost")
_LOOPBACK = (IpName(ip_address("127.0.0.1")), IpName(ip_address("::1")))


@contextlib.contextmanager
def proving_server(house: House) -> Iterator[Server]:
    """Serve with a fresh leaf of `house` until the block ends.

    The caller holds the house's lock. Raises `TrustFailed` for a house that may not speak for
    the computer that it is on, and what `House.sign` raises.
    """
    from housekey.pki.encoding import chain_to_pem  # noqa: PLC0415 - not without a house
    from housekey.pki.keys import KeyType, PrivateKey  # noqa: PLC0415

    names: list[Name] = [
        name for name in (_LOCALHOST, *_LOOPBACK) if house.constraints.permits(name)
    ]
    host = _host(names)
    if host is None:
        raise TrustFailed(
            "this house may not speak for the computer that it is on, so nothing can be proven",
            hint="name a server of the house with --prove HOST:PORT",
        )
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    chain = house.sign(key.public_key, names, days=_DAYS, proves=True)
    with served(chain_to_pem(chain), key.to_pem()) as port:
        yield Server(host, port)


@contextlib.contextmanager
def served(chain_pem: bytes, key_pem: Secret) -> Iterator[int]:
    """Serve HTTPS on this machine's own addresses; yields the port."""
    from housekey.live.tls import server_context  # noqa: PLC0415 - not without a house

    context = server_context(chain_pem, key_pem)
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(_Listener(("127.0.0.1", 0), context))
        port: int = first.server_address[1]
        listeners = [first]
        # `localhost` may lead to ::1 first. Where it is there and free, it is served, too.
        with contextlib.suppress(OSError):
            listeners.append(stack.enter_context(_Listener6(("::1", port), context)))
        for listener in listeners:
            thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(listener.shutdown)
        yield port


def _host(names: list[Name]) -> str | None:
    """Return the name to be asked for: `localhost`, where it leads to this machine."""
    if _LOCALHOST in names:
        with contextlib.suppress(OSError):
            found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
            if any(sockaddr[0] == "127.0.0.1" for *_, sockaddr in found):
                return "localhost"
    return "127.0.0.1" if _LOOPBACK[0] in names else None


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener

    def handle(self) -> None:
        self.request.settimeout(_SECONDS)
        # A program that does not accept the certificate hangs up, which is what it is asked about.
        with (
            contextlib.suppress(OSError),
            self.server.context.wrap_socket(self.request, server_side=True) as tls,
        ):
            heard = b""
            while b"\r\n\r\n" not in heard and len(heard) < _MOST_BYTES:
                more = tls.recv(4096)
                if not more:
                    return
                heard += more
            tls.sendall(_ANSWER)


class _Listener(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Any, context: ssl.SSLContext) -> None:
        self.context = context
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep silent: whoever connected is asked by its own words."""


class _Listener6(_Listener):
    address_family = socket.AF_INET6
