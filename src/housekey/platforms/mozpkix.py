"""Names and name constraints as mozilla::pkix reads them: NSS lib/mozpkix/lib/pkixnames.cpp.

It reads what it compares, and one name or base that is none makes the whole certificate
unreadable (FFX-09). Measured with Firefox ESR 153.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.pki import der
from housekey.platforms import checks, subtrees
from housekey.platforms.facts import Facts, GeneralName, NameKind, Oid
from housekey.platforms.rule import Said, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator

# Kinds of names that mozilla::pkix does not compare: whoever has one under a constraint fails.
_INCOMPARABLE = frozenset(
    {NameKind.OTHER, NameKind.X400, NameKind.EDI, NameKind.URI, NameKind.REGISTERED}
)
COMPARED = frozenset(NameKind) - _INCOMPARABLE


def is_dns_id(text: str, *, wildcard: bool = True) -> bool:
    """IsValidDNSID of pkixnames.cpp, for an entry of a SAN."""
    is_wildcard = wildcard and text.startswith("*.")
    labels = (text[2:] if is_wildcard else text).split(".")
    return (
        len(text) <= 253
        and all(map(_is_label, labels))
        and not labels[-1].isdigit()
        and (not is_wildcard or len(labels) >= 2)
    )


def _is_label(text: str) -> bool:
    return (
        0 < len(text) <= 63
        and text.isascii()
        and all(each.isalnum() or each in "-_" for each in text)
        and not text.startswith("-")
        and not text.endswith("-")
    )


def _is_base(text: str) -> bool:
    """The same for a name constraint, which may be empty and may begin with a dot."""
    return not text or is_dns_id(text.removeprefix("."), wildcard=False)


def _holders(seen: Seen) -> tuple[Facts, ...]:
    return subtrees.holders(seen.path, anchored=seen.anchored)


def bad_constraints(seen: Seen) -> Iterator[Said]:
    """Constraints that cannot be read or compared themselves."""
    for holder in seen.issuers:
        wrong = _bad_constraints(holder, seen.leaf)
        if wrong:
            yield Said(f"{seen.called(holder)} has name constraints {wrong}")


def bad_names(seen: Seen) -> Iterator[Said]:
    """Names of the leaf that cannot be compared with constraints of their kind."""
    yield from checks.entries_under_constraints(lambda entry: not is_dns_id(entry), dns_only=True)(
        seen
    )
    constrained = {kind for each in _holders(seen) for kind in _kinds(each)}
    for address in seen.leaf.addresses:
        if NameKind.IP in constrained and len(address) not in {4, 16}:
            yield Said(f"the leaf has an address of {len(address)} bytes in its SAN")
    for name in seen.leaf.san or ():
        if name.kind is NameKind.EMAIL and name.kind in constrained and "@" not in name.text:
            yield Said(f"the leaf has an e-mail address that is none in its SAN: {name.text!r}")


def _kinds(holder: Facts) -> frozenset[NameKind]:
    if holder.name_constraints is None:
        return frozenset()
    return frozenset(each.base.kind for each in subtrees.subtrees(holder.name_constraints))


def _bad_constraints(holder: Facts, leaf: Facts) -> str:
    if Oid.NAME_CONSTRAINTS in (*holder.malformed, *holder.trailing):
        return "that cannot be read"
    if holder.name_constraints is None:
        return ""
    listed = subtrees.subtrees(holder.name_constraints)
    if not listed:
        return "that say nothing"
    lists = der.only(value_of(holder, Oid.NAME_CONSTRAINTS) or b"", der.SEQUENCE).parts()
    if any(len(subtree.parts()) > 1 for each in lists for subtree in each.parts()):
        return "with a minimum or maximum"
    return next((why for each in listed if (why := _bad_base(each.base, leaf))), "")


def _bad_base(base: GeneralName, leaf: Facts) -> str:
    """A base is only read once there is a name to hold against it."""
    if base.kind is NameKind.DNS and leaf.dns_names and not _is_base(base.text):
        return f"with a DNS name that is none: {base.text!r}"
    if base.kind is NameKind.IP and leaf.addresses and len(base.value) not in {8, 32}:
        return "with a network that has no mask"
    return ""


def incomparable(seen: Seen) -> Iterator[Said]:
    """Names of kinds that are not compared, and excluded directory names, which always hit."""
    for holder in _holders(seen):
        who = seen.called(holder)
        constraints = holder.name_constraints
        assert constraints is not None  # noqa: S101 - that is what a holder is
        below = seen.path[: seen.path.index(holder)]
        if any(each.base.kind is NameKind.DIRECTORY for each in constraints.excluded):
            yield Said(f"{who} excludes a directory name, which is taken for all of them here")
        for bearer in below:
            kinds = {name.kind for name in bearer.san or ()} & _INCOMPARABLE & _kinds(holder)
            for kind in kinds:
                yield Said(
                    f"{who} constrains names of a kind that is not compared here, and"
                    f" {seen.called(bearer)} has one ({kind.name.lower()})"
                )


def value_of(facts: Facts, oid: str) -> bytes | None:
    """What the first extension of that kind holds."""
    return next((each.value for each in facts.extensions if each.oid == oid), None)
