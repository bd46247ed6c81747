"""The real command, killed by SIGKILL at random moments: nothing is lost, and it can go on.

In between two operations (test_crash.py) lies what those do not show: inside of a write, of a
commit of SQLite, of a rename. The process is a real one with the real command line, forked from one
that has imported it; the kernel kills it after a random part of the time that it takes undisturbed.
Some are started as a user starts them, `python -m housekey`, and pay for Python's own start.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.command import COMMAND, environment
from tests.faults.cases import BACKED_UP, HOMES, MADE, RECOVER, RESTORE, ROTATE, Case
from tests.faults.sound import (
    must_be_private,
    must_have_started,
    must_keep_everything,
    must_open,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.conftest import Places
    from tests.faults.places import Place

KILLS = 50  # of each of the eight: four hundred in all
KILLS_AT_HOME = 8  # of each that takes a Home Assistant to https or back
AT_LEAST = 300
KILLS_FROM_THE_START = 3
CASES = (
    Case(MADE),
    Case("cert new nas.lan nas.local", before=(MADE,)),
    Case("cert revoke nas.lan", before=(MADE,)),
    Case("renew --all", before=(MADE, "cert new printer.lan")),
    Case(ROTATE, before=(MADE,)),
    Case(RECOVER, before=(MADE,)),
    Case(BACKED_UP, before=(MADE,), then=f"{BACKED_UP} --replace"),
    Case(RESTORE, before=(MADE, BACKED_UP)),
)

AT_HOME = tuple(case for case in HOMES if case.road == "trial" and "--csr" not in case.arguments)


def test_at_least_three_hundred_are_killed() -> None:
    assert KILLS * len(CASES) >= AT_LEAST
    print(f"\n  {KILLS} x {len(CASES)} + {KILLS_AT_HOME} x {len(AT_HOME)} processes are killed")


@pytest.mark.parametrize("case", [*CASES, *AT_HOME], ids=lambda case: case.name)
def test_killed_at_random_moments_it_leaves_what_the_next_command_finishes(
    case: Case, places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    place = places(case)
    seconds = max(run_undisturbed(place) for _ in range(3))
    killed = ended = 0
    kills = KILLS_AT_HOME if case.road else KILLS
    while killed < kills:
        place.begin()
        after = chance.uniform(0, seconds)
        done = place.run(kill_after=after)
        killed += done.killed
        ended += not done.killed
        assert ended < kills * 10, "it ends before it can be killed"
        if not done.killed:
            # The machine has become faster: spread the moments over what it takes now.
            seconds = max(seconds * 0.9, 0.002)
        with failing_with(f"seed {seed}, kill {killed}, after {after:.4f} of {seconds:.4f} s"):
            must_be_sound(place)
    from_the_start = 0 if case.road else KILLS_FROM_THE_START
    for _ in range(from_the_start):
        place.begin()
        started = kill_from_the_start(place, chance)
        with failing_with(f"seed {seed}, started anew: {started}"):
            must_be_sound(place)
    with capsys.disabled():
        print(
            f"\n  {case.name}: {killed} processes killed within {seconds * 1000:.0f} ms,"
            f" {ended} ended before, {from_the_start} from Python's start on (seed {seed})"
        )


def run_undisturbed(place: Place) -> float:
    place.begin()
    done = place.run()
    assert done.code in place.case.ends, done
    return done.seconds


def kill_from_the_start(place: Place, chance: random.Random) -> str:
    """Kill `python -m housekey`, some time after it was started."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, *place.words(place.case.arguments)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=chance.uniform(0.3, 1.2))
    process.send_signal(signal.SIGKILL)
    code = process.wait()
    return f"ended with {code} after {time.monotonic() - begun:.3f} s"


@contextlib.contextmanager
def failing_with(words: str) -> Iterator[None]:
    __tracebackhide__ = True
    try:
        yield
    except AssertionError as failure:
        raise AssertionError(f"{words}: {failure}") from failure


def must_be_sound(place: Place) -> None:
    must_be_private(place)
    must_keep_everything(place)
    must_open(place)
    if place.home is not None:
        place.home.settle()  # only housekey was killed; Home Assistant does what it was told
    again = place.run(place.case.next)
    assert again.code in place.case.ends, again
    must_be_private(place)
    must_keep_everything(place)
    must_open(place)
    must_have_started(place)
