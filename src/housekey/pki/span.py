"""A length of time in words: how long a certificate is good for."""

from __future__ import annotations

from datetime import timedelta

_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


def span(length: timedelta, *, up: bool = False) -> str:
    """Return whole days, or of less than a day hours, minutes or seconds; rounded down, or `up`.

    `length` is not negative.
    """
    unit, name = next((each for each in _UNITS if length >= each[0]), _UNITS[-1])
    number = -(-length // unit) if up else length // unit
    return f"{number} {name}{'' if number == 1 else 's'}"
