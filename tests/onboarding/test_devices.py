"""The devices of one run: each counted once, however often it comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from housekey.onboarding.devices import Devices, called, data_of, visitor_of
from housekey.onboarding.events import Event, Step
from housekey.onboarding.visitor import Browser, Kind, Visitor

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
PHONE = Visitor(Kind.IPHONE, Browser.SAFARI)
LAPTOP = Visitor(Kind.LINUX, Browser.OTHER)


def taken(*events: tuple[Step, int]) -> Devices:
    devices = Devices()
    for minute, (step, number) in enumerate(events):
        devices.take(Event(NOON + timedelta(minutes=minute), step, number, PHONE))
    return devices


def test_a_device_stands_where_it_came_furthest() -> None:
    devices = taken((Step.ARRIVED, 1), (Step.FETCHED, 1), (Step.ARRIVED, 1))
    (device,) = devices.by_number.values()
    assert (device.step, device.since) == (Step.FETCHED, NOON + timedelta(minutes=1))
    assert devices.proofs == 0


def test_a_device_counts_once_however_often_it_proves_trust() -> None:
    assert taken((Step.TRUSTS, 1), (Step.TRUSTS, 1)).proofs == 1
    assert taken((Step.TRUSTS, 1), (Step.TRUSTS, 2)).proofs == 2


def test_only_a_step_further_is_news() -> None:
    devices = Devices()
    arrived = Event(NOON, Step.ARRIVED, 1, PHONE)
    assert devices.take(arrived) is not None
    assert devices.take(arrived) is None
    proof = Event(NOON, Step.TRUSTS, 1, PHONE, again=True)
    device = devices.take(proof)
    assert device is not None
    assert device.again
    assert devices.take(proof) is None


def test_what_was_refused_is_counted_by_its_reason_and_is_no_device() -> None:
    devices = Devices()
    for count in (1, 4):
        assert devices.take(Event(NOON, Step.REFUSED, reason="wrong-host", count=count)) is None
    assert (devices.refused, devices.by_number) == ({"wrong-host": 5}, {})


def test_the_ledger_keeps_two_words_of_a_device_and_they_are_read_back() -> None:
    event = Event(NOON, Step.TRUSTS, 7, PHONE)
    assert data_of(event) == {"device": "iphone", "browser": "safari"}
    assert visitor_of(data_of(event)) == PHONE
    assert visitor_of({"device": "fridge", "browser": 3}) == Visitor(Kind.OTHER, Browser.OTHER)


def test_a_device_is_called_by_what_is_known_of_it() -> None:
    assert called(PHONE) == "iPhone (Safari)"
    assert called(LAPTOP) == "Linux"
    assert all(called(Visitor(kind, browser)) for kind in Kind for browser in Browser)
