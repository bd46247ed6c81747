"""Where the page answers: on which addresses it listens, and under which hosts it may be called.

Decided here, from what is known of this machine, by nobody's hand. Left alone unless it is asked
for: every address that is not a home's own, for the page is for the home.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from housekey.errors import NameRefused, NotPermitted
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.hosts import bracketed
from housekey.pki.names import DnsName, IpName, Name, parse_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.live.handshake import Address
    from housekey.pki.constraints import Constraints

LOCALHOST = DnsName("localhost")
# Of the addresses of a home these come last: what a machine gives itself when nobody gave it one
# (RFC 3927), and Tailscale's, which phones without Tailscale do not reach.
_CARRIER_GRADE = next(n for n in DEFAULT_CONSTRAINTS.networks if str(n) == "100.64.0.0/10")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of this machine."""

    names: tuple[str, ...]  # what it calls itself, best first
    addresses: tuple[Address, ...]  # under which other devices may reach it
    loopback: tuple[Address, ...]
    leads_to: Mapping[str, tuple[Address, ...]]  # what a name resolves to, on this machine
    outward: Address | None = None  # of `addresses`, the one that it uses itself for the network


@dataclass(frozen=True, slots=True)
class Reach:
    """What was decided."""

    listen: tuple[str, ...]  # addresses; 0.0.0.0 and :: stand for all of their family
    names: tuple[Name, ...]  # under which it answers, best first: names, addresses, loopback
    known: str | None  # the best name that leads to this machine, as far as this machine can tell
    perhaps: str | None  # the best name that others may know, when there is no `known`
    address: Address | None  # the address that most phones reach; None: no other device can
    refused: tuple[Name, ...]  # known to lead here, and the house may not speak for it
    public: tuple[Address, ...]  # not listened on, because it is no address of a home

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return what stands for `names` in an address or a Host header, without brackets."""
        return tuple(map(str, self.names))

    @property
    def best(self) -> str:
        """Return the host that leads most devices here."""
        return str(self.address) if self.address is not None else self.hosts[0]

    @property
    def leaf_names(self) -> tuple[Name, ...]:
        """Return what the proof's leaf is for: a DNS name must be among them (NC-10)."""
        return tuple(dict.fromkeys((*self.names, LOCALHOST)))


def decide(facts: Facts, *, bind: Sequence[Address], constraints: Constraints) -> Reach:
    """Decide where to listen: on `bind` if it is given, otherwise where a home is.

    A name that leads to another machine, or to an address that is not listened on, is left out.
    Raises `NotPermitted` for an address that was asked for and that the house may not speak for:
    no device could prove anything there.
    """
    asked = [IpName(each) for each in bind if not each.is_unspecified]
    if wrong := constraints.refused(asked):
        raise NotPermitted(tuple(map(str, wrong)), permitted=constraints.described())
    everything = (*facts.addresses, *facts.loopback)
    if bind:
        listen = _without_doubles(bind)
        chosen = [each for each in everything if _is_covered(each, listen)]
        chosen += [each for each in listen if not each.is_unspecified and each not in chosen]
    else:
        chosen = [each for each in everything if DEFAULT_CONSTRAINTS.permits(IpName(each))]
        listen = tuple(chosen)
    chosen.sort(key=lambda each: _rank(each, facts.outward))
    outer = [each for each in chosen if not each.is_loopback]
    inner = [each for each in chosen if each.is_loopback]
    named = {name: facts.leads_to.get(text, ()) for text in facts.names if (name := _parsed(text))}
    leading = [name for name, found in named.items() if set(found) & set(outer)]
    unsure = [name for name, found in named.items() if outer and _says_nothing(found)]
    wanted: list[Name] = [*leading, *unsure, *map(IpName, outer)]
    wanted += [LOCALHOST, *map(IpName, inner)] if inner else []
    refused = constraints.refused(wanted)
    known = next((str(name) for name in leading if name not in refused), None)
    perhaps = next((str(name) for name in unsure if name not in refused), None)
    return Reach(
        listen=tuple(map(str, listen)),
        names=tuple(name for name in wanted if name not in refused),
        known=known,
        perhaps=perhaps if known is None else None,
        address=next((each for each in outer if IpName(each) not in refused), None),
        refused=tuple(name for name in refused if name not in unsure),
        public=() if bind else tuple(each for each in facts.addresses if each not in listen),
    )


def url(host: str, port: int) -> str:
    """Write the page's address as people type it."""
    shown = bracketed(host)
    return f"http://{shown}:{port}"


def _without_doubles(bind: Sequence[Address]) -> tuple[Address, ...]:
    """Leave out what 0.0.0.0 or :: stands for already: one port cannot be taken twice."""
    whole = {each.version for each in bind if each.is_unspecified}
    return tuple(
        dict.fromkeys(each for each in bind if each.is_unspecified or each.version not in whole)
    )


def _is_covered(address: Address, listen: Sequence[Address]) -> bool:
    return any(
        each == address or (each.is_unspecified and each.version == address.version)
        for each in listen
    )


def _says_nothing(found: Sequence[Address]) -> bool:
    """Whether a name is unknown here, or known to this machine alone (`127.0.1.1` on Debian)."""
    return all(each.is_loopback for each in found)


def _parsed(text: str) -> DnsName | None:
    try:
        name = parse_name(text)
    except NameRefused:
        return None
    return name if isinstance(name, DnsName) else None


def _rank(address: Address, outward: Address | None) -> tuple[bool, ...]:
    """Order addresses by how many phones reach them: False comes before True."""
    return (
        address.is_loopback,
        address.is_link_local,
        isinstance(address, IPv4Address) and address in _CARRIER_GRADE,
        isinstance(address, IPv6Address),
        address != outward,
    )
