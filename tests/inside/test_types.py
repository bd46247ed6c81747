"""The integration keeps to Home Assistant's own types, strictly."""

from __future__ import annotations

import subprocess

import pytest

from tests.homes import install
from tests.needs import require

CONFIG = "tests/inside/types.ini"


@pytest.mark.engine
def test_the_whole_integration_is_typed_against_home_assistant() -> None:
    missing = install.missing("2026.7.4")
    require(missing is None, missing or "")
    place = install.in_process(install.TYPED)
    # What is known of Home Assistant is kept beside it: to learn that takes longest by far.
    kept = f"{place.venv}/mypy-cache"
    checked = f"exec {place.venv}/bin/python -m mypy --config-file {CONFIG} --cache-dir {kept}"
    told = subprocess.run(
        place.root.command(
            ["/bin/sh", "-ec", f"cd {place.checkout} && {checked}"],
            binds={install.CHECKOUT: place.checkout},
        ),
        env={**place.root.environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.startswith("Success: no issues found in ")
