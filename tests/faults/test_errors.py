"""A disk that fails at any operation, a clock that jumps there: two lines, and the old state."""

from __future__ import annotations

import errno
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import HOMES, HOUSE, OWN_CA, READING
from tests.faults.failures import can_fail
from tests.faults.operations import Fault
from tests.faults.points import distinct
from tests.faults.sound import (
    must_be_private,
    must_be_the_old_state,
    must_be_told,
    must_have_started,
    must_keep_everything,
    must_open,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.cases import Case
    from tests.faults.conftest import Chosen, Places
    from tests.faults.places import Place
    from tests.faults.warmed import Ended

# What fails once, and what goes on failing.
ERRORS = (
    (errno.ENOSPC, False),
    (errno.EROFS, False),
    (errno.EACCES, False),
    (errno.ENOENT, False),
    (errno.EIO, False),
    (errno.ENOSPC, True),
    (errno.EROFS, True),
)
MOMENTS = ("1970-01-01T00:00:00", "2050-01-01T00:00:00")


def undisturbed(case: Case, place: Place, *, notes: str = "", gone: str = "") -> Ended:
    place.begin()
    whole = place.run(fault=Fault(notes=notes, gone=gone))
    assert whole.code in case.ends, whole
    return whole


@pytest.mark.parametrize("case", [*HOUSE, *HOMES], ids=lambda case: case.name)
def test_an_error_of_the_disk_at_any_operation_is_told_in_two_lines_and_leaves_the_old_state(
    case: Case,
    places: Places,
    chosen: Chosen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = places(case)
    operations = undisturbed(case, place).operations
    points = chosen(range(len(operations)), 12 if case.road else 4)
    failed = passed = 0
    for turn, at in enumerate(points, start=points[0]):
        operation = operations[at]
        for number, stays in errors_for(turn, operation, every=chosen.every):
            place.begin()
            done = place.run(fault=Fault("error", at, number=number, stays=stays))
            try:
                assert done.operations[at] == operation
                assert done.failed == 1 or (stays and done.failed)
                passed += done.code in case.good
                failed += done.code not in case.good
                must_be_as_told(place, done, stays=stays, operation=operation)
            except AssertionError as failure:
                where = f"{errno.errorcode[number]} at operation {at} of {len(operations)}"
                raise AssertionError(f"{where}: {operation}: {failure}\n{done}") from failure
    with capsys.disabled():
        print(
            f"\n  {case.name}: {len(operations)} operations, errors at {len(points)}:"
            f" {failed} told, {passed} done without what failed"
        )


@pytest.mark.parametrize("case", [*HOUSE, *READING, *HOMES], ids=lambda case: case.name)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_clock_that_jumps_at_any_operation_breaks_nothing(
    case: Case,
    moment: str,
    places: Places,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = places(case)
    whole = undisturbed(case, place, notes="clock")
    operations = ("nothing", *whole.operations)
    # From the start on as well, but for a first house: in 1970 it is a test of its own, and in
    # 2050 it would be one that TLS, whose clock does not jump here, finds not yet valid.
    points = (*((-1,) if case.before else ()), *distinct([each.looks for each in whole.met[:-1]]))
    told = 0
    for at in points:
        operation = operations[at + 1]
        place.begin()
        done = place.run(fault=Fault("clock", at, moment=moment))
        try:
            told += done.code not in (*case.good, 1)
            must_be_private(place)
            if "rotate" not in case.arguments:  # in 2050 the old root has ended, and is dropped
                must_keep_everything(place)
            if done.code not in (*case.good, 1):
                must_be_told(done)
                must_be_the_old_state(place, done)
            if not case.begins_broken:
                must_open(place)
        except AssertionError as failure:
            where = f"{moment} from operation {at} of {len(whole.operations)} on: {operation}"
            raise AssertionError(f"{where}: {failure}\n{done}") from failure
    with capsys.disabled():
        print(
            f"\n  {case.name}, {moment[:4]}: {len(whole.operations)} operations,"
            f" {whole.met[-1].looks} looks at the clock, jumped at {len(points)} points:"
            f" {told} told"
        )


@pytest.mark.parametrize(
    "case",
    [case for case in (*HOUSE, *HOMES) if not case.before],
    ids=lambda case: case.name,
)
def test_a_first_house_is_not_made_by_a_clock_of_1970(case: Case, places: Places) -> None:
    """It would have ended before it was made."""
    place = places(case)
    place.begin()
    done = place.run(fault=Fault("clock", -1, moment=MOMENTS[0]))
    must_be_told(done, codes=(3,))
    assert "this machine's clock says 1970-01-01" in done.err
    assert not place.house.exists()
    assert place.state() == place.state_before()


# A stick with the house on it, a share with Home Assistant's folder; or all at once.
GONE = (
    *((case, "") for case in (*HOUSE, *READING)),
    *((case, gone) for case in HOMES for gone in ("house", "config")),
)


@pytest.mark.parametrize(
    ("case", "gone"), GONE, ids=[f"{case.name}{gone and f', {gone}'}" for case, gone in GONE]
)
def test_a_folder_that_vanishes_at_any_operation_is_told_and_comes_back_as_it_was(
    case: Case,
    gone: str,
    places: Places,
    chosen: Chosen,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A stick that is pulled out: everything is gone from one operation on, really."""
    place = places(case)
    whole = undisturbed(case, place, notes="ways", gone=gone)
    operations = whole.operations
    cases = distinct([each.ways for each in whole.met[:-1]])
    cases = tuple(at for at in cases if whole.met[at].ways is not None)
    points = chosen(cases, 20 if case.road else 2)
    told = 0
    for at in points:
        told += must_come_back(place, operations, at, gone=gone)
    with capsys.disabled():
        print(
            f"\n  {case.name}: {len(operations)} operations, {len(cases)} between which something"
            f" goes by a path, {gone or 'all'} gone at {len(points)}: {told} told"
        )


def test_what_is_tried_while_the_folder_is_away_is_known_to_the_next_command(
    places: Places,
) -> None:
    """The files come back with it, and the settings that Home Assistant was told to try."""
    case = next(case for case in HOMES if case.road == "trial" and not case.before)
    place = places(case)
    operations = undisturbed(case, place).operations
    at = operations.index("order configure was obeyed")
    assert must_come_back(place, operations, at, gone="config")


def test_what_was_installed_while_the_house_was_away_is_installed_again_from_another_file(
    places: Places,
) -> None:
    """Home Assistant presents the very certificate before its restart: that is no proof."""
    case = next(case for case in OWN_CA if "--install" in case.arguments)
    place = places(case)
    operations = undisturbed(case, place).operations
    assert not must_come_back(place, operations, operations.index("sqlite CLOSE"), gone="house")


def must_come_back(place: Place, operations: Sequence[str], at: int, *, gone: str) -> bool:
    """Let a folder go at an operation, and come again; return whether the command told of it."""
    case, wait = place.case, place.wait
    away = place.folder.with_name(place.folder.name + ".gone")
    place.begin()
    place.wait = 2  # what has lost its folder does not come up again
    done = place.run(fault=Fault("vanish", at, gone=gone))
    place.wait = wait
    if away.exists():
        # What was begun anew in the empty place goes.
        shutil.rmtree(place.folder / gone, ignore_errors=True)
        away.rename(place.folder / gone)
    try:
        assert done.failed == 1, "it was not there to vanish"
        told = done.code not in (*case.good, 1)
        if told:
            must_be_told(done, codes=(2, 3, 4))  # 2: a file that was named is not there
        must_be_private(place)
        must_keep_everything(place)
        if not case.begins_broken:
            must_open(place)
        if place.home is not None:
            place.home.settle()
            must_have_started(place)
            again = place.run(case.next)
            assert again.code in case.ends, again
    except AssertionError as failure:
        where = f"gone at operation {at} of {len(operations)}: {operations[at]}"
        raise AssertionError(f"{where}: {failure}\n{done}") from failure
    return told


def errors_for(turn: int, operation: str, *, every: bool) -> Sequence[tuple[int, bool]]:
    """All that can be, or one error that passes and one that stays of them, in turn."""
    able = [each for each in ERRORS if can_fail(operation, each[0])]
    if every:
        return able
    kinds = [[each for each in able if each[1] is stays] for stays in (False, True)]
    return [kind[turn % len(kind)] for kind in kinds if kind]


def must_be_as_told(place: Place, done: Ended, *, stays: bool, operation: str) -> None:
    """A success is one, a failure has changed nothing; then the same command can be done."""
    must_be_private(place)
    must_keep_everything(place)
    if place.case.owes and done.code == 1:
        words = ("full", "disk", "permission", "not there")
        assert any(each in done.out for each in words), done
    elif done.code not in place.case.good:
        must_be_told(done)
        if place.home is not None:
            place.home.settle()
        if not stays:
            # What could not be removed has the name of a stray: the next one removes it.
            must_be_the_old_state(place, done, with_strays=operation in ("unlink", "rmdir"))
    if not place.case.begins_broken:
        must_open(place)
    must_have_started(place)
    if place.is_as_before() and place.case.next == place.case.arguments:
        return  # what the next one does from here the undisturbed one has shown
    again = place.run(place.case.next)
    assert again.code in (*place.case.ends,), again
