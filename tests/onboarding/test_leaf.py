"""The proof's leaf: used again as long as it covers the hosts, is of this house, and is not due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.onboarding.leaf import new_leaf, usable_leaf
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from housekey.pki.names import Name

NOW = datetime.now(UTC).replace(microsecond=0)


def new_house(folder: Path) -> House:
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: NOW)
    return new.write(folder, Files())


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with new_house(tmp_path / "house") as made:
        yield made


def names(*texts: str) -> tuple[Name, ...]:
    return tuple(map(parse_name, texts))


def test_the_first_time_there_is_none(house: House) -> None:
    assert usable_leaf(house, names("pi.local"), now=NOW) is None


def test_it_is_used_again_for_the_same_hosts_and_for_fewer(house: House) -> None:
    leaf = new_leaf(house, names("pi.local", "192.168.1.20"))
    for wanted in (names("192.168.1.20", "pi.local"), names("pi.local")):
        found = usable_leaf(house, wanted, now=NOW)
        assert found is not None
        assert found.certificate == leaf.certificate


def test_it_is_not_used_for_another_host_nor_in_the_last_third_of_its_life(house: House) -> None:
    new_leaf(house, names("pi.local"))
    assert usable_leaf(house, names("pi.local", "192.168.1.21"), now=NOW) is None
    assert usable_leaf(house, names("pi.local"), now=NOW + timedelta(days=260)) is not None
    assert usable_leaf(house, names("pi.local"), now=NOW + timedelta(days=270)) is None


def test_it_is_not_used_when_it_is_of_another_house(house: House, tmp_path: Path) -> None:
    new_leaf(house, names("pi.local"))
    with new_house(tmp_path / "other") as other:
        (house.folder / "leaves").rename(other.folder / "leaves")
        assert usable_leaf(other, names("pi.local"), now=NOW) is None
