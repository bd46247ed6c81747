"""What the integration adds to a start of Home Assistant.

Three homes that are alike: on HTTPS, with the same certificate and the same settings. One has the
integration; in another its folder and its entry are taken away; in the third an integration of
the tests takes its place, which has an entry and the same platforms and does nothing, so what it
adds is what Home Assistant spends on any. They are started by turns. A small component of the tests
tells what Home Assistant's process has spent when all is set up.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.homes import installed
from bench.processes import Times, say
from bench.rows import Figures, NotMeasured, Row, Unit, adds_at_most, not_measured
from demo.api import wait_for
from demo.release import HOME_2026_7, HOME_2026_11
from tests.homes.home import Home
from tests.inside.integration import DOMAIN, give_besides, on_https

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.homes.install import Installed

ROUNDS = 15
MOST_SECONDS = 0.1
_BARE = "housekey_bare"

_Starts = list[dict[str, float]]


@dataclass(frozen=True, slots=True)
class _Told:
    """Of each home what it said of its starts, in the same order."""

    ours: _Starts
    bare: _Starts
    without: _Starts


def rows() -> list[Row]:
    """Return three rows for each release that the integration is tested with."""
    return [row for release in (HOME_2026_7, HOME_2026_11) for row in _rows(release.version)]


def _rows(version: str) -> list[Row]:
    start = f"a start of Home Assistant {version}"
    what = f"{start} with the integration / without, processor time"
    try:
        release = installed(version)
        with TemporaryDirectory(prefix="housekey-bench-") as name:
            told = _measure(release, Path(name))
    except NotMeasured as why:
        return [not_measured(what, why)]
    whole = _row(what, told.ours, told.without)
    assert whole.figures is not None
    return [
        replace(whole, wanted=adds_at_most(whole.figures, MOST_SECONDS)),
        _row(f"{start} with an integration that does nothing / without", told.bare, told.without),
        _row(f"{start} with the integration / with one that does nothing", told.ours, told.bare),
    ]


def _row(what: str, ours: _Starts, theirs: _Starts) -> Row:
    figures = Figures(_median(ours, "cpu"), _median(theirs, "cpu"), Unit.SECONDS)
    pairs = Times(tuple(a["cpu"] - b["cpu"] for a, b in zip(ours, theirs, strict=True)))
    waits = 1000 * (_median(ours, "wall") - _median(theirs, "wall"))
    return Row(
        what,
        figures,
        f"until all is set up, by turns, median of {ROUNDS}; adds"
        f" {1000 * (figures.ours - figures.theirs):.0f} ms; single pairs {pairs.spread},"
        f" their median {1000 * pairs.median:.0f} ms; by the clock {waits:+.0f} ms",
    )


def _median(starts: _Starts, what: str) -> float:
    return median(start[what] for start in starts)


def _measure(release: Installed, folder: Path) -> _Told:
    version = release.release.version
    say(f"starts: taking Home Assistant {version} to HTTPS")
    first = Home(release, folder / "first")
    try:
        on_https(lambda **_: first, folder, besides="housekey_starts")
        first.stop()
    finally:
        first.kill()
    homes = (
        _like(first, folder / "with"),
        _like(first, folder / "bare"),
        _like(first, folder / "without"),
    )
    _with_a_bare_one(homes[1])
    _without_integration(homes[2])
    told: tuple[_Starts, ...] = ([], [], [])
    for number in range(ROUNDS + 1):
        say(f"starts: round {number} of {ROUNDS}, Home Assistant {version}")
        turns = list(zip(homes, told, strict=True))
        # None of them is always the one that comes after another one.
        for home, starts in turns[number % 3 :] + turns[: number % 3]:
            start = _start(home)
            if number:  # the first one compiles
                starts.append(start)
    return _Told(*told)


def _like(home: Home, folder: Path) -> Home:
    """Return one with the same folder, on the same port."""
    yaml = {"configuration.yaml": (home.config / "configuration.yaml").read_text()}
    release = replace(home.installed, template=home.config)
    return Home(release, folder, files=yaml, port=home.port)


def _without_integration(home: Home) -> None:
    shutil.rmtree(home.config / "custom_components" / DOMAIN)
    _change_entries(home, lambda _: None)


def _with_a_bare_one(home: Home) -> None:
    shutil.rmtree(home.config / "custom_components" / DOMAIN)
    give_besides(home, _BARE, configured=False)
    _change_entries(home, lambda entry: {**entry, "domain": _BARE, "data": {}, "options": {}})


def _change_entries(home: Home, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Put what `change` makes of it in place of the integration's entry, or nothing."""
    entries = home.config / ".storage" / "core.config_entries"
    stored = json.loads(entries.read_text())
    changed = [change(e) if e["domain"] == DOMAIN else e for e in stored["data"]["entries"]]
    stored["data"]["entries"] = [each for each in changed if each is not None]
    entries.write_text(json.dumps(stored))


def _start(home: Home) -> dict[str, float]:
    """Start it and end it; return what it has spent when all was set up."""
    told = home.config / "start.json"
    told.unlink(missing_ok=True)
    try:
        home.start(wait=False)
        home.wait_until_running(scheme="https")
        if not wait_for(told.exists, timeout=30):
            raise NotMeasured(f"Home Assistant {home.version} does not tell of its start")
        home.stop()
    finally:
        home.kill()
    start: dict[str, float] = json.loads(told.read_text())
    return start
