"""Which way a renewal is delivered."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.live.contexts import NotLive, Obstacle
from housekey.renewal.delivery import Delivery, QuietHours, Way, choose_delivery

HOME = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 11, 29, 12, tzinfo=HOME)
NIGHT = QuietHours(time(3), time(5))
TAKEN = NotLive(Obstacle.TAKEN, "something else already chooses the server's certificate")


def chosen(
    *,
    not_live: NotLive | str | None = TAKEN,
    cannot_restart: str | None = None,
    quiet: QuietHours = NIGHT,
    served_until: datetime | None = NOON + timedelta(days=30),
    now: datetime = NOON,
) -> Delivery:
    return choose_delivery(
        not_live=not_live,
        cannot_restart=cannot_restart,
        quiet=quiet,
        served_until=served_until,
        now=now,
    )


def test_a_server_that_can_be_led_is_given_it_at_once_whatever_else_holds() -> None:
    delivery = chosen(not_live=None, cannot_restart="a broken file", served_until=NOON)
    assert (delivery.way, delivery.at) == (Way.LIVE, None)


def test_one_that_cannot_be_led_is_restarted_when_it_is_quiet_and_says_why() -> None:
    delivery = chosen()
    assert delivery.way is Way.RESTART
    assert delivery.at == datetime(2026, 11, 30, 3, tzinfo=HOME)
    assert TAKEN.reason in delivery.reason
    assert "quiet hours" in delivery.reason


def test_a_swap_that_just_failed_is_a_reason_too() -> None:
    delivery = chosen(not_live="the server was let go")
    assert delivery.way is Way.RESTART
    assert "because the server was let go" in delivery.reason


def test_in_the_quiet_hours_it_is_restarted_now() -> None:
    now = datetime(2026, 11, 29, 4, 59, 59, tzinfo=HOME)
    assert chosen(now=now).at == now


def test_it_does_not_wait_for_the_night_when_the_certificate_ends_before() -> None:
    delivery = chosen(served_until=datetime(2026, 11, 30, 1, 59, tzinfo=UTC))
    assert (delivery.way, delivery.at) == (Way.RESTART, NOON)
    assert "ends" in delivery.reason
    waits = chosen(served_until=datetime(2026, 11, 30, 2, 1, tzinfo=UTC))
    assert waits.at == datetime(2026, 11, 30, 3, tzinfo=HOME)


def test_an_ended_certificate_is_a_restart_now_and_an_unknown_one_waits() -> None:
    assert chosen(served_until=NOON - timedelta(days=1)).at == NOON
    assert chosen(served_until=None).at == datetime(2026, 11, 30, 3, tzinfo=HOME)


def test_what_would_refuse_a_restart_is_left_to_a_person() -> None:
    delivery = chosen(cannot_restart="configuration.yaml has an error in line 3")
    assert (delivery.way, delivery.at) == (Way.ASK, None)
    assert TAKEN.reason in delivery.reason
    assert "line 3" in delivery.reason


@pytest.mark.parametrize(
    ("begin", "end", "quiet", "loud"),
    [
        (time(3), time(5), [time(3), time(4, 59)], [time(2, 59), time(5)]),
        (time(23), time(1), [time(23), time(0), time(0, 59)], [time(22, 59), time(1)]),
        (time(3), time(3), [time(3), time(2, 59), time(15)], []),
    ],
)
def test_quiet_hours_may_run_over_midnight_or_the_whole_day(
    begin: time, end: time, quiet: list[time], loud: list[time]
) -> None:
    hours = QuietHours(begin, end)
    at = {clock: datetime.combine(NOON.date(), clock, tzinfo=HOME) for clock in [*quiet, *loud]}
    assert [clock for clock in at if hours.covers(at[clock])] == quiet


def test_where_the_clock_jumps_over_their_beginning_they_begin_after_the_jump() -> None:
    # On 2026-03-29 no clock in Amsterdam shows 2:30.
    hours = QuietHours(time(2, 30), time(5))
    at = hours.next(datetime(2026, 3, 28, 12, tzinfo=HOME))
    assert at.isoformat() == "2026-03-29T03:30:00+02:00"
    assert hours.covers(at)


def test_quiet_hours_are_by_the_clock_on_the_wall() -> None:
    with pytest.raises(ValueError, match="clock on the wall"):
        QuietHours(time(3, tzinfo=UTC), time(5))
    with pytest.raises(ValueError, match="aware"):
        chosen(now=datetime(2026, 11, 29, 12))  # noqa: DTZ001 - which is refused


clocks = st.times().map(lambda clock: clock.replace(microsecond=0))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC).astimezone(HOME)
)


@given(clocks, clocks, moments)
def test_a_restart_is_never_in_the_past_and_less_than_26_hours_ahead(
    begin: time, end: time, now: datetime
) -> None:
    at = QuietHours(begin, end).next(now)
    ahead = at.astimezone(UTC) - now.astimezone(UTC)
    assert timedelta() <= ahead < timedelta(hours=26)
