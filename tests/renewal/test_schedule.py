"""When the next round is."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from housekey.errors import CaAsksToWait, DnsFailed, RenewalFailed, Unreachable
from housekey.renewal.delivery import Delivery, QuietHours, Way
from housekey.renewal.round import Became, Item
from housekey.renewal.schedule import (
    FIRST_RETRY,
    LAST_RETRY,
    MOST_TRIES,
    daily_round,
    later,
    next_round,
)

HOME = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 11, 29, 12, tzinfo=HOME)
NIGHT = QuietHours(time(2), time(5))
FAILED = Unreachable("Home Assistant does not answer", hint="start it")


def item(became: Became, **more: Any) -> Item:
    return Item("printer.lan", became, None, **more)


def after(*items: Item, now: datetime = NOON, tries: int = 0, spread: float = 0.5) -> datetime:
    return next_round(now, NIGHT, items, tries=tries, spread=spread)


def test_a_round_is_at_a_random_moment_of_the_next_quiet_hours() -> None:
    tomorrow = datetime(2026, 11, 30, 2, tzinfo=HOME)
    assert daily_round(NOON, NIGHT, spread=0.0) == tomorrow
    assert daily_round(NOON, NIGHT, spread=0.5) == tomorrow + timedelta(hours=1.5)
    at_three = datetime(2026, 11, 29, 3, tzinfo=HOME)
    assert daily_round(at_three, NIGHT, spread=0.0) == tomorrow  # those of today had theirs


@example(begin=time(0), end=time(0, 0, 0, 1), after=0, spread=0.75)
@given(
    begin=st.times(),
    end=st.times(),
    after=st.integers(0, 2 * 365 * 86_400),
    spread=st.floats(0, 1, exclude_max=True),
)
def test_it_lies_ahead_within_two_days_and_in_quiet_hours_whatever_they_are(
    begin: time, end: time, after: int, spread: float
) -> None:
    now = (NOON.astimezone(UTC) + timedelta(seconds=after)).astimezone(HOME)
    quiet = QuietHours(begin, end)
    found = daily_round(now, quiet, spread=spread)
    ahead = found.astimezone(UTC) - now.astimezone(UTC)
    assert timedelta(0) <= ahead <= timedelta(days=2, hours=1)
    # In the two nights in which the clock jumps it may be off by that hour.
    moments = (found, found - timedelta(hours=1), found + timedelta(hours=1))
    assert any(quiet.covers(each) for each in moments)


def test_after_a_failure_it_is_sooner_and_ever_less_often() -> None:
    failed = item(Became.FAILED, trouble=FAILED)
    waits = [after(failed, tries=tries) - NOON for tries in range(6)]
    assert waits[0] == FIRST_RETRY
    assert waits == sorted(waits)
    assert waits[-1] == LAST_RETRY
    assert later(10_000) == LAST_RETRY
    assert after(failed, tries=MOST_TRIES) == daily_round(NOON, NIGHT, spread=0.5)


def test_what_only_a_person_can_mend_waits_for_the_daily_round() -> None:
    failed = item(Became.FAILED, trouble=RenewalFailed("by hand", hint="do it"))
    assert after(failed) == daily_round(NOON, NIGHT, spread=0.5)


def test_what_could_not_be_looked_at_is_looked_at_sooner_too() -> None:
    assert after(item(Became.GOOD, trouble=FAILED)) == NOON + FIRST_RETRY
    assert after(item(Became.GOOD)) > NOON + LAST_RETRY


@pytest.mark.parametrize("tries", [0, 3])
def test_a_switch_that_was_put_back_is_not_tried_again_before_the_next_quiet_hours(
    tries: int,
) -> None:
    failed = item(Became.FAILED, trouble=FAILED, delivery=Delivery(Way.RESTART, "", NOON))
    assert after(failed, tries=tries) == daily_round(NOON, NIGHT, spread=0.5)


def test_names_that_came_too_soon_are_taken_when_they_have_rested() -> None:
    rested = (NOON + timedelta(hours=2)).astimezone(UTC)
    assert after(item(Became.GOOD, rests_until=rested)) == rested
    past = (NOON - timedelta(hours=2)).astimezone(UTC)
    assert NOON < after(item(Became.GOOD, rests_until=past)) <= NOON + timedelta(minutes=1)


# A public name

DNS_FAILED = DnsFailed("the DNS provider was not reached", hint="try again later")


def test_a_certificate_of_six_days_does_not_wait_for_the_night() -> None:
    at = NOON + timedelta(hours=3)
    assert after(item(Became.GOOD, due_at=at)) == at
    assert after(item(Became.GOOD, due_at=NOON - timedelta(hours=3))) > NOON
    tonight = daily_round(NOON, NIGHT, spread=0.5)
    assert after(item(Became.GOOD, due_at=NOON + timedelta(days=3))) == tonight


def test_what_the_ca_allows_only_later_is_tried_then() -> None:
    until = NOON + timedelta(minutes=100)
    trouble = CaAsksToWait("it failed twice in a row", hint="later", until=until)
    assert after(item(Became.FAILED, trouble=trouble), tries=MOST_TRIES) == until


def test_what_failed_is_tried_the_more_often_the_less_life_is_left() -> None:
    def left(hours: float, **more: Any) -> timedelta:
        ends = NOON + timedelta(hours=hours)
        failed = item(Became.FAILED, trouble=DNS_FAILED, presented_until=ends, **more)
        return after(failed, tries=MOST_TRIES) - NOON

    tonight = daily_round(NOON, NIGHT, spread=0.5) - NOON
    assert left(30 * 24) == tonight
    assert left(48) == timedelta(hours=4)
    assert left(2) == LAST_RETRY
    # A switch that failed took two restarts: that is for the night all the same.
    restart = Delivery(Way.RESTART, "why", NOON)
    assert left(48, delivery=restart) == tonight
