"""docs/platforms.md is what the rules say now."""

from __future__ import annotations

from pathlib import Path

from housekey.platforms.clients import CLIENTS
from housekey.platforms.judge import rules
from housekey.platforms.page import page

_PAGE = Path(__file__).parents[2] / "docs" / "platforms.md"


def test_the_page_is_not_stale() -> None:
    assert _PAGE.read_text() == page(), "write docs/platforms.md anew: make page"


def test_every_rule_of_every_platform_is_on_it() -> None:
    text = page()
    for client in CLIENTS.values():
        for rule in client.rules:
            assert f"\n| {rule.id} | " in text
    assert len(rules()) > 200


def test_every_row_has_as_many_cells_as_its_head() -> None:
    for section in page().split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        cells = {row.replace("\\|", "").count("|") for row in rows}
        assert cells == {8}, section[:40]
