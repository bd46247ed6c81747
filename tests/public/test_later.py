"""`Retry-After` in both of its forms, and with whatever else stands there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from housekey.public.later import LONGEST, date_of, retry_after, rounded_up, told

NOW = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
THEIRS = "Thu, 01 Jan 2026 00:00:00 GMT"  # their clock, months behind ours


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        (" 17 ", 17),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thursday, 01-Jan-26 00:01:00 GMT", 60),  # RFC 850
        ("Thu Jan  1 00:01:00 2026", 60),  # asctime
        ("Thu, 01 Jan 2026 01:01:00 +0100", 60),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0),  # over
        ("9" * 400, LONGEST.total_seconds()),
        ("9" * 5000, LONGEST.total_seconds()),  # Python refuses to read so many digits
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST.total_seconds()),
    ],
)
def test_seconds_and_dates_are_taken_by_the_servers_own_clock(said: str, seconds: float) -> None:
    wait = retry_after({"Retry-After": said, "Date": THEIRS}, now=NOW)
    assert wait == timedelta(seconds=seconds)


@pytest.mark.parametrize("said", ["", "-5", "1.5", "soon", "٣", "Thu, 99 Foo 2026", "²"])
def test_what_is_neither_says_nothing(said: str) -> None:
    assert retry_after({"Retry-After": said, "Date": THEIRS}, now=NOW) is None
    assert retry_after({}, now=NOW) is None


def test_a_server_without_a_clock_is_taken_by_ours() -> None:
    said = {"Retry-After": "Sun, 29 Nov 2026 12:01:00 GMT", "Date": "yesterday"}
    assert retry_after(said, now=NOW) == timedelta(seconds=30)


def test_an_answer_that_was_kept_on_its_way_does_not_make_a_clock_wrong() -> None:
    assert date_of({"Date": THEIRS, "Age": "7200"}) == datetime(2026, 1, 1, 2, tzinfo=UTC)
    assert date_of({"Date": THEIRS, "Age": "-1"}) == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("age", ["", "99999999"])
def test_a_server_at_the_end_of_all_years_is_told_and_breaks_nothing(age: str) -> None:
    last = "Fri, 31 Dec 9999 23:59:59"
    theirs = date_of({"Date": f"{last} GMT", "Age": age})
    assert theirs is not None
    assert told(theirs) == "9999-12-31 23:59 UTC"
    assert date_of({"Date": f"{last} -1200", "Age": age}) is None  # in UTC there is no such day
    wait = retry_after({"Retry-After": f"{last} -1200", "Date": f"{last} -1200"}, now=NOW)
    assert wait is None


def test_a_moment_is_told_in_utc_and_never_too_early() -> None:
    assert told(rounded_up(NOW)) == "2026-11-29 12:01 UTC"
    assert told(rounded_up(NOW.replace(second=0))) == "2026-11-29 12:00 UTC"
