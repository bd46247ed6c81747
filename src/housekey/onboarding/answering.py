"""A request and its answer as values, and the rules that hold on both ports.

What a server says is decided here and in page_server.py and proof_server.py, without a socket:
gate.py reads the request and writes the answer.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from housekey.pki.hosts import bracketed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from housekey.onboarding.events import Event

    Report = Callable[[Event], None]

METHODS = ("GET", "HEAD")
_MOST_FIELDS = 8  # of a query; the page itself sends two at most

# On every answer. No Strict-Transport-Security: it is for the whole host, every port of it, and
# would shut the page's own port (RFC 6797, section 8.3), and an http:// Home Assistant with it.
_ALWAYS = {
    "Server": "housekey",  # or aiohttp would tell its version, and Python's
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOCKED = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
NOTHING = f"default-src 'none'; {_LOCKED}"  # a policy for what is no page


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it was sent."""

    method: str
    target: str  # the second word of the request line
    headers: Mapping[str, Sequence[str]]  # by lower-case name, every line of it
    has_body: bool
    address: str  # whom it came from, "" when nobody knows

    def header(self, name: str) -> str:
        """Return the first line of header `name` (lower case); "" when there is none."""
        return self.headers.get(name, ("",))[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that gets no answer worth having."""

    status: int
    reason: str  # as in events.py
    text: str

    def answer(self) -> Answer:
        """Return the answer: a line of plain text that repeats nothing of what was asked."""
        headers = headed("text/plain; charset=utf-8", cache="no-store")
        if self.status == 405:
            headers["Allow"] = ", ".join(METHODS)
        return Answer(self.status, f"{self.text}\n".encode(), headers)


BAD_REQUEST = Refused(400, "bad-request", "This is not a request that is understood here.")
NO_SUCH_PAGE = Refused(404, "no-such-page", "There is nothing here.")
TOO_LARGE = Refused(431, "too-large", "This request is too large.")
_BODY = Refused(413, "too-large", "Nothing can be sent to this address.")
_METHOD = Refused(405, "bad-request", "Nothing can be done at this address but look.")
_NO_HOST = Refused(400, "wrong-host", "The request must say to which address it goes.")
_WRONG_HOST = Refused(421, "wrong-host", "This page answers at other addresses only.")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that passed the rules of both ports."""

    host: str  # one of the hosts that were offered, exactly as it was offered
    path: str
    query: Mapping[str, str]


class Hosts:
    """Under which names and addresses one port answers.

    A Host header is held against a list, because a name of a stranger's may lead here: without
    the list a web page from anywhere could read this one through such a name (DNS rebinding).
    """

    def __init__(self, offered: Iterable[str], port: int) -> None:
        self._by_key = {_key(host): host for host in reversed(tuple(offered))}
        self._port = port

    def find(self, header: str) -> str | None:
        """Return the offered host that the value of a Host header means, None for all others."""
        met = _HOST.fullmatch(header)
        if met is None or int(met["port"] or 80) != self._port:
            return None
        return self._by_key.get(_key(met["address"] or met["name"]))

    def origins(self) -> Mapping[str, str]:
        """Return the origins of plain HTTP at these hosts, as browsers write them, with hosts."""
        at = "" if self._port == 80 else f":{self._port}"
        return {f"http://{bracketed(key)}{at}": host for key, host in self._by_key.items()}


class SecureHosts(Hosts):
    """The same for HTTPS, whose port may be left out when it is 443."""

    def find(self, header: str) -> str | None:
        """Return the offered host that the value of a Host header means, None for all others."""
        if self._port == 443 and _HOST.fullmatch(header) and not _PORT.search(header):
            header += ":443"
        return super().find(header)


def admit(asked: Asked, hosts: Hosts) -> Admitted | Refused:
    """Hold a request against what both ports ask of every request."""
    host = _host(asked, hosts)
    if isinstance(host, Refused):
        return host
    if asked.method not in METHODS:
        return _METHOD
    if asked.has_body:
        return _BODY
    # A path is taken letter by letter: what is not in a list of a dozen is not there. So nothing
    # is decoded, and nothing can be traversed. The absolute form belongs to proxies.
    path, _, query = asked.target.partition("?")
    if not path.startswith("/"):
        return BAD_REQUEST
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return BAD_REQUEST
    return Admitted(host, path, dict(reversed(fields)))


def _host(asked: Asked, hosts: Hosts) -> str | Refused:
    given = asked.headers.get("host", ())
    if len(given) != 1:
        return _NO_HOST  # RFC 9112, section 3.2: none, or two, is 400
    return hosts.find(given[0]) or _WRONG_HOST


def headed(media_type: str, *, cache: str, policy: str = NOTHING) -> dict[str, str]:
    """Return the headers of an answer: what is always sent, what it is, how long it is good."""
    return {
        **_ALWAYS,
        "Content-Type": media_type,
        "Cache-Control": cache,
        "Content-Security-Policy": policy,
    }


def page_policy(*, scripts: bool, connect: str = "") -> str:
    """Return the Content-Security-Policy of an HTML page: from here alone, nothing inline."""
    parts = ["default-src 'none'"]
    if scripts:
        parts.append("script-src 'self'")
    parts += ["style-src 'self'", "img-src 'self'"]
    if connect:
        parts.append(f"connect-src 'self' {connect}")
    return "; ".join((*parts, _LOCKED))


def said(document: Mapping[str, object], *, status: int = 200) -> Answer:
    """Return a JSON answer that nobody keeps."""
    body = json.dumps(document).encode()
    return Answer(status, body, headed("application/json", cache="no-store"))


def authority(host: str, port: int) -> str:
    """Return `host` and `port` as browsers write them in a Host header."""
    return f"{bracketed(host)}:{port}"


_HOST = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[0-9A-Za-z._-]{1,253}))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)
_PORT = re.compile(r":[0-9]+\Z", re.ASCII)


def _key(host: str) -> str:
    """Return the one way to write `host`; two that mean the same give the same."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return host.lower()
