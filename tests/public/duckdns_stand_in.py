"""A stand-in for DuckDNS: its HTTP interface, and its DNS in a real server's zone `duckdns.org`.

It takes what https://www.duckdns.org/spec.jsp describes, and does what that says: a name has one A,
one AAAA and one TXT record, and whatever is below the name shows the same. What is not described
there it refuses, so that a request of another form is seen.
"""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
from lexicon._private.providers.duckdns import Provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.public.knot import Knot

ZONE = "duckdns.org"
HOST = "www.duckdns.org"
_KNOWN = {"domains", "token", "ip", "ipv6", "txt", "verbose", "clear"}


def duckdns_certificate(folder: Path) -> Path:
    """Make a file with a key and a certificate of www.duckdns.org, to be trusted as it is."""
    folder.mkdir(exist_ok=True)
    pair, certificate = folder / "privkey.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(pair), "-out", str(certificate), "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}"],
        check=True, capture_output=True,
    )  # fmt: skip
    pair.write_bytes(pair.read_bytes() + certificate.read_bytes())
    return pair


@dataclass
class DuckDnsStandIn:
    """Serves `names` of the account with `token`; `requests` are what it was asked."""

    token: str
    names: tuple[str, ...]
    dns: Knot | None = None  # whose zone duckdns.org follows
    address: str = "127.0.0.1"
    port: int = 0
    certificate: Path | None = None  # certificate and key: it speaks HTTPS
    requests: list[dict[str, str]] = field(default_factory=list)
    says: tuple[int, bytes] | None = None  # instead of doing anything: a status and a body
    seen_from: str = "203.0.113.7"  # the address that it takes the asker for

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://{self.address}:{self.port}"

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = stand_in._answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((self.address, self.port), Handler)
        self._server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def in_its_place(self) -> Iterator[None]:
        """Let lexicon's provider ask here instead of https://www.duckdns.org."""
        # Not to be named in one go: its __init__ has no types.
        before = vars(Provider)["__init__"]

        def changed(provider: Provider, config: object) -> None:
            before(provider, config)
            assert provider.api_url == f"https://{HOST}"
            provider.api_url = self.url

        Provider.__init__ = changed  # type: ignore[method-assign]
        try:
            yield
        finally:
            Provider.__init__ = before  # type: ignore[method-assign]

    def _answer(self, path: str) -> tuple[int, bytes]:
        asked = urlsplit(path)
        parameters = parse_qs(asked.query, keep_blank_values=True, strict_parsing=True)
        request = {name: values[0] for name, values in parameters.items()}
        self.requests.append(request)
        if self.says is not None:
            return self.says
        domains = request.get("domains", "").removesuffix(f".{ZONE}").split(",")
        known = asked.path == "/update" and not parameters.keys() - _KNOWN
        owned = request.get("token") == self.token and set(domains) <= set(self.names)
        if not (known and owned and all(len(values) == 1 for values in parameters.values())):
            return 200, b"KO"
        changes = self._changes(request)
        for name in domains:
            self._show(name, changes)
        verbose = request.get("verbose") == "true"
        told = "\n".join(value or "" for value in changes.values())
        return 200, f"OK\n{told}\nUPDATED".encode() if verbose else b"OK"

    def _changes(self, request: dict[str, str]) -> dict[str, str | None]:
        """What becomes of which records; None: it goes."""
        clear = request.get("clear") == "true"
        if "txt" in request:
            return {"TXT": None if clear else request["txt"]}
        if clear:
            return {"A": None, "AAAA": None}
        changes: dict[str, str | None] = {}
        if ":" in request.get("ip", ""):
            changes["AAAA"] = request["ip"]
        elif request.get("ip"):
            changes["A"] = request["ip"]
        if request.get("ipv6"):
            changes["AAAA"] = request["ipv6"]
        return changes or {"A": self.seen_from}

    def _show(self, name: str, changes: dict[str, str | None]) -> None:
        if self.dns is None:
            return
        algorithm, key, secret = self.dns.credentials["auth_token"].split(":")
        keyring = dns.tsigkeyring.from_text({key: (algorithm, secret)})
        update = dns.update.UpdateMessage(ZONE, keyring=keyring)
        for kind, value in changes.items():
            for owner in (name, f"*.{name}"):
                if value is None:
                    update.delete(owner, kind)
                else:
                    update.replace(owner, 5, kind, value)
        answer = dns.query.tcp(update, self.dns.address, timeout=60)
        assert answer.rcode() == dns.rcode.NOERROR
