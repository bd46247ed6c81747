"""A CA that asks to be left alone is, whatever it was asked, by every run and until it said."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.errors import CaAsksToWait
from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.road import ACCOUNT
from housekey.public.account import about, register
from housekey.public.ari import suggestion_for
from housekey.public.later import told
from housekey.public.order import obtain, taken
from tests.public.ordered import (
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
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path
    from typing import Any

    from housekey.public.settings import PublicSettings
    from tests.public.challtest import ChallTest, ChallTestRecords

HOUR = timedelta(hours=1)
WINDOW = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}


@pytest.fixture(scope="module")
def ca(challtest: ChallTest) -> Iterator[Troubled]:
    with Pebble(dns=challtest.dns) as pebble, Troubled(pebble) as proxy:
        proxy.renewal = {"suggestedWindow": WINDOW}
        yield proxy


@pytest.fixture
def settings(ca: Troubled) -> PublicSettings:
    ca.peace()
    ca.ahead = timedelta(0)
    return settings_for(ca.directory, ca.pebble.roots_pem())


def everything(
    folder: Path, settings: PublicSettings, records: ChallTestRecords, world: TestWorld
) -> dict[str, Callable[[House], Awaitable[Any]]]:
    """All that a CA is asked of one's own accord, as another process would."""

    async def order(house: House) -> None:
        await obtain(house, need_for(), settings, records, world=world, by_hand=True)

    return {
        "register": lambda house: register(house, settings, agreed_terms=TERMS, world=world),
        "about": lambda _: about(settings, world=world, house=folder),
        "order": order,
    }


@pytest.mark.parametrize(
    ("met", "asked"),
    [("newAccount", "register"), ("directory", "register"), ("directory", "about")],
)
@pytest.mark.parametrize("status", [429, 503])
def test_one_wish_to_wait_is_kept_and_nobody_asks_again_before(
    met: str,
    asked: str,
    status: int,
    ca: Troubled,
    settings: PublicSettings,
    in_memory: Path,
    records: ChallTestRecords,
) -> None:
    folder = in_memory / "house"
    new_house(folder).close()
    ca.trouble(met, times=9, status=status, headers={"Retry-After": "7200"}, body=b"")
    with pytest.raises(CaAsksToWait) as met_first:
        _run(folder, everything(folder, settings, records, TestWorld())[asked])
    until = met_first.value.until
    assert until >= datetime.now(UTC) + 2 * HOUR - timedelta(minutes=1)
    ca.peace()
    ca.asked.clear()
    for what, ask in everything(folder, settings, records, TestWorld()).items():
        with pytest.raises(CaAsksToWait, match=f"not asked.* before {told(until)}") as again:
            _run(folder, ask)
        assert again.value.until == until, what
    assert ca.asked == []
    # After that it is.
    ca.ahead = 3 * HOUR
    world = TestWorld(clock=lambda: datetime.now(UTC) + 3 * HOUR)
    later = everything(folder, settings, records, world)
    _run(folder, later["about"], world)
    _run(folder, later["register"], world)
    assert ca.count("newAccount") == 1
    assert (folder / ACCOUNT).exists()


def test_what_our_own_count_forbids_is_no_wish_of_the_ca(
    ca: Troubled, settings: PublicSettings, in_memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted anew each time, and says nothing about orders for an account that is there."""
    from housekey.public import account  # noqa: PLC0415
    from housekey.public.limits import LETS_ENCRYPT  # noqa: PLC0415

    monkeypatch.setattr(account, "limits_of", lambda _directory: LETS_ENCRYPT)
    with new_house(in_memory / "house") as house:
        for _ in range(10):
            registered(house, settings, terms=TERMS)
            (house.folder / ACCOUNT).unlink()
        with pytest.raises(CaAsksToWait, match="it allows 10 new accounts"):
            registered(house, settings, terms=TERMS)
        assert house.ledger.events(kind="order-failed") == ()


def test_a_wish_met_when_asking_for_the_best_moment_holds_for_orders_too(
    ca: Troubled, settings: PublicSettings, in_memory: Path, records: ChallTestRecords
) -> None:
    """And is not met again at once: between two of those questions an order has room."""
    with new_house(in_memory / "house") as house:
        registered(house, settings, terms=TERMS)
        leaf = obtained(house, settings, records).chain[0]
        taken(house)
        ca.trouble("renewalInfo", times=99, status=503, headers={"Retry-After": "3600"}, body=b"")
        ca.asked.clear()
        now = datetime.now(UTC)
        for hours, asks in ((0, 1), (0.5, 0), (1.5, 0), (6.5, 0), (7.5, 1)):
            at = now + hours * HOUR
            ca.ahead = at - now
            world = TestWorld(clock=lambda at=at: at)  # type: ignore[misc]
            asked = ca.count("renewalInfo")
            with House.open(house.folder, files=Files(), clock=world.clock) as again:
                found = asyncio.run(suggestion_for(again, leaf, settings, world=world))
                assert found is None
                assert ca.count("renewalInfo") == asked + asks, hours
                if hours == 0.5:
                    with pytest.raises(CaAsksToWait):
                        obtained(again, settings, records, world=world, by_hand=True)
                    assert ca.count("newOrder") == 0
                if hours == 1.5:
                    obtained(again, settings, records, world=world, by_hand=True)
                    taken(again)


def test_without_a_house_there_is_nobody_to_remember_and_the_wish_is_told(
    ca: Troubled, settings: PublicSettings, in_memory: Path
) -> None:
    ca.trouble("directory", status=429, headers={"Retry-After": "60"}, body=b"")
    with pytest.raises(CaAsksToWait, match="asks to wait until"):
        asyncio.run(about(settings, world=TestWorld(), house=in_memory / "none"))
    assert not (in_memory / "none").exists()


def _run(
    folder: Path, ask: Callable[[House], Awaitable[Any]], world: TestWorld | None = None
) -> None:
    """Open the house anew, as the next process does."""
    clock = (world or TestWorld()).clock
    with House.open(folder, files=Files(), clock=clock) as house:
        asyncio.run(ask(house))  # type: ignore[arg-type]
