"""What SQLite says when it fails, in plain words, with a hint at the next step."""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import TYPE_CHECKING

from housekey.errors import HouseBroken, HouseBusy
from housekey.house.reasons import trouble_from

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.errors import HousekeyError

REBUILD = "housekey ledger rebuild saves what can be read, and adds the certificates on the disk"

_NUMBERS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


def in_plain_words(path: Path, error: sqlite3.Error) -> HousekeyError:
    # An extended code carries the primary one in its low byte: https://sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        # No room for the shared memory of WAL, or a disk where it cannot be, reads as a broken
        # disk, or as a file that may not be opened.
        code = _why_of_the_disk(path) or code
    if code in _NUMBERS:
        return trouble_from(path, OSError(_NUMBERS[code], str(error)))
    if code == sqlite3.SQLITE_BUSY:
        return HouseBusy(
            f"another housekey is writing to {path}", hint="wait until it is done and try again"
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return HouseBroken(
            f"{path} has this entry already, or it cannot be one: {error}",
            hint="nothing was changed; run the same command again",
        )
    return broken(path, str(error))


def _why_of_the_disk(path: Path) -> int:
    """Ask the disk itself: is it full, can it only be read? 0: neither."""
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return 0
    if disk.f_flag & os.ST_RDONLY:
        return sqlite3.SQLITE_READONLY
    return sqlite3.SQLITE_FULL if disk.f_bavail == 0 else 0


def broken(path: Path, reason: str) -> HouseBroken:
    return HouseBroken(f"{path} cannot be used: {reason}", hint=REBUILD)
