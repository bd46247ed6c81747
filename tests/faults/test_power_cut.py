"""The power goes at any instant: what was not synced may be lost, and the house opens."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command import COMMAND, environment
from tests.faults.cases import BACKED_UP, MADE, RECOVER, RESTORE, ROTATE, Case
from tests.faults.power import CALLS, Disk
from tests.faults.sound import must_be_private, must_keep_everything, must_open
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Places
    from tests.faults.places import Place

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
AGAIN_EVERY = 10  # the next command is run on each tenth disk


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_house_opens_after_a_power_cut_at_any_instant(
    case: Case, places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require(shutil.which("strace") is not None, "strace")
    place = places(case)
    place.begin()
    disk = Disk(place.folder)
    lines = recorded(place, tmp_path / "calls")
    real = place.state()
    place.begin()
    calls = disks = 0
    for line in lines:
        if not disk.follow(line):
            continue
        calls += 1
        for what in disk.snapshots(place.folder):
            disks += 1
            try:
                must_be_sound(place, again=disks % AGAIN_EVERY == 0)
            except Exception as failure:
                raise AssertionError(
                    f"power cut after call {calls} ({line[:120]}), {what}: {failure!r}"
                ) from failure
    # What was followed is what really happened, but for what SQLite shares in memory.
    disk.write_as_it_is(place.folder)
    assert {n: k for n, k in place.state().items() if not n.endswith("-shm")} == {
        n: k for n, k in real.items() if not n.endswith("-shm")
    }
    with capsys.disabled():
        print(f"\n  {case.name}: {calls} prefixes, {disks} disks")


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
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines()


def must_be_sound(place: Place, *, again: bool) -> None:
    must_be_private(place)
    must_keep_everything(place)
    must_open(place)
    if again:
        done = place.run(place.case.next + (" --replace" if "backup" in place.case.next else ""))
        assert done.code in place.case.ends, done
        must_open(place)
