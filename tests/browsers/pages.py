"""A server of the browsers' tests: pages from memory, and what it was asked for."""

from __future__ import annotations

import http.server
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.live.tls import AcceptedSocket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Document:
    """What lies at a path."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})


@dataclass(slots=True)
class Pages:
    """A running server, and every request's path and headers in their order."""

    port: int
    asked: list[tuple[str, dict[str, str]]]

    @property
    def url(self) -> str:
        """Its plain address."""
        return f"http://127.0.0.1:{self.port}/"

    def header(self, name: str) -> str:
        """Return a header of the last request for a page."""
        return next(heads for path, heads in reversed(self.asked) if path == "/").get(name, "")


@contextmanager
def pages(documents: Mapping[str, Document], *, leaf: Path | None = None) -> Iterator[Pages]:
    """Serve on this machine, over HTTPS with the `leaf` of a folder that `cert new` has made."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers.items())))
            document = documents.get(self.path, Document(b""))
            self.send_response(200)
            for name, value in document.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(document.body)))
            self.end_headers()
            self.wfile.write(document.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a browser that refuses the certificate hangs up

    with Server(("127.0.0.1", 0), Handler) as server:
        if leaf is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.sslsocket_class = AcceptedSocket
            context.load_cert_chain(leaf / "certificate.pem", leaf / "privkey.pem")
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield Pages(server.server_address[1], asked)
        finally:
            server.shutdown()
            thread.join(10)
