"""The power goes at any instant: what was not synced may be lost, and the house opens."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command import COMMAND, environment
from tests.faults.cases import (
    BACKED_UP,
    HOMES,
    HOUSE,
    MADE,
    RECOVER,
    RESTORE,
    ROTATE,
    Case,
)
from tests.faults.power import CALLS, Disk
from tests.faults.sound import must_be_private, must_keep_everything, must_open
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.faults.conftest import Chosen, Places
    from tests.faults.places import Kept, Place

CASES = (
    Case(MADE),
    Case("cert new nas.lan nas.local", before=(MADE,)),
    Case("cert revoke nas.lan", before=(MADE,)),
    Case("renew --all", before=(MADE,)),
    Case(RECOVER, before=(MADE,)),
    Case(ROTATE, before=(MADE,)),
    Case(BACKED_UP, before=(MADE,)),
    Case(RESTORE, before=(MADE, BACKED_UP)),
)
# What goes the same ways as the ones above, or with a Home Assistant: in `make test` each fourth
# instant, in `make slow` all. Of a Home Assistant only what housekey itself writes is replayed.
MORE = (
    *(
        case
        for case in HOUSE
        if any(word in case.arguments for word in ("--finish", "--abort", "--leaked", "rebuild"))
    ),
    Case("renew", before=(MADE, ROTATE)),
    *(case for case in HOMES if case.road == "trial" and "--name" not in case.arguments),
)
AGAIN_EVERY = 10  # the next command is run on each tenth disk


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_house_opens_after_a_power_cut_at_any_instant(
    case: Case, places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opens_after_any(case, places, tmp_path, capsys, chosen=range)


@pytest.mark.parametrize("case", MORE, ids=lambda case: case.name)
def test_so_it_does_on_the_other_ways_and_with_a_home_assistant(
    case: Case,
    places: Places,
    chosen: Chosen,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    opens_after_any(case, places, tmp_path, capsys, chosen=lambda count: chosen(range(count), 4))


def opens_after_any(
    case: Case,
    places: Places,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    chosen: Callable[[int], Sequence[int]],
) -> None:
    require(shutil.which("strace") is not None, "strace")
    place = places(case)
    place.begin()
    disk = Disk(place.folder)
    lines = recorded(place, tmp_path / "calls")
    if place.home is not None:
        place.home.stop()
    real = place.state()
    tried = chosen(len(lines))
    calls = cuts = disks = 0
    for line in lines:
        if not disk.follow(line):
            continue
        calls += 1
        if calls not in tried:
            continue
        cuts += 1
        for what in disk.snapshots(place.folder):
            disks += 1
            try:
                must_be_sound(place, again=place.home is None and disks % AGAIN_EVERY == 0)
            except Exception as failure:
                raise AssertionError(
                    f"power cut after call {calls} ({line[:120]}), {what}: {failure!r}"
                ) from failure
    # What was followed is what really happened, but for what SQLite shares in memory.
    disk.write_as_it_is(place.folder)
    assert followed(place.state(), place) == followed(real, place)
    with capsys.disabled():
        print(f"\n  {case.name}: {cuts} of {calls} prefixes, {disks} different disks")


def followed(state: dict[str, Kept], place: Place) -> dict[str, Kept]:
    """What is followed of a state: all, but for what SQLite shares and Home Assistant writes."""
    return {
        name: kept
        for name, kept in state.items()
        if not name.endswith("-shm") and (place.home is None or name.startswith("house"))
    }


def recorded(place: Place, log: Path) -> list[str]:
    """Run the real command, and take down what it asks of the disk."""
    tracer = ("strace", "-f", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-o", str(log))
    done = subprocess.run(
        [*tracer, *COMMAND, *place.words(place.case.arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    require("ptrace" not in done.stderr, "the right to trace a process")
    assert done.returncode in place.case.good, done.stderr
    return log.read_text().splitlines()


def must_be_sound(place: Place, *, again: bool) -> None:
    must_be_private(place)
    must_keep_everything(place)
    if not place.case.begins_broken:
        must_open(place)
    if again:
        done = place.run(place.case.next + (" --replace" if "backup" in place.case.next else ""))
        assert done.code in place.case.ends, done
        must_open(place)
