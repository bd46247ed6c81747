"""A door to every case's server, for engines that speak HTTP: a proxy on loopback.

An engine that is told to use this proxy may ask for any host, addresses included, without
anything being resolved or leaving the machine. The port number says which case is meant, and
the proxy itself then shakes hands as that case's server, with its chain and its key.
"""

from __future__ import annotations

import socket
import socketserver
import ssl
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from housekey.pki.names import IpName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.pki.names import Name
    from tests.engines.model import Case

_FIRST_PORT = 20_000  # above every port that browsers refuse to speak to
_SECONDS = 15  # for one client's whole visit
_LONGEST_REQUEST = 64 * 1024


def server_context(case: Case) -> ssl.SSLContext:
    """Return what presents the case's chain, however weak.

    Raises:
        ssl.SSLError: OpenSSL cannot present it: a leaf that it cannot read, say.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Level 0, so that weak keys and digests are shown and the client is the one to judge.
    context.set_ciphers("ALL:@SECLEVEL=0")
    with tempfile.NamedTemporaryFile(prefix="housekey-case-", suffix=".pem") as file:  # mode 0600
        pem = "".join(ssl.DER_cert_to_PEM_cert(each) for each in case.question.chain)
        file.write(pem.encode() + case.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context


class Doors:
    """The proxy. `refused` says which cases cannot be presented, and why."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.refused: dict[str, str] = {}
        self._names: dict[str, Name] = {}
        self._ports: dict[str, int] = {}
        served: dict[int, tuple[Case, ssl.SSLContext]] = {}
        for port, case in enumerate(cases, _FIRST_PORT):
            try:
                served[port] = (case, server_context(case))
            except ssl.SSLError as error:
                self.refused[case.id] = f"the test's server cannot present it: {error}"
            else:
                self._names[case.id], self._ports[case.id] = case.question.name, port
        self._server = _Server(served)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def proxy(self) -> str:
        """Where the proxy listens, as host:port."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def elsewhere(self) -> list[str]:
        """What clients wanted besides the cases, and did not get."""
        return self._server.elsewhere

    def url(self, case: Case) -> str:
        """Return what a client asks to come to this case's server under the case's name."""
        return f"https://{host_in_url(case.question.name)}:{self._ports[case.id]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def host_in_url(name: Name) -> str:
    """Return the name as it stands in a URL."""
    if isinstance(name, IpName) and name.address.version == 6:
        return f"[{name.address}]"
    return str(name)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, served: dict[int, tuple[Case, ssl.SSLContext]]) -> None:
        self.served = served
        self.elsewhere: list[str] = []
        super().__init__(("127.0.0.1", 0), _Visit)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a client that goes away in the middle is what half of the cases are."""


class _Visit(socketserver.BaseRequestHandler):
    """One client: CONNECT, a handshake, one page that names the case."""

    server: _Server

    def handle(self) -> None:
        client: socket.socket = self.request
        client.settimeout(_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = _request(client).split(b" ", 2)
        port = first[1].rpartition(b":")[2] if first[0] == b"CONNECT" else b""
        case, context = self.server.served.get(int(port) if port.isdigit() else 0, (None, None))
        if case is None or context is None:
            self.server.elsewhere.append(b" ".join(first[:2]).decode(errors="replace"))
            # Nothing of a browser's own may go out, so everything else ends here.
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with suppress(OSError), context.wrap_socket(client, server_side=True) as tls:
            if _request(tls):
                page = case.id.encode()
                tls.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n"
                    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
                )
                tls.unwrap()


def _request(client: socket.socket) -> bytes:
    """Return a request's head, or nothing if it never came whole."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_REQUEST:
        more = client.recv(4096)
        if not more:
            return b""
        head += more
    return head
