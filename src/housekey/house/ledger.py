"""The ledger: every certificate ever issued, and what was done when and by whom.

Nothing in it is ever changed or removed: the database itself refuses. A second engine would
implement `Ledger` of records.py; this one is the standard library's SQLite in WAL mode.

Opening one costs the same whether it holds ten certificates or a hundred thousand, because every
command opens it. So damage in the middle is not found then, but by `check_whole`, or by whoever
reads what is damaged; both say which command makes the ledger again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from housekey.errors import HouseBroken, LedgerNewer
from housekey.house import schema
from housekey.house.closing import Closing
from housekey.house.ledger_troubles import REBUILD, broken, in_plain_words
from housekey.house.records import (
    REVOKED,
    Event,
    IssuedCertificate,
    JsonValue,
    Ledger,
    Role,
)
from housekey.pki.encoding import fingerprint, to_der

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.files import Files

__all__ = [
    "SCHEMA_VERSION",
    "Event",
    "IssuedCertificate",
    "JsonValue",
    "Ledger",
    "Role",
    "SqliteLedger",
]

SCHEMA_VERSION = schema.VERSION
_BUSY_SECONDS = 5.0
_T = TypeVar("_T")


class SqliteLedger(Closing):
    """A `Ledger` in one file. Close it, or use it as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection
        self._depth = 0  # how many blocks of `together` we are in

    @classmethod
    def create(cls, path: Path, *, files: Files) -> SqliteLedger:
        # SQLite would create it by the umask; its -wal and -shm take the mode of this file.
        files.write(path, b"", mode=0o600)
        ledger = cls(path, _connect(path))
        try:
            with ledger._told():
                ledger._connection.execute("PRAGMA journal_mode = WAL")
                schema.make(ledger._connection)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @classmethod
    def open(cls, path: Path) -> SqliteLedger:
        """Open a ledger; one of an earlier housekey is carried over to the tables of this one."""
        if not path.is_file():
            raise HouseBroken(f"{path} is missing", hint=REBUILD)
        if path.with_name(f"{path.name}-wal").exists():
            # To close a ledger folds its -wal into it, and what of a damaged one cannot be folded
            # is gone. So it is first looked at by one that may not write.
            with cls(path, _connect(path, mode="ro")) as looking, looking._told():
                schema.look_at(looking._connection)
        return cls.over(path, _connect(path))

    @classmethod
    def over(cls, path: Path, connection: sqlite3.Connection) -> SqliteLedger:
        """Make a ledger of an open connection, which is closed if it is to none."""
        ledger = cls(path, connection)
        try:
            with ledger._told():
                ledger._carry()
        except BaseException:
            ledger.close()
            raise
        return ledger

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        begin, end, back = _WHOLE if self._depth == 0 else _PART
        with self._told():
            self._must_be_whole()
            self._connection.execute(begin)
        self._depth += 1
        try:
            yield
            with self._told():
                self._must_be_whole()
                self._connection.execute(end)
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    for statement in back:
                        self._connection.execute(statement)
            raise
        finally:
            self._depth -= 1

    def record_certificate(
        self, certificate: Certificate, *, role: Role, label: str | None, at: datetime
    ) -> None:
        from housekey.pki.names import names_of  # noqa: PLC0415 - who only looks needs it not

        self._write(
            "INSERT INTO certificates (sha256, issuer, serial, role, label, names,"
            " not_before, not_after, issued_at, der) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
        self._write(
            "INSERT INTO events (at, kind, by, sha256, data) VALUES (?, ?, ?, ?, ?)",
            _text(at),
            kind,
            by,
            sha256,
            json.dumps(data or {}),
        )

    def certificates(self, label: str | None = None) -> tuple[IssuedCertificate, ...]:
        where = _where(label=label)
        query = f"SELECT * FROM certificates{where} ORDER BY id DESC"  # noqa: S608 - our own words
        return tuple(self._rows(query, _issued, label))

    def latest(self, label: str) -> IssuedCertificate | None:
        query = "SELECT * FROM certificates WHERE label = ? ORDER BY id DESC LIMIT 1"
        return next(iter(self._rows(query, _issued, label)), None)

    def certificate(self, sha256: str) -> IssuedCertificate | None:
        query = "SELECT * FROM certificates WHERE sha256 = ?"
        return next(iter(self._rows(query, _issued, sha256)), None)

    def events(
        self, limit: int = 100, *, kind: str | None = None, sha256: str | None = None
    ) -> tuple[Event, ...]:
        where = _where(kind=kind, sha256=sha256)
        query = f"SELECT * FROM events{where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our own words
        return tuple(self._rows(query, _event, kind, sha256, limit))

    def revoked(self) -> Mapping[str, Event]:
        query = "SELECT * FROM events WHERE kind = ? ORDER BY id DESC"
        events = self._rows(query, _event, REVOKED)
        return {event.sha256: event for event in events if event.sha256 is not None}

    def serial_exists(self, serial: int) -> bool:
        query = "SELECT 1 FROM certificates WHERE serial = ? LIMIT 1"
        return bool(self._rows(query, bool, f"{serial:x}"))

    def count(self) -> int:
        (number,) = self._rows("SELECT COUNT(*) AS number FROM certificates", _number)
        return number

    def everything(self) -> Iterator[IssuedCertificate | Event]:
        # One read transaction: what is written meanwhile belongs to none of it.
        with self._told():
            self._connection.execute("SAVEPOINT everything")
        try:
            for query, made in (
                ("SELECT * FROM certificates ORDER BY id", _issued),
                ("SELECT * FROM events ORDER BY id", _event),
            ):
                with self._told():
                    cursor = self._connection.execute(query)
                while True:
                    with self._told(), _read_as_written():
                        rows = [made(row) for row in cursor.fetchmany(500)]
                    if not rows:
                        break
                    yield from rows
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("RELEASE everything")

    def check_whole(self) -> tuple[str, ...]:
        try:
            with self._told():
                said = [text for (text,) in self._connection.execute("PRAGMA integrity_check(5)")]
            if said != ["ok"]:
                return tuple(f"SQLite says: {' '.join(text.split())}" for text in said)
            wrong = [
                f"the certificate {row.sha256} is not what was recorded"
                for row in self.everything()
                if isinstance(row, IssuedCertificate)
                and hashlib.sha256(row.der).hexdigest() != row.sha256
            ]
        except HouseBroken as error:
            return (error.message,)
        return tuple(wrong)

    def close(self) -> None:
        self._connection.close()

    def _carry(self) -> None:
        version = schema.version_of(self._connection)
        if version > schema.VERSION:
            raise LedgerNewer(
                f"{self._path} was written by a newer housekey", hint="update housekey"
            )
        if version == 0:
            raise broken(self._path, "it is not a ledger")
        if version < schema.VERSION:
            schema.carry(self._connection)
        schema.look_at(self._connection)

    def _write(self, statement: str, *values: str | bytes | None) -> None:
        with self._told():
            self._must_be_whole()
            self._connection.execute(statement, values)

    def _rows(
        self, query: str, made: Callable[[sqlite3.Row], _T], *values: str | int | None
    ) -> list[_T]:
        """Return the rows of a query, whose values that are None it does not ask for."""
        given = [value for value in values if value is not None]
        with self._told(), _read_as_written():
            return [made(row) for row in self._connection.execute(query, given)]

    def _must_be_whole(self) -> None:
        """Raise if SQLite has taken back a block that goes on, as it does when the disk is full.

        What the block writes after that would be written alone.
        """
        if self._depth > 0 and not self._connection.in_transaction:
            raise sqlite3.OperationalError("what was begun together was taken back")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise in_plain_words(self._path, error) from error


# How a block of `together` begins, ends and is taken back; the second is one inside another.
_WHOLE = ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
_PART = ("SAVEPOINT part", "RELEASE part", ("ROLLBACK TO part", "RELEASE part"))


def _where(**wanted: str | None) -> str:
    """Ask only for what is wanted: a condition that may be idle keeps SQLite from its indexes."""
    asked = " AND ".join(f"{column} = ?" for column, value in wanted.items() if value is not None)
    return f" WHERE {asked}" if asked else ""


@contextlib.contextmanager
def _read_as_written() -> Iterator[None]:
    """Take a row that cannot be what housekey wrote for damage."""
    try:
        yield
    except (ValueError, TypeError, KeyError) as error:
        raise sqlite3.DatabaseError(f"a row is damaged: {error}") from error


def _connect(path: Path, *, mode: str = "rw") -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",  # neither creates a file
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


def _event(row: sqlite3.Row) -> Event:
    return Event(
        at=datetime.fromisoformat(row["at"]),
        kind=row["kind"],
        by=row["by"],
        sha256=row["sha256"],
        data=json.loads(row["data"]),
    )


def _number(row: sqlite3.Row) -> int:
    return int(row["number"])


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
