"""The leaf that the proof is made with: HTTPS under the very hosts by which devices come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from housekey.house.leaves import is_due
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.pki.names import Name

LABEL = "_onboarding-page"  # its folder in the house; "_" keeps it apart from any name


def usable_leaf(house: House, names: Sequence[Name], *, now: datetime) -> Leaf | None:
    """Return the leaf from before if it covers `names`, is of this house, good, and not due."""
    leaf = house.leaf(LABEL)
    if leaf is None or not set(names) <= set(leaf.names) or is_due(leaf.certificate, now=now):
        return None
    if fingerprint(leaf.certificate) in house.ledger.revoked():
        return None
    try:
        leaf.certificate.verify_directly_issued_by(house.issuing)
    except (InvalidSignature, ValueError, TypeError):
        return None
    return leaf


def new_leaf(house: House, names: Sequence[Name]) -> Leaf:
    """Issue it; the caller holds the house's lock. Raises as `House.issue`."""
    return house.issue(LABEL, names)
