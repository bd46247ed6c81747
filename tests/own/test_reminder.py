"""The reminder that a CA of one's own has to sign again, and what every home's certificate has."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from housekey.errors import RenewalFailed
from housekey.homeassistant.own_answer import OF_EVERY_HOME, remarks_of
from housekey.homeassistant.own_authority import signature_needed
from housekey.homeassistant.recorded import LABEL
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.pki.arranging import Answer
from housekey.pki.encoding import certificates_from_pem
from housekey.pki.keys import PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.platforms.model import Severity
from housekey.renewal.due import Due, Why
from housekey.renewal.notice import notice_of
from housekey.renewal.round import Became, Item

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
NAMES = tuple(map(parse_name, ("homeassistant.local", "ha.lan", "192.168.1.20", "localhost")))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    new = prepare_house(names=(), subject=Subject(None, organization="Home"), clock=lambda: NOW)
    with new.write(tmp_path / "house", Files()) as made:
        yield made


def item(house: House, *, left: dt.timedelta, trouble: RenewalFailed) -> Item:
    """A certificate with so much time left that could not be renewed."""
    leaf = house.leaf(LABEL) or house.issue(LABEL, NAMES)
    due = Due(Why.AGE, "two thirds of its life are over", NOW)
    return Item(
        LABEL, Became.FAILED, leaf, due, trouble=trouble, presented_until=NOW + left
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "title"),
    [
        (100, "Home Assistant's certificate has to be signed anew by your own CA"),
        (14, "Home Assistant's certificate has to be signed anew by your own CA"),
        (13, "Home Assistant's certificate ends in 13 days, and your own CA has to sign"),
        (1, "Home Assistant's certificate ends in 1 day, and your own CA has to sign"),
        (-1, "Home Assistant's certificate has ended: devices refuse it"),
    ],
)
def test_the_reminder_becomes_louder_towards_the_end(house: House, days: int, title: str) -> None:
    needed = signature_needed("two thirds of its life are over")

    notice = notice_of([item(house, left=dt.timedelta(days=days), trouble=needed)], now=NOW)

    assert notice is not None
    assert notice.title == title
    assert "housekey secure --csr FILE" in notice.message
    assert "tries again by itself" not in notice.message  # only a person can


def test_another_trouble_beside_it_is_told_as_a_failure(house: House) -> None:
    left = dt.timedelta(days=5)
    needed = item(house, left=left, trouble=signature_needed("it was revoked"))
    failed = item(house, left=left, trouble=RenewalFailed("the disk is full", hint="make room"))

    notice = notice_of([needed, failed], now=NOW)

    assert notice is not None
    assert notice.title == "Certificates could not be renewed"


def test_what_is_only_noted_is_so_of_a_certificate_of_the_house_too(house: House) -> None:
    leaf = house.issue(LABEL, NAMES)
    chain = certificates_from_pem(leaf.chain_pem)
    answer = Answer(chain, PrivateKey.from_pem(leaf.key_pem.reveal()), house.root, ())

    remarks = remarks_of(answer, at=NOW)

    assert remarks  # else there would be nothing to leave out
    assert all(each.severity is Severity.WARNING for each in remarks)
    assert {rule for each in remarks for rule in each.rules} == OF_EVERY_HOME
