"""Where the library comes from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from custom_components.housekey.library import put_on_path


def test_the_newest_wheel_beside_the_integration_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert put_on_path(tmp_path) is None
    old, new = tmp_path / "housekey-1-py3-none-any.whl", tmp_path / "housekey-2-py3-none-any.whl"
    for age, wheel in ((100, old), (1, new)):
        wheel.touch()
        os.utime(wheel, (1_000_000 - age, 1_000_000 - age))
    assert put_on_path(tmp_path) == new
    assert put_on_path(tmp_path) == new
    assert sys.path[0] == str(new)
    assert sys.path.count(str(new)) == 1


def test_what_is_unpacked_goes_before_a_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    wheel = tmp_path / "housekey-1-py3-none-any.whl"
    wheel.touch()
    # Half of a copy is none.
    unpacked = tmp_path / "library"
    (unpacked / "housekey").mkdir(parents=True)
    assert put_on_path(tmp_path) == wheel
    (unpacked / "housekey" / "__init__.py").touch()
    assert put_on_path(tmp_path) == unpacked
    assert sys.path[0] == str(unpacked)
