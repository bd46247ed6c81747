"""Whether a certificate is due, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.renewal.due import SHORT, Due, Why, due_of, short_lived_due_at
from tests.pki.houses import a_house, names

BORN = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)
KEY = PrivateKey.generate(KeyType.ECDSA_P256)
LEAF = issue_leaf(
    public_key=KEY.public_key,
    names=names("printer.lan", "192.168.1.9"),
    issuer=a_house(born=BORN).issuing,
    now=BORN,
    days=300,
)
ENDS = LEAF.not_valid_after_utc
A_THIRD = (ENDS - LEAF.not_valid_before_utc) / 3


def due(now: datetime = BORN + A_DAY, **known: Any) -> Due | None:
    return due_of(LEAF, now=now, **known)


def test_a_good_certificate_is_not_due() -> None:
    assert due() is None
    assert due(names=names("printer.lan"), current=True, revoked_at=None) is None


def test_it_is_due_from_the_moment_at_which_a_third_of_its_life_is_left() -> None:
    moment = ENDS - A_THIRD
    assert due(moment - timedelta(seconds=1)) is None
    found = due(moment)
    assert found is not None
    assert (found.why, found.since) == (Why.AGE, moment)


def test_a_name_that_it_lacks_is_a_reason_and_one_too_many_is_none() -> None:
    found = due(names=names("printer.lan", "192.168.1.10"))
    assert found == Due(Why.NAMES, "new names: 192.168.1.10", None)


def test_a_chain_of_before_is_a_reason() -> None:
    since = BORN + A_DAY / 2
    found = due(current=False, current_since=since)
    assert found is not None
    assert (found.why, found.since) == (Why.ROOT, since)


def test_a_revoked_one_is_due_whatever_else_is_so() -> None:
    found = due(revoked_at=BORN, current=False, names=names("other.lan"))
    assert found == Due(Why.REVOKED, "it was revoked", BORN)


@pytest.mark.parametrize("known", [{}, {"revoked_at": BORN}, {"current": False}])
def test_one_that_ended_is_told_as_ended_before_any_other_reason(known: dict[str, Any]) -> None:
    last_second = due(ENDS, **known)
    assert last_second is not None
    assert last_second.why is not Why.ENDED
    found = due(ENDS + timedelta(seconds=1), **known)
    assert found is not None
    assert (found.why, found.since) == (Why.ENDED, ENDS)
    assert f"{ENDS.day} {ENDS:%B} {ENDS.year}" in found.reason


def test_one_that_begins_in_the_future_is_due() -> None:
    begins = LEAF.not_valid_before_utc
    assert due(begins) is None
    found = due(begins - timedelta(seconds=1))
    assert found is not None
    assert (found.why, found.since) == (Why.EARLY, begins)
    assert "it is not valid before 31 December 2025" in found.reason


def test_what_its_ca_suggests_counts_in_place_of_the_third() -> None:
    early, late = BORN + 10 * A_DAY, ENDS - 10 * A_DAY
    assert due(early - A_DAY, suggested=early) is None
    found = due(early, suggested=early)
    assert found == Due(Why.AGE, "its CA suggests to renew it now", early)
    assert due(ENDS - A_THIRD, suggested=late) is None
    # Reasons of another kind do not wait for it.
    assert due(revoked_at=BORN, suggested=late) is not None
    assert due(names=names("tv.lan"), suggested=late) is not None


def test_a_short_lived_one_is_due_at_an_hour_and_others_on_a_day() -> None:
    assert short_lived_due_at(LEAF) is None
    six_days = issue_leaf(
        public_key=KEY.public_key,
        names=names("ha.lan"),
        issuer=a_house(born=BORN).issuing,
        now=BORN,
        days=6,
    )
    life = six_days.not_valid_after_utc - six_days.not_valid_before_utc
    assert life < SHORT
    assert short_lived_due_at(six_days) == six_days.not_valid_after_utc - life / 3
    assert short_lived_due_at(six_days, BORN + A_DAY) == BORN + A_DAY


def test_one_of_another_ca_says_so_when_the_house_has_signed_it() -> None:
    found = due(current=False, another_ca=True)
    assert found is not None
    assert found.reason == "it is not from the CA that was chosen for it"
