"""A ledger in memory: read from its file without changing anything, and opened there.

SQLite in WAL mode makes two files beside a ledger when it opens it, and folds them into it when
it closes it. Whoever only looks must leave no trace, so:

* without a `-wal` nobody has it open, and the file is read as one that nobody changes
  (`immutable`), as long as it is the same before and after;
* with a `-wal` it is opened read-only, which reads both and folds nothing. Never `immutable` then:
  closing such a one would take away the locks that this process holds on the same file.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from housekey.errors import HouseBroken, HouseBusy
from housekey.house.ledger import SqliteLedger
from housekey.house.ledger_troubles import REBUILD, in_plain_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TRIES = 50
# Where the header says how the file is read and written, 1 for a journal of rollback and 2 for a
# WAL (https://sqlite.org/fileformat.html, section 1.3.3). A WAL cannot be in memory.
_VERSIONS = slice(18, 20)
_IN_MEMORY, _ON_DISK = b"\1\1", b"\2\2"


def ledger_bytes(path: Path, *, to_open: bool = False) -> bytes:
    """Read a ledger's file as of one moment, with what is still in its `-wal`.

    Changes nothing on the disk. `to_open`: as `ledger_of` opens it, so that there is not one more
    copy of it in memory. Raises `HouseBroken`, `HouseBusy` or `FileTrouble`.
    """
    if not path.is_file():
        raise HouseBroken(f"{path} is missing", hint=REBUILD)
    wal = path.with_name(f"{path.name}-wal")
    for _ in range(_TRIES):
        before = _sign(path), _sign(wal)
        has_wal = before[1] is not None
        try:
            copied = _copied(path, "mode=ro" if has_wal else "mode=ro&immutable=1")
        except sqlite3.Error as error:
            if (_sign(path), _sign(wal)) == before:
                raise in_plain_words(path, error) from error
            continue
        if has_wal or (_sign(path), _sign(wal)) == before:
            return _with_versions(copied, _IN_MEMORY if to_open else _ON_DISK)
    raise HouseBusy(
        f"{path} was written to all the time", hint="wait until that is done and try again"
    )


def ledger_of(data: bytes, *, path: Path) -> SqliteLedger:
    """Open the ledger whose file is `data`, in memory; `path` is for people.

    Raises `HouseBroken` if it is none, or damaged.
    """
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        opened = _with_versions(data, _IN_MEMORY)
        del data  # a large one is here three times otherwise
        connection.deserialize(opened)
        del opened
    except sqlite3.Error as error:
        connection.close()
        raise in_plain_words(path, error) from error
    return SqliteLedger.over(path, connection)


def _copied(path: Path, how: str) -> bytes:
    with _closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as source:
        # What is wrong is said here; `serialize` says of everything that it could not. It holds a
        # read transaction itself.
        (pages,) = source.execute("PRAGMA page_count").fetchone()
        return source.serialize() if pages else b""


@contextlib.contextmanager
def _closing(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    finally:
        connection.close()


def _with_versions(data: bytes, versions: bytes) -> bytes:
    if data[_VERSIONS] == versions:
        return data
    # By a view: a slice would be one more copy of all of it.
    return b"".join((data[: _VERSIONS.start], versions, memoryview(data)[_VERSIONS.stop :]))


def _sign(path: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from another; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
