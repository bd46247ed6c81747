"""Name constraints, as the platforms enforce them: RFC 5280 4.2.1.10, and where they part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from housekey.platforms.facts import GeneralName, NameKind, Oid, directory_name
from housekey.platforms.hostnames import readable_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from housekey.platforms.facts import Facts, NameConstraints, Subtree
    from housekey.platforms.path import Path

# OpenSSL's cn2dnsid (crypto/x509/v3_ncons.c): two labels or more, each of letters, digits,
# underscores and inner hyphens. An IPv4 address is one, too.
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?"
LIKE_A_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})+")


class CommonNameUnder(Enum):
    """When a leaf's CN is held against the permitted DNS names (NC-10)."""

    NEVER = auto()
    WITHOUT_DNS_NAMES = auto()
    WITHOUT_NAMES = auto()  # neither DNS name nor address in the SAN


class LeadingDot(Enum):
    """What a DNS constraint `.lan` permits."""

    BELOW = auto()  # what lies below, not `lan` itself
    BELOW_AND_ITSELF = auto()
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Enforcing:
    """How a platform enforces name constraints."""

    of_root: bool = True  # the root's own, too
    on_issuing: bool = True  # held against the names of issuing CAs, too (their SAN)
    common_name: CommonNameUnder = CommonNameUnder.NEVER
    common_name_counts: Callable[[str], bool] | None = None  # which CNs; all, if None
    leading_dot: LeadingDot = LeadingDot.BELOW
    families_apart: bool = False  # permitting IPv4 leaves IPv6 free, and the other way (NC-04)
    directory: bool = True  # subjects are held against directoryName subtrees
    wildcard_reaches_excluded: bool = False  # `*.x.lan` is excluded where any `a.x.lan` is
    dots_at_end: bool = False  # one at the end of a name or a base is overlooked
    # Those that are compared, all if None; of the others a critical constraint permits nothing.
    kinds: frozenset[NameKind] | None = None
    self_issued: bool = False  # held against issuing CAs that name themselves as issuer, too
    ignores: frozenset[NameKind] = frozenset()  # kinds that nothing is made of, critical or not
    others_by_bytes: bool = False  # kinds without a rule of their own are compared as bytes
    empty_permits_all: bool = True  # a DNS base of no characters
    overlooks_entry: Callable[[str], bool] | None = None  # DNS entries that are not compared


@dataclass(frozen=True, slots=True)
class Violation:
    """One name that one CA may not speak for."""

    bearer: Facts
    holder: Facts
    name: str
    excluded: bool  # else: not permitted


def violations(path: Path, how: Enforcing, *, anchored: bool = True) -> Iterator[Violation]:
    """What in `path` breaks a constraint above it."""
    for holder_at in range(len(path) - 1, 0, -1):
        holder = path[holder_at]
        constraints = holder.name_constraints
        is_root = anchored and holder_at == len(path) - 1
        if constraints is None or (is_root and not how.of_root):
            continue
        for bearer_at in range(holder_at):
            bearer = path[bearer_at]
            spared = bearer.is_self_issued and not how.self_issued
            if bearer_at > 0 and (spared or not how.on_issuing):
                continue  # RFC 5280 6.1.3: not applied to self-issued certificates but the last
            for name in _names(bearer, how, is_leaf=bearer_at == 0):
                if how.kinds is not None and name.kind not in how.kinds:
                    verdict = _unknown(name, constraints, holder)
                else:
                    verdict = _judged(name, constraints, how)
                if verdict is not None:
                    yield Violation(bearer, holder, shown(name), excluded=verdict)


def holders(path: Path, *, anchored: bool = True, of_root: bool = True) -> tuple[Facts, ...]:
    """The certificates above the leaf whose constraints count."""
    above = path[1:-1] if anchored and not of_root else path[1:]
    return tuple(each for each in above if each.name_constraints is not None)


def subtrees(constraints: NameConstraints) -> tuple[Subtree, ...]:
    """Permitted and excluded ones together."""
    return constraints.permitted + constraints.excluded


def _names(bearer: Facts, how: Enforcing, *, is_leaf: bool) -> Iterator[GeneralName]:
    if how.directory and not bearer.subject.is_empty:
        yield GeneralName(NameKind.DIRECTORY, bearer.subject.der)
    for name in bearer.san or ():
        if (
            name.kind is NameKind.DNS
            and how.overlooks_entry is not None
            and how.overlooks_entry(name.text)
        ):
            continue
        yield name
    if not is_leaf or not _asks_common_name(bearer, how):
        return
    for common_name in bearer.common_names:
        if how.common_name_counts is None or how.common_name_counts(common_name):
            yield GeneralName(NameKind.DNS, common_name.encode("latin-1", "replace"))


