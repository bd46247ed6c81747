"""When a server wants to be asked again, and what its clock shows: pure.

What it says with a date is taken against its own clock, never against ours: a clock of this
machine that is wrong, or jumps, must not make one wait years, or not at all.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The longest that any CA's limit lasts is a week; who asks for more is not believed.
LONGEST = timedelta(days=8)
_MOST_DIGITS = 9  # of seconds: three years


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """Return how long to wait by `Retry-After` (RFC 9110, section 10.2.3); None: it does not say.

    Both forms, seconds and a date; between none and `LONGEST`.
    """
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        # Of thousands of digits Python makes no number, and nobody believes them either.
        wait = timedelta(seconds=int(said)) if len(said) < _MOST_DIGITS else LONGEST
    elif (until := _date(said)) is not None:
        wait = until - (date_of(headers) or now)
    else:
        return None
    return min(max(wait, timedelta(0)), LONGEST)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Return what the server's clock shows; None: it does not say.

    An answer that something in between has kept for a while is as much older (`Age`, RFC 9111).
    """
    date, age = _date(headers.get("Date", "")), headers.get("Age", "").strip()
    if date is None or not (age.isascii() and age.isdigit() and len(age) < _MOST_DIGITS):
        return date
    try:
        return date + timedelta(seconds=int(age))
    except OverflowError:  # it says the year 9999
        return date


def told(moment: datetime) -> str:
    """Return a moment for people, absolute: who reads a log reads it later."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def rounded_up(moment: datetime) -> datetime:
    """Return the next whole minute, so that what `told` shows is never too early."""
    whole = moment.replace(second=0, microsecond=0)
    return whole if whole == moment else whole + timedelta(minutes=1)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        # In UTC, where the last hours of the year 9999 of some zones are none.
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None
