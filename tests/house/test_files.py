"""Files are written whole or not at all, and a key is never open to others, not for an instant."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housekey.errors import FileTrouble
from housekey.house.files import STRAY_SUFFIX, Files, Owner
from tests.house.disks import read_only, small_disk
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = ["_create", "_dress", "_write_all", "_sync", "_rename"]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path | str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def strays(folder: Path) -> list[str]:
    return [name for name in names_in(folder) if name.endswith(STRAY_SUFFIX)]


class FailsAt(Files):
    """A disk that fails at one step: halfway through it, where there is a half."""

    def __init__(self, step: str, failure: BaseException | int) -> None:
        self.step, self.failure = step, failure

    def fail_at(self, step: str) -> None:
        if step == self.step:
            if isinstance(self.failure, int):
                raise OSError(self.failure, os.strerror(self.failure))
            raise self.failure

    def _create(self, folder: int, name: str, mode: int) -> int:
        self.fail_at("_create")
        return super()._create(folder, name, mode)

    def _dress(self, fd: int, mode: int, owner: Owner | None) -> None:
        self.fail_at("_dress")
        super()._dress(fd, mode, owner)

    def _write_all(self, fd: int, data: bytes) -> None:
        if self.step == "_write_all":
            os.write(fd, data[: len(data) // 2])
        self.fail_at("_write_all")
        super()._write_all(fd, data)

    def _sync(self, fd: int) -> None:
        self.fail_at("_sync")
        super()._sync(fd)

    def _rename(self, folder: int, source: str, target: str) -> None:
        self.fail_at("_rename")
        super()._rename(folder, source, target)


@given(
    old=st.none() | st.tuples(st.binary(max_size=300), st.sampled_from([0o600, 0o644, 0o444])),
    new=st.binary(max_size=300),
    mode=st.none() | st.sampled_from([0o400, 0o600, 0o640, 0o644, 0o664, 0o755]),
    umask=st.sampled_from([0, 0o022, 0o077, 0o777]),
)
@settings(max_examples=60)
def test_a_file_holds_what_was_written_with_the_mode_asked_for_whatever_the_umask(
    old: tuple[bytes, int] | None, new: bytes, mode: int | None, umask: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        if old is not None:
            path.write_bytes(old[0])
            path.chmod(old[1])
        before = os.umask(umask)
        try:
            Files().write(path, new, mode=mode)
        finally:
            os.umask(before)
        assert path.read_bytes() == new
        assert mode_of(path) == (mode or (old[1] if old else 0o600))
        assert names_in(folder) == ["file"]


@given(old=st.none() | st.binary(), new=st.binary(min_size=2), mode=st.none() | st.just(0o644))
@settings(max_examples=15)
@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_the_file_as_it_was_and_nothing_beside_it(
    step: str, old: bytes | None, new: bytes, mode: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        if old is not None:
            path.write_bytes(old)
            path.chmod(0o640)
        with pytest.raises(FileTrouble):
            FailsAt(step, errno.EIO).write(path, new, mode=mode)
        if old is None:
            assert names_in(folder) == []
        else:
            assert path.read_bytes() == old
            assert mode_of(path) == 0o640
            assert names_in(folder) == ["file"]


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_at_any_step_leaves_the_file_as_it_was_and_nothing_beside_it(
    step: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        FailsAt(step, KeyboardInterrupt()).write(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from tests.house.test_files import FailsAt

    class Killed(FailsAt):
        def fail_at(self, step):
            if step == self.step:
                os.kill(os.getpid(), signal.SIGKILL)

    Killed(sys.argv[2], 0).write(Path(sys.argv[1]), b"new" * 100_000)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_the_old_file_and_a_stray_that_the_next_write_removes(
    step: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), path, step],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(strays(tmp_path)) == (0 if step == "_create" else 1)
    Files().write(tmp_path / "another", b"")
    assert strays(tmp_path) == []


def test_a_temporary_file_that_another_process_is_writing_is_no_stray(tmp_path: Path) -> None:
    class WritesAnotherInBetween(Files):
        def _sync(self, fd: int) -> None:
            Files().write(tmp_path / "another", b"")
            super()._sync(fd)

    WritesAnotherInBetween().write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"


class Recorded(Files):
    """Notes the modes of everything in the folder before and after each step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: set[int] = set()

    def look(self) -> None:
        self.seen |= {mode_of(path) for path in self.folder.iterdir()}

    def _create(self, folder: int, name: str, mode: int) -> int:
        fd = super()._create(folder, name, mode)
        self.look()
        return fd

    def _dress(self, fd: int, mode: int, owner: Owner | None) -> None:
        super()._dress(fd, mode, owner)
        self.look()

    def _rename(self, folder: int, source: str, target: str) -> None:
        super()._rename(folder, source, target)
        self.look()


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_has_its_final_mode_at_every_step_under_umask_0(mode: int, tmp_path: Path) -> None:
    files = Recorded(tmp_path)
    before = os.umask(0)
    try:
        files.write(tmp_path / "key", b"secret", mode=mode)
    finally:
        os.umask(before)
    assert files.seen == {mode}


