"""What must hold on a disk after anything: the promises of docs/recovery.md, one by one."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from housekey.house.files import STRAY_SUFFIX, Files
from housekey.house.house import House
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.places import Kept, Place
    from tests.faults.warmed import Ended

# What housekey itself gives to everybody: a chain at --out, Home Assistant's certificate.
_KEY_MARKS = (b"PRIVATE KEY-----", b"-----BEGIN OPENSSH")


def must_be_private(place: Place) -> None:
    """No key, and nothing of a house or on the way into one, is open to others at this instant."""
    __tracebackhide__ = True
    open_to_others = [
        f"{path} {stat.S_IMODE(path.lstat().st_mode):o}"
        for path in place.folder.rglob("*")
        if not path.is_symlink()
        and path.lstat().st_mode & 0o077
        and (_is_the_houses(place, path) or _holds_a_key(path))
    ]
    assert not open_to_others, open_to_others


def _is_the_houses(place: Place, path: Path) -> bool:
    first = path.relative_to(place.folder).parts[0]
    return first.lstrip(".").startswith(("house", "backup"))


def _holds_a_key(path: Path) -> bool:
    if not path.is_file():
        return False
    data = path.read_bytes()
    return any(mark in data for mark in _KEY_MARKS)


def must_keep_everything(place: Place) -> None:
    """What was the user's, and the root, is still somewhere: in place, beside it, in a journal."""
    __tracebackhide__ = True
    there = {kept.data for kept in place.state().values()}
    lost = [name for name, data in place.kept.items() if data not in there]
    assert not lost, lost


def must_open(place: Place) -> None:
    """There is no house, or a whole one: each leaf has its key, and the ledger knows it."""
    __tracebackhide__ = True
    if not place.house.exists() or not any(place.house.iterdir()):
        return
    with House.open(place.house, files=Files(), clock=lambda: datetime.now(UTC)) as house:
        issued = house.ledger.certificates()
        known = {each.sha256 for each in issued}
        unknown = [
            leaf.label for leaf in house.leaves() if fingerprint(leaf.certificate) not in known
        ]
        assert not unknown, unknown
        assert len({each.serial for each in issued}) == len(issued)
        house.ledger.events(-1)


def must_have_started(place: Place) -> None:
    """Home Assistant has started with what its folder holds, as it is configured there."""
    __tracebackhide__ = True
    if place.home is not None:
        place.home.start()
        assert not place.home.trouble, place.home.trouble


def must_be_the_old_state(place: Place, done: Ended, *, with_strays: bool = False) -> None:
    """Byte for byte and mode for mode, but for what only grows, and what is not housekey's.

    The ledger may have gained an entry of what was then not done, the journal a change that was
    put back, the lock says who held it last, and an empty folder is nothing. Home Assistant writes
    its own settings anew: they say the same. A first house whose recovery code was told stays, for
    the code is good. `with_strays`: the disk took nothing any more, not even the way back of a file
    that was replaced already.
    """
    __tracebackhide__ = True
    moves = place.case.moves
    if not place.case.before and place.house.is_dir() and any(place.house.iterdir()):
        assert done.json["recovery_code"], done
        moves = (*moves, "house")
    before, now = (
        {
            name: _as_it_counts(name, kept)
            for name, kept in state.items()
            if not _grows(name) and not (moves and name.startswith(moves))
        }
        for state in (place.state_before(), place.state())
    )
    now = {name: kept for name, kept in now.items() if name in before or kept.data is not None}
    if with_strays:
        now = {name: kept for name, kept in now.items() if STRAY_SUFFIX not in name}
    told = _told(before, now)
    assert not told, told


def _as_it_counts(name: str, kept: Kept) -> Kept:
    """Home Assistant's own settings by what they say; it notes when it was given them."""
    if kept.data is None or not name.startswith("config/.storage/"):
        return kept
    said = json.loads(kept.data)
    if isinstance(said["data"].get("stable"), dict):
        said["data"]["stable"].pop("created_at", None)
    return replace(kept, data=json.dumps(said, sort_keys=True).encode())


def _grows(name: str) -> bool:
    parts = name.split("/")
    return (
        parts[0] == "house"
        and len(parts) > 1
        and (parts[1].startswith(("ledger.sqlite", "journal")) or parts[1] == "lock")
    )


def _told(before: Mapping[str, Kept], now: Mapping[str, Kept]) -> list[str]:
    changed = [name for name in before.keys() & now.keys() if before[name] != now[name]]
    return [
        *(f"gone: {name}" for name in before.keys() - now.keys()),
        *(f"new: {name}" for name in now.keys() - before.keys()),
        *(f"other: {name}" for name in changed),
    ]


def must_be_told(done: Ended, *, codes: tuple[int, ...] = (3, 4)) -> None:
    """The command has failed as it should: its code, two lines, and no bug of ours."""
    __tracebackhide__ = True
    assert done.code in codes, done
    lines = done.err.splitlines()
    assert len(lines) == 2, done
    assert lines[0].startswith("error: "), done
    assert lines[1].startswith("hint: "), done
    assert "housekey itself failed" not in done.err, done


def strays(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(f"*{STRAY_SUFFIX}")]
