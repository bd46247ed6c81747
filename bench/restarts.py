"""What `housekey secure` adds to Home Assistant's own restart time.

Switching to HTTPS costs one restart, whoever does it. In each round a new Home Assistant
is restarted as its owner would from the interface, and then taken to HTTPS: the whole
process, with its own start, the house, the certificate and the proof. A restart counts
from the call until Home Assistant answers who holds a token.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.homes import installed, secure
from bench.processes import Times, say
from bench.rows import Figures, NotMeasured, Row, Unit, adds_at_most, not_measured
from demo.api import CallError
from demo.release import HOME_2024, HOME_2026_7, HOME_2026_11
from tests.homes import install
from tests.homes.home import Home

if TYPE_CHECKING:
    from tests.homes.install import Installed

ROUNDS = 5
_POLL_SECONDS = 0.02
_RESTARTS_WITHIN = 60.0  # seconds


def rows() -> list[Row]:
    """Return a row for each way of configuration: by trial, and by YAML."""
    yaml = HOME_2026_7 if install.missing(HOME_2026_7.version) is None else HOME_2024
    return [
        _row(HOME_2026_11.version, "by trial"),
        _row(yaml.version, "by YAML"),
    ]


def _row(version: str, way: str) -> Row:
    what = f"housekey secure, {way} / a restart of Home Assistant {version}"
    try:
        release = installed(version)
        with TemporaryDirectory(prefix="housekey-bench-") as name:
            restart, whole = _measure(release, Path(name))
    except NotMeasured as why:
        return not_measured(what, why)
    figures = Figures(whole.median, restart.median, Unit.SECONDS)
    return Row(
        what,
        figures,
        f"adds {figures.ours - figures.theirs:.2f} s; whole process and new house, median of"
        f" {ROUNDS} new homes; ours {whole.spread}, a restart alone {restart.spread}",
        wanted=adds_at_most(figures, 2),
    )


def _measure(release: Installed, folder: Path) -> tuple[Times, Times]:
    restarts, wholes = [], []
    for number in range(1, ROUNDS + 1):
        say(f"secure: home {number} of {ROUNDS}, Home Assistant {release.release.version}")
        with Home(release, folder / f"home-{number}") as home:
            restarts.append(_restart(home))
            home.wait_until_running()
            start = time.perf_counter()
            secure(home, folder)
            wholes.append(time.perf_counter() - start)
    return Times(tuple(restarts)), Times(tuple(wholes))


def _restart(home: Home) -> float:
    """Restart it, and return the seconds until it answered again."""
    before, start = home.starts, time.perf_counter()
    home.api().post("/api/services/homeassistant/restart")
    while home.starts == before or not _answers(home):
        if time.perf_counter() - start > _RESTARTS_WITHIN:
            raise NotMeasured(f"Home Assistant {home.version} did not come back from a restart")
        time.sleep(_POLL_SECONDS)
    return time.perf_counter() - start


def _answers(home: Home) -> bool:
    try:
        home.api().get("/api/config")
    except (OSError, ValueError, CallError):
        return False
    return True
