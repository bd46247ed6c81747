"""Certificates that end before the next daily look, renewed in time by one running `housekey run`.

Nothing is let pass faster than it does: Pebble signs for seconds or for a minute, and the process
waits for its time. Nobody touches it meanwhile. What a certificate of six days makes of the
schedule is counted as well, but not waited for.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.command import COMMAND, environment
from tests.public.owner import owner_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.public.owner import Owner

_WITHIN = 600.0  # seconds, on a busy machine
# Between two rounds `run` leaves at least a minute, which is longer than a test should wait; here
# it is a second.
_HASTY = """
import sys
from datetime import timedelta
from housekey.renewal import schedule
schedule._A_MOMENT = timedelta(seconds=1)
from housekey.cli.main import run
sys.argv[0] = "housekey"
run()
"""
HASTY = (sys.executable, "-W", "error", "-c", _HASTY)


class Running:
    """`housekey run` for an owner's house; it ends with the block."""

    def __init__(self, owner: Owner, begin: tuple[str, ...]) -> None:
        self._log = owner.folder / "run.log"
        at: list[str | Path] = [
            "--config",
            owner.home.folder,
            "--token-file",
            owner.folder / "token",
        ]
        command = owner.dns.seen_by(*begin, "run", *at, "--no-page", "--house", owner.house)
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, words: str, *, times: int = 1) -> None:
        """Wait until it has said these words so many times."""
        end = time.monotonic() + _WITHIN
        while self.log.count(words) < times:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, f"it never said {words!r} {times} times:\n{self.log}"
            time.sleep(0.05)


@contextmanager
def running(owner: Owner, begin: tuple[str, ...] = COMMAND) -> Iterator[Running]:
    service = Running(owner, begin)
    try:
        yield service
        service.process.terminate()
        assert service.process.wait(_WITHIN) == 0, service.log
    finally:
        service.process.kill()
        service.process.wait()


def in_the_ledger(owner: Owner) -> list[dict[str, object]]:
    exported = owner.run("ledger", "export", as_json=False)
    return [json.loads(line) for line in exported.out.splitlines()]


def lives(owner: Owner) -> list[tuple[datetime, datetime, datetime]]:
    """Of each certificate of Home Assistant: when it was ordered, when it began, when it ends."""
    entries = in_the_ledger(owner)
    orders = [
        datetime.fromisoformat(str(entry["at"]))
        for entry in entries
        if entry.get("kind") == "order" and "new-order" in json.dumps(entry)
    ]
    leaves = [
        (
            datetime.fromisoformat(str(entry["not_before"])),
            datetime.fromisoformat(str(entry["not_after"])),
        )
        for entry in entries
        if entry.get("what") == "certificate" and entry["role"] == "leaf"
    ]
    assert len(orders) == len(leaves)
    return [(ordered, *leaf) for ordered, leaf in zip(orders, leaves, strict=True)]


def renews_in_time(tmp_path: Path, *, seconds: int, begin: tuple[str, ...]) -> None:
    """Let it renew twice, and see that each was ordered when it was due, and before its end."""
    with owner_in(tmp_path, seconds=seconds) as owner:
        assert owner.secure().code == 0
        first = owner.presented
        with running(owner, begin) as service:
            service.wait_for("renewed   home-assistant", times=2)
            service.wait_for("next      round on", times=3)
        assert owner.presented != first
        assert service.log.count("started ") == 1
        assert "failed" not in service.log
        assert "good for 0" not in service.log
        known = lives(owner)
        assert len(known) >= 3
        for (_, begins, ends), (ordered, _, _) in pairwise(known):
            assert begins + (ends - begins) * 0.6 < ordered < ends


def test_one_of_seconds_is_renewed_in_time_twice_by_one_process(tmp_path: Path) -> None:
    renews_in_time(tmp_path, seconds=36, begin=HASTY)


@pytest.mark.slow
def test_one_of_minutes_is_renewed_in_time_twice_by_the_very_command(tmp_path: Path) -> None:
    renews_in_time(tmp_path, seconds=180, begin=COMMAND)


@pytest.mark.parametrize("life", [timedelta(hours=12), timedelta(days=6)])
def test_the_next_look_comes_when_it_is_due_or_the_next_night(
    tmp_path: Path, life: timedelta
) -> None:
    """Twelve hours are over before the night that would have seen to it."""
    with owner_in(tmp_path, seconds=int(life.total_seconds())) as owner:
        assert owner.secure().code == 0
        with running(owner) as service:
            service.wait_for("next      round on")
        found = re.search(r"round on (\S+) at (\S+)", service.log)
        assert found is not None
        next_round = datetime.fromisoformat(f"{found[1]}T{found[2]}").astimezone()
        ((_, begins, ends),) = lives(owner)
        due = ends - (ends - begins) / 3
        a_day_on = datetime.now(due.tzinfo) + timedelta(hours=27)
        assert next_round <= min(due, a_day_on)
        assert owner.ca.orders == 1
