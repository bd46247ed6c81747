"""A clock that was wrong, or is: what was issued then is renewed as long as that can do no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.errors import RenewalFailed
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.house.leaves import days_asked_for
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.renewal.due import Why
from housekey.renewal.renewing import Renewed, renew

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIRTH = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "nas.lan"


class Clock:
    def __init__(self) -> None:
        self.now = BIRTH

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock) -> Iterator[House]:
    new = prepare_house(names=(), subject=Subject("root"), clock=clock)
    with new.write(tmp_path / "house", Files()) as made:
        clock.now += 1000 * DAY
        yield made


def issue(house: House) -> None:
    house.issue(NAME, [parse_name(NAME)])


def renewed(house: House, clock: Clock, *, everything: bool = False) -> Renewed | None:
    done = renew(house, [NAME], everything=everything, now=clock())
    return done[0] if done else None


def test_what_was_issued_while_the_clock_was_ahead_is_renewed(house: House, clock: Clock) -> None:
    truth, clock.now = clock.now, clock.now + 40 * DAY
    issue(house)
    clock.now = truth
    done = renewed(house, clock)
    assert done is not None
    assert done.leaf is not None
    assert done.due is not None
    assert done.due.why is Why.EARLY
    assert done.leaf.certificate.not_valid_before_utc < truth
    assert renewed(house, clock) is None


def test_a_clock_that_stands_back_makes_nothing_that_has_ended_already(
    house: House, clock: Clock
) -> None:
    issue(house)
    truth = clock.now
    for days in (1, 50, 131, 133, 300, 500, 900):
        clock.now = truth - days * DAY
        done = renewed(house, clock)
        assert done is not None
        if done.leaf is None:
            assert isinstance(done.trouble, RenewalFailed)
            assert "one of the two is wrong" in done.trouble.message
        leaf = house.leaf(NAME)
        assert leaf is not None
        certificate = leaf.certificate
        assert certificate.not_valid_before_utc <= truth < certificate.not_valid_after_utc, days
        clock.now = truth
        if renewed(house, clock) is None:
            issue(house)


def test_who_says_that_it_is_to_be_renewed_is_believed(house: House, clock: Clock) -> None:
    truth, clock.now = clock.now, clock.now + 300 * DAY
    issue(house)
    clock.now = truth
    done = renewed(house, clock)
    assert done is not None
    assert done.leaf is None
    done = renewed(house, clock, everything=True)
    assert done is not None
    assert done.leaf is not None
    assert done.leaf.certificate.not_valid_before_utc < truth


def test_a_leaf_that_its_issuer_cut_short_is_whole_again_under_the_next(
    house: House, clock: Clock
) -> None:
    asked = house.issue(NAME, [parse_name(NAME)], days=90)
    assert days_asked_for(asked) == 90
    clock.now = house.issuing.not_valid_after_utc - 30 * DAY
    issue(house)
    leaf = house.leaf(NAME)
    assert leaf is not None
    assert leaf.certificate.not_valid_after_utc == house.issuing.not_valid_after_utc
    assert days_asked_for(leaf) == 397
