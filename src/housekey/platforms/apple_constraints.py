"""Name constraints as Apple enforces them: nameconstraints.c in trustd, APL-14 and APL-15.

Not as RFC 5280 6.1.4 has it: what an issuing CA permits takes the place of what the root permits
only where it is narrower, and is added to it otherwise; networks are always added. Then all that
was gathered above a certificate is held against its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms.facts import GeneralName, NameKind, Oid, directory_name
from housekey.platforms.rule import Said
from housekey.platforms.subtrees import Enforcing, LeadingDot, dns_within, shown, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Facts
    from housekey.platforms.rule import Seen

_HOW = Enforcing(leading_dot=LeadingDot.BELOW, empty_permits_all=True)
_SUPPORTED = frozenset(
    {NameKind.EMAIL, NameKind.DNS, NameKind.DIRECTORY, NameKind.URI, NameKind.IP}
)


def outside(seen: Seen) -> Iterator[Said]:
    """Names that the certificates above do not permit, or exclude."""
    if seen.is_trusted_leaf:
        return
    permitted: list[GeneralName] = []
    excluded: list[GeneralName] = []
    for each in reversed(seen.path):
        is_root = seen.anchored and each is seen.path[-1]
        if not is_root and (each is seen.leaf or not each.is_self_issued):
            yield from _held(seen, each, permitted, excluded)
        if each.name_constraints is not None:
            if not is_root:
                yield from _unsupported(seen, each)
            _add(permitted, [base.base for base in each.name_constraints.permitted])
            excluded.extend(base.base for base in each.name_constraints.excluded)


def _held(
    seen: Seen, bearer: Facts, permitted: list[GeneralName], excluded: list[GeneralName]
) -> Iterator[Said]:
    who = seen.called(bearer)
    for name in _names(bearer):
        of_kind = [base for base in excluded if base.kind is name.kind]
        if any(_inside(name, base) for base in of_kind):
            yield Said(f"a CA above excludes {shown(name)} of {who}")
        of_kind = [base for base in permitted if base.kind is name.kind]
        if of_kind and not any(_inside(name, base) for base in of_kind):
            yield Said(f"no CA above permits {shown(name)} of {who}")


def _names(bearer: Facts) -> Iterator[GeneralName]:
    if not bearer.subject.is_empty:
        yield GeneralName(NameKind.DIRECTORY, bearer.subject.der)
        for address in bearer.subject.texts(Oid.EMAIL_ADDRESS):
            yield GeneralName(NameKind.EMAIL, address.encode("latin-1", "replace"))
    yield from bearer.san or ()


def _inside(name: GeneralName, base: GeneralName) -> bool:
    if name.kind is NameKind.DIRECTORY:
        return _directory_inside(name.value, base.value)
    return name.kind in _SUPPORTED and within(name, base, _HOW)


def _directory_inside(name: bytes, base: bytes) -> bool:
    """A prefix of bytes, and strictly shorter (APL-15)."""
    try:
        whole, part = directory_name(name), directory_name(base)
    except (ValueError, IndexError):
        return False
    return (
        len(whole.der) > len(part.der)
        and whole.attributes[: len(part.attributes)] == part.attributes
    )


def _unsupported(seen: Seen, holder: Facts) -> Iterator[Said]:
    constraints = holder.name_constraints
    assert constraints is not None  # noqa: S101 - its caller knows
    listed = (*constraints.permitted, *constraints.excluded)
    if holder.critical(Oid.NAME_CONSTRAINTS):
        for each in listed:
            if each.base.kind not in _SUPPORTED:
                yield Said(
                    f"{seen.called(holder)} has critical name constraints of a kind that is not"
                    " known here"
                )


def _add(permitted: list[GeneralName], new: list[GeneralName]) -> None:
    """SecNameConstraintsIntersectSubtrees."""
    if not permitted:
        permitted.extend(new)
        return
    added: list[GeneralName] = []
    for base in new:
        for at, old in enumerate(permitted):
            if old.kind is not base.kind:
                continue
            if _narrower(base, old):
                permitted[at] = base
                break
            if _narrower(old, base):
                break
        else:
            added.append(base)
    permitted.extend(added)


def _narrower(one: GeneralName, other: GeneralName) -> bool:
    match one.kind:
        case NameKind.DNS:
            return dns_within(one.text, other.text, _HOW)
        case NameKind.DIRECTORY:
            return _directory_inside(one.value, other.value)
        case _:
            return False  # a network is compared with addresses only, so it is always added