WATCHER = """
    import os, sys
    print("watching", flush=True)
    widest = 0
    while not os.path.exists("done"):
        for entry in os.scandir("watched"):
            try:
                widest |= entry.stat().st_mode & 0o777
            except FileNotFoundError:
                pass
    print(oct(widest))
"""


class Slow(Files):
    """Stays at every step for long enough to be seen."""

    def _create(self, folder: int, name: str, mode: int) -> int:
        fd = super()._create(folder, name, mode)
        time.sleep(0.003)
        return fd

    def _sync(self, fd: int) -> None:
        super()._sync(fd)
        time.sleep(0.003)


class Sloppy(Slow):
    """What a plain open() would do: born by the umask, narrowed afterwards."""

    def _create(self, folder: int, name: str, mode: int) -> int:
        return super()._create(folder, name, mode | 0o666)


@pytest.mark.parametrize(("files", "seen"), [(Slow(), "0o600"), (Sloppy(), "0o666")])
def test_another_process_watching_the_folder_never_sees_a_key_open_to_others(
    files: Files, seen: str, tmp_path: Path
) -> None:
    watched = tmp_path / "watched"
    watched.mkdir(0o755)
    watcher = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WATCHER)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        before = os.umask(0)
        try:
            for number in range(100):
                files.write(watched / f"key{number % 3}", b"secret", mode=0o600)
        finally:
            os.umask(before)
        (tmp_path / "done").touch()
        assert watcher.stdout.read().strip() == seen


def test_a_full_disk_leaves_the_old_file_and_says_that_it_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        path = disk / "file"
        path.write_bytes(b"old")
        with pytest.raises(FileTrouble, match="the disk is full"):
            Files().write(path, b"new" * 100_000)
        assert path.read_bytes() == b"old"
        assert names_in(disk) == ["file"]


def test_an_append_to_a_full_disk_leaves_the_lines_from_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        files = Files()
        files.append(disk / "lines", "one", mode=0o600)
        with pytest.raises(FileTrouble, match="the disk is full"):
            files.append(disk / "lines", "two" * 100_000, mode=0o600)
        assert (disk / "lines").read_bytes() == b"one\n"


def test_a_full_disk_leaves_no_half_folder(tmp_path: Path) -> None:
    files = Files()
    with small_disk(tmp_path / "disk", kilobytes=64) as disk:
        with (
            pytest.raises(FileTrouble, match="the disk is full"),
            files.new_folder(disk / "house", 0o700) as folder,
        ):
            files.write(folder / "one", b"1" * 100_000)
        assert names_in(disk) == []


