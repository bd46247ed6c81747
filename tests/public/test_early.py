"""A CA may ask for an early renewal, and is obeyed the same day; one that never stops is ill."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from housekey.house.files import Files
from housekey.house.house import LEDGER, House
from housekey.house.rebuilding import rebuild
from housekey.house.road import RENEWAL, ROAD
from housekey.pki.encoding import fingerprint
from housekey.pki.keys import KeyType
from housekey.pki.names import names_of
from housekey.public.ari import Suggestion, Window, due_at, is_due_now
from housekey.public.authority import PublicAuthority
from housekey.public.early import believed_from, came_early
from housekey.renewal.due import due_of
from housekey.renewal.suggested import ask_for, suggested_for
from tests.public.ordered import (
    LABEL,
    TestWorld,
    need_for,
    new_house,
    obtained,
    registered,
    settings_for,
)
from tests.public.pebble import TERMS, Pebble
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.public.challtest import ChallTest, ChallTestRecords

DAY = timedelta(days=1)
BORN = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


# Decided


def _certificate(
    born: datetime = BORN, *, days: int = 90, name: str = "home.example.org"
) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(born)
        .not_valid_after(born + days * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )


def test_what_the_ledger_tells_of_a_certificate_counts() -> None:
    present, before = _certificate(BORN + DAY), _certificate()
    assert came_early(present, told=(True,), before=None)
    assert not came_early(present, told=(False,), before=before)  # a person wanted it
    # It was put aside and taken again: how it came is told by the first.
    assert came_early(present, told=(False, True), before=None)


@pytest.mark.parametrize(
    ("after", "name", "early"),
    [
        (1, "home.example.org", True),
        (59, "home.example.org", True),
        (60, "home.example.org", False),  # its turn had come
        (1, "other.example.org", False),  # it was not enough any more
    ],
)
def test_where_the_ledger_tells_nothing_the_one_before_does(
    after: int, name: str, early: bool
) -> None:
    before = _certificate(name=name)
    assert came_early(_certificate(BORN + after * DAY), told=(), before=before) is early


def test_where_nobody_tells_anything_the_ca_is_believed() -> None:
    assert not came_early(_certificate(), told=(), before=None)


@pytest.mark.parametrize("days", [6, 47, 90])
def test_one_that_came_early_is_not_renewed_early_before_half_of_its_life(days: int) -> None:
    certificate = _certificate(days=days)
    half, third = BORN + days * DAY / 2, BORN + days * DAY * 2 / 3

    def suggested(moment: datetime, *, early: bool) -> Suggestion:
        window = Window(moment - DAY, moment + DAY)
        believed = believed_from(certificate, early=early)
        return Suggestion(fingerprint(certificate), window, moment, BORN, BORN, believed)

    for moment in (BORN - DAY, BORN, BORN + DAY):
        ill = suggested(moment, early=True)
        assert due_at(certificate, ill) == half
        assert not is_due_now(certificate, now=half - timedelta(seconds=1), suggestion=ill)
        assert is_due_now(certificate, now=half, suggestion=ill)
        assert due_at(certificate, suggested(moment, early=False)) == moment
    assert due_at(certificate, suggested(third, early=True)) == third


# Lived


@pytest.fixture(scope="module")
def ca(challtest: ChallTest) -> Iterator[Troubled]:
    with Pebble(dns=challtest.dns) as pebble, Troubled(pebble) as proxy:
        yield proxy


class Home:
    """A house on the road of a public name, whose days go by."""

    def __init__(self, folder: Path, ca: Troubled, records: ChallTestRecords) -> None:
        self.folder, self.ca, self.records = folder, ca, records
        self.days = 0.0
        self.orders: list[float] = []  # the days on which one was made
        ca.renewal = {"suggestedWindow": _at(BORN, BORN + DAY)}
        ca.peace()
        ca.ahead = timedelta(0)
        self.settings = settings_for(ca.directory, ca.pebble.roots_pem())
        with new_house(folder, self.now) as house:
            registered(house, self.settings, terms=TERMS)
            road = self.settings.road(LABEL).to_json()
            house.files.write(house.folder / ROAD, road, mode=0o600)
        with self.opened() as house:
            self._order(house, None)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.days * DAY

    def opened(self) -> House:
        return House.open(self.folder, files=Files(), clock=self.now)

    def leaf(self) -> x509.Certificate:
        with self.opened() as house:
            leaf = house.leaf(LABEL)
        assert leaf is not None
        return leaf.certificate

    def round(self) -> None:
        """What `housekey run` does on a day: ask, look what is due, renew that."""
        self.ca.ahead = self.days * DAY
        with self.opened() as house:
            leaf = house.leaf(LABEL)
            assert leaf is not None
            asyncio.run(ask_for(house, LABEL, leaf.certificate, TestWorld(clock=self.now)))
            suggested = suggested_for(house, LABEL, leaf.certificate)
            if due_of(leaf.certificate, now=self.now(), suggested=suggested, another_ca=True):
                self._order(house, leaf.certificate)

    def _order(self, house: House, replaces: x509.Certificate | None) -> None:
        world = TestWorld(clock=self.now)
        authority = PublicAuthority(house, self.settings, LABEL, world)
        need = need_for(replaces=replaces)
        authority._obtained = obtained(house, self.settings, self.records, need=need, world=world)
        authority.issue(_PLAN, self.settings.dns_names, None)
        self.orders.append(self.days)


class _Plan:
    issue, reuse_key, key_type = "a test", False, KeyType.ECDSA_P256


_PLAN = _Plan()


def _at(start: datetime, end: datetime) -> dict[str, str]:
    return {"start": start.isoformat(), "end": end.isoformat()}


@pytest.fixture
def home(in_memory: Path, ca: Troubled, records: ChallTestRecords) -> Home:
    return Home(in_memory / "house", ca, records)


def _keeps_all(_home: Home) -> None:
    pass


def _loses_its_ledger(home: Home) -> None:
    for path in home.folder.glob(f"{LEDGER}*"):
        path.unlink()
    rebuild(home.folder, files=Files(), at=home.now(), by="a test")


def _loses_what_was_suggested(home: Home) -> None:
    (home.folder / RENEWAL).unlink(missing_ok=True)


def _loses_both(home: Home) -> None:
    _loses_its_ledger(home)
    _loses_what_was_suggested(home)


@pytest.mark.parametrize(
    "between",
    [_keeps_all, _loses_its_ledger, _loses_what_was_suggested, _loses_both],
    ids=["kept", "ledger", "renewal", "both"],
)
def test_a_ca_that_says_now_each_day_gets_one_early_order_in_weeks(
    home: Home, between: Callable[[Home], None]
) -> None:
    ordered = len(home.ca.wanted)
    for day in range(1, 40, 1 if between is _keeps_all else 5):
        home.days = day
        window = _at(home.now() - 2 * DAY, home.now() - DAY)  # another one each day, always over
        home.ca.renewal = {"suggestedWindow": window}
        home.round()
        between(home)
    assert home.orders == [0, 1]
    assert len(home.ca.wanted) == ordered + 1


def test_a_ca_that_is_to_revoke_is_obeyed_the_same_day_and_its_next_wish_is_as_good_as_any(
    home: Home,
) -> None:
    first = home.leaf()
    usual: dict[str, Any] = {
        "suggestedWindow": _at(home.now() + 58 * DAY, home.now() + 59 * DAY),
    }
    home.ca.renewal = usual
    for home.days in (1, 2):
        home.round()
    assert home.orders == [0]
    home.ca.renewal = {"suggestedWindow": _at(home.now() - 2 * DAY, home.now() - DAY)}
    home.days = 3
    home.round()
    assert home.orders == [0, 3]
    assert home.leaf() != first
    assert names_of(home.leaf()) == names_of(first)
    home.ca.renewal = usual
    for home.days in (10, 50, 57, 60):
        home.round()
    assert home.orders == [0, 3, 60]
