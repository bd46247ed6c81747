"""One warmed housekey a file, and a stand-in for Home Assistant a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.warmed import Warmed
from tests.own.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warmed]:
    with Warmed() as server:
        yield server


@pytest.fixture
def place(warmed: Warmed, tmp_path: Path) -> Iterator[Place]:
    made = Place.make(tmp_path, warmed)
    with made.home as home:
        home.start()
        yield made
