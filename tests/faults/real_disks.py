"""Run by test_real_disks.py in a mount namespace of its own: real ENOSPC, real EROFS."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.cases import (
    BACKED_UP,
    DAMAGED,
    MADE,
    NEW_LEDGER,
    RECOVER,
    RESTORE,
    ROTATE,
    SECURED,
    Case,
)
from tests.faults.places import Place, stand_in
from tests.faults.sound import (
    must_be_private,
    must_be_the_old_state,
    must_be_told,
    must_have_started,
    must_keep_everything,
    must_open,
)
from tests.faults.warmed import Warmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.warmed import Ended

PAGE = os.sysconf("SC_PAGE_SIZE")
MOST_PAGES = 400  # no command here needs more
PLENTY = 1 << 26  # bytes
STEP = int(os.environ.get("HOUSEKEY_PAGES", "1"))  # how many more are left each time

CASES = (
    Case("cert new nas.lan --out {out}", before=(MADE,)),
    Case(ROTATE, before=(MADE,), ends=(0, 1)),
    Case(RECOVER, before=(MADE,)),
    Case(BACKED_UP, before=(MADE,), then=f"{BACKED_UP} --replace"),
    Case(RESTORE, before=(MADE, BACKED_UP)),
    Case("renew --all", before=(MADE,), owes=True),
    Case(
        "ledger rebuild", before=(MADE, "! spoil house/ledger.sqlite"), moves=(NEW_LEDGER, DAMAGED)
    ),
    Case("ledger export --out {out}/ledger.jsonl", before=(MADE,)),
    *(
        case
        for road in ("yaml", "trial")
        for case in (
            Case(SECURED, road=road),
            Case("renew {home} --yes --now --all", before=(SECURED,), road=road, owes=True),
            Case("undo {home} --yes", before=(SECURED,), road=road),
        )
    ),
)


class Mounted(Place):
    """A place that is a file system of its own."""

    def begin(self, *, pages: int | None = None) -> None:
        """Put the state from before there, with just so many pages of the disk left."""
        if self.home is not None:
            self.home.stop()
        unmount(self.folder)
        self.folder.mkdir(exist_ok=True)
        mount("-t", "tmpfs", "-o", f"size={PLENTY}", "tmpfs", self.folder)
        shutil.copytree(self._template, self.folder, symlinks=True, dirs_exist_ok=True)
        if self.home is not None:
            self.home.start()
        if pages is not None:
            self.leave(pages)

    def leave(self, pages: int) -> None:
        """Let the disk have so many pages left."""
        disk = os.statvfs(self.folder)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        mount("-o", f"remount,size={used + pages * PAGE}", self.folder)

    def be(self, how: str) -> None:
        """Be read-only (`ro`) from now on, or not (`rw`)."""
        mount("-o", f"remount,{how},size={PLENTY}", self.folder)


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *map(str, words)], check=True)


def unmount(folder: Path) -> None:
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def warmed() -> Iterator[Warmed]:
    with Warmed() as server:
        yield server


@contextmanager
def mounted(case: Case, warmed: Warmed) -> Iterator[Mounted]:
    with tempfile.TemporaryDirectory(prefix="housekey-disks-") as folder, ExitStack() as held:
        path = Path(folder) / "place"
        home = held.enter_context(stand_in(path, case)) if case.road else None
        place = Mounted.make(path, case, warmed, home)
        assert isinstance(place, Mounted)
        shutil.rmtree(path)
        try:
            yield place
        finally:
            if home is not None:
                home.stop()
            unmount(path)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_full_disk_leaves_the_old_state_however_much_is_left(case: Case, warmed: Warmed) -> None:
    told = 0
    with mounted(case, warmed) as place:
        # With a Home Assistant a page more each time would be a restart each time.
        for pages in range(0, MOST_PAGES, STEP * 7 if case.road else STEP):
            place.begin(pages=pages)
            done = place.run()
            try:
                if is_done(case, done):
                    break
                told += 1
                must_be_sound(place, done)
                place.leave(MOST_PAGES)
                must_go_on(place)
            except AssertionError as failure:
                raise AssertionError(f"{pages} pages left: {failure}\n{done}") from failure
        else:
            raise AssertionError(f"{MOST_PAGES} pages are not enough: {done}")
    print(f"\n  {case.name}: full {told} times, done with {pages} pages of {PAGE} bytes")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_disk_that_can_only_be_read_leaves_the_old_state(case: Case, warmed: Warmed) -> None:
    with mounted(case, warmed) as place:
        place.begin()
        place.be("ro")
        done = place.run()
        assert not is_done(case, done), done
        must_be_sound(place, done)
        place.be("rw")
        must_go_on(place)
    print(f"\n  {case.name}: read-only: {first_line(done)}")


def is_done(case: Case, done: Ended) -> bool:
    return done.code == 0 or (done.code in case.good and not case.owes)


def must_be_sound(place: Place, done: Ended) -> None:
    if not (place.case.owes and done.code == 1):
        must_be_told(done)
    must_be_private(place)
    must_keep_everything(place)
    if place.home is not None:
        place.home.settle()
    # A disk that was full, and let nothing go: what could not be removed is a stray.
    must_be_the_old_state(place, done, with_strays=True)
    must_have_started(place)


def must_go_on(place: Place) -> None:
    """With a disk that takes something again."""
    if not place.case.begins_broken:
        must_open(place)  # which takes some room itself
    again = place.run(place.case.next)
    assert again.code in place.case.ends, again


def first_line(done: Ended) -> str:
    return (done.err or done.out).splitlines()[0]