def test_a_read_only_folder_is_told_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(b"old")
    files = Files()
    attempts: list[Callable[[], None]] = [
        lambda: files.write(folder / "file", b"new"),
        lambda: files.write(folder / "another", b"new", mode=0o600),
        lambda: files.append(folder / "lines", "new", mode=0o600),
        lambda: files.remove(folder / "file"),
        lambda: files.make_folder(folder / "sub", 0o700),
        lambda: files.rename(folder / "file", folder / "other"),
    ]
    with read_only(folder):
        for attempt in attempts:
            with pytest.raises(FileTrouble, match=r"can only be read|no permission") as caught:
                attempt()
            assert caught.value.hint
        assert (folder / "file").read_bytes() == b"old"
    assert names_in(folder) == ["file"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "share of the disk"),
        (errno.EROFS, "can only be read"),
        (errno.EACCES, "no permission"),
        (errno.EPERM, "no permission"),
        (errno.EBUSY, "mounted"),
        (errno.EOPNOTSUPP, "cannot keep a file to its owner"),
        (errno.ENOTRECOVERABLE, "the system says"),
    ],
)
def test_what_the_system_says_becomes_a_plain_reason_and_a_hint(
    number: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(FileTrouble, match=words) as caught:
        FailsAt("_dress", number).write(tmp_path / "file", b"new")
    assert caught.value.path == tmp_path / "file"
    assert caught.value.hint
    assert "Errno" not in caught.value.message


def test_a_folder_that_vanished_is_told(tmp_path: Path) -> None:
    for attempt in (
        lambda: Files().write(tmp_path / "gone" / "file", b""),
        lambda: Files().read(tmp_path / "gone" / "file"),
        lambda: Files().append(tmp_path / "gone" / "file", "line", mode=0o600),
    ):
        with pytest.raises(FileTrouble, match="not there"):
            attempt()


def test_a_folder_of_the_same_name_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(FileTrouble, match="folder of this name"):
        Files().write(tmp_path / "file", b"")
    assert names_in(tmp_path) == ["file"]


def test_a_pipe_is_no_file_to_replace(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileTrouble, match="not a regular file"):
        Files().write(tmp_path / "pipe", b"")
    with pytest.raises(FileTrouble, match="not a regular file"):
        Files().snapshot(tmp_path / "pipe")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["n" * 255, "字" * 85])
def test_the_longest_name_of_a_file_is_no_obstacle(name: str, tmp_path: Path) -> None:
    Files().write(tmp_path / name, b"content")
    assert names_in(tmp_path) == [name]


def test_what_root_creates_belongs_to_the_owner_of_the_folder_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    require(os.geteuid() == 0, "giving files to other users takes root")
    os.chown(tmp_path, 12345, 54321)
    files = Files()
    files.write(tmp_path / "file", b"")
    files.append(tmp_path / "lines", "line", mode=0o600)
    files.make_folder(tmp_path / "a" / "b", 0o700)
    with files.new_folder(tmp_path / "new", 0o700):
        pass
    os.close(files.open_lock(tmp_path / "lock"))
    assert {(path.stat().st_uid, path.stat().st_gid) for path in tmp_path.rglob("*")} == {
        (12345, 54321)
    }
    files.write(tmp_path / "other", b"", owner=Owner(0, 0))
    assert (tmp_path / "other").stat().st_uid == 0


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "configuration.yaml"
    target.write_bytes(b"old")
    link = tmp_path / "configuration.yaml"
    link.symlink_to(Path("elsewhere") / "configuration.yaml")
    Files().write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_dangling_link_of_our_own_gets_its_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    Files().write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_a_link_of_somebody_else_to_a_file_that_is_not_theirs_is_not_followed(
    tmp_path: Path,
) -> None:
    require(os.geteuid() == 0, "giving files to other users takes root")
    target = tmp_path / "shadow"
    target.write_bytes(b"root's")
    link = tmp_path / "privkey.pem"
    link.symlink_to(target)
    os.chown(link, 12345, 12345, follow_symlinks=False)
    files = Files()
    attempts: list[Callable[[], None]] = [
        lambda: files.write(link, b"new"),
        lambda: files.append(link, "new", mode=0o600),
        lambda: files.set_mode(link, 0o666),
        lambda: files.remove(link),
    ]
    for attempt in attempts:
        with pytest.raises(FileTrouble, match="symbolic link"):
            attempt()
    assert target.read_bytes() == b"root's"

    os.chown(target, 12345, 12345)
    files.write(link, b"new")
    assert target.read_bytes() == b"new"


def test_a_replaced_file_keeps_its_owner_and_mode_unless_told_otherwise(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "giving files to other users takes root")
    path = tmp_path / "configuration.yaml"
    path.write_bytes(b"old")
    path.chmod(0o664)
    os.chown(path, 12345, 54321)
    files = Files()
    files.write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (12345, 54321, 0o664)
    files.write(path, b"newer", mode=0o600, owner=Owner(23456, 65432))
    assert (path.stat().st_uid, path.stat().st_gid, mode_of(path)) == (23456, 65432, 0o600)


