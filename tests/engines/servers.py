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
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from housekey.live.tls import AcceptedSocket
from housekey.pki.names import IpName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.pki.names import Name
    from tests.engines.model import Case

_FIRST_PORT = 20_000  # above every port that browsers refuse to speak to
_SECONDS = 15  # for one client's whole visit
_LONGEST_REQUEST = 64 * 1024


class NotPresentable(Exception):
    """The test's server cannot present this chain; the text says why."""


def server_context(case: Case) -> ssl.SSLContext:
    """Return what presents the case's chain, however weak.

    Raises:
        NotPresentable: OpenSSL does not let itself be brought to it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = AcceptedSocket
    # Level 0, so that weak keys and digests are shown and the client is the one to judge.
    context.set_ciphers("ALL:@SECLEVEL=0")
    leaf, *others = (ssl.DER_cert_to_PEM_cert(each).encode() for each in case.question.chain)
    try:
        _load(context, leaf, *others, case.key)
    except ssl.SSLError as error:
        _load_unwilling(context, leaf, *others, key=case.key)
        if _presented(context) != case.question.chain[0]:
            raise NotPresentable(str(error)) from error
    return context


def _load(context: ssl.SSLContext, *pem: bytes) -> None:
    with tempfile.NamedTemporaryFile(prefix="housekey-case-", suffix=".pem") as file:  # mode 0600
        file.write(b"".join(pem))
        file.flush()
        context.load_cert_chain(file.name)


def _load_unwilling(context: ssl.SSLContext, leaf: bytes, *others: bytes, key: bytes) -> None:
    """Load a leaf that OpenSSL reads, but about whose extensions it complains.

    It takes the leaf over and only then looks for complaints (SSL_CTX_use_certificate_chain_file
    of OpenSSL 3.0). So chain and key come first, with a leaf of the same key that has no
    extensions at all, and that stay when the complaint comes.
    """
    with suppress(ssl.SSLError, ValueError, TypeError):
        _load(context, _plain_leaf(key), *others, key)
        _load(context, leaf, key)


def _plain_leaf(key: bytes) -> bytes:
    private = load_pem_private_key(key, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    name = x509.Name([])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(name, name, private.public_key(), 1, now, now)
        .sign(private, SHA256())
        .public_bytes(Encoding.PEM)
    )


def _presented(server_side: ssl.SSLContext) -> bytes | None:
    """Return the leaf that a client gets, or None when there is no handshake."""
    client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
    client_side.set_ciphers("ALL:@SECLEVEL=0")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            return None
    return client.getpeercert(binary_form=True)


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
            except NotPresentable as error:
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
    def broken_off(self) -> dict[str, str]:
        """The cases whose handshake did not come to its end when last tried, and why not."""
        return self._server.broken_off

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
        self.broken_off: dict[str, str] = {}
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
        try:
            tls = context.wrap_socket(client, server_side=True)
        except OSError as error:
            self.server.broken_off[case.id] = str(error)
            return
        self.server.broken_off.pop(case.id, None)
        with suppress(OSError), tls:
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
