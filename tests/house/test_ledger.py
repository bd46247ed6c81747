"""The ledger remembers everything, forgets nothing, and says so when it is damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, HouseBroken, HouseBusy, HousekeyError
from housekey.house import ledger as ledger_module
from housekey.house.files import Files
from housekey.house.ledger import Event, SqliteLedger
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
    assert "housekey ledger rebuild" in caught.value.hint
    assert path.read_bytes() == content


def test_a_missing_ledger_is_told_and_not_made(path: Path) -> None:
    with pytest.raises(HouseBroken, match="missing"):
        SqliteLedger.open(path)
    assert not path.exists()


@pytest.mark.parametrize("page", range(12))
def test_damage_anywhere_is_found_by_a_check_of_the_whole(
    page: int, ledger: SqliteLedger, path: Path
) -> None:
    for number in range(20):
        ledger.record_certificate(a_certificate(f"ha{number}.lan"), role="leaf", label="ha", at=NOW)
        ledger.record_event("issued", at=NOW, by="anna", sha256=f"{number:064x}")
    assert ledger.check_whole() == ()
    ledger.close()
    damaged = bytearray(path.read_bytes())
    start = page * 4096 + (100 if page == 0 else 0)
    damaged[start : start + 200] = b"\xa5" * 200
    path.write_bytes(damaged)
    assert whats_wrong(path)


def whats_wrong(path: Path) -> tuple[str, ...]:
    """What opening says, and if that goes well, a check of the whole."""
    try:
        opened = SqliteLedger.open(path)
    except HouseBroken as error:
        return (error.message,)
    with opened:
        return opened.check_whole()


def test_a_bit_that_turned_over_in_a_certificate_is_found(ledger: SqliteLedger, path: Path) -> None:
    """SQLite keeps no checksums: only the fingerprint can tell."""
    certificate = a_certificate()
    ledger.record_certificate(certificate, role="leaf", label="ha", at=NOW)
    ledger.close()
    content, der = path.read_bytes(), to_der(certificate)
    assert content.count(der) == 1
    path.write_bytes(content.replace(der, der[:-1] + bytes([der[-1] ^ 1])))
    with SqliteLedger.open(path) as opened:
        (said,) = opened.check_whole()
    assert fingerprint(certificate) in said


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


def test_what_is_written_together_is_written_whole_or_not_at_all(ledger: SqliteLedger) -> None:
    with pytest.raises(KeyError), ledger.together():  # noqa: PT012
        ledger.record_certificate(a_certificate(), role="leaf", label="ha", at=NOW)
        ledger.record_event("issued", at=NOW, by="anna")
        raise KeyError
    assert (ledger.certificates(), ledger.events()) == ((), ())
    with ledger.together():
        ledger.record_event("issued", at=NOW, by="anna")
        assert len(ledger.events()) == 1
    assert len(ledger.events()) == 1


def test_a_block_inside_another_is_taken_back_alone_and_lasts_with_the_outer_one(
    ledger: SqliteLedger, path: Path
) -> None:
    with ledger.together():
        ledger.record_event("first", at=NOW, by="anna")
        with contextlib.suppress(KeyError), ledger.together():
            ledger.record_event("second", at=NOW, by="anna")
            with ledger.together():
                ledger.record_event("third", at=NOW, by="anna")
            raise KeyError
        with ledger.together():
            ledger.record_event("fourth", at=NOW, by="anna")
        with SqliteLedger.open(path) as reader:
            assert reader.events() == ()
    assert [event.kind for event in ledger.events()] == ["fourth", "first"]
    with pytest.raises(KeyError), ledger.together():  # noqa: PT012
        with ledger.together():
            ledger.record_event("fifth", at=NOW, by="anna")
        raise KeyError
    assert [event.kind for event in ledger.events()] == ["fourth", "first"]


def test_nothing_of_a_block_is_written_alone_after_sqlite_took_it_back(tmp_path: Path) -> None:
    """On a full disk SQLite takes back the whole, also from within an inner block."""
    with (
        small_disk(tmp_path / "disk", kilobytes=256) as disk,
        SqliteLedger.create(disk / "ledger.sqlite", files=Files()) as ledger,
    ):
        ledger.record_event("before", at=NOW, by="anna")
        with pytest.raises(HousekeyError), ledger.together():  # noqa: PT012
            ledger.record_event("half", at=NOW, by="anna")
            with contextlib.suppress(FileTrouble):
                for _ in range(100):
                    ledger.record_event("much", at=NOW, by="anna", data={"x": "x" * 10_000_000})
            ledger.record_event("rest", at=NOW, by="anna")
        assert [event.kind for event in ledger.events()] == ["before"]
        ledger.record_event("after", at=NOW, by="anna")


def test_the_last_certificate_of_a_label_and_one_by_its_fingerprint(ledger: SqliteLedger) -> None:
    first, second = a_certificate(), a_certificate()
    ledger.record_certificate(first, role="leaf", label="ha", at=NOW)
    ledger.record_certificate(second, role="leaf", label="ha", at=NOW)
    latest = ledger.latest("ha")
    assert latest is not None
    assert latest.sha256 == fingerprint(second)
    assert ledger.certificate(fingerprint(first)) == ledger.certificates("ha")[1]
    assert (ledger.latest("nas"), ledger.certificate("00")) == (None, None)


def test_what_was_revoked_is_known_with_its_first_revocation(ledger: SqliteLedger) -> None:
    later = NOW + timedelta(days=1)
    ledger.record_event("revoked", at=NOW, by="anna", sha256="aa", data={"reason": "lost"})
    ledger.record_event("revoked", at=later, by="anna", sha256="aa")
    ledger.record_event("revoked", at=later, by="anna", sha256="bb")
    ledger.record_event("issued", at=later, by="anna", sha256="cc")
    assert {sha256: event.at for sha256, event in ledger.revoked().items()} == {
        "aa": NOW,
        "bb": later,
    }


def test_events_about_one_certificate(ledger: SqliteLedger) -> None:
    for kind, sha256 in (("issued", "aa"), ("issued", "bb"), ("delivered", "aa")):
        ledger.record_event(kind, at=NOW, by="anna", sha256=sha256)
    assert [event.kind for event in ledger.events(sha256="aa")] == ["delivered", "issued"]
    assert len(ledger.events(sha256="aa", kind="issued")) == 1


def test_all_of_it_comes_as_of_one_moment(ledger: SqliteLedger, path: Path) -> None:
    for number in range(700):
        ledger.record_event(str(number), at=NOW, by="anna")
    with SqliteLedger.open(path) as other:
        rows = other.everything()
        next(rows)
        ledger.record_event("meanwhile", at=NOW, by="anna")
        kinds = [row.kind for row in rows if isinstance(row, Event)]
    assert kinds == [str(number) for number in range(1, 700)]


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
