"""Servers on this machine that present odd chains, or are no TLS servers at all."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING

from housekey.live.tls import AcceptedSocket
from housekey.pki.encoding import chain_to_pem
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.pki.houses import NOW, TwoTiers, a_house, names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cryptography import x509


class Pair:
    """A leaf of a house for `served`, and the context of a server that presents it."""

    def __init__(
        self,
        folder: Path,
        *served: str,
        house: TwoTiers | None = None,
        whole: bool = True,
        root: bool = False,
    ) -> None:
        house = house or a_house()
        key = PrivateKey.generate(KeyType.ECDSA_P256)
        self.leaf: x509.Certificate = issue_leaf(
            public_key=key.public_key, names=names(*served), issuer=house.issuing, now=NOW
        )
        chain = [self.leaf, *([house.issuing.certificate] if whole else [])]
        chain += [house.root.certificate] if root else []
        file = folder / f"{self.leaf.serial_number}.pem"
        file.write_bytes(chain_to_pem(chain) + key.to_pem().reveal())
        self.context = context_of(file)


def context_of(file: Path) -> ssl.SSLContext:
    """Return a server's context that presents what is in `file`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslsocket_class = AcceptedSocket
    context.load_cert_chain(file)
    return context


def by_name(default: Pair, others: Mapping[str, Pair]) -> ssl.SSLContext:
    """Return a context that presents another pair under some names."""

    def choose(server: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        if name is not None and name in others:
            server.context = others[name].context

    default.context.sni_callback = choose
    return default.context


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Iterator[int]:
    """Give every connection to `answer`, each in a thread of its own; yields the port."""
    with _serving(answer, host, 0) as port:
        yield port


@contextlib.contextmanager
def _serving(answer: Callable[[socket.socket], None], host: str, port: int) -> Iterator[int]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # SSLError among them
            connection.settimeout(10)
            answer(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,)))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in (accepting, *threads):
            thread.join(10)


def tls(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Answer with a handshake, and then wait until the client has gone."""

    def answer(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(1)

    return answer


def saying(words: bytes, *, first: bool = False) -> Callable[[socket.socket], None]:
    """Answer with `words`, after the greeting or before it."""

    def answer(connection: socket.socket) -> None:
        if not first:
            connection.recv(1 << 14)
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1 << 14)

    return answer


def silent(connection: socket.socket) -> None:
    """Say nothing until the client has gone."""
    while connection.recv(1 << 14):
        pass


@contextlib.contextmanager
def both(v4: Callable[[socket.socket], None], v6: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve one port at 127.0.0.1 and at ::1, each in its own way."""
    with _serving(v4, "127.0.0.1", 0) as port, _serving(v6, "::1", port):
        yield port
