"""A house in memory: read from its folder, packed for a backup, unpacked from one.

What is packed is a tar archive (POSIX pax) of the house's files with their names in the house,
each 0600: what `tar -x` makes of it under umask 077 is the house.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from housekey.errors import BackupRefused
from housekey.house.files import STRAY_SUFFIX
from housekey.house.ledger_copy import ledger_bytes
from housekey.house.lock import LOCK_NAME
from housekey.house.reasons import told
from housekey.house.sealing import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from housekey.house.files import Files

LEDGER = "ledger.sqlite"
# The token for Home Assistant, if one is remembered, is not of the house: a backup is for years,
# and a new token is one sign-in away.
_TOKEN = "token"  # noqa: S105 - the name of a file
_OF_SQLITE = tuple(LEDGER + tail for tail in ("-wal", "-shm", "-journal"))


@dataclass(frozen=True, slots=True)
class HouseCopy:
    """The files of a house, by their names in it; `left_out` is what is no regular file."""

    files: Mapping[str, bytes] = field(repr=False)  # among them private keys
    left_out: tuple[str, ...] = ()


def copy_of(folder: Path, *, files: Files) -> HouseCopy:
    """Read the house in `folder`: every file in it, the ledger as of one moment.

    The caller holds the lock of the house. The lock itself, what belongs to SQLite alone, what a
    kill left, and a remembered token are not of the house. Raises `FileTrouble`, `BackupRefused`
    for a house that is too large, and as `ledger_bytes` does.
    """
    found: dict[str, bytes] = {}
    left_out = []
    room = MOST_BYTES
    for name, status in entries(folder):
        if name == _TOKEN:
            continue
        if not stat.S_ISREG(status.st_mode):
            left_out.append(name)
            continue
        room -= status.st_size
        if room < 0:
            raise BackupRefused(
                f"the house in {folder} is larger than a backup may be (512 MiB)",
                hint="see which file has grown, and move away what is not the house's",
            )
        path = folder / name
        found[name] = ledger_bytes(path) if name == LEDGER else files.read(path)
    return HouseCopy(found, tuple(left_out))


def entries(folder: Path, *, everything: bool = False) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the name of each thing in the house, with what the system says of it, sorted.

    With `everything` also the folders, `.` before all, and what a kill left. The lock and what
    SQLite keeps for itself are never of it. Raises `FileTrouble`.
    """
    with told(folder):
        if everything:
            yield ".", folder.stat()
        for above, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = sorted(each for each in folders if everything or not is_stray(each))
            for name in sorted([*names, *folders]):
                path = Path(above) / name
                inside = path.relative_to(folder).as_posix()
                if inside in (LOCK_NAME, *_OF_SQLITE) or (is_stray(name) and not everything):
                    continue
                try:
                    status = path.lstat()
                except FileNotFoundError:  # somebody is at work, and it has gone since
                    continue
                if everything or not stat.S_ISDIR(status.st_mode):
                    yield inside, status


def is_stray(name: str) -> bool:
    """Whether a file of this name is one that `Files` was still writing."""
    return name.startswith(".") and name.endswith(STRAY_SUFFIX)


def packed(copy: HouseCopy, *, made: datetime) -> bytes:
    """Pack the files of a house."""
    target = io.BytesIO()
    with tarfile.TarFile(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in sorted(copy.files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o600, int(made.timestamp())
            archive.addfile(member, io.BytesIO(data))
    return target.getvalue()


def unpacked(archive: bytes, *, name: str) -> HouseCopy:
    """Unpack what `packed` packed. `name` is the backup's, for people.

    Takes regular files alone, with names that stay inside the house, each once. Raises
    `BackupRefused`.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed_files:
            for member in packed_files:
                # A sparse file says how large it is, and may be larger than all memory.
                if not member.isreg() or member.issparse():
                    raise _refused(name, f"{member.name!r} is not a regular file")
                if not _is_inside(member.name) or member.name in found:
                    raise _refused(name, f"{member.name!r} is no name of a file in a house")
                content = packed_files.extractfile(member)
                found[member.name] = b"" if content is None else content.read()
                if len(found[member.name]) != member.size:
                    raise _refused(name, f"{member.name!r} is cut short")
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        raise _refused(name, "it is no archive of files") from error
    above = {str(each) for each_name in found for each in PurePosixPath(each_name).parents}
    if above & found.keys():
        raise _refused(name, "a file and a folder have the same name")
    return HouseCopy(found)


def _is_inside(name: str) -> bool:
    parts = name.split("/")
    return not any(part in ("", ".", "..") or "\0" in part for part in parts) and len(name) < 1024


def _refused(name: str, reason: str) -> BackupRefused:
    return BackupRefused(
        f"{name} opens, but is not what housekey packs: {reason}",
        hint="nothing was written; take a backup that housekey house backup made",
    )


def _raise(error: OSError) -> None:
    raise error
