"""What the device lane does with one request: let it through, send it to HTTPS, or refuse it.

Pure: `decide` gets the request's method, its target as it stood on the wire, its headers, and
facts about the lane. The order is: what is malformed, then what must never pass in plain, then
what may pass (`lane_openings`), then who can follow a redirect.

* **Never in plain:** a login, a token or key in a header, a cookie, an access token in the query,
  a WebSocket or any other upgrade, what came through a reverse proxy (its true sender is unknown,
  and to Home Assistant it would look like a device of the house), and anything from outside the
  home's networks. What a body carries cannot be known: the paths that take a body are webhooks.
* **One reading of the path.** Home Assistant's router matches `URL.path_safe`: decoded, but for
  `%2F` and `%25`. Only targets are let through that have one reading: no `//`, no dot segments in
  any spelling, no encoded slash or backslash, no control characters, no `#`, no `\\`, no
  absolute form. `lane.py` asks the router itself, too, and passes on only what it finds to be
  the very route that was decided on.
* **Redirects are 307**, never 301 or 308: browsers keep those for good, and the way back to plain
  HTTP would be gone. They lead to a host that the certificate covers: the one that the client
  used if it does, else Home Assistant's own.

Browsers send no `Sec-Fetch-*` to a plain address (W3C Fetch Metadata: only to trustworthy URLs),
so a navigation is told by `Accept: text/html` with `Upgrade-Insecure-Requests: 1`, which Chrome,
Firefox and Safari send; a player that merely accepts HTML too (Java does) is no browser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, unquote

from housekey.errors import NameRefused
from housekey.pki.names import DnsName, IpName, Name, parse_name

from .lane_openings import WEBHOOK, Opening, Secret, opening_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from ipaddress import IPv4Network, IPv6Network

# ---------------------------------------------------------------- what is decided


@dataclass(frozen=True, slots=True)
class Through:
    """Home Assistant's application answers; `opening.route` is the route that it must find."""

    opening: Opening


@dataclass(frozen=True, slots=True)
class ToHttps:
    """The client is sent to `url` (307), which has the same path and query."""

    url: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client gets `status` and the reason, for a person who reads its log."""

    status: int
    reason: str  # one sentence without a full stop


Decision: TypeAlias = Through | ToHttps | Refused

# ---------------------------------------------------------------- what it is decided on


@dataclass(frozen=True, slots=True)
class Https:
    """Where Home Assistant speaks HTTPS, and under which names its certificate is good."""

    port: int
    names: frozenset[Name]  # of the leaf
    host: Name  # where to send whoever came by another name

    def url(self, host: str | None, target: str) -> str:
        """The address of `target` over HTTPS, for a client that used `host`."""
        name = self.covered(host) or self.host
        text = str(name)
        if isinstance(name, IpName) and isinstance(name.address, IPv6Address):
            text = f"[{text}]"
        port = "" if self.port == 443 else f":{self.port}"
        return f"https://{text}{port}{target}"

    def covered(self, host: str | None) -> Name | None:
        """`host`, as it stands in a Host header, if the certificate is good for it."""
        found = _HOST.fullmatch(host or "")
        if found is None:
            return None
        try:
            name = parse_name(found[1])
        except NameRefused:
            return None
        wanted: set[Name] = {name}
        if isinstance(name, DnsName):
            _, _, parent = name.text.partition(".")
            wanted.add(DnsName(f"*.{parent}"))
            if name.is_wildcard:
                return None
        return None if self.names.isdisjoint(wanted) else name


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str  # path and query, as they stood on the wire
    headers: tuple[tuple[str, str], ...]  # names in small letters
    local: bool = True  # whether it came from one of the home's networks

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    def has(self, names: Iterable[str]) -> bool:
        """Whether there is any of these headers."""
        wanted = frozenset(names)
        return any(key in wanted for key, _ in self.headers)


def asked(
    method: str, target: str, headers: Iterable[tuple[str, str]], *, local: bool = True
) -> Asked:
    """Put a request into the form that `decide` reads; a header that came twice is there twice."""
    return Asked(method, target, tuple((key.lower(), value) for key, value in headers), local)


def decide(request: Asked, https: Https, *, is_phones: Callable[[str], bool]) -> Decision:
    """What the lane does with a request; never raises.

    `is_phones` says whether a webhook's ID is one of the companion app's.
    """
    raw_path, _, query = request.target.partition("?")
    fields = _fields(query)
    refused = _malformed(request, fields) or _never_in_plain(request, fields)
    if refused is not None:
        return refused

    there = ToHttps(https.url(request.header("host"), request.target))
    path = decoded(raw_path)
    found = opening_for(path) if path is not None else None
    if found is not None:
        opening, variables = found
        if opening is WEBHOOK and is_phones(variables["webhook_id"]):
            return there  # whoever knows this ID controls the home, and phones have the root
        if _may_pass(request, opening, fields):
            return Through(opening)
    signed = path is not None and request.method in _READS and SIGNATURE in fields
    if signed or _can_follow(request):
        return there
    return _NOT_OF_THE_HOUSE if not request.local else _HTTPS_ALONE


def decoded(raw_path: str) -> str | None:
    """The path as Home Assistant's router reads it, or None if there is more than one reading.

    As `yarl.URL.path_safe`: percent-decoded, but `%25` stays as it is (and `%2F` is refused).
    """
    segments = []
    for raw in raw_path.split("/")[1:]:
        if _NOT_IN_A_PATH.search(raw):
            return None
        try:
            segment = unquote(raw.replace("%25", "%2525"), errors="strict")
        except UnicodeDecodeError:
            return None
        if segment in _NO_SEGMENTS or _UNCLEAR.search(segment):
            return None
        segments.append(segment)
    return "/" + "/".join(segments)


def is_of_the_house(peer: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """Whether an address is one of the home's: private, or in a network of this machine.

    The second is for IPv6, where devices of the house have public addresses.
    """
    try:
        address: IPv4Address | IPv6Address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_private or address.is_loopback or address.is_link_local:
        return True
    return any(address in network for network in networks)


# ---------------------------------------------------------------- helpers

_HTTPS_ALONE = Refused(403, "This is served over HTTPS alone")
_NOT_OF_THE_HOUSE = Refused(403, "The plain port is for devices of the house alone")

SIGNATURE = "authSig"  # Home Assistant, components/http/auth.py: SIGN_QUERY_PARAM

_READS = ("GET", "HEAD")
_LONGEST = 8000  # characters of a target; longer ones are nobody's
_MOST_FIELDS = 100
_TARGET = re.compile(r"/[!-~]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?")

_NOT_IN_A_PATH = re.compile(r"%2[fF]|%(?![0-9A-Fa-f]{2})|[;\\#]")
_NO_SEGMENTS = frozenset({"", ".", ".."})
_UNCLEAR = re.compile(r"[\x00-\x1f\x7f\\{}]")

_FORWARDED = ("forwarded", "via", "x-real-ip", "cf-connecting-ip")  # and X-Forwarded-…
_CREDENTIALS = (
    "authorization",
    "proxy-authorization",
    "x-ha-access",
    "x-hassio-key",
    "x-supervisor-token",
    "x-api-key",
)
_ACCESS_FIELDS = frozenset({"access_token", "refresh_token", "api_password"})
# Java's HttpClient offers `Upgrade: h2c` with every plain request; Home Assistant does not take it.
_WEBSOCKET = ("sec-websocket-key", "sec-websocket-version", "sec-websocket-protocol")

# Who can follow a redirect to HTTPS and has a root, or can get one. The companion apps name
# themselves so: Android HomeAssistantApis.kt USER_AGENT_STRING, iOS HAAPI.swift userAgent. The
# very first request of iOS is made by URLSession, whose agent is the app's name as a URL writes it
# (OnboardingAuthStepConnectivity.swift: GET /auth/authorize, `Accept: */*`).
_BROWSERS = re.compile(r"Mozilla/|Home ?Assistant/|Home%20Assistant|HomeAssistant", re.IGNORECASE)
_APPS = re.compile(r"(?:Home ?Assistant|Home%20Assistant)[/%. (-]", re.IGNORECASE)


def is_forwarded(names: Iterable[str]) -> bool:
    """Whether a request with headers of these names came through a reverse proxy."""
    return any(
        name in _FORWARDED or name.startswith("x-forwarded") for name in map(str.lower, names)
    )


def _fields(query: str) -> dict[str, str]:
    """The query's fields; of more than there ever are, none."""
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return {}


