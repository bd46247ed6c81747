"""An ACME CA and a DNS server that it asks, for all tests of a file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.public.challtest import ChallTest, ChallTestRecords
from tests.public.ordered import new_house
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator

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
def in_memory() -> Iterator[Path]:
    """A folder on a disk of memory where there is one: nothing here waits for a real disk."""
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="housekey-orders-", dir=base) as folder:
        yield Path(folder)


@pytest.fixture
def house(in_memory: Path) -> Iterator[House]:
    with new_house(in_memory / "house") as made:
        yield made
