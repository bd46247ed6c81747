"""Notes in the ledger of what is done already, and stands whether the ledger can be written or not.

A failure to write one must not be told as a failure of what was done: who reads "nothing was
changed" would throw the new recovery code away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import HousekeyError
from housekey.house.who import who

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from housekey.house.records import JsonValue, Ledger


def note_done(
    ledger: Ledger,
    kind: str,
    *,
    at: datetime,
    sha256: str,
    data: Mapping[str, JsonValue],
) -> str | None:
    """Record what is done. Returns why the ledger does not have it, for people; None if it has."""
    try:
        ledger.record_event(kind, at=at, by=who(), sha256=sha256, data=data)
    except HousekeyError as trouble:
        return trouble.message
    return None
