"""What moves with each release, moves."""

from __future__ import annotations

from datetime import date

import pytest

from release.ready import lacking, lacking_of

FIRST = date(2026, 11, 23)
_NONE = "# Changelog\n\n## [Unreleased]\n\n* Something.\n"
_ONE = f"{_NONE}\n## [0.1.0] - 2026-12-24\n"
_TWO = f"{_NONE}\n## [0.2.0] - 2027-02-01\n\n## [0.1.0] - 2026-12-24\n"


def test_this_checkout_lacks_nothing() -> None:
    assert lacking() == ()


@pytest.mark.parametrize(
    ("version", "changelog", "first_day", "manifest", "lacks"),
    [
        ("0.1.0.dev0", _NONE, FIRST, "0.1.0", []),
        ("0.1.0", _NONE, FIRST, "0.1.0", ["CHANGELOG.md"]),
        ("0.1.0", _ONE, FIRST, "0.1.0", ["FIRST_DAY in house/house.py: 2026-12-24"]),
        ("0.1.0", _ONE, date(2026, 12, 24), "0.1.0", []),
        ("0.1.0.dev0", _ONE, date(2026, 12, 24), "0.1.0", ["__version__"]),
        ("0.2.0.dev0", _ONE, date(2026, 12, 24), "0.1.0", ["manifest.json"]),
        ("0.2.0.dev0", _ONE, FIRST, "0.2.0", ["FIRST_DAY"]),
        ("0.2.0", _TWO, date(2026, 12, 24), "0.2.0", ["FIRST_DAY in house/house.py: 2027-02-01"]),
        ("0.2.0", _TWO, date(2027, 2, 1), "0.2.0", []),
    ],
)
def test_the_first_day_the_version_and_the_manifest_move_with_a_release(
    version: str, changelog: str, first_day: date, manifest: str, lacks: list[str]
) -> None:
    found = lacking_of(version, changelog=changelog, first_day=first_day, manifest=manifest)
    assert len(found) == len(lacks), found
    assert all(told.startswith(lack) for told, lack in zip(found, lacks, strict=True)), found
