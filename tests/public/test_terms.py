"""A CA whose terms have changed: most go on signing, and some not before somebody has agreed.

Pebble demands nothing of the kind: the proxy in front of it does (troubled.py).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from housekey.cli.renewing import told
from housekey.errors import TermsChanged
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.records import Event
from housekey.house.road import ACCOUNT, ORDER, ROAD
from housekey.public.account import account_of
from housekey.public.order import taken
from housekey.public.terms import Demand, agree, demand_of, demanded
from housekey.renewal.due import Due, Why
from housekey.renewal.glance import next_steps, read
from housekey.renewal.notice import notice_of
from housekey.renewal.round import Became, Item
from housekey.renewal.schedule import retry
from tests.public.ordered import TestWorld, obtained, registered, settings_for
from tests.public.pebble import TERMS, Pebble
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.public.challtest import ChallTest, ChallTestRecords

NEW = "https://ca.test/terms-of-next-year"
PAGE = "https://ca.test/agree?account=1"
NOW = dt.datetime(2026, 11, 29, 12, 0, tzinfo=dt.UTC)
DIRECTORY = "https://ca.test/dir"


@pytest.fixture(scope="module")
def proxy(challtest: ChallTest) -> Iterator[Troubled]:
    with Pebble(dns=challtest.dns) as pebble, Troubled(pebble) as started:
        yield started


@pytest.fixture
def ca(proxy: Troubled) -> Troubled:
    proxy.terms, proxy.demands, proxy.page, proxy.heeds_accounts = None, False, None, True
    proxy.agreed = 0
    proxy.wanted.clear()
    return proxy


def _key(house: House) -> bytes:
    return (house.folder / ORDER / "privkey.pem").read_bytes()


def test_new_terms_that_nothing_hangs_on_hold_up_no_renewal(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem(), terms=TERMS)
    registered(house, settings, terms=TERMS)
    ca.terms = NEW
    obtained(house, settings, records)
    assert ca.agreed == 0
    assert len(ca.wanted) == 1


@pytest.mark.parametrize("page", [PAGE, None])
def test_a_demand_is_told_with_addresses_and_the_same_order_goes_on_once_it_is_met(
    page: str | None, ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem(), terms=TERMS)
    registered(house, settings, terms=TERMS)
    ca.terms, ca.demands, ca.page = NEW, True, page
    for _ in range(3):  # of itself, day by day: it is told each time, and not backed off from
        with pytest.raises(TermsChanged) as met:
            obtained(house, settings, records)
        assert met.value.message.endswith(
            f"goes on only for those who agree to its new terms: {NEW}"
        )
        assert "housekey secure --agree-tos" in met.value.hint
        assert (PAGE in met.value.hint) is (page is not None)
        assert (met.value.terms, met.value.page) == (NEW, page)
    key = _key(house)
    world = TestWorld()
    assert demanded(house.folder, ca.directory, world=world) == Demand(NEW, page)
    account = account_of(house, ca.directory)
    assert account is not None
    agreed = settings_for(ca.directory, ca.pebble.roots_pem(), terms=NEW)
    assert asyncio.run(agree(house, agreed, account, world=world)).terms == NEW
    kept = json.loads((house.folder / ACCOUNT).read_text())
    assert (kept["terms"], kept["url"], ca.agreed) == (NEW, account.url, 1)
    got = obtained(house, agreed, records)
    assert got.key.to_pem().reveal() == key
    assert len(ca.wanted) == 1
    taken(house)


def test_a_ca_that_does_not_heed_an_accounts_word_says_again_where_it_wants_it(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    """RFC 8555, section 7.3.2, lets it ignore that; a person has to go to its page."""
    settings = settings_for(ca.directory, ca.pebble.roots_pem(), terms=TERMS)
    registered(house, settings, terms=TERMS)
    ca.terms, ca.demands, ca.page, ca.heeds_accounts = NEW, True, PAGE, False
    account = account_of(house, ca.directory)
    assert account is not None
    agreed = settings_for(ca.directory, ca.pebble.roots_pem(), terms=NEW)
    asyncio.run(agree(house, agreed, account, world=TestWorld()))
    with pytest.raises(TermsChanged, match="agree to its new terms") as met:
        obtained(house, agreed, records)
    assert f"agree at {PAGE}" in met.value.hint
    ca.demands = False  # somebody has
    obtained(house, agreed, records)
    assert len(ca.wanted) == 1


def _event(kind: str, minutes: int, **data: Any) -> Event:
    at = NOW + dt.timedelta(minutes=minutes)
    return Event(at, kind, "anna", None, {"directory": DIRECTORY, **data})


def test_what_is_signed_after_a_demand_ends_it() -> None:
    asked = _event("order-failed", 1, code="userActionRequired", terms=NEW, page=None)
    other = _event("order-failed", 2, code="malformed")
    assert demand_of([], directory=DIRECTORY) is None
    assert demand_of([other, asked], directory=DIRECTORY) == Demand(NEW, None)
    assert demand_of([asked], directory="https://another.test/dir") is None
    assert demand_of([_event("obtained", 0), asked], directory=DIRECTORY) == Demand(NEW, None)
    assert demand_of([asked, _event("obtained", 3)], directory=DIRECTORY) is None


def test_status_says_what_to_type_while_a_ca_insists(house: House) -> None:
    settings = settings_for(DIRECTORY, None)  # type: ignore[arg-type]
    house.files.write(house.folder / ROAD, settings.road(HOME_ASSISTANT).to_json(), mode=0o600)
    data = {"directory": DIRECTORY, "code": "userActionRequired", "terms": NEW, "page": None}
    house.ledger.record_event("order-failed", at=house.clock(), by="anna", data=data)
    with House.open(house.folder, files=Files(), clock=house.clock) as looked_at:
        steps = next_steps(read(looked_at, now=house.clock()))
        assert f"read the CA's new terms, {NEW}, then: housekey secure --agree-tos" in steps
        signed = {"directory": DIRECTORY}
        later = house.clock() + dt.timedelta(minutes=1)
        looked_at.ledger.record_event("obtained", at=later, by="anna", data=signed)
        steps = next_steps(read(looked_at, now=later))
    assert not any("--agree-tos" in each for each in steps)


def _changed(terms: str | None = NEW) -> TermsChanged:
    message = f"ca.test goes on only for those who agree to its new terms: {terms}"
    hint = "read them, then agree: housekey secure --agree-tos"
    return TermsChanged(
        message, hint=hint, code="userActionRequired", status=403, terms=terms, page=None
    )


@pytest.mark.parametrize(
    ("days", "title"),
    [
        (30, "The CA of Home Assistant's certificate has new terms"),
        (3, "Home Assistant's certificate ends in 3 days, and its CA has new terms"),
        (-1, "Home Assistant's certificate has ended: devices refuse it"),
    ],
)
def test_the_nightly_round_tells_what_to_type_and_calls_nothing_broken(
    days: int, title: str
) -> None:
    due = Due(Why.AGE, "two thirds of its life are over", NOW)
    ends = NOW + dt.timedelta(days=days)
    item = Item(
        "_home-assistant", Became.FAILED, None, due, trouble=_changed(), presented_until=ends
    )
    label, text = told(item, now=NOW)
    assert label == "waits"
    assert NEW in text
    assert "could not be renewed" not in text
    notice = notice_of([item], now=NOW)
    assert notice is not None
    assert notice.title == title
    assert NEW in notice.message
    assert "housekey secure --agree-tos" in notice.message
    assert "tries again by itself" not in notice.message
    assert retry([item], tries=0) is None  # once a day is enough
