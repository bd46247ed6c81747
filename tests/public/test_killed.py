"""kill -9 in every moment of an order: before and after each thing that is written or asked.

The processes are real, the CA is Pebble, and how many orders were made is what Pebble says.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.road import ACCOUNT, ORDER
from housekey.pki.encoding import fingerprint
from tests.public.killed import Killing
from tests.public.ordered import LABEL, TestWorld, new_house, registered, settings_for
from tests.public.pebble import TERMS, Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.public.challtest import ChallTest


@pytest.fixture(scope="module")
def killing() -> Iterator[Killing]:
    with Killing() as server:
        yield server


@pytest.fixture(scope="module")
def ca(challtest: ChallTest) -> Iterator[Pebble]:
    with Pebble(dns=challtest.dns) as pebble:
        yield pebble


def test_an_order_that_is_killed_in_any_moment_is_finished_by_the_next_run(
    killing: Killing, ca: Pebble, challtest: ChallTest, in_memory: Path
) -> None:
    settings = settings_for(ca.directory, ca.roots_pem())
    with new_house(in_memory / "template") as house:
        registered(house, settings, terms=TERMS)
    whole = killing.order(_copy(in_memory, "whole"), settings, challtest.url)
    assert whole.certificate is not None, whole
    count = len(whole.moments)
    for number, moment in enumerate(whole.moments):
        folder = _copy(in_memory, f"house-{number}")
        orders, signed = ca.orders, ca.certificates
        kill_at = (moment, whole.moments[:number].count(moment))
        # A name of its own: now and then Pebble takes a proof for seen that it has seen before.
        name = f"home-{number}.example.org"
        killed = killing.order(folder, settings, challtest.url, name=name, kill_at=kill_at)
        if not killed.killed:  # this time the CA did not have to be asked so often how it stands
            assert moment in ("ask the order", "have the order"), killed
            count -= 1
            continue
        _must_be_sound(folder, moment)
        if moment in ("after it is taken", "all is over"):
            # The leaf is there, so nobody orders; what is left of the order is over at the next.
            assert _leaf(folder) is not None
        else:
            after = killing.order(folder, settings, challtest.url, name=name)
            assert after.certificate is not None, (moment, after)
            assert after.certificate == _leaf(folder), moment
        assert ca.orders == orders + 1, moment
        assert ca.certificates == signed + 1, moment
        assert not (folder / ORDER).exists() or moment == "after it is taken"
        shutil.rmtree(folder)
    print(f"\nkilled in each of {count} moments: one order, one certificate each")
    assert count > 30


def test_a_registration_that_is_killed_in_any_moment_leaves_one_account(
    killing: Killing, ca: Pebble, in_memory: Path
) -> None:
    settings = settings_for(ca.directory, ca.roots_pem())
    new_house(in_memory / "template").close()
    whole = killing.order(_copy(in_memory, "whole"), settings, "", register=True)
    assert whole.error is None
    for number, moment in enumerate(whole.moments):
        folder = _copy(in_memory, f"house-{number}")
        accounts = ca.accounts
        kill_at = (moment, whole.moments[:number].count(moment))
        killed = killing.order(folder, settings, "", register=True, kill_at=kill_at)
        assert killed.killed, (moment, killed)
        after = killing.order(folder, settings, "", register=True)
        assert (after.error, after.killed) == (None, False), moment
        assert (folder / ACCOUNT).exists()
        assert ca.accounts == accounts + 1, moment
    print(f"\nkilled in each of {len(whole.moments)} moments: one account each")


def _copy(base: Path, name: str) -> Path:
    shutil.copytree(base / "template", base / name)
    return base / name


def _must_be_sound(folder: Path, moment: str) -> None:
    """What is in use is untouched, and no key is open to others or only half there."""
    for path in folder.rglob("*"):
        if path.is_file() and (path.suffix == ".key" or path.name == "privkey.pem"):
            assert path.stat().st_mode & 0o077 == 0, (moment, path)
            assert path.read_bytes().rstrip().endswith(b"-----END PRIVATE KEY-----"), (moment, path)
    assert moment.startswith(("after it", "all")) or _leaf(folder) is None


def _leaf(folder: Path) -> str | None:
    with House.open(folder, files=Files(), clock=TestWorld().clock) as house:
        leaf = house.leaf(LABEL)
        return fingerprint(leaf.certificate) if leaf is not None else None
