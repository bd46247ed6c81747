"""What a restored house has to know of the one that it replaces: what was revoked since the backup.

A backup knows nothing of what came after it. A certificate that was revoked since would be in use
again with the key that somebody else may have, and a list of revoked certificates would forget it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HousekeyError, PemUnreadable
from housekey.house.copies import LEDGER
from housekey.house.ledger_copy import ledger_bytes, ledger_of
from housekey.house.records import REVOKED
from housekey.house.revoking import (
    CRL,
    LISTED,
    crl_is_due,
    highest_number,
    read_crl,
    recall,
    remake_crl,
)
from housekey.pki.crl import crl_from_der

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from housekey.house.copies import HouseCopy
    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.ledger import SqliteLedger
    from housekey.house.records import Event


@dataclass(frozen=True, slots=True)
class Carried:
    """What goes from the present house into the one that replaces it."""

    revocations: tuple[Event, ...] = ()  # that the backup does not know, oldest first
    number: int = 0  # the highest that a list of revoked certificates has had
    crl: bytes | None = field(default=None, repr=False)  # the list itself, for a lost ledger


NOTHING = Carried()


def to_carry(folder: Path, copy: HouseCopy, *, files: Files) -> Carried:
    """Find out what the house in `folder` knows of revocations, and the backup `copy` does not.

    As far as it can be read: a damaged house is what a backup is for.
    """
    crl = None
    with contextlib.suppress(FileTrouble):
        crl = files.read(folder / CRL)
    path = folder / LEDGER
    try:
        with (
            ledger_of(ledger_bytes(path, to_open=True), path=path) as present,
            ledger_of(copy.files.get(LEDGER, b""), path=path) as backup,
        ):
            known = {_meant(event) for event in _revocations(backup)}
            unknown = {_meant(event): event for event in _revocations(present)}
            fresh = [event for meant, event in unknown.items() if meant not in known]
            return Carried(tuple(fresh[::-1]), highest_number(present), crl)
    except HousekeyError:
        return Carried(crl=crl)


def carry(house: House, carried: Carried, *, by: str, at: datetime) -> tuple[Event, ...]:
    """Record in `house`, which was restored, what it has to know; return what it did not.

    The list is made anew where it can be; where it cannot, the onboarding page does it later.
    Raises what the ledger raises.
    """
    known = {_meant(event) for event in house.ledger.events(-1, kind=REVOKED)}
    with house.ledger.together():
        for event in carried.revocations:
            house.ledger.record_event(
                REVOKED, at=event.at, by=event.by, sha256=event.sha256, data=event.data
            )
        number = carried.number
        if carried.crl is not None:
            with contextlib.suppress(PemUnreadable):  # of another issuing CA, or damaged
                crl = crl_from_der(carried.crl, issuer=house.issuing)
                recall(house, crl, by=by)
                number = max(number, crl.number)
        if number > highest_number(house.ledger):
            house.ledger.record_event(LISTED, at=at, by=by, data={"number": number})
    with contextlib.suppress(HousekeyError):
        if crl_is_due(house, read_crl(house, files=house.files), now=at):
            remake_crl(house, files=house.files, by=by, at=at)
    events = house.ledger.events(-1, kind=REVOKED)[::-1]
    return tuple(event for event in events if _meant(event) not in known)


def _revocations(ledger: SqliteLedger) -> tuple[Event, ...]:
    return ledger.events(-1, kind=REVOKED)


def _meant(revoked: Event) -> tuple[object, object]:
    """Say which certificate it is about; what was read back from a list may have no fingerprint."""
    return revoked.data.get("serial"), revoked.data.get("issued_by")