def _asks_common_name(bearer: Facts, how: Enforcing) -> bool:
    match how.common_name:
        case CommonNameUnder.NEVER:
            return False
        case CommonNameUnder.WITHOUT_DNS_NAMES:
            return not bearer.dns_names
        case CommonNameUnder.WITHOUT_NAMES:
            return not bearer.dns_names and not bearer.addresses


def _judged(name: GeneralName, constraints: NameConstraints, how: Enforcing) -> bool | None:
    """True: excluded; False: not permitted; None: nothing against it."""
    excluded = _of_kind(constraints.excluded, name, how)
    if any(within(name, each.base, how) or _reaches(name, each.base, how) for each in excluded):
        return True
    permitted = _of_kind(constraints.permitted, name, how)
    if permitted and not any(within(name, each.base, how) for each in permitted):
        return False
    return None


def _unknown(name: GeneralName, constraints: NameConstraints, holder: Facts) -> bool | None:
    constrained = any(each.base.kind is name.kind for each in subtrees(constraints))
    return False if constrained and holder.critical(Oid.NAME_CONSTRAINTS) else None


def _of_kind(
    subtrees: tuple[Subtree, ...], name: GeneralName, how: Enforcing
) -> tuple[Subtree, ...]:
    kind = name.kind
    if not subtrees or kind in how.ignores:
        return ()
    alike = [each for each in subtrees if each.base.kind is kind]
    if how.families_apart and kind is NameKind.IP:
        alike = [each for each in alike if len(each.base.value) == 2 * len(name.value)]
    return tuple(alike)


def within(name: GeneralName, base: GeneralName, how: Enforcing) -> bool:
    """Whether a name lies in a subtree of its kind."""
    match name.kind:
        case NameKind.DNS:
            return dns_within(name.text, base.text, how)
        case NameKind.IP:
            same = how.others_by_bytes and name.value == base.value
            return same or address_within(name.value, base.value)
        case NameKind.DIRECTORY:
            return _directory_within(name.value, base.value)
        case NameKind.EMAIL:
            return _mail_within(name.text.lower(), base.text.lower())
        case NameKind.URI:
            return _uri_within(name.text.lower(), base.text.lower())
        case _:
            return how.others_by_bytes and name.value == base.value


def _reaches(name: GeneralName, base: GeneralName, how: Enforcing) -> bool:
    """Whether a wildcard stands for a name that is the base."""
    if not how.wildcard_reaches_excluded or name.kind is not NameKind.DNS:
        return False
    star, _, parent = name.text.lower().partition(".")
    return star == "*" and bool(parent) and base.text.lower().partition(".")[2] == parent


def dns_within(name: str, base: str, how: Enforcing) -> bool:
    """Whether a DNS name is the base or lies below it."""
    name, base = name.lower(), base.lower()
    if how.dots_at_end:
        name, base = name.removesuffix("."), base.removesuffix(".")
    if not base:
        return how.empty_permits_all
    if base.startswith("."):
        if how.leading_dot is LeadingDot.NOTHING:
            return False
        itself = how.leading_dot is LeadingDot.BELOW_AND_ITSELF and name == base[1:]
        return itself or (name.endswith(base) and len(name) > len(base))
    return name == base or name.endswith("." + base)


def address_within(address: bytes, base: bytes) -> bool:
    """Whether an address lies in a network, given as address and mask."""
    half = len(address)
    if len(base) != 2 * half:
        return False
    differing = int.from_bytes(address, "big") ^ int.from_bytes(base[:half], "big")
    return not differing & int.from_bytes(base[half:], "big")


def has_plain_mask(base: bytes) -> bool:
    """Whether a network's mask is ones, then zeroes (NC-14)."""
    mask = int.from_bytes(base[len(base) // 2 :], "big")
    width = 8 * (len(base) - len(base) // 2)
    return f"{mask:0{width}b}".rstrip("0").count("0") == 0


def _directory_within(name: bytes, base: bytes) -> bool:
    try:
        whole = directory_name(name).normalised
        part = directory_name(base).normalised
    except (ValueError, IndexError):
        return False
    return whole[: len(part)] == part


def _mail_within(name: str, base: str) -> bool:
    if "@" in base:
        return name == base
    host = name.rpartition("@")[2]
    return host.endswith(base) if base.startswith(".") else host == base


def _uri_within(name: str, base: str) -> bool:
    host = re.split(r"[/?#:]", name.partition("://")[2].rpartition("@")[2], maxsplit=1)[0]
    return host.endswith(base) if base.startswith(".") else host == base


def shown(name: GeneralName) -> str:
    """A name for people."""
    match name.kind:
        case NameKind.IP:
            return readable_address(name.value)
        case NameKind.DIRECTORY:
            try:
                return f"the subject {directory_name(name.value)}"
            except (ValueError, IndexError):
                return "the subject"
        case _:
            return name.text
