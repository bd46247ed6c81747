"""An ACME CA and a DNS server that it asks, for all tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.public.challtest import ChallTest, ChallTestRecords
from tests.public.ordered import new_house
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from housekey.house.house import House


@pytest.fixture(scope="module")
def challtest() -> Iterator[ChallTest]:
    with ChallTest() as server:
        yield server


@pytest.fixture(scope="module")
def pebble(challtest: ChallTest) -> Iterator[Pebble]:
    """Every third nonce is refused, as Pebble does to find clients that cannot bear it."""
    with Pebble(dns=challtest.dns, nonce_reject=33) as ca:
        yield ca


@pytest.fixture
def records(challtest: ChallTest) -> ChallTestRecords:
    return ChallTestRecords(challtest.url)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with new_house(tmp_path / "house") as made:
        yield made
