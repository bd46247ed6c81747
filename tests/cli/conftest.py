"""What the tests of the command line share: a house in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import Done, housekey

if TYPE_CHECKING:
    from pathlib import Path


class Person:
    """Somebody at a command line without a terminal, with a place for a house."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = folder / "house"

    def run(self, *arguments: str | Path, **env: str) -> Done:
        """Run a command about the house."""
        return housekey(*arguments, env={"HOUSEKEY_HOUSE": str(self.house), **env})


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path)
