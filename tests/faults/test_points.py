"""Two points are one case only if nothing that could be told apart differs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.faults.points import Met, disk_now, distinct

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda at: (at / "file").write_bytes(b"other"), id="bytes"),
        pytest.param(lambda at: (at / "file").chmod(0o640), id="mode"),
        pytest.param(lambda at: (at / "file").rename(at / "name"), id="name"),
        pytest.param(lambda at: (at / "folder/new").touch(0o600), id="an empty file"),
        pytest.param(lambda at: (at / "folder").chmod(0o711), id="mode of a folder"),
        pytest.param(lambda at: (at / "folder/inner").rmdir(), id="an empty folder"),
        pytest.param(lambda at: _led_elsewhere(at / "link"), id="where a link leads"),
    ],
)
def test_a_disk_that_differs_in_anything_is_another(
    change: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"bytes")
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("file")
    before = disk_now(str(tmp_path))
    assert disk_now(str(tmp_path)) == before
    os.utime(tmp_path / "file", (0, 0))  # a fault's aftermath reads no time stamp
    assert disk_now(str(tmp_path)) == before
    change(tmp_path)
    assert disk_now(str(tmp_path)) != before


def test_the_first_point_of_each_case_stands_for_it() -> None:
    met = [Met("a", 0, 0), Met("a", 0, 1), Met("b", 0, 1), Met("b", 1, 1), Met("a", 0, 2)]
    assert distinct([each.outlives for each in met]) == (0, 2, 3)
    assert distinct([each.looks for each in met]) == (0, 1, 4)


def _led_elsewhere(link: Path) -> None:
    link.unlink()
    link.symlink_to("folder")
