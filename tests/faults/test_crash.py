"""Killed before and after every operation of every command: nothing is lost, and it can go on.

Which points are one and the same case is told in points.py; of HOUSE each case is visited, always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import HOMES, HOUSE
from tests.faults.operations import Fault
from tests.faults.points import distinct
from tests.faults.sound import (
    must_be_private,
    must_have_started,
    must_keep_everything,
    must_open,
)

if TYPE_CHECKING:
    from tests.faults.cases import Case
    from tests.faults.conftest import Chosen, Places
    from tests.faults.places import Place


@pytest.mark.parametrize("case", [*HOUSE, *HOMES], ids=lambda case: case.name)
def test_killed_before_and_after_every_operation_it_leaves_what_the_next_command_finishes(
    case: Case,
    places: Places,
    chosen: Chosen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = places(case)
    place.begin()
    whole = place.run(fault=Fault(notes="disk"))
    assert whole.code in case.ends, whole
    count = len(whole.operations)
    assert count > 0

    # What is after one is before the next: nothing else of the process reaches a disk, or changes
    # anything in Home Assistant.
    assert len(whole.met) == count + 1
    states = distinct([each.outlives for each in whole.met])
    points = chosen(states, 2 if case.road else 1)
    kills = 0
    for at in points:
        for power_too in ends(case, at, every=chosen.every):
            where = f"killed before operation {at} of {count}: {whole.operations[at : at + 1]}"
            where += ", and the power was gone" if power_too else ""
            place.begin()
            killed = place.run(fault=Fault("kill", at))
            assert killed.killed, f"{where}: {killed}"
            kills += 1
            try:
                must_be_sound(place, power_too=power_too)
            except AssertionError as failure:
                raise AssertionError(f"{where}: {failure}") from failure
    with capsys.disabled():
        print(
            f"\n  {case.name}: {count} operations, {len(states)} states between them,"
            f" killed at {len(points)}, {kills} kills"
        )


def ends(case: Case, at: int, *, every: bool) -> tuple[bool, ...]:
    """Whether the power was gone; else only housekey was, and Home Assistant goes on."""
    if not case.road:
        return (True,)
    return (True, False) if every else (at % 2 == 0,)


def must_be_sound(place: Place, *, power_too: bool) -> None:
    must_be_private(place)
    must_keep_everything(place)
    if not place.case.begins_broken:
        must_open(place)
    if power_too:
        must_have_started(place)
    elif place.home is not None:
        place.home.settle()  # Home Assistant does what it was told
    done = place.run(place.case.next)
    assert done.code in place.case.ends, done
    must_be_private(place)
    must_keep_everything(place)
    must_open(place)
    must_have_started(place)
