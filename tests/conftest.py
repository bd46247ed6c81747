"""Real Home Assistants for every test that asks for one.

`home_2024`, `home_2026_7` and `home_2026_11` are factories: call them, with
`Home`'s options, for a running Home Assistant with a fresh folder. `any_home`
is each of the three in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

import tests.without_home_assistant  # noqa: F401 - before any test of the integration
from demo.release import HOME_2024, HOME_2026_7, HOME_2026_11
from tests.homes import install
from tests.homes.home import Home
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How fast a machine is today is no property of the code: no example fails for having been slow.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Its tests run inside Home Assistant's own environment: tests/inside/test_in_process.py.
collect_ignore = ["inprocess"]


class NewHome(Protocol):
    """Starts a Home Assistant; it ends with the test."""

    def __call__(self, **options: Any) -> Home: ...


def _homes(version: str, tmp_path: Path) -> Iterator[NewHome]:
    missing = install.missing(version)
    require(missing is None, missing or "")
    installed = install.installed(version)
    started: list[Home] = []

    def new(*, start: bool = True, **options: Any) -> Home:
        name = f"config-{len(started) + 1}" if started else "config"
        home = Home(installed, tmp_path / "homes" / name, **options)
        started.append(home)
        if start:
            home.start()
        return home

    try:
        yield new
    finally:
        for home in started:
            home.kill()


@pytest.fixture
def home_2024(tmp_path: Path) -> Iterator[NewHome]:
    """2024.3.3: YAML, and its folder where this machine has it."""
    yield from _homes(HOME_2024.version, tmp_path)


@pytest.fixture
def home_2026_7(tmp_path: Path) -> Iterator[NewHome]:
    """2026.7.4: the last release with YAML; sees its folder as `/config`."""
    yield from _homes(HOME_2026_7.version, tmp_path)


@pytest.fixture
def home_2026_11(tmp_path: Path) -> Iterator[NewHome]:
    """2026.11.0: trial and promotion; sees its folder as `/config`."""
    yield from _homes(HOME_2026_11.version, tmp_path)


@pytest.fixture(params=list(install.RELEASES))
def any_home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewHome]:
    """Each of the three."""
    yield from _homes(request.param, tmp_path)
