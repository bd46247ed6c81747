"""What a release lacks: things that move with each one, and that nobody would think of.

A version is one in the making (`.dev`) until the changelog has its heading, `## [0.1.0] -
2026-12-24`. From then on housekey's own first day is that day: no right clock shows an earlier one.
"""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import housekey
from housekey.house.house import FIRST_DAY

CHECKOUT = Path(__file__).parents[1]
_HEADING = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def lacking() -> tuple[str, ...]:
    """Say what this checkout lacks, as it is."""
    manifest = CHECKOUT / "custom_components" / "housekey" / "manifest.json"
    return lacking_of(
        housekey.__version__,
        changelog=(CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"),
        first_day=FIRST_DAY.date(),
        manifest=json.loads(manifest.read_text(encoding="utf-8"))["version"],
    )


def lacking_of(version: str, *, changelog: str, first_day: date, manifest: str) -> tuple[str, ...]:
    """Decide it. `version` is the library's, `manifest` the integration's."""
    days = {found[1]: date.fromisoformat(found[2]) for found in _HEADING.finditer(changelog)}
    number, dev, _ = version.partition(".dev")
    found = []
    if not dev and number not in days:
        found.append(f"CHANGELOG.md: a heading, ## [{number}] - and its day")
    if dev and number in days:
        found.append(f"__version__: {number} is in the changelog as released; the next one")
    if days and first_day != max(days.values()):
        found.append(f"FIRST_DAY in house/house.py: {max(days.values())}, of the last release")
    if manifest != number:
        found.append(f"manifest.json: the version {number}")
    return tuple(found)
