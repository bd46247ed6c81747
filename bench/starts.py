"""What the integration adds to a start of Home Assistant.

Two homes that are alike: on HTTPS, with the same certificate and the same settings. One has the
integration, in the other its folder and its entry are taken away. They are started by turns. A
small component of the tests tells what Home Assistant's process has spent when all is set up.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.homes import installed
from bench.processes import Times, say
from bench.rows import Figures, NotMeasured, Row, Unit, adds_at_most, not_measured
from demo.api import wait_for
from demo.release import HOME_2026_7, HOME_2026_11
from tests.homes.home import Home
from tests.inside.integration import DOMAIN, on_https

if TYPE_CHECKING:
    from tests.homes.install import Installed

ROUNDS = 9
MOST_SECONDS = 0.1


def rows() -> list[Row]:
    """Return a row for each release that the integration is tested with."""
    return [_row(release.version) for release in (HOME_2026_7, HOME_2026_11)]


def _row(version: str) -> Row:
    what = f"a start of Home Assistant {version} with the integration / without, processor time"
    try:
        release = installed(version)
        with TemporaryDirectory(prefix="housekey-bench-") as name:
            ours, theirs = _measure(release, Path(name))
    except NotMeasured as why:
        return not_measured(what, why)
    figures = Figures(_median(ours, "cpu"), _median(theirs, "cpu"), Unit.SECONDS)
    added = Times(tuple(a["cpu"] - b["cpu"] for a, b in zip(ours, theirs, strict=True)))
    waits = 1000 * (_median(ours, "wall") - _median(theirs, "wall"))
    return Row(
        what,
        figures,
        f"until all is set up, by turns, median of {ROUNDS}; adds"
        f" {1000 * (figures.ours - figures.theirs):.0f} ms, single pairs {added.spread};"
        f" by the clock {waits:+.0f} ms",
        wanted=adds_at_most(figures, MOST_SECONDS),
    )


def _median(starts: list[dict[str, float]], what: str) -> float:
    return median(start[what] for start in starts)


def _measure(
    release: Installed, folder: Path
) -> tuple[list[dict[str, float]], list[dict[str, float]]]:
    version = release.release.version
    say(f"starts: taking Home Assistant {version} to HTTPS")
    first = Home(release, folder / "first")
    try:
        on_https(lambda **_: first, folder, besides="housekey_starts")
        first.stop()
    finally:
        first.kill()
    homes = (_like(first, folder / "with"), _like(first, folder / "without"))
    _without_integration(homes[1])
    told: tuple[list[dict[str, float]], ...] = ([], [])
    for number in range(ROUNDS + 1):
        say(f"starts: round {number} of {ROUNDS}, Home Assistant {version}")
        for home, starts in zip(homes, told, strict=True):
            start = _start(home)
            if number:  # the first one compiles
                starts.append(start)
    return told[0], told[1]


def _like(home: Home, folder: Path) -> Home:
    """Return one with the same folder, on the same port."""
    yaml = {"configuration.yaml": (home.config / "configuration.yaml").read_text()}
    release = dataclasses.replace(home.installed, template=home.config)
    return Home(release, folder, files=yaml, port=home.port)


def _without_integration(home: Home) -> None:
    shutil.rmtree(home.config / "custom_components" / DOMAIN)
    entries = home.config / ".storage" / "core.config_entries"
    stored = json.loads(entries.read_text())
    kept = [each for each in stored["data"]["entries"] if each["domain"] != DOMAIN]
    stored["data"]["entries"] = kept
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
