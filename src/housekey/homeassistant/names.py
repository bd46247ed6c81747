"""Under which names Home Assistant is reached: gathered, then chosen.

`gather` collects what this machine, the network and Home Assistant itself say, and is not picky;
`choose_names` decides, and tells what it left out. When Home Assistant runs on another machine,
this machine's own names are not among them.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from housekey.errors import NameRefused, UsageError
from housekey.pki.names import DnsName, IpName, parse_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from housekey.live.handshake import Address, Resolver
    from housekey.pki.names import Name

# What Home Assistant OS calls itself until its owner says otherwise.
DEFAULT_HOST = "homeassistant.local"
# Networks between programs on this machine, where no device is: Docker's (docker0, br- with its
# twelve hex digits; OpenWrt's br-lan is a real one), Supervisor's (hassio), containers' ends
# (veth), and those of virtual machines and Kubernetes.
_INNER_INTERFACE = re.compile(
    r"docker\d*|br-[0-9a-f]{12}|veth.*|hassio|virbr\d.*|lxcbr\d|podman\d|cni.*|flannel.*|cali.*"
)
_CLOUD = "nabu.casa"  # has a certificate of its own, and never reaches this one


class Source(IntEnum):
    """Where a candidate comes from; the lower, the better it is as a certificate's first name."""

    ASKED_FOR = 0  # --name
    INTERNAL_URL = 1
    GIVEN_URL = 2
    ANNOUNCED = 3
    HOST = 4
    EXTERNAL_URL = 5
    ADDRESS = 6
    LOOPBACK = 7


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be a name, as it was met."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Names:
    """What the certificate will be for."""

    chosen: tuple[Name, ...]  # the best host name first
    skipped: tuple[tuple[str, str], ...]  # what was met and cannot be a name, and why


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine calls itself."""

    hostname: str
    fqdn: str
    addresses: tuple[Address, ...]  # without those that no other device can use


def this_machine() -> Machine:
    """Ask this machine for its names and addresses; takes no look at the network."""
    return Machine(socket.gethostname(), socket.getfqdn(), local_addresses())


def local_addresses() -> tuple[Address, ...]:
    """Return the addresses under which devices may reach this machine, IPv4 first.

    Left out: link-local IPv6 (its name would need an interface, which no certificate can hold),
    IPv6 addresses that change daily (RFC 8981), loopback, and networks inside this machine.
    """
    import ifaddr  # noqa: PLC0415 - only `secure` needs it

    passing = temporary_in(_if_inet6())
    found: list[Address] = []
    for adapter in ifaddr.get_adapters():
        if _INNER_INTERFACE.fullmatch(adapter.name):
            continue
        for each in adapter.ips:
            address = ip_address(each.ip if isinstance(each.ip, str) else each.ip[0])
            link_local = address.version == 6 and address.is_link_local
            if not (link_local or address.is_loopback or address in passing):
                found.append(address)
    return tuple(dict.fromkeys(sorted(found, key=lambda address: address.version)))


def loopback_addresses() -> tuple[Address, ...]:
    """Return the addresses by which this machine reaches itself; without IPv6 there is no ::1."""
    import ifaddr  # noqa: PLC0415 - as above

    found = [each.ip for adapter in ifaddr.get_adapters() for each in adapter.ips]
    addresses = [ip_address(each if isinstance(each, str) else each[0]) for each in found]
    loopback = sorted(
        {each for each in addresses if each.is_loopback}, key=lambda each: each.version
    )
    return tuple(loopback)


async def gather(
    url: str,
    *,
    machine: Machine,
    resolver: Resolver,
    internal_url: str | None = None,
    external_url: str | None = None,
    announced: Iterable[str | None] = (),
) -> tuple[Candidate, ...]:
    """Collect candidates for the Home Assistant at `url`.

    `announced` are the addresses of its own mDNS announcement (internal_url, base_url).
    """
    host = urlsplit(url).hostname or ""
    reached_at = await _addresses_of(host, resolver)
    candidates = [Candidate(host, Source.GIVEN_URL)]
    candidates += _from_url(internal_url, Source.INTERNAL_URL)
    candidates += _from_url(external_url, Source.EXTERNAL_URL)
    for each in announced:
        candidates += _from_url(each, Source.ANNOUNCED)
    is_here = any(address.is_loopback or address in machine.addresses for address in reached_at)
    if not is_here:
        candidates += [Candidate(str(address), Source.ADDRESS) for address in reached_at]
        return tuple(candidates)
    found_by_default_name = await resolver(DEFAULT_HOST)
    if any(address in machine.addresses for address in found_by_default_name):
        candidates.append(Candidate(DEFAULT_HOST, Source.ANNOUNCED))
    candidates += [Candidate(each, Source.HOST) for each in own_names(machine)]
    candidates += [Candidate(str(address), Source.ADDRESS) for address in machine.addresses]
    candidates += [Candidate(each, Source.LOOPBACK) for each in ("localhost", "127.0.0.1", "::1")]
    return tuple(candidates)


def choose_names(
    candidates: Iterable[Candidate], *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Names:
    """Choose from `candidates`, with the user's `--name` and `--no-name`.

    Raises NameRefused for what the user wrote and no platform would take; a candidate of that
    kind is only skipped. Raises UsageError when a name is both wanted and not, or none is left.
    """
    unwanted = {parse_name(text) for text in remove}
    wanted = {parse_name(text): Source.ASKED_FOR for text in add}
    if contradiction := unwanted & wanted.keys():
        told = ", ".join(sorted(map(str, contradiction)))
        raise UsageError(
            f"{told} is both to be in the certificate and not to be", hint="drop one of the two"
        )
    sources: dict[Name, Source] = dict(wanted)
    skipped: dict[str, str] = {}
    for candidate in candidates:
        try:
            name = parse_name(candidate.text)
        except NameRefused as refusal:
            skipped.setdefault(candidate.text, refusal.reason)
            continue
        if name not in unwanted:
            sources[name] = min(candidate.source, sources.get(name, candidate.source))
    if not sources:
        raise UsageError(
            "no name is left for the certificate", hint="give one with --name, or drop --no-name"
        )
    return Names(
        tuple(sorted(sources, key=lambda name: _rank(name, sources[name]))), tuple(skipped.items())
    )


def internal_url_host(
    names: Iterable[Name], *, existing: str | None, resolving: Collection[Name]
) -> str | None:
    """Return the host for Home Assistant's `internal_url`; None when there is no host name.

    It has to be a name: under https Home Assistant's `get_url` passes over addresses
    (helpers/network.py, `allow_ip`), and speech and media would have no address at all.
    `existing` is the internal_url so far; `resolving` are the names that resolve here.
    """
    hosts = [name for name in names if isinstance(name, DnsName) and not is_loopback(name)]
    usable = [name for name in hosts if not name.is_wildcard]
    before = (urlsplit(existing).hostname or "").rstrip(".").lower() if existing else ""
    if before and any(_is_for(name, before) for name in hosts):
        return before
    usable.sort(key=lambda name: (name not in resolving, not name.text.endswith(".local")))
    return str(usable[0]) if usable else None


def _is_for(name: DnsName, host: str) -> bool:
    """Whether a certificate for `name` is good for `host`: RFC 9525 section 6.3."""
    if name.is_wildcard:
        return name.text[2:] == host.partition(".")[2]
    return name.text == host


def own_names(machine: Machine) -> tuple[str, ...]:
    """Return what other devices may call `machine`: by mDNS, by its bare name, by its full one."""
    hostname = machine.hostname.rstrip(".").lower()
    if _is_localhost(hostname):
        return ()
    bare = hostname.partition(".")[0]
    domains = (hostname, machine.fqdn.rstrip(".").lower())
    full = [each for each in domains if "." in each and not _is_nobodys(each)]
    return tuple(dict.fromkeys([f"{bare}.local", bare, *full]))


def _is_nobodys(host: str) -> bool:
    """`localhost.localdomain`, and the reverse name of an address."""
    return _is_localhost(host) or host.endswith((".in-addr.arpa", ".ip6.arpa"))


def _from_url(url: str | None, source: Source) -> list[Candidate]:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return []
    if not host or host == _CLOUD or host.endswith(f".{_CLOUD}"):
        return []
    return [Candidate(host, source)]


async def _addresses_of(host: str, resolver: Resolver) -> tuple[Address, ...]:
    try:
        return (ip_address(host),)
    except ValueError:
        return await resolver(host)


def _rank(name: Name, source: Source) -> tuple[int, int, int, str]:
    """Host names, then addresses in the home, then what only this machine itself understands."""
    if is_loopback(name):
        return (2, isinstance(name, IpName), source, str(name))
    if isinstance(name, IpName):
        return (1, name.address.version, source, str(name))
    return (0, source, not name.text.endswith(".local"), name.text)


def is_loopback(name: Name) -> bool:
    """Whether it leads nobody but this machine to itself."""
    return name.address.is_loopback if isinstance(name, IpName) else _is_localhost(name.text)


def _is_localhost(host: str) -> bool:
    return host.partition(".")[0] == "localhost" or host.endswith(".localhost")


def temporary_in(table: str) -> frozenset[Address]:
    """Return the addresses that Linux's /proc/net/if_inet6 marks IFA_F_TEMPORARY (0x01)."""
    rows = [line.split() for line in table.splitlines()]
    return frozenset(
        IPv6Address(int(row[0], 16)) for row in rows if len(row) >= 6 and int(row[4], 16) & 0x01
    )


def _if_inet6() -> str:
    try:
        return Path("/proc/net/if_inet6").read_text(encoding="ascii")
    except OSError:
        return ""  # not Linux, or no IPv6
