"""Whether the DNS at home holds back private addresses (DNS rebinding protection), and what to do.

A public name may lead to a private address. Many routers take such an answer for an attack and drop
it, so the name works on the street and not at home. It is seen by comparing what this computer's
resolver tells with what the name's own servers tell. docs/rebinding.md has the sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from housekey.public.lookup import Lookup

Address = IPv4Address | IPv6Address
_CARRIER_GRADE = IPv4Network("100.64.0.0/10")  # RFC 6598; also what Tailscale gives out


class Kind(Enum):
    """How the resolver at home treats the name."""

    OPEN = "open"  # it tells the private addresses
    PUBLIC = "public"  # there is none, so nothing to hold back
    FILTERED = "filtered"  # it holds back private addresses
    OTHER = "other"  # it tells something else: an older answer, or one of its own
    NOWHERE = "nowhere"  # the name leads nowhere yet


@dataclass(frozen=True, slots=True)
class Rebinding:
    """What was seen."""

    name: str
    kind: Kind
    published: frozenset[Address]  # by the name's own servers
    seen: frozenset[Address]  # by this computer's resolver

    @property
    def hidden(self) -> frozenset[Address]:
        """The private addresses that do not get through."""
        return frozenset(each for each in self.published if _private(each)) - self.seen


async def look(name: str, *, lookup: Lookup) -> Rebinding:
    """Compare what is told of `name` at home with what is published. Raises `DnsFailed`."""
    published = _addresses(await lookup.published(name))
    seen = [await lookup.addresses(name, kind) for kind in ("A", "AAAA")]
    return judge(name, published=published, seen=_addresses(frozenset().union(*seen)))


def judge(name: str, *, published: frozenset[Address], seen: frozenset[Address]) -> Rebinding:
    """Decide by both answers. Pure."""
    private = frozenset(each for each in published if _private(each))
    # What filters put in the place of an address: nothing, or one that leads nowhere.
    meant = frozenset(each for each in seen if not (each.is_unspecified or each.is_loopback))
    if not published:
        kind = Kind.NOWHERE
    elif private <= seen:
        kind = Kind.OPEN if private else Kind.PUBLIC
    elif meant <= published:
        kind = Kind.FILTERED
    else:
        kind = Kind.OTHER
    return Rebinding(name, kind, published, seen)


def told(found: Rebinding) -> tuple[str, str] | None:
    """What a person is told: what is so, and what to do. None where nothing is to be done."""
    name = found.name
    if found.kind is Kind.FILTERED:
        what = (
            f"the DNS in this network holds back {_list(found.hidden)}, which {name} leads to:"
            " at home the name will not work"
        )
        advice = (
            f"allow {name} in the router (DNS rebinding protection), or look again in an hour if"
            " the name is new"
        )
    elif found.kind is Kind.OTHER:
        what = (
            f"the DNS in this network says that {name} leads to {_list(found.seen)},"
            f" its own servers say {_list(found.published)}"
        )
        advice = (
            "after a change it may remember the old address for an hour; if it stays so, look in"
            " the router for an entry with this name"
        )
    elif found.kind is Kind.NOWHERE:
        what = f"{name} leads nowhere yet"
        advice = "give it the address of Home Assistant, where its DNS is kept"
    else:
        return None
    return what, advice


# Where the most common ones keep the exception; each with its source in docs/rebinding.md.
EXCEPTIONS: tuple[tuple[str, str], ...] = (
    (
        "Fritz!Box",
        "Home Network > Network > Network Settings > DNS Rebind Protection: add {name}",
    ),
    ("OPNsense (Unbound)", "Services > Unbound DNS > Advanced > Private Domains: add {name}"),
    (
        "pfSense (Unbound)",
        'Services > DNS Resolver > Custom options: server: private-domain: "{name}"',
    ),
    ("Unbound", 'in unbound.conf below server: private-domain: "{name}"'),
    ("OpenWrt", "in /etc/config/dhcp below config dnsmasq: list rebind_domain '{name}'"),
    ("dnsmasq", "rebind-domain-ok={name}"),
    (
        "Pi-hole, AdGuard Home",
        "neither filters by itself: look at the router, or enter {name} there (DNS rewrites)",
    ),
)


def exceptions_for(name: str) -> tuple[tuple[str, str], ...]:
    """Where each of the common routers is told that `name` may lead into the home."""
    return tuple((system, how.replace("{name}", name)) for system, how in EXCEPTIONS)


def _private(address: Address) -> bool:
    return address.is_private or address in _CARRIER_GRADE


def _addresses(texts: frozenset[str]) -> frozenset[Address]:
    return frozenset(map(ip_address, texts))


def _list(addresses: frozenset[Address]) -> str:
    return ", ".join(sorted(map(str, addresses))) or "nothing"
