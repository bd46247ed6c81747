"""Certificate policies, as far as they can break a home's chain: RFC 5280 6.1.

No home needs them. But a CA with policyConstraints may demand that every certificate below it
names a policy that all above name, too; where none does, the path is invalid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.pki import der
from housekey.platforms.facts import Oid

if TYPE_CHECKING:
    from housekey.platforms.facts import Facts
    from housekey.platforms.path import Path

ANY_POLICY = "2.5.29.32.0"
_NEVER = 1 << 16


def demanded_in_vain(path: Path) -> bool:
    """Whether a policy is demanded of `path` (leaf first, root last) and none is valid.

    Policy mappings are not followed: they only matter to who has policies in the first place.
    """
    valid: frozenset[str] | None = frozenset({ANY_POLICY})
    explicit, any_inhibited = _NEVER, _NEVER
    root = path[-1]
    for each in reversed(path):
        named = _policies(each)
        if each is not root or named is not None:
            counts = any_inhibited > 0 or (each is not path[0] and each.is_self_issued)
            valid = _next(valid, named, any_policy_counts=counts)
        if explicit == 0 and not valid:
            return True
        if each is not root and not each.is_self_issued:
            explicit, any_inhibited = max(explicit - 1, 0), max(any_inhibited - 1, 0)
        explicit = min(explicit, _required(each))
        any_inhibited = min(any_inhibited, _inhibited(each))
    return explicit == 0 and not valid


def _next(
    valid: frozenset[str] | None, named: frozenset[str] | None, *, any_policy_counts: bool
) -> frozenset[str] | None:
    if not valid or named is None:
        return None
    kept = named - {ANY_POLICY}
    if ANY_POLICY not in valid:
        kept &= valid
    if ANY_POLICY in named and any_policy_counts:
        kept |= valid
    return kept


def _policies(facts: Facts) -> frozenset[str] | None:
    value = _value(facts, Oid.CERTIFICATE_POLICIES)
    if value is None:
        return None
    try:
        listed = der.only(value, der.SEQUENCE).parts()
        return frozenset(der.dotted(each.parts()[0].body) for each in listed)
    except (ValueError, IndexError):
        return frozenset()


def _required(facts: Facts) -> int:
    """After how many certificates a policy is demanded: requireExplicitPolicy."""
    value = _value(facts, Oid.POLICY_CONSTRAINTS)
    if value is None:
        return _NEVER
    try:
        parts = der.only(value, der.SEQUENCE).parts()
        found = [der.integer(each.body) for each in parts if each.tag & 0x1F == 0]
    except (ValueError, IndexError):
        return _NEVER
    return min((*found, _NEVER))


def _inhibited(facts: Facts) -> int:
    value = _value(facts, Oid.INHIBIT_ANY_POLICY)
    if value is None:
        return _NEVER
    try:
        return der.integer(der.only(value, der.INTEGER).body)
    except (ValueError, IndexError):
        return _NEVER


def _value(facts: Facts, oid: str) -> bytes | None:
    return next((each.value for each in facts.extensions if each.oid == oid), None)
