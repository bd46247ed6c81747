"""What is found out before a switch begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.errors import ClockWrong
from housekey.homeassistant.lookahead import leaf_must_have_begun
from housekey.homeassistant.recorded import LABEL
from housekey.house.files import Files
from housekey.house.house import prepare_house
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_leaf_that_this_clock_knows_only_later_is_switched_to_by_nobody(tmp_path: Path) -> None:
    new = prepare_house(names=(), subject=Subject(None, organization="Home"), clock=lambda: NOW)
    with new.write(tmp_path / "house", Files()) as house:
        leaf_must_have_begun(house, now=NOW - timedelta(days=18_000))  # there is none
        begins = house.issue(LABEL, (parse_name("ha.lan"),)).certificate.not_valid_before_utc

        leaf_must_have_begun(house, now=begins)
        with pytest.raises(ClockWrong, match="begins on 2026-11-29") as refused:
            leaf_must_have_begun(house, now=begins - timedelta(seconds=1))

    assert refused.value.exit_code == 3
    assert "set the clock" in refused.value.hint
