"""The root from the onboarding page of another machine: `housekey trust --from http://…`.

The page speaks plain HTTP, so nothing of it is believed before a fingerprint was compared. What
is fetched is bounded in size and time, and no answer leads anywhere else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from housekey.errors import NameRefused, RootRefused, TrustFailed, UsageError
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.trust.root import root_in
from housekey.trust.store import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

PORT = 8125  # of the onboarding page
_HTTPS = 443
_SECONDS = 20.0  # for a whole answer
_MOST_BYTES = 64 * 1024  # of one; a root takes one or two thousand
_MOST_HOSTS = 32
_IS_IT_THERE = "is housekey share running there, and is this the address that it shows?"


def server_at(text: str) -> Server:
    """Read where a server is, HOST or HOST:PORT or its address. Raises `UsageError`."""
    wrong = UsageError(
        f"{text!r} does not say where a server is",
        hint="write it as HOST:PORT, such as homeassistant.local:8123",
    )
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "https" or not host or parts.username is not None or not _is_a_name(host):
        raise wrong
    return Server(host, port or _HTTPS)


@dataclass(frozen=True, slots=True)
class Page:
    """What an onboarding page gave; not to be believed yet."""

    url: str
    root: Certificate
    server: Server | None  # its own proof listener


def page_at(text: str) -> tuple[str, int]:
    """Read an address such as http://ha.lan:8125. Raises `UsageError`."""
    address = text if "://" in text else f"http://{text}"
    wrong = UsageError(
        f"{text!r} is not the address of an onboarding page",
        hint="write it as housekey share shows it, such as http://homeassistant.local:8125",
    )
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    behind = (parts.path.strip("/"), parts.query, parts.username, parts.password)
    if parts.scheme != "http" or not host or any(behind):
        raise wrong
    try:
        parse_name(host)
    except NameRefused:
        raise wrong from None
    return host, port or PORT


def fetch(text: str) -> Page:
    """Fetch the root and the place of proof from the page at `text`.

    Raises `UsageError` for what is no address, `TrustFailed` when the page does not answer as
    one, `RootRefused` when it contradicts itself.
    """
    host, port = page_at(text)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    about = _about(_get(host, port, "/about.json", url=url), url=url)
    root = root_in(_get(host, port, "/housekey.pem", url=url), source=f"the page at {url}")
    if about.get("sha256") != fingerprint(root):
        raise RootRefused(
            f"the page at {url} hands out another root than it says",
            hint="do not install it; something between here and there may have changed it",
        )
    return Page(url, root, _server(about.get("proof"), host))


def _about(data: bytes, *, url: str) -> dict[str, Any]:
    try:
        about = json.loads(data)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or about.get("housekey") != 1:
        raise TrustFailed(f"what answers at {url} is no onboarding page", hint=_IS_IT_THERE)
    return about


def _server(proof: object, came_by: str) -> Server | None:
    """Return the proof listener, under the name that the page was reached by if it has that."""
    if not isinstance(proof, dict):
        return None
    hosts, port = proof.get("hosts"), proof.get("port")
    if not isinstance(hosts, list) or not isinstance(port, int) or not 0 < port < 65536:
        return None
    named = [host for host in hosts[:_MOST_HOSTS] if isinstance(host, str) and _is_a_name(host)]
    if came_by in named:
        return Server(came_by, port)
    return Server(named[0], port) if named else None


def _is_a_name(host: str) -> bool:
    try:
        return str(parse_name(host)) == host
    except NameRefused:
        return False


def _get(host: str, port: int, path: str, *, url: str) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        with _within(connection):
            connection.request("GET", path, headers={"Accept": "*/*"})
            response = connection.getresponse()
            body = response.read(_MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise TrustFailed(
            f"the onboarding page does not answer at {url}: {reason}", hint=_IS_IT_THERE
        ) from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise TrustFailed(
            f"what answers at {url} is no onboarding page: it says {response.status} to {path}",
            hint=_IS_IT_THERE,
        )
    if len(body) > _MOST_BYTES:
        raise TrustFailed(
            f"what answers at {url} is no onboarding page: it sends too much", hint=_IS_IT_THERE
        )
    return body


@contextlib.contextmanager
def _within(connection: http.client.HTTPConnection) -> Iterator[None]:
    """Raise `TimeoutError` when the whole answer takes too long, byte by byte as it may come."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if late.is_set():  # to http.client a connection that ends is the end of the answer
        raise TimeoutError("it takes too long")
