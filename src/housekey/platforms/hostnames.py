"""Whether a certificate is for the name asked: what platforms agree on, and where they part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from housekey.pki.names import DnsName, IpName, Name
from housekey.platforms.facts import NameKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.platforms.facts import Facts

_MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2
_LDH = re.compile(r"[A-Za-z0-9-]*")


class CommonName(Enum):
    """When the subject's CN is taken for a name."""

    NEVER = auto()
    WITHOUT_SAN = auto()  # no SAN extension
    WITHOUT_NAMES = auto()  # a SAN without DNS name or address, or none at all
    WITHOUT_NAMES_AND_URIS = auto()  # the same, and no URI
    WITHOUT_DNS_NAMES = auto()  # no DNS name in the SAN, whatever else is there


@dataclass(frozen=True, slots=True)
class Matching:
    """How a platform compares; what is not said here is the same everywhere.

    DNS names are compared without regard to case; `*` is the whole first label and stands for
    exactly one; an address is compared with addresses only, as bytes.
    """

    common_name: CommonName = CommonName.NEVER
    address_in_common_name: bool = False  # where the CN counts, also as an address written out
    every_common_name: bool = True  # else the last one only
    single_common_name: bool = False  # none of them, if there are several
    wildcard_dots: int = 2  # that a wildcard needs at least: `*.lan` has one, `*.home.lan` two
    wildcard_over: Callable[[str], bool] | None = None  # False: nothing directly under this parent
    wildcard_of_ldh: bool = False  # the label it stands for has letters, digits, hyphens only
    entry_without_dot: bool = False  # one dot at the end of an entry is overlooked
    host_without_dot: bool = False  # one dot at the end of the name asked is overlooked
    overlooks: Callable[[str], bool] | None = None  # entries that it passes over
    addresses: bool = True  # False: iPAddress entries are not compared at all
    ipv6: bool = True  # False: an IPv6 address never matches
    mapped: bool = False  # an IPv4-mapped IPv6 address is the IPv4 address
    address_as_text: bool = False  # an address is also compared with DNS names, written out
    compares: Callable[[str, str], bool] | None = None  # entry and host, instead of all the above


def matches(facts: Facts, name: Name, how: Matching) -> bool:
    """Whether `facts` is for `name`."""
    if isinstance(name, IpName):
        return _matches_address(facts, name.address, how)
    host = asked(name, how)
    if any(_same(entry, host, how) for entry in facts.dns_names):
        return True
    return _asks_common_name(facts, how) and any(
        _same(each, host, how) for each in _common_names(facts, how)
    )


def asked(name: DnsName, how: Matching | None = None) -> str:
    """The host that is asked: of a wildcard any one that it stands for."""
    host = name.text.lower()
    if host.startswith("*."):
        host = "any" + host[1:]
    return host.removesuffix(".") if how is not None and how.host_without_dot else host


def described(facts: Facts) -> str:
    """The names that a certificate is for, for people."""
    addresses = [readable_address(value) for value in facts.addresses]
    listed = [*facts.dns_names, *addresses]
    if len(listed) > 6:
        listed = [*listed[:6], f"{len(listed) - 6} more"]
    return ", ".join(listed)


def readable_address(value: bytes) -> str:
    """An iPAddress entry for people, whatever its length."""
    match len(value):
        case 4:
            return str(IPv4Address(value))
        case 16:
            return str(IPv6Address(value))
        case _:
            return f"an address of {len(value)} bytes"


def _matches_address(facts: Facts, address: IPv4Address | IPv6Address, how: Matching) -> bool:
    if address.version == 6 and not how.ipv6:
        return False
    if how.addresses and _packed(address.packed, how) in (
        _packed(each, how) for each in facts.addresses
    ):
        return True
    if how.address_as_text and any(_same(each, str(address), how) for each in facts.dns_names):
        return True
    return (
        how.address_in_common_name
        and _asks_common_name(facts, how)
        and str(address) in _common_names(facts, how)
    )


def _packed(address: bytes, how: Matching) -> bytes:
    return address.removeprefix(_MAPPED) if how.mapped and len(address) == 16 else address


def _asks_common_name(facts: Facts, how: Matching) -> bool:
    match how.common_name:
        case CommonName.NEVER:
            return False
        case CommonName.WITHOUT_SAN:
            return facts.san is None
        case CommonName.WITHOUT_NAMES:
            return not facts.dns_names and not facts.addresses
        case CommonName.WITHOUT_NAMES_AND_URIS:
            kinds = (NameKind.DNS, NameKind.IP, NameKind.URI)
            return not any(each.kind in kinds for each in facts.san or ())
        case CommonName.WITHOUT_DNS_NAMES:
            return not facts.dns_names


def _common_names(facts: Facts, how: Matching) -> tuple[str, ...]:
    found = facts.common_names
    if how.single_common_name and len(found) > 1:
        return ()
    return found if how.every_common_name else found[-1:]


def _same(entry: str, host: str, how: Matching) -> bool:
    entry = entry.lower()
    if how.overlooks is not None and how.overlooks(entry):
        return False
    if how.entry_without_dot:
        entry = entry.removesuffix(".")
    if how.compares is not None:
        return how.compares(entry, host)
    return bool(entry) and (entry == host or _stands_for(entry, host, how))


def _stands_for(entry: str, host: str, how: Matching) -> bool:
    """Whether a wildcard means the host."""
    star, _, parent = entry.partition(".")
    label, _, rest = host.partition(".")
    return (
        star == "*"
        and bool(label)
        and rest == parent
        and entry.count(".") >= how.wildcard_dots
        and (how.wildcard_over is None or how.wildcard_over(parent))
        and (not how.wildcard_of_ldh or _LDH.fullmatch(label) is not None)
    )
