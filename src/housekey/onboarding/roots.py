"""The roots of a house, as the page tells devices of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.house.generations import Why
from housekey.onboarding.downloads import listed
from housekey.onboarding.offer import Counts, FormerRoot, SignedBy
from housekey.pki.encoding import certificates_from_pem, fingerprint
from housekey.pki.verifying import is_signed_by

if TYPE_CHECKING:
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
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


def opens_later(house: House, leaf: Leaf | None) -> bool:
    """Whether a device that gets the root for devices alone is refused by who presents `leaf`.

    So it is after a new root, until what is presented leads to it: until `renew` has replaced a
    chain from before, or, where the new root waits, until the old one is dropped.
    """
    if leaf is None or not house.is_by_house(leaf.certificate):
        return False  # on another road it has to do with no root of the house
    root = house.root_for_devices
    return not any(is_signed_by(each, root) for each in certificates_from_pem(leaf.chain_pem))


def signed_by(road: Road | None) -> SignedBy:
    """Say who signs Home Assistant's certificate, by its road."""
    if road is None:
        return SignedBy.HOUSE
    return SignedBy.ANOTHER if road.roots else SignedBy.KNOWN
