"""`trust` and `untrust` killed, and with an error, at every operation: no torn store, no half root.

The real `update-ca-certificates` on copies of this machine's folders, in a mount namespace of the
server that forks the commands; of Debian's own roots a few are enough.
"""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import STRAY_SUFFIX
from tests.faults.operations import Fault
from tests.faults.warmed import Warmed
from tests.trust.private import ANCHORS, PrivateDebian
from tests.trust.roots import make_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.warmed import Ended

ERRORS = (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO)


@dataclass
class Store:
    """A Debian's store, and who changes it."""

    debian: PrivateDebian
    warmed: Warmed
    house: Path
    states: dict[str, Path]  # the store before each command, by the command

    def begin(self, command: str) -> None:
        for here, kept in self._folders(self.states[command]):
            emptied(here)
            shutil.copytree(kept, here, symlinks=True, dirs_exist_ok=True)

    def keep(self, command: str) -> None:
        for here, kept in self._folders(self.states[command]):
            shutil.copytree(here, kept, symlinks=True)

    def run(self, command: str, *, fault: Fault | None = None) -> Ended:
        given = ("--store", "debian", "--house", self.house, "--yes", "--json")
        return self.warmed.run(command, *given, root=ANCHORS, fault=fault)

    def roots(self) -> tuple[dict[str, bytes], bytes]:
        """The anchors but for strays, and the list that programs read."""
        anchors = {path.name: path.read_bytes() for path in self.debian.anchors.iterdir()}
        return {n: data for n, data in anchors.items() if STRAY_SUFFIX not in n}, self.debian.bundle

    def _folders(self, kept: Path) -> tuple[tuple[Path, Path], ...]:
        return (self.debian.anchors, kept / "anchors"), (self.debian.ssl, kept / "ssl")


def emptied(folder: Path) -> None:
    """Empty the folder; itself it stays, for it is mounted elsewhere."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("debian")
    debian = PrivateDebian(folder / "debian", few=True)
    make_house(folder / "house")
    states = {command: folder / command for command in ("trust", "untrust")}
    with Warmed(debian.command, debian.environment()) as warmed:
        store = Store(debian, warmed, folder / "house", states)
        store.keep("trust")
        assert store.run("trust").code == 0
        store.keep("untrust")
        yield store


@pytest.mark.engine
@pytest.mark.parametrize("command", ["trust", "untrust"])
def test_killed_at_every_operation_the_store_is_whole_and_the_same_command_ends_it(
    command: str,
    store: Store,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations, before, after = undisturbed(store, command)
    points = range(len(operations) + 1)
    for at in points:
        store.begin(command)
        killed = store.run(command, fault=Fault("kill", at))
        where = f"killed before operation {at} of {len(operations)}: {operations[at : at + 1]}"
        assert killed.killed, f"{where}: {killed}"
        must_be_one_of(store, before, after, where)
        done = store.run(command)
        assert done.code == 0, f"{where}: {done}"
        assert store.roots() == after, where
    with capsys.disabled():
        print(f"\n  {command}: {len(operations)} operations, killed at {len(points)} points")


@pytest.mark.engine
@pytest.mark.parametrize("command", ["trust", "untrust"])
def test_an_error_of_the_disk_at_any_operation_leaves_the_store_as_it_was(
    command: str,
    store: Store,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operations, before, after = undisturbed(store, command)
    failed = passed = 0
    for at in range(len(operations)):
        number = ERRORS[at % len(ERRORS)]
        store.begin(command)
        done = store.run(command, fault=Fault("error", at, number=number))
        where = f"{errno.errorcode[number]} at operation {at} of {len(operations)}: "
        where += f"{operations[at]}: {done}"
        failed += done.code != 0
        passed += done.code == 0
        assert done.code in (0, 3, 4), where
        assert store.roots() == (before if done.code else after), where
    with capsys.disabled():
        print(f"\n  {command}: {failed} errors told, {passed} done without what failed")


def undisturbed(
    store: Store, command: str
) -> tuple[tuple[str, ...], tuple[dict[str, bytes], bytes], tuple[dict[str, bytes], bytes]]:
    """Run it without a fault: its operations, and the store before and after."""
    store.begin(command)
    before = store.roots()
    whole = store.run(command, fault=Fault())
    assert whole.code == 0, whole
    after = store.roots()
    assert before != after
    return whole.operations, before, after


def must_be_one_of(
    store: Store,
    before: tuple[dict[str, bytes], bytes],
    after: tuple[dict[str, bytes], bytes],
    where: str,
) -> None:
    """Anchors and list are each the old or the new one, whole: who reads them meets no half."""
    anchors, bundle = store.roots()
    assert anchors in (before[0], after[0]), where
    assert bundle in (before[1], after[1]), where
