"""Several files change as one: whoever reads, and whenever it is killed, sees all or nothing."""

from __future__ import annotations

import itertools
import multiprocessing
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble
from housekey.house import together
from housekey.house.files import STRAY_SUFFIX, Files
from housekey.house.together import (
    CHANGED,
    mode_of,
    read_together,
    replace_together,
    settle,
    where,
)
from housekey.pki.secret import Secret
from tests.house.disks import read_only, small_disk
from tests.house.killing import KilledAt, killed_at_every_moment

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

OLD = {"root.pem": b"old root", "root.key": b"old key", "next/note": b"waiting"}
CHANGE: dict[str, bytes | Secret | None] = {
    "root.pem": b"new root",
    "root.key": Secret(b"new key"),
    "old/0001/root.pem": b"old root",
    "next/note": None,
}
NEW = {"root.pem": b"new root", "root.key": b"new key", "old/0001/root.pem": b"old root"}
NAMES = sorted({*OLD, *NEW})


@pytest.fixture
def house(tmp_path: Path) -> Path:
    folder = tmp_path / "house"
    for name, content in OLD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    """What a reader takes the house to say."""
    said = read_together(folder, NAMES, files=Files())
    return {name: content for name, content in said.items() if content is not None}


def lying(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, strays included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_all_files_are_replaced_and_nothing_else_is_left(house: Path) -> None:
    replace_together(house, CHANGE, files=Files())
    assert read(house) == lying(house) == NEW
    assert not (house / "next").exists(), "an empty folder is no use to anybody"
    for name in NEW:
        assert stat.S_IMODE((house / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((house / "old/0001").stat().st_mode) == 0o700


def test_a_kill_at_any_moment_leaves_all_or_nothing(house: Path, tmp_path: Path) -> None:
    def change(folder: Path, files: Files) -> None:
        replace_together(folder, CHANGE, files=files)

    old, new = 0, 0
    for moment, left in killed_at_every_moment(house, change, at=tmp_path / "left"):
        said = read(left)
        assert said in (OLD, NEW), f"torn by a kill at moment {moment}"
        assert not opened_to_others(left), f"at moment {moment}"
        settle(left, files=Files())
        assert read(left) == said, f"settling said something else, at moment {moment}"
        assert without_strays(lying(left)) == said
        old, new = old + (said == OLD), new + (said == NEW)
    print(f"killed at {old + new} moments: {old} times all old, {new} times all new")  # noqa: T201 - the count
    assert old > 10
    assert new > 10


def test_settling_may_itself_be_killed_at_any_moment(house: Path, tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    half_done(house, begin)

    def finish(folder: Path, files: Files) -> None:
        settle(folder, files=files)

    for moment, left in killed_at_every_moment(begin, finish, at=tmp_path / "left"):
        assert read(left) == NEW, f"torn by a kill at moment {moment}"
        settle(left, files=Files())
        assert without_strays(lying(left)) == NEW


def test_what_a_kill_left_of_the_removal_is_not_settled_over_what_is_newer(house: Path) -> None:
    class DiesInTheRemoval(Files):
        def remove_folder(self, path: Path) -> None:
            if CHANGED in path.name:
                raise KeyboardInterrupt
            super().remove_folder(path)

    with pytest.raises(KeyboardInterrupt):
        replace_together(house, CHANGE, files=DiesInTheRemoval())
    Files().write(house / "root.pem", b"newer still")
    settle(house, files=Files())
    assert read(house)["root.pem"] == b"newer still"


def test_an_earlier_change_is_settled_before_the_next(house: Path, tmp_path: Path) -> None:
    half_done(house, tmp_path / "begin")
    replace_together(tmp_path / "begin", {"root.pem": b"newest"}, files=Files())
    assert read(tmp_path / "begin") == {**NEW, "root.pem": b"newest"}


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=256) as disk:
        house = disk / "house"
        house.mkdir()
        (house / "root.pem").write_bytes(b"old")
        large = {"root.pem": b"n" * 100_000, "root.key": b"k" * 200_000}
        with pytest.raises(FileTrouble, match="full"):
            replace_together(house, large, files=Files())
        assert lying(house) == {"root.pem": b"old"}


def test_a_disk_that_fills_up_after_the_change_still_says_what_is_new(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=256) as disk:
        house = disk / "house"
        house.mkdir()
        (house / "root.pem").write_bytes(b"old")
        large = {"root.pem": b"n" * 80_000, "root.key": b"k" * 80_000}  # once, but not twice
        replace_together(house, large, files=Files())
        assert read_together(house, large, files=Files()) == large
        (house / "root.pem").write_bytes(b"")  # room
        with pytest.raises(FileTrouble, match="full"):
            settle(house, files=Files())
        assert read_together(house, large, files=Files()) == large


def test_a_disk_that_can_only_be_read_still_says_what_is_new(house: Path, tmp_path: Path) -> None:
    half_done(house, tmp_path / "begin")
    with read_only(tmp_path / "begin"):
        assert read(tmp_path / "begin") == NEW
        with pytest.raises(FileTrouble, match="read"):
            settle(tmp_path / "begin", files=Files())


@pytest.mark.parametrize("name", ["../root.pem", "old/../../x", "/etc/passwd", CHANGED, "a\nb", ""])
def test_no_name_leads_out_of_the_house(name: str, house: Path) -> None:
    with pytest.raises(ValueError, match=r"house|subpath"):
        replace_together(house, {name: b""}, files=Files())
    assert lying(house) == OLD


def test_where_a_file_is_read(house: Path, tmp_path: Path) -> None:
    assert where(house, "root.pem") == house / "root.pem"
    assert where(house, "no such file") == house / "no such file"
    half_done(house, tmp_path / "begin")
    assert where(tmp_path / "begin", "root.pem") == tmp_path / "begin/changed/new/root.pem"
    assert where(tmp_path / "begin", "next/note") is None


def test_a_reader_without_the_lock_never_sees_half_of_a_change(house: Path) -> None:
    """One process changes the files again and again; this one reads as fast as it can."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=_change_until, args=(house, stop))
    replace_together(house, _generation(0), files=Files())
    seen: set[bytes | None] = set()
    writer.start()
    try:
        while len(seen) < 100:
            said = read_together(house, _generation(0), files=Files())
            assert len(set(said.values())) == 1, said
            seen.update(said.values())
            assert writer.is_alive()
    finally:
        stop.set()
        writer.join()
    print(f"read {len(seen)} generations, each of them whole")  # noqa: T201 - the count


def _generation(number: int) -> dict[str, bytes]:
    return dict.fromkeys(NAMES, b"%d" % number)


def _change_until(house: Path, stop: Event) -> None:
    for number in itertools.count(1):
        if stop.is_set():
            return
        replace_together(house, _generation(number), files=Files())


def half_done(house: Path, begin: Path) -> None:
    """What a kill leaves right after the change: everything in `changed`, nothing in its place."""
    for _, left in killed_at_every_moment(house, _change, at=begin):
        if (left / CHANGED).exists():
            return


def _change(folder: Path, files: Files) -> None:
    replace_together(folder, CHANGE, files=files)


def opened_to_others(folder: Path) -> list[Path]:
    """What a user who is not the owner could read, of what the change made."""
    made = [path for path in folder.rglob("*") if path.is_file() and b"new" in path.read_bytes()]
    return [path for path in made if path.stat().st_mode & 0o077]


def without_strays(lies: dict[str, bytes]) -> dict[str, bytes]:
    """Without what the next write into a folder would remove."""
    return {
        name: content
        for name, content in lies.items()
        if not any(part.endswith(STRAY_SUFFIX) for part in Path(name).parts)
    }


def test_counting_moments_dies_nowhere(house: Path) -> None:
    files = KilledAt()
    _change(house, files)
    assert files.moments > 100


def test_a_file_that_is_settled_between_the_question_and_the_look_is_not_missing(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a house without its lock would else be told that it lacks its root."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(together, "settle", lambda *_args, **_more: None)
        replace_together(house, CHANGE, files=Files())
    asked = []

    def settled_meanwhile(folder: Path, name: str) -> Path | None:
        path = where(folder, name)
        asked.append(path)
        settle(folder, files=Files())
        return path

    monkeypatch.setattr(together, "where", settled_meanwhile)
    assert mode_of(house, "root.pem") == stat.S_IFREG | 0o600
    assert asked == [house / CHANGED / "new/root.pem", house / "root.pem"]
    assert mode_of(house, "next/note") is None
