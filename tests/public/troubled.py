"""Pebble behind a proxy of ours that gets in the way: what no CA does on request.

    with Pebble(...) as pebble, Troubled(pebble) as ca:
        ca.trouble("newOrder", status=503, headers={"Retry-After": "60"})
        ca.trouble("finalize", lose_answer=True)     # it has been done, and nobody is told

Everything else is handed on as it is, over TLS on both sides, and counted. It can also do what
Debian's Pebble does not: serve renewal information (RFC 9773), and demand that its new terms are
agreed to (RFC 8555, section 7.3.3).
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from tests.public.at_work import HOST
from tests.public.pebble import https_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.public.pebble import Pebble

_KINDS = {
    "dir": "directory",
    "nonce-plz": "newNonce",
    "sign-me-up": "newAccount",
    "my-account": "account",
    "order-plz": "newOrder",
    "my-order": "order",
    "finalize-order": "finalize",
    "certZ": "certificate",
    "authZ": "proof",
    "chalZ": "challenge",
    "list-orderz": "orders",
    "renewal": "renewalInfo",
    "revoke-cert": "revokeCert",
}
SECONDS = 60.0


@dataclass(slots=True)
class _Trouble:
    kind: str
    times: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    lose_answer: bool = False  # handed on, and then the connection breaks
    silent: bool = False  # not handed on, and nothing comes
    change: Callable[[bytes], bytes] | None = None  # of the answer


class Troubled:
    """The proxy; ends with the `with` block."""

    def __init__(self, pebble: Pebble) -> None:
        self.pebble = pebble
        self.asked: list[str] = []  # what kind of thing was asked for, in order
        self.wanted: list[dict[str, Any]] = []  # the payloads of each order that was made
        self.renewal: dict[str, Any] | None = None  # what it says of any certificate
        self.renewal_headers: dict[str, str] = {}
        self.renewals_asked: list[str] = []  # the identifiers
        self.terms: str | None = None  # other ones than Pebble's, in its directory
        self.demands = False  # it signs for nobody who has not agreed to those
        self.page: str | None = None  # where it says how to
        self.heeds_accounts = True  # an account's word is enough to it
        self.agreed = 0  # how often an account has given it
        self.ahead = timedelta(0)  # of its clock, as its answers show it
        self._troubles: list[_Trouble] = []
        self._lock = threading.Lock()
        self._over = threading.Event()

    @property
    def directory(self) -> str:
        return f"https://{HOST}:{self._server.server_address[1]}/dir"

    def count(self, kind: str) -> int:
        """How often it was asked for."""
        return self.asked.count(kind)

    def trouble(self, kind: str, *, times: int = 1, **what: Any) -> None:
        """Get in the way the next `times` times that somebody asks for `kind`."""
        with self._lock:
            self._troubles.append(_Trouble(kind, times, **what))

    def problem(self, kind: str, code: str, detail: str, *, status: int, **more: Any) -> None:
        """Answer with a problem document (RFC 8555, section 6.7)."""
        body = {"type": f"urn:ietf:params:acme:error:{code}", "detail": detail, "status": status}
        headers = {"Content-Type": "application/problem+json", **more.pop("headers", {})}
        self.trouble(kind, status=status, headers=headers, body=json.dumps(body).encode(), **more)

    @property
    def troubles_left(self) -> int:
        """How often it would still get in the way."""
        return sum(each.times for each in self._troubles)

    def peace(self) -> None:
        """Get in nobody's way any more."""
        with self._lock:
            self._troubles.clear()

    def demand(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Its answer to whoever has not agreed to its new terms."""
        problem = {
            "type": "urn:ietf:params:acme:error:userActionRequired",
            "detail": "Terms of service have changed",
            **({"instance": self.page} if self.page else {}),
        }
        headers = [("Content-Type", "application/problem+json")]
        if self.terms is not None:
            headers.append(("Link", f'<{self.terms}>;rel="terms-of-service"'))
        return 403, headers, json.dumps(problem).encode()

    def __enter__(self) -> Self:
        _, certificate, key = https_files()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with TemporaryDirectory(prefix="housekey-troubled-") as folder:
            pair = Path(folder) / "pair.pem"
            pair.touch(0o600)
            pair.write_text(key + certificate)
            context.load_cert_chain(pair)
        self._server = _Server((HOST, 0), _handler(self))
        self._server.context = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_trouble(self, kind: str) -> _Trouble | None:
        with self._lock:
            self.asked.append(kind)
            for each in self._troubles:
                if each.kind == kind and each.times:
                    each.times -= 1
                    return each
            return None

    def wait_for_the_end(self) -> None:
        self._over.wait(SECONDS)

    def hand_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask Pebble, in the caller's words."""
        context = ssl.create_default_context(cadata=self.pebble.https_root_pem)
        connection = http.client.HTTPSConnection(
            HOST, self.pebble.port, context=context, timeout=SECONDS
        )
        try:
            connection.request(method, path, body or None, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a handshake that hangs stops nobody else.
        with self.context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever broke a connection off knows it."""


def _payload(body: bytes) -> dict[str, Any]:
    """What was signed and sent; nothing where only an answer is asked for."""
    payload = json.loads(body)["payload"]
    decoded = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    found = json.loads(decoded or b"{}")
    return found if isinstance(found, dict) else {}


def _handler(troubled: Troubled) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            part = re.split(r"[/?]", self.path)[1]
            kind = _KINDS.get(part, part)
            trouble = troubled.next_trouble(kind)
            if trouble is not None and trouble.silent:
                troubled.wait_for_the_end()
                self.close_connection = True
                return
            if trouble is not None and trouble.status is not None:
                self._answer(trouble.status, list(trouble.headers.items()), trouble.body)
                return
            if kind == "newOrder" and troubled.demands:
                self._answer(*troubled.demand())
                return
            agrees = kind == "account" and _payload(body).get("termsOfServiceAgreed") is True
            if kind == "renewalInfo":
                troubled.renewals_asked.append(self.path.rpartition("/")[2])
                headers = [("Content-Type", "application/json"), *troubled.renewal_headers.items()]
                self._answer(200, headers, json.dumps(troubled.renewal).encode())
                return
            try:
                status, headers, answer = troubled.hand_on(
                    self.command, self.path, dict(self.headers), body
                )
            except OSError:  # it is dead
                self._break_off()
                return
            if kind == "newOrder" and status == 201:
                troubled.wanted.append(_payload(body))
            if agrees:
                troubled.agreed += 1
                if troubled.heeds_accounts:  # Pebble itself refuses it as an empty update
                    troubled.demands, status, answer = False, 200, b'{"status": "valid"}'
            if trouble is not None and trouble.lose_answer:
                self._break_off()
                return
            if kind == "directory" and troubled.renewal is not None:
                directory = json.loads(answer)
                directory["renewalInfo"] = troubled.directory.replace("/dir", "/renewal")
                answer = json.dumps(directory).encode()
            if kind == "directory" and troubled.terms is not None:
                directory = json.loads(answer)
                directory["meta"]["termsOfService"] = troubled.terms
                answer = json.dumps(directory).encode()
            if trouble is not None and trouble.change is not None:
                answer = trouble.change(answer)
            self._answer(status, headers, answer)

        do_GET = do_POST = do_HEAD = _serve  # noqa: N815

        def _break_off(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in _OWN:
                    self.send_header(name, value)
            now = datetime.now(UTC) + troubled.ahead
            self.send_header("Date", format_datetime(now, usegmt=True))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


_OWN = ("date", "content-length", "transfer-encoding", "connection")
