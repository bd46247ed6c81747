"""How long something is good for, in words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from housekey.pki.span import span


@pytest.mark.parametrize(
    ("length", "down", "up"),
    [
        (timedelta(days=397), "397 days", "397 days"),
        (timedelta(days=89, hours=23), "89 days", "90 days"),
        (timedelta(days=1), "1 day", "1 day"),
        (timedelta(hours=23, minutes=59), "23 hours", "24 hours"),
        (timedelta(minutes=61), "1 hour", "2 hours"),
        (timedelta(seconds=60), "1 minute", "1 minute"),
        (timedelta(seconds=35.5), "35 seconds", "36 seconds"),
        (timedelta(), "0 seconds", "0 seconds"),
    ],
)
def test_a_length_of_time_in_words(length: timedelta, down: str, up: str) -> None:
    assert (span(length), span(length, up=True)) == (down, up)
