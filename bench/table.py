"""The table, and what a reader has to know about the machine that it was measured on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import cryptography
from cryptography.hazmat.backends.openssl import backend
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.processes import output_of
from bench.rows import Figures, NotMeasured, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rows import Row

_COLUMNS = ("what", "ours", "theirs", "ratio", "wanted", "how measured")
_NUMBERS = ("ours", "theirs", "ratio")


def show(rows: Sequence[Row]) -> None:
    """Print the table: for people on a terminal, elsewhere as docs/performance.md has it."""
    if not sys.stdout.isatty():
        rule = ["--:" if name in _NUMBERS else "--" for name in _COLUMNS]
        for cells in (_COLUMNS, rule, *map(_cells, rows)):
            print(f"| {' | '.join(cells)} |")
        return
    table = Table(box=SIMPLE_HEAD, show_lines=True)
    for name in _COLUMNS:
        is_number = name in _NUMBERS
        table.add_column(name, justify="right" if is_number else "left", no_wrap=is_number)
    for row in rows:
        table.add_row(*_cells(row))
    Console(highlight=False).print(table)


def _cells(row: Row) -> tuple[str, ...]:
    wanted = "" if row.wanted is None else row.wanted.text
    if row.wanted is not None:
        wanted += ": yes" if row.wanted.reached else ": NO"
    figures = row.figures
    if figures is None:
        return row.what, "–", "–", "–", wanted, row.how
    ours, theirs = (_figure(value, figures) for value in (figures.ours, figures.theirs))
    return row.what, ours, theirs, f"{figures.ratio:.2f}", wanted, row.how


def _figure(value: float, figures: Figures) -> str:
    """Return a figure with three digits that count, in its unit."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    space = "" if figures.unit is Unit.PER_SECOND else " "
    return f"{value:.{digits}f}{space}{figures.unit.value}"


def describe_machine() -> str:
    """Return the processor, the system and the versions of what was measured, in one line."""
    return "; ".join(
        (
            f"{_processor()}, {os.cpu_count()} cores",
            f"{_system()}, Linux {platform.release()}",
            f"Python {platform.python_version()}",
            _openssl(),
            f"cryptography {_cryptography()}",
        )
    )


def load() -> str:
    """Return the machine's load average of the last minute, and of the last five."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} (5 minutes: {five:.1f})"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()


def _openssl() -> str:
    try:
        return output_of(["openssl", "version"]).partition(" (")[0].strip()
    except NotMeasured:
        return "no openssl command"


def _cryptography() -> str:
    return f"{cryptography.__version__} with {backend.openssl_version_text()}"
