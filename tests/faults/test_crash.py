"""Killed before and after every operation of every command: nothing is lost, and it can go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import HOMES, HOUSE
from tests.faults.operations import Fault
from tests.faults.sound import (
    must_be_private,
    must_have_started,
    must_keep_everything,
    must_open,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.cases import Case
    from tests.faults.conftest import Places
    from tests.faults.places import Place


@pytest.mark.parametrize("case", [*HOUSE, *HOMES], ids=lambda case: case.name)
def test_killed_before_and_after_every_operation_it_leaves_what_the_next_command_finishes(
    case: Case,
    places: Places,
    chosen: Callable[[int, int], range],
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = places(case)
    place.begin()
    whole = place.run(fault=Fault())
    assert whole.code in case.ends, whole
    count = len(whole.operations)
    assert count > 0

    # What is after one is before the next: nothing else of the process reaches a disk, or changes
    # anything in Home Assistant.
    points = chosen(count + 1, 5 if case.road else 2)
    for at in points:
        where = f"killed before operation {at} of {count}: {whole.operations[at : at + 1]}"
        place.begin()
        killed = place.run(fault=Fault("kill", at))
        assert killed.killed, f"{where}: {killed}"
        try:
            must_be_sound(place, at)
        except AssertionError as failure:
            raise AssertionError(f"{where}: {failure}") from failure
    with capsys.disabled():
        print(f"\n  {case.name}: {count} operations, killed at {len(points)} points")


def must_be_sound(place: Place, at: int) -> None:
    must_be_private(place)
    must_keep_everything(place)
    if not place.case.begins_broken:
        must_open(place)
    if at % 2 == 0:
        must_have_started(place)  # the power was gone
    elif place.home is not None:
        place.home.settle()  # only housekey was; Home Assistant does what it was told
    done = place.run(place.case.next)
    assert done.code in place.case.ends, done
    must_be_private(place)
    must_keep_everything(place)
    must_open(place)
    must_have_started(place)
