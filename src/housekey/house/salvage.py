"""What can still be read of a damaged ledger.

A certificate's row says by itself whether it is whole: its bytes have the fingerprint beside them.
An event's has no such mark; it has to be what an event is, with a time and JSON where they belong.

Ids go up by one and rows are never removed. So the ids that are missing between the first and the
last tell how many rows were lost; of rows lost at the end nobody can tell.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeGuard, cast, get_args

from housekey.house.records import Event, Role
from housekey.house.sqlite_pages import rows_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.house.sqlite_pages import Row, Value

_COLUMNS_OF_CERTIFICATES, _COLUMNS_OF_EVENTS = 11, 6  # as in schema.py, the id among them


@dataclass(frozen=True, slots=True)
class SavedCertificate:
    """What a certificate's row says beside what its bytes say themselves."""

    der: bytes
    role: Role
    label: str | None
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Salvage:
    """The rows that are whole, in the order in which they were written, and how many are not."""

    certificates: tuple[SavedCertificate, ...]
    events: tuple[Event, ...]
    lost_certificates: int
    lost_events: int


def salvage(data: bytes, wal: bytes = b"") -> Salvage:
    """Read what can be read of a ledger's file and of the `-wal` beside it."""
    certificates: dict[int, SavedCertificate] = {}
    events: dict[int, Event] = {}
    for row in rows_in(data, wal):
        if len(row.values) == _COLUMNS_OF_CERTIFICATES and row.id not in certificates:
            certificate = _certificate(row)
            if certificate is not None:
                certificates[row.id] = certificate
        elif len(row.values) == _COLUMNS_OF_EVENTS and row.id not in events:
            event = _event(row)
            if event is not None:
                events[row.id] = event
    return Salvage(
        certificates=tuple(certificates[number] for number in sorted(certificates)),
        events=tuple(events[number] for number in sorted(events)),
        lost_certificates=_missing(certificates),
        lost_events=_missing(events),
    )


def _missing(found: Mapping[int, object]) -> int:
    return max(found, default=0) - len(found)


def _certificate(row: Row) -> SavedCertificate | None:
    _, sha256, _, _, role, label, _, _, _, issued_at, der = row.values
    if not isinstance(der, bytes) or hashlib.sha256(der).hexdigest() != sha256:
        return None
    at = _time(issued_at)
    if at is None or role not in get_args(Role) or not _is_text_or_none(label):
        return None
    return SavedCertificate(der, cast("Role", role), label, at)


def _event(row: Row) -> Event | None:
    _, at_text, kind, by, sha256, data_text = row.values
    at = _time(at_text)
    if at is None or not isinstance(kind, str) or not isinstance(by, str):
        return None
    if not _is_text_or_none(sha256) or not isinstance(data_text, str):
        return None
    try:
        data = json.loads(data_text)
    except ValueError:
        return None
    return Event(at, kind, by, sha256, data) if isinstance(data, dict) else None


def _is_text_or_none(value: Value) -> TypeGuard[str | None]:
    return value is None or isinstance(value, str)


def _time(value: Value) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
