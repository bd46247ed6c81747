"""The leaf that the proof is made with: HTTPS under the very hosts by which devices come.

While two roots overlap, it is accepted by devices that know the new one, and by no others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.house.leaves import ONBOARDING as LABEL
from housekey.house.leaves import is_due
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.pki.names import Name

__all__ = ["LABEL", "new_leaf", "usable_leaf"]


def usable_leaf(house: House, names: Sequence[Name], *, now: datetime) -> Leaf | None:
    """Return the leaf from before if it covers `names`, is of this house, good, and not due."""
    leaf = house.leaf(LABEL)
    if leaf is None or not set(names) <= set(leaf.names) or is_due(leaf.certificate, now=now):
        return None
    if fingerprint(leaf.certificate) in house.ledger.revoked():
        return None
    return leaf if house.is_current(leaf) else None


def new_leaf(house: House, names: Sequence[Name]) -> Leaf:
    """Issue it; the caller holds the house's lock. Raises as `House.issue`."""
    return house.issue(LABEL, names)
