"""The live list of devices fits its terminal, however many come."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from housekey.cli.share.devices import drawn
from housekey.onboarding.devices import Devices
from housekey.onboarding.events import Event, Step
from housekey.onboarding.visitor import Browser, Kind, Visitor

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ENDS = "Ctrl-C ends it"


def many(number: int) -> Devices:
    """As many devices, each a minute after the one before; the widest words that there are."""
    devices = Devices()
    visitor = Visitor(Kind.CHROMEOS, Browser.HOME_ASSISTANT)
    for each in range(1, number + 1):
        at = NOON + timedelta(minutes=each)
        devices.take(Event(at, Step.ARRIVED, each, visitor))
        devices.take(Event(NOON, Step.REFUSED, reason=("too-many", "wrong-host")[each % 2]))
    return devices


def shown(devices: Devices, columns: int, lines: int = 24) -> list[str]:
    size = os.terminal_size((columns, lines))
    console = Console(file=io.StringIO(), width=columns, height=lines)
    with console.capture() as capture:
        console.print(drawn(devices, size=size, ends=ENDS))
    return capture.get().splitlines()


@pytest.mark.parametrize("columns", [120, 80, 64, 63, 40])
@pytest.mark.parametrize("number", [0, 1, 5, 60])
def test_it_is_never_higher_or_wider_than_the_terminal(number: int, columns: int) -> None:
    lines = shown(many(number), columns)
    assert len(lines) <= 24
    assert max(len(line.rstrip()) for line in lines) <= columns
    assert ENDS.rsplit(maxsplit=1)[-1] in lines[-1]


def test_of_many_the_last_that_moved_are_shown_and_the_rest_is_counted() -> None:
    devices = many(60)
    devices.take(Event(NOON + timedelta(hours=2), Step.TRUSTS, 3))
    text = "\n".join(shown(devices, 80))
    assert "  3   Chromebook" in text
    assert "  60  Chromebook" in text
    assert "  5   Chromebook" not in text
    listed = text.count("Chromebook")
    assert f"and {60 - listed} more" in text


def test_devices_stand_in_the_order_in_which_they_came() -> None:
    devices = many(3)
    devices.take(Event(NOON + timedelta(hours=2), Step.FETCHED, 1))
    rows = [line.split()[0] for line in shown(devices, 80) if "Chromebook" in line]
    assert rows == ["1", "2", "3"]
