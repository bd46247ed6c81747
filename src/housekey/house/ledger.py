"""The ledger: every certificate ever issued, and what was done when and by whom.

Nothing in it is ever changed or removed: the database itself refuses. A second engine would
implement `Ledger`; this one is the standard library's SQLite in WAL mode.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol, Self, TypeAlias

from housekey.errors import HouseBroken, HouseBusy, HousekeyError
from housekey.house.reasons import trouble_from
from housekey.pki.encoding import fingerprint, to_der
from housekey.pki.names import names_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from cryptography.x509 import Certificate

    from housekey.house.files import Files

JsonValue: TypeAlias = (
    "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)
Role: TypeAlias = Literal["root", "issuing", "leaf", "self-signed"]

SCHEMA_VERSION = 1
_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    sha256: str  # of the DER form, lower-case hex
    serial: int
    role: Role
    label: str | None  # the folder under leaves/; None for the house's own and for signed requests
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    kind: str  # house-created, issued, signed, device-trusts, …
    by: str
    sha256: str | None  # the certificate that it is about
    data: Mapping[str, JsonValue]


class Ledger(Protocol):
    """Raises `HouseBroken`, `HouseBusy` or `FileTrouble` from every method."""

    def record_certificate(
        self, certificate: Certificate, *, role: Role, label: str | None, at: datetime
    ) -> None: ...

    def record_event(
        self,
        kind: str,
        *,
        at: datetime,
        by: str,
        sha256: str | None = None,
        data: Mapping[str, JsonValue] | None = None,
    ) -> None: ...

    def certificates(self, label: str | None = None) -> tuple[IssuedCertificate, ...]:
        """The certificates ever issued, of one label or of all, newest first."""

    def events(self, limit: int = 100, *, kind: str | None = None) -> tuple[Event, ...]:
        """The last `limit` events, of one kind or of all, newest first; -1 is no limit."""

    def serial_exists(self, serial: int) -> bool: ...

    def close(self) -> None: ...


class SqliteLedger:
    """A `Ledger` in one file. Close it, or use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    def create(cls, path: Path, *, files: Files) -> SqliteLedger:
        # SQLite would create it by the umask; its -wal and -shm take the mode of this file.
        files.write(path, b"", mode=0o600)
        ledger = cls(path, _connect(path))
        try:
            with ledger._told():
                ledger._connection.execute("PRAGMA journal_mode = WAL")
                ledger._connection.executescript(_SCHEMA)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open(cls, path: Path) -> SqliteLedger:
        """Open a ledger and check it whole: even decades of a house are read in milliseconds."""
        if not path.is_file():
            raise HouseBroken(f"{path} is missing", hint=_FROM_BACKUP)
        return cls.over(path, _connect(path))

    @classmethod
    def over(cls, path: Path, connection: sqlite3.Connection) -> SqliteLedger:
        """Make a ledger of an open connection, which is closed if it is to none."""
        ledger = cls(path, connection)
        try:
            with ledger._told():
                ledger._check()
        except BaseException:
            ledger.close()
            raise
        return ledger

    def record_certificate(
        self, certificate: Certificate, *, role: Role, label: str | None, at: datetime
    ) -> None:
        with self._told():
            self._connection.execute(
                "INSERT INTO certificates (sha256, issuer, serial, role, label, names,"
                " not_before, not_after, issued_at, der) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    fingerprint(certificate),
                    certificate.issuer.rfc4514_string(),
                    f"{certificate.serial_number:x}",
                    role,
                    label,
                    json.dumps([str(name) for name in names_of(certificate)]),
                    _text(certificate.not_valid_before_utc),
                    _text(certificate.not_valid_after_utc),
                    _text(at),
                    to_der(certificate),
                ),
            )

    def record_event(
        self,
        kind: str,
        *,
        at: datetime,
        by: str,
        sha256: str | None = None,
        data: Mapping[str, JsonValue] | None = None,
    ) -> None:
        with self._told():
            self._connection.execute(
                "INSERT INTO events (at, kind, by, sha256, data) VALUES (?, ?, ?, ?, ?)",
                (_text(at), kind, by, sha256, json.dumps(data or {})),
            )

    def certificates(self, label: str | None = None) -> tuple[IssuedCertificate, ...]:
        with self._told():
            rows = self._connection.execute(
                "SELECT * FROM certificates WHERE ?1 IS NULL OR label = ?1 ORDER BY id DESC",
                (label,),
            ).fetchall()
        return tuple(map(_issued, rows))

    def events(self, limit: int = 100, *, kind: str | None = None) -> tuple[Event, ...]:
        with self._told():
            rows = self._connection.execute(
                "SELECT at, kind, by, sha256, data FROM events"
                " WHERE ?1 IS NULL OR kind = ?1 ORDER BY id DESC LIMIT ?2",
                (kind, limit),
            ).fetchall()
        return tuple(
            Event(datetime.fromisoformat(at), kind, by, sha256, json.loads(data))
            for at, kind, by, sha256, data in rows
        )

    def serial_exists(self, serial: int) -> bool:
        with self._told():
            row = self._connection.execute(
                "SELECT 1 FROM certificates WHERE serial = ?", (f"{serial:x}",)
            ).fetchone()
        return row is not None

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise HouseBroken(
                f"{self._path} was written by a newer housekey", hint="update housekey"
            )
        (verdict,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if version != SCHEMA_VERSION or verdict != "ok":
            raise _broken(self._path, "it is damaged" if version else "it is not a ledger")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise in_plain_words(self._path, error) from error


_FROM_BACKUP = "put it back from a backup of the house"

_STRICT = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
_APPEND_ONLY = "\n".join(
    f"CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;"
    for table in ("certificates", "events")
    for verb in ("UPDATE", "DELETE")
)
_SCHEMA = f"""
BEGIN;
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
) {_STRICT};
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    by TEXT NOT NULL,
    sha256 TEXT,
    data TEXT NOT NULL  -- JSON
) {_STRICT};
{_APPEND_ONLY}
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


def _connect(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",  # never creates a file
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise in_plain_words(path, error) from error
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA recursive_triggers = ON")  # INSERT OR REPLACE deletes, too
    except sqlite3.Error as error:  # the first that reads the file
        connection.close()
        raise in_plain_words(path, error) from error
    return connection


def _text(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at.astimezone(UTC).isoformat()


def _issued(row: sqlite3.Row) -> IssuedCertificate:
    return IssuedCertificate(
        sha256=row["sha256"],
        serial=int(row["serial"], 16),
        role=row["role"],
        label=row["label"],
        names=tuple(json.loads(row["names"])),
        not_before=datetime.fromisoformat(row["not_before"]),
        not_after=datetime.fromisoformat(row["not_after"]),
        issued_at=datetime.fromisoformat(row["issued_at"]),
        der=row["der"],
    )


_NUMBERS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}


def in_plain_words(path: Path, error: sqlite3.Error) -> HousekeyError:
    """Say what SQLite said as the errors of the house."""
    # An extended code carries the primary one in its low byte: https://sqlite.org/rescode.html
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_IOERR and _is_full(path):
        code = sqlite3.SQLITE_FULL  # no room for the shared memory of WAL reads as a broken disk
    if code in _NUMBERS:
        return trouble_from(path, OSError(_NUMBERS[code], str(error)))
    if code == sqlite3.SQLITE_BUSY:
        return HouseBusy(
            f"another housekey is writing to {path}", hint="wait until it is done and try again"
        )
    return _broken(path, str(error))


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def _broken(path: Path, reason: str) -> HouseBroken:
    return HouseBroken(f"{path} cannot be used: {reason}", hint=_FROM_BACKUP)
