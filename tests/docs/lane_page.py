"""The tables of docs/lane.md as the rules say them: `.venv/bin/python -m tests.docs.lane_page`."""

from __future__ import annotations

import re
from pathlib import Path

import tests.without_home_assistant  # noqa: F401 - before what follows
from custom_components.housekey.lane_openings import CLOSED, OPENINGS
from custom_components.housekey.lane_urls import SITES

PAGE = Path(__file__).parents[2] / "docs" / "lane.md"
_TABLE = re.compile(r"(<!-- (\w+): [^\n]*-->\n\n)(?:\|[^\n]*\n)*")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _openings() -> list[str]:
    rows = [
        _row("path", "who", "what is secret", "why that is enough", "source"),
        _row(*("--",) * 5),
    ]
    for one in OPENINGS:
        methods = "" if one.methods == ("GET", "HEAD") else f" ({', '.join(one.methods)})"
        cells = (f"`{one.path}`{methods}", one.who, one.secret, one.why)
        rows.append(_row(*cells, f"`{one.source.partition(',')[0]}`"))
    return rows


def _closed() -> list[str]:
    rows = [_row("path", "why not", "source"), _row("--", "--", "--")]
    for one in CLOSED:
        path = re.sub(r"(/[^\s,]*)", r"`\1`", one.path)
        rows.append(_row(path, one.why, re.sub(r"(\w+/[\w/.]+)", r"`\1`", one.source)))
    return rows


def _sites() -> list[str]:
    rows = [_row("module", "who is told the lane's address"), _row("--", "--")]
    return rows + [_row(f"`{site.module}`", site.who) for site in SITES]


def lane_page(text: str) -> str:
    """Return the page with its tables as they are now."""
    tables = {"openings": _openings, "closed": _closed, "sites": _sites}

    def table(found: re.Match[str]) -> str:
        return found[1] + "\n".join(tables[found[2]]()) + "\n"

    return _TABLE.sub(table, text)


if __name__ == "__main__":
    PAGE.write_text(lane_page(PAGE.read_text()))
