"""The tables of the ledger, and how a ledger of an earlier housekey is carried over.

A new ledger goes the way that an old one has gone: the tables of version 1, then every step.
So there is one description of a version, and a carried ledger is as a new one (a test compares).
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = 2
TABLES = ("certificates", "events")

_STRICT = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
_APPEND_ONLY = tuple(
    f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for table in TABLES
    for verb in ("UPDATE", "DELETE")
)
_VERSION_1 = (
    f"""
CREATE TABLE certificates (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    issuer TEXT NOT NULL,
    serial TEXT NOT NULL,  -- hexadecimal: SQLite's integers have 64 bits, a serial has 159
    role TEXT NOT NULL CHECK (role IN ('root', 'issuing', 'leaf', 'self-signed')),
    label TEXT,
    names TEXT NOT NULL,  -- JSON
    not_before TEXT NOT NULL,  -- this and all times: ISO 8601, UTC
    not_after TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    der BLOB NOT NULL,
    UNIQUE (issuer, serial)  -- RFC 5280 section 4.1.2.2
) {_STRICT}""",
    f"""
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    by TEXT NOT NULL,
    sha256 TEXT,
    data TEXT NOT NULL  -- JSON
) {_STRICT}""",
    *_APPEND_ONLY,
)
# From the version that is the key to the next. A step never removes a row.
_STEPS: Mapping[int, Sequence[str]] = {
    # An index ends with the row's id, so each of these also finds the last ones without sorting.
    1: (
        "CREATE INDEX certificates_by_label ON certificates (label)",
        "CREATE INDEX certificates_by_serial ON certificates (serial)",
        "CREATE INDEX events_by_kind ON events (kind)",
        "CREATE INDEX events_by_certificate ON events (sha256, kind)",
    ),
}


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables; 0 is no ledger."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def make(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database."""
    _all_or_nothing(connection, make_first=True)


def carry(connection: sqlite3.Connection) -> None:
    """Carry the tables from an earlier version to this one, whole or not at all.

    Two may do it at once: the second finds it done. Raises `sqlite3.Error`.
    """
    _all_or_nothing(connection, make_first=False)


def look_at(connection: sqlite3.Connection) -> None:
    """Read the last row of each table: the way to it and its page, however many there are.

    Raises `sqlite3.Error`.
    """
    for table in TABLES:
        query = f"SELECT * FROM {table} ORDER BY id DESC LIMIT 1"  # noqa: S608 - our names
        connection.execute(query).fetchone()


def rows_of(connection: sqlite3.Connection) -> tuple[int, ...]:
    """Return how many rows each of the tables has."""
    return tuple(
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our names
        for table in TABLES
    )


def _all_or_nothing(connection: sqlite3.Connection, *, make_first: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if make_first:
            for statement in _VERSION_1:
                connection.execute(statement)
        before = rows_of(connection)
        for version in range(1 if make_first else version_of(connection), VERSION):
            for statement in _STEPS[version]:
                connection.execute(statement)
        if rows_of(connection) != before:
            raise sqlite3.DatabaseError("rows would have been lost")  # noqa: TRY301
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # some errors have rolled it back already
            connection.execute("ROLLBACK")
        raise
