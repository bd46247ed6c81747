"""An onboarding page as far as `--from` asks it: about.json and the root, over plain HTTP."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.trust.roots import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def about(
    *, sha256: str | None = None, hosts: list[str] | None = None, port: int = 8126
) -> dict[str, Any]:
    """Return what /about.json says."""
    return {
        "housekey": 1,
        "sha256": sha256 or sha256_of(),
        "proof": {"hosts": hosts or ["127.0.0.1"], "port": port},
        "home_assistant": None,
    }


@contextlib.contextmanager
def onboarding_page(root_pem: bytes, told: Mapping[str, Any] | bytes) -> Iterator[str]:
    """Serve it on this machine; yields its address."""
    answers = {
        "/about.json": told if isinstance(told, bytes) else json.dumps(told).encode(),
        "/housekey.pem": root_pem,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