def _malformed(request: Asked, fields: Mapping[str, str]) -> Refused | None:
    if len(request.target) > _LONGEST:
        return Refused(414, "The address is too long")
    if not _TARGET.fullmatch(request.target) or "#" in request.target:
        return Refused(400, "The address is not a path")
    if not fields and request.target.count("&") >= _MOST_FIELDS:
        return Refused(400, "The query has too many fields")
    if sum(key == "host" for key, _ in request.headers) > 1:
        return Refused(400, "There is more than one Host header")
    return None


def _never_in_plain(request: Asked, fields: Mapping[str, str]) -> Refused | None:
    if is_forwarded(key for key, _ in request.headers):
        return Refused(
            403,
            "This came through a reverse proxy, and the plain port is for devices of the house"
            " alone: let the proxy call Home Assistant over HTTPS",
        )
    if request.has(_CREDENTIALS) or not _ACCESS_FIELDS.isdisjoint(map(str.lower, fields)):
        return Refused(
            403,
            "This carries a login or a token, which does not belong on a plain connection;"
            " whoever listened may have it now",
        )
    if request.has(_WEBSOCKET) or (request.header("upgrade") or "h2c").lower() != "h2c":
        return Refused(403, "WebSockets are served over HTTPS alone")
    return None


def _may_pass(request: Asked, opening: Opening, fields: Mapping[str, str]) -> bool:
    if not request.local or request.has(("cookie",)) or _is_navigation(request):
        return False
    method = request.method
    if method == "OPTIONS":  # a browser's question before a request of another origin: no secret
        method = request.header("access-control-request-method") or ""
        if "authorization" in (request.header("access-control-request-headers") or "").lower():
            return False
    if method not in opening.methods:
        return False
    match opening.secret:
        case Secret.SIGNATURE:
            return SIGNATURE in fields
        case Secret.TOKEN:
            return SIGNATURE in fields or "token" in fields
        case Secret.PATH | Secret.NONE:
            return True


def _is_navigation(request: Asked) -> bool:
    """Whether a person's browser opens this as a page."""
    if request.method not in _READS:
        return False
    if request.header("sec-fetch-mode") == "navigate":
        return True
    accepts_pages = "text/html" in (request.header("accept") or "")
    return accepts_pages and request.header("upgrade-insecure-requests") == "1"


def _can_follow(request: Asked) -> bool:
    """Whether this is a browser or one of Home Assistant's own apps."""
    agent = request.header("user-agent") or ""
    if request.method not in _READS:
        return bool(_APPS.match(agent))  # a browser's script does not follow to another origin
    if "text/html" in (request.header("accept") or ""):
        return True
    return request.has(("sec-fetch-mode", "upgrade-insecure-requests")) or bool(
        _BROWSERS.search(agent)
    )
