"""One warmed housekey for each test of a file, and the places that commands run in."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from tests.faults.places import Place, stand_in
from tests.faults.warmed import Warmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.cases import Case


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warmed]:
    with Warmed() as server:
        yield server


class Places:
    """Makes places on a disk of memory where there is one: nothing here waits for a real disk."""

    def __init__(self, warmed: Warmed, folder: Path, held: ExitStack) -> None:
        self._warmed = warmed
        self._folder = folder
        self._held = held
        self._made = 0

    def __call__(self, case: Case) -> Place:
        self._made += 1
        folder = self._folder / f"place-{self._made}"
        home = self._held.enter_context(stand_in(folder, case)) if case.road else None
        return Place.make(folder, case, self._warmed, home)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Chooses the points of a sweep: in `make slow` all, in `make test` each n-th.

    Each test begins at an offset of its own, the same each time; a failure names its point.
    """

    every: bool
    _offset: int

    def __call__(self, points: Sequence[int], each: int) -> Sequence[int]:
        return points if self.every else points[self._offset % each :: each]


@pytest.fixture(params=["some", pytest.param("all", marks=pytest.mark.slow)])
def chosen(request: pytest.FixtureRequest) -> Chosen:
    return Chosen(request.param == "all", crc32(request.node.name.encode()))


@pytest.fixture
def places(warmed: Warmed) -> Iterator[Places]:
    memory = Path("/dev/shm")
    base = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="housekey-faults-", dir=base) as folder,
        ExitStack() as held,
    ):
        yield Places(warmed, Path(folder), held)
