"""The ledger remembers everything, forgets nothing, and says so when it is damaged."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, HouseBroken, HouseBusy
from housekey.house import ledger as ledger_module
from housekey.house.files import Files
from housekey.house.ledger import SqliteLedger
from housekey.pki.encoding import fingerprint, to_der
from housekey.pki.issuing import issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from tests.house.disks import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.x509 import Certificate

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
KEY = PrivateKey.generate(KeyType.ECDSA_P256)


def a_certificate(name: str = "ha.lan") -> Certificate:
    return issue_self_signed(key=KEY, names=[parse_name(name)], now=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[SqliteLedger]:
    with SqliteLedger.create(path, files=Files()) as created:
        yield created


def test_a_certificate_is_remembered_with_all_that_matters(ledger: SqliteLedger) -> None:
    certificate = a_certificate()
    ledger.record_certificate(certificate, role="self-signed", label="ha", at=NOW)
    (found,) = ledger.certificates()
    assert found.sha256 == fingerprint(certificate)
    assert found.serial == certificate.serial_number
    assert (found.role, found.label, found.names) == ("self-signed", "ha", ("ha.lan",))
    assert found.not_before == certificate.not_valid_before_utc
    assert found.not_after == certificate.not_valid_after_utc
    assert found.issued_at == NOW
    assert found.der == to_der(certificate)
    assert ledger.serial_exists(certificate.serial_number)
    assert not ledger.serial_exists(certificate.serial_number + 1)


def test_certificates_come_newest_first_and_by_label(ledger: SqliteLedger) -> None:
    for label in ("ha", "printer", "ha"):
        ledger.record_certificate(a_certificate(), role="leaf", label=label, at=NOW)
    assert [each.label for each in ledger.certificates()] == ["ha", "printer", "ha"]
    assert [each.label for each in ledger.certificates("printer")] == ["printer"]
    assert ledger.certificates("unknown") == ()


def test_events_come_newest_first_as_they_were_told(ledger: SqliteLedger) -> None:
    tokyo = datetime(2026, 5, 4, 12, 2, 1, tzinfo=timezone(timedelta(hours=9)))
    ledger.record_event("issued", at=NOW, by="anna", sha256="ab", data={"names": ["ä.lan"]})
    ledger.record_event("kept", at=tokyo, by="housekey")
    kept, issued = ledger.events()
    assert (kept.kind, kept.by, kept.sha256, kept.data) == ("kept", "housekey", None, {})
    assert kept.at == NOW
    assert (issued.kind, issued.by, issued.sha256) == ("issued", "anna", "ab")
    assert ledger.events(kind="issued") == (issued,)
    assert ledger.events(1) == (kept,)
    assert ledger.events(1, kind="issued") == (issued,)
    assert ledger.events(kind="undone") == ()
    assert issued.data == {"names": ["ä.lan"]}
    assert [event.kind for event in ledger.events(1)] == ["kept"]


def test_a_time_without_a_zone_is_a_mistake_of_the_caller(ledger: SqliteLedger) -> None:
    with pytest.raises(ValueError, match="zone"):
        ledger.record_event("kept", at=NOW.replace(tzinfo=None), by="anna")


def test_what_is_written_outlives_the_process(ledger: SqliteLedger, path: Path) -> None:
    ledger.record_event("kept", at=NOW, by="anna")
    ledger.close()
    with SqliteLedger.open(path) as again:
        assert [event.kind for event in again.events()] == ["kept"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE certificates SET label = 'other'",
        "DELETE FROM certificates",
        "INSERT OR REPLACE INTO certificates SELECT * FROM certificates",
        "UPDATE events SET kind = 'other'",
        "DELETE FROM events",
        "INSERT OR REPLACE INTO events SELECT * FROM events",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove(change: str, ledger: SqliteLedger) -> None:
    ledger.record_certificate(a_certificate(), role="leaf", label="ha", at=NOW)
    ledger.record_event("issued", at=NOW, by="anna")
    before = (ledger.certificates(), ledger.events())
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger._connection.execute(change)
    assert (ledger.certificates(), ledger.events()) == before


def test_an_issuer_and_serial_are_recorded_once(ledger: SqliteLedger) -> None:
    certificate = a_certificate()
    ledger.record_certificate(certificate, role="leaf", label="ha", at=NOW)
    with pytest.raises(HouseBroken):
        ledger.record_certificate(certificate, role="leaf", label="ha", at=NOW)
    assert len(ledger.certificates()) == 1


def test_nobody_else_may_read_it_or_what_sqlite_puts_beside_it(
    ledger: SqliteLedger, path: Path
) -> None:
    ledger.record_event("kept", at=NOW, by="anna")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"], 0o600
    )


@pytest.mark.parametrize("content", [b"", b"not a database " * 100])
def test_a_file_that_is_no_ledger_is_told(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(HouseBroken, match=r"ledger\.sqlite") as caught:
        SqliteLedger.open(path)
    assert "backup" in caught.value.hint
    assert path.read_bytes() == content


def test_a_missing_ledger_is_told_and_not_made(path: Path) -> None:
    with pytest.raises(HouseBroken, match="missing"):
        SqliteLedger.open(path)
    assert not path.exists()


@pytest.mark.parametrize("page", [0, 1, 2, 3, 4])
def test_damage_anywhere_is_found_when_it_is_opened(
    page: int, ledger: SqliteLedger, path: Path
) -> None:
    for number in range(20):
        ledger.record_certificate(a_certificate(f"ha{number}.lan"), role="leaf", label="ha", at=NOW)
    ledger.close()
    damaged = bytearray(path.read_bytes())
    start = page * 4096 + (100 if page == 0 else 0)
    damaged[start : start + 200] = b"\xa5" * 200
    path.write_bytes(damaged)
    with pytest.raises(HouseBroken):
        SqliteLedger.open(path)


def test_a_ledger_that_ends_too_early_is_found(ledger: SqliteLedger, path: Path) -> None:
    for _ in range(20):
        ledger.record_certificate(a_certificate(), role="leaf", label="ha", at=NOW)
    ledger.close()
    path.write_bytes(path.read_bytes()[: 4096 * 3])
    with pytest.raises(HouseBroken):
        SqliteLedger.open(path)


def test_the_ledger_of_a_newer_housekey_is_left_alone(ledger: SqliteLedger, path: Path) -> None:
    ledger._connection.execute(f"PRAGMA user_version = {ledger_module.SCHEMA_VERSION + 1}")
    ledger.close()
    with pytest.raises(HouseBroken, match="newer housekey"):
        SqliteLedger.open(path)


def test_a_full_disk_is_told_and_the_ledger_stays_readable(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", kilobytes=256) as disk,
        SqliteLedger.create(disk / "ledger.sqlite", files=Files()) as ledger,
    ):
        ledger.record_event("kept", at=NOW, by="anna")
        with pytest.raises(FileTrouble, match="the disk is full"):
            ledger.record_event("kept", at=NOW, by="anna", data={"much": "x" * 1_000_000})
        assert len(ledger.events()) == 1


def test_a_ledger_held_by_another_process_is_told(
    ledger: SqliteLedger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.close()
    monkeypatch.setattr(ledger_module, "_BUSY_SECONDS", 0.1)
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with SqliteLedger.open(path) as ours, pytest.raises(HouseBusy):
            ours.record_event("kept", at=NOW, by="anna")
        other.execute("ROLLBACK")
    other.close()


KILLED = """
    import os, signal, sys
    from datetime import UTC, datetime
    from pathlib import Path
    from housekey.house.ledger import SqliteLedger

    ledger = SqliteLedger.open(Path(sys.argv[1]))
    ledger.record_event("kept", at=datetime.now(UTC), by="anna")
    ledger._connection.execute("BEGIN")
    ledger.record_event("half", at=datetime.now(UTC), by="anna")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_keeps_what_was_written_and_drops_what_was_not(
    ledger: SqliteLedger, path: Path
) -> None:
    ledger.close()
    subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), path], check=False)
    with SqliteLedger.open(path) as again:
        assert [event.kind for event in again.events()] == ["kept"]