def test_a_snapshot_puts_back_content_mode_and_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old\r\n\xff")
    path.chmod(0o640)
    files = Files()
    snapshot = files.snapshot(path)
    assert snapshot is not None
    assert "old" not in repr(snapshot)
    files.write(path, b"new", mode=0o600)
    files.restore(path, snapshot)
    assert path.read_bytes() == b"old\r\n\xff"
    assert mode_of(path) == 0o640


def test_a_snapshot_of_nothing_puts_back_nothing(tmp_path: Path) -> None:
    files = Files()
    snapshot = files.snapshot(tmp_path / "file")
    files.write(tmp_path / "file", b"new")
    files.restore(tmp_path / "file", snapshot)
    files.restore(tmp_path / "file", snapshot)
    assert names_in(tmp_path) == []


def test_extended_attributes_stay_unless_the_mode_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    try:
        os.setxattr(path, "user.note", b"mine")
    except (OSError, AttributeError):
        require(False, "this file system keeps no extended attributes")
    Files().write(path, b"new")
    assert os.getxattr(path, "user.note") == b"mine"
    Files().write(path, b"new", mode=0o600)
    assert os.listxattr(path) == []


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
@settings(max_examples=25)
def test_appended_lines_are_read_back_in_order(lines: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        for line in lines:
            Files().append(path, line, mode=0o600)
        if lines:
            assert path.read_bytes().decode().split("\n") == [*lines, ""]
            assert mode_of(path) == 0o600


def test_a_torn_last_line_is_cut_off_by_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    Files().append(path, "three", mode=0o600)
    assert path.read_bytes() == b"one\nthree\n"


def test_folders_get_their_mode_whatever_the_umask(tmp_path: Path) -> None:
    for number, umask in enumerate([0, 0o077, 0o177]):
        path = tmp_path / str(number) / "deeper"
        before = os.umask(umask)
        try:
            Files().make_folder(path, 0o700)
        finally:
            os.umask(before)
        assert mode_of(path) == mode_of(path.parent) == 0o700


def test_a_new_folder_appears_whole_and_takes_the_place_of_an_empty_one(tmp_path: Path) -> None:
    target = tmp_path / "house"
    target.mkdir(0o755)
    files = Files()
    with files.new_folder(target, 0o700) as folder:
        files.write(folder / "file", b"content")
        assert names_in(target) == []
    assert (target / "file").read_bytes() == b"content"
    assert mode_of(target) == 0o700
    assert names_in(tmp_path) == ["house"]


def test_a_new_folder_never_takes_the_place_of_one_with_something_in_it(tmp_path: Path) -> None:
    target = tmp_path / "house"
    target.mkdir()
    (target / "photos").write_bytes(b"mine")
    files = Files()
    with (
        pytest.raises(FileTrouble, match="something in this folder"),
        files.new_folder(target, 0o700) as folder,
    ):
        files.write(folder / "file", b"content")
    assert names_in(tmp_path) == ["house"]
    assert names_in(target) == ["photos"]


def test_a_new_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Files().new_folder(tmp_path / "house", 0o700):
        _ = 1 / 0
    assert names_in(tmp_path) == []


def test_folder_trees_are_removed_whole_and_more_than_once(tmp_path: Path) -> None:
    files = Files()
    files.make_folder(tmp_path / "a" / "b", 0o700)
    files.write(tmp_path / "a" / "b" / "file", b"")
    for _ in itertools.repeat(None, 2):
        files.remove_folder(tmp_path / "a")
    assert names_in(tmp_path) == []


def test_a_link_is_removed_itself_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    link = tmp_path / "link"
    Files().make_link(link, "target")
    assert link.read_text() == "kept"
    Files().remove_link(link)
    assert not link.is_symlink()
    assert target.read_text() == "kept"


def test_what_is_no_link_is_not_removed_as_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("kept")
    with pytest.raises(FileTrouble):
        Files().remove_link(path)
    with pytest.raises(FileTrouble):
        Files().make_link(path, "elsewhere")
    assert path.read_text() == "kept"
