"""While two roots overlap: which devices have proved the new one, and which have not yet.

A device is known by two words, its kind and its browser (devices.py), so two iPhones are two
records and nothing tells them apart. It is counted, therefore: of three iPhones that proved the
old root and two that proved the new one, one is missing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.onboarding.devices import TRUSTS, called, visitor_of
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.house.house import House
    from housekey.house.records import Event


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a rotation has come with the devices."""

    known: int  # that had proved the old root
    proved: int  # of them, those that have proved the new one
    missing: tuple[str, ...]  # what the others are called, one entry a device
    others: int  # that have proved the new root, and never the old one

    @property
    def complete(self) -> bool:
        """Whether every device that is known has proved the new root."""
        return not self.missing


def standing_in(house: House) -> Standing | None:
    """Return how far the rotation of `house` has come; None while none is under way."""
    overlap = house.overlap
    if overlap is None:
        return None
    return standing(
        house.ledger.events(-1, kind=TRUSTS),
        old=fingerprint(overlap.old_root),
        new=fingerprint(overlap.new_root),
    )


def standing(events: Iterable[Event], *, old: str, new: str) -> Standing:
    """Decide it from what devices proved; `old` and `new` are the roots' SHA-256."""
    proofs: dict[str, Counter[str]] = {old: Counter(), new: Counter()}
    for event in events:
        if event.sha256 in proofs:
            proofs[event.sha256][called(visitor_of(event.data))] += 1
    missing = proofs[old] - proofs[new]
    return Standing(
        known=proofs[old].total(),
        proved=(proofs[old] & proofs[new]).total(),
        missing=tuple(sorted(missing.elements())),
        others=(proofs[new] - proofs[old]).total(),
    )
