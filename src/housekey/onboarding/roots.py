"""The roots of a house, as the page tells devices of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.house.generations import Why
from housekey.onboarding.downloads import listed
from housekey.onboarding.offer import Counts, FormerRoot, SignedBy
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from housekey.house.house import House
    from housekey.house.road import Road


def former_roots(house: House) -> tuple[FormerRoot, ...]:
    """Return the roots that devices of this home may know from before, oldest first."""
    found = [
        (each.root, Counts.LEAKED if each.why is Why.LEAKED else Counts.OVER)
        for each in house.former
    ]
    if house.overlap is not None:
        found.append((house.overlap.old_root, Counts.BESIDE))
    return tuple(FormerRoot(fingerprint(root), listed(root), counts) for root, counts in found)


def signed_by(road: Road | None) -> SignedBy:
    """Say who signs Home Assistant's certificate, by its road."""
    if road is None:
        return SignedBy.HOUSE
    return SignedBy.ANOTHER if road.roots else SignedBy.KNOWN
