"""A ledger that SQLite gives up is made again; what could be read is in it, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import FileTrouble, HouseBroken, LedgerNewer
from housekey.house import schema
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.house.ledger import SqliteLedger
from housekey.house.rebuilding import rebuild
from housekey.house.salvage import salvage
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.house.killing import killed_at_every_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.house.rebuilding import Rebuilt
    from housekey.house.records import Event, IssuedCertificate

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
VERSION_1 = Path(__file__).parent / "data" / "ledger-1.sqlite"
LEAVES = 12
PAGE = 4096


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house with some history: leaves issued twice, devices, an event larger than a page."""
    folder = tmp_path_factory.mktemp("full") / "house"
    now = [NOW]
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: now[0])
    with new.write(folder, Files()) as house:
        for _ in range(3):
            for number in range(LEAVES):
                now[0] += timedelta(hours=5)
                house.issue(f"host{number}.lan", [parse_name(f"host{number}.lan")])
        much = {"what": "ä" * 9000}
        house.ledger.record_event("names-chosen", at=now[0], by="anna", data=much)
        for number in range(30):
            house.ledger.record_event("device-trusts", at=now[0], by="x", data={"n": number})
    return folder


@pytest.fixture
def folder(full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(full, tmp_path / "house"))


def ledger_of(folder: Path) -> Path:
    return folder / "ledger.sqlite"


def rows_of(folder: Path) -> tuple[tuple[IssuedCertificate, ...], tuple[Event, ...]]:
    with SqliteLedger.open(ledger_of(folder)) as ledger:
        return ledger.certificates(), ledger.events(-1)


def rebuilt(folder: Path, *, files: Files | None = None) -> Rebuilt:
    return rebuild(folder, files=files or Files(), at=LATER, by="anna")


def must_work(folder: Path) -> None:
    """All that a house does, it does; and no serial is there twice."""
    with House.open(folder, files=Files(), clock=lambda: LATER) as house:
        assert house.ledger.check_whole() == ()
        known = {each.sha256 for each in house.ledger.certificates()}
        house.issue("host1.lan", [parse_name("host1.lan")])
        house.issue("new.lan", [parse_name("new.lan")])
        latest = house.ledger.latest("host1.lan")
        assert latest is not None
        assert latest.sha256 not in known
        serials = [each.serial for each in house.ledger.certificates()]
        assert len(serials) == len(set(serials)) == len(known) + 2
        for leaf in house.leaves():
            assert house.ledger.serial_exists(leaf.certificate.serial_number)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            house.ledger._connection.execute("DELETE FROM events")  # type: ignore[attr-defined]
    assert rebuilt(folder).problems == ()


def cut_at(size: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:size]


def garbage_from(start: int, length: int = 1500) -> Callable[[bytes], bytes]:
    return lambda data: (
        data[:start] + b"\xa5" * len(data[start : start + length]) + data[start + length :]
    )


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "zero bytes": lambda _: b"",
    "garbage": lambda data: b"not a database " * (len(data) // 15),
    "all zeros": lambda data: bytes(len(data)),
    "without its header": garbage_from(0, 100),
    "without its first page": garbage_from(0, PAGE),
    **{f"cut off in page {page}": cut_at(page * PAGE + 700) for page in range(0, 30, 3)},
    **{f"page {page} damaged": garbage_from(page * PAGE) for page in range(1, 30, 2)},
    **{
        f"the end of page {page} damaged": garbage_from(page * PAGE + 3000)
        for page in range(2, 30, 4)
    },
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_whatever_became_of_the_file_the_house_works_again(
    damage: Callable[[bytes], bytes], folder: Path
) -> None:
    before, events_before = rows_of(folder)
    path = ledger_of(folder)
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    done = rebuilt(folder)
    assert done.problems
    if damaged:
        assert done.kept_in is not None
        assert (folder / done.kept_in / "ledger.sqlite").read_bytes() == damaged
    certificates, events = rows_of(folder)
    assert all(event in events_before for event in events[1:])
    assert {each.sha256 for each in certificates} <= {each.sha256 for each in before}
    # The disk has root, issuing CA, and of each leaf the last two.
    on_disk = {before[-1], before[-2], *before[: 2 * LEAVES]}
    assert {each.sha256 for each in on_disk} <= {each.sha256 for each in certificates}
    last = events[0]
    assert (last.kind, last.by, last.at) == ("ledger-rebuilt", "anna", LATER)
    assert last.data["certificates"] == done.certificates
    assert done.certificates + len(done.added) == len(certificates)
    assert done.events == len(events) - 1
    must_work(folder)


def test_a_missing_ledger_is_made_from_the_disk(folder: Path) -> None:
    before, _ = rows_of(folder)
    ledger_of(folder).unlink()
    done = rebuilt(folder)
    assert (done.kept_in, done.certificates, done.events) == (None, 0, 0)
    assert len(done.added) == 2 + 2 * LEAVES
    certificates, (event,) = rows_of(folder)
    assert event.data["added"] == list(done.added)
    by_sha256 = {each.sha256: each for each in before}
    # All that its bytes do not say is its label, and when it was issued: both are found again.
    assert [by_sha256[each.sha256] for each in certificates] == list(certificates)
    must_work(folder)


def test_one_damaged_page_costs_no_more_than_its_own_rows(folder: Path) -> None:
    """SQLite itself would give up every row behind an inner page."""
    path = ledger_of(folder)
    whole = path.read_bytes()
    pages = len(whole) // PAGE
    lost, worst = 0, 0
    for page in range(pages):
        path.write_bytes(garbage_from(page * PAGE, PAGE)(whole))
        saved = salvage(path.read_bytes())
        missing = 2 + 3 * LEAVES - len(saved.certificates)
        lost, worst = lost + missing, max(worst, missing)
    print(f"{pages} pages, {2 + 3 * LEAVES} certificates: at most {worst} lost by one page")  # noqa: T201
    assert worst <= 5  # as many as a page holds
    assert lost == 2 + 3 * LEAVES  # each lies in one page


def test_how_many_were_lost_is_told(folder: Path) -> None:
    before, events_before = rows_of(folder)
    path = ledger_of(folder)
    whole = path.read_bytes()
    # The page with the first event of a device, and one in the middle of the certificates.
    at = whole.index(b'{"n": 3}') // PAGE * PAGE
    path.write_bytes(garbage_from(at, PAGE)(whole))
    done = rebuilt(folder)
    assert done.lost_events == len(events_before) - done.events > 0
    assert (done.lost_certificates, done.certificates) == (0, len(before))


def test_a_certificate_that_is_on_the_disk_is_not_lost(folder: Path) -> None:
    before, _ = rows_of(folder)
    path = ledger_of(folder)
    whole = path.read_bytes()
    at = whole.index(before[0].der) // PAGE * PAGE
    path.write_bytes(garbage_from(at, PAGE)(whole))
    done = rebuilt(folder)
    assert done.lost_certificates == 0
    assert len(done.added) == len(before) - done.certificates > 0
    certificates, _ = rows_of(folder)
    assert {each.sha256 for each in certificates} == {each.sha256 for each in before}


def left_behind(folder: Path) -> tuple[bytes, bytes]:
    """The ledger's file and its -wal, as a kill leaves them: the last rows in the -wal."""
    path = ledger_of(folder)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("PRAGMA cache_size = 5")
        for number in range(40):
            writer.execute(
                "INSERT INTO events (at, kind, by, sha256, data) VALUES (?, 'late', 'x', NULL, ?)",
                (LATER.isoformat(), json.dumps({"n": number, "pad": "x" * 400})),
            )
        writer.execute("BEGIN")
        writer.execute(
            "INSERT INTO events (at, kind, by, data) VALUES (?, 'never', 'x', '{}')",
            (LATER.isoformat(),),
        )
        for _ in range(12):  # enough that SQLite writes it down before it is committed
            writer.execute(
                "INSERT INTO events (at, kind, by, data) VALUES (?, 'never', 'x', ?)",
                (LATER.isoformat(), json.dumps("x" * 20_000)),
            )
        content = path.read_bytes(), path.with_name("ledger.sqlite-wal").read_bytes()
        writer.execute("ROLLBACK")
    assert content[1].count(b"never") > 5
    return content


def put(folder: Path, data: bytes, wal: bytes) -> None:
    for beside in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
        (folder / beside).unlink(missing_ok=True)
    ledger_of(folder).write_bytes(data)
    log = folder / "ledger.sqlite-wal"
    log.write_bytes(wal)
    log.chmod(0o600)


def test_what_was_only_in_the_log_is_saved_too(folder: Path) -> None:
    before, _ = rows_of(folder)
    _, wal = left_behind(folder)
    put(folder, b"garbage" * 3000, wal)
    done = rebuilt(folder)
    assert done.kept_in is not None
    assert (folder / done.kept_in / "ledger.sqlite-wal").read_bytes() == wal
    _, events = rows_of(folder)
    late = [event for event in events if event.kind == "late"]
    assert len(late) == 40
    assert not [event for event in events if event.kind == "never"]
    assert before
    must_work(folder)


def damaged_log(wal: bytes) -> bytes:
    """A log whose third page has a damaged place: SQLite ends there."""
    at = 32 + 2 * (24 + PAGE) + 1000
    return wal[:at] + b"\xa5" * 100 + wal[at + 100 :]


def test_a_damaged_place_in_the_log_costs_no_more_than_itself(folder: Path) -> None:
    """SQLite ends at the first frame that is not as it was written."""
    data, wal = left_behind(folder)
    put(folder, data[: 2 * PAGE], damaged_log(wal))
    rebuilt(folder)
    _, events = rows_of(folder)
    late = [event for event in events if event.kind == "late"]
    assert len(late) > 30, len(late)
    assert not [event for event in events if event.kind == "never"]
    must_work(folder)


def test_who_meets_a_damaged_ledger_leaves_its_log_as_it_is(folder: Path) -> None:
    """SQLite would fold it into the damaged file, as far as it can read it, and remove it."""
    data, wal = left_behind(folder)
    damaged = data[: len(data) // 3]
    put(folder, damaged, damaged_log(wal))
    for _ in range(2):
        with pytest.raises(HouseBroken):
            SqliteLedger.open(ledger_of(folder))
        assert ledger_of(folder).read_bytes() == damaged
        assert (folder / "ledger.sqlite-wal").read_bytes() == damaged_log(wal)
    rebuilt(folder)
    assert len([event for event in rows_of(folder)[1] if event.kind == "late"]) > 30


def test_the_old_log_is_not_written_into_the_new_ledger(folder: Path) -> None:
    data, wal = left_behind(folder)
    put(folder, data[: len(data) // 2], wal)
    rebuilt(folder)
    assert not (folder / "ledger.sqlite-wal").exists()
    must_work(folder)


def test_a_sound_ledger_stays_as_it_is(folder: Path) -> None:
    before = ledger_of(folder).read_bytes()
    done = rebuilt(folder)
    assert (done.problems, done.added, done.kept_in) == ((), (), None)
    assert ledger_of(folder).read_bytes() == before
    assert not (folder / "damaged").exists()


def test_a_sound_ledger_that_is_older_than_the_house_learns_what_it_lacks(
    folder: Path, tmp_path: Path
) -> None:
    """Somebody put yesterday's ledger.sqlite beside today's certificates."""
    yesterday = ledger_of(folder).read_bytes()
    with House.open(folder, files=Files(), clock=lambda: LATER) as house:
        house.issue("host3.lan", [parse_name("host3.lan")])
    ledger_of(folder).write_bytes(yesterday)
    done = rebuilt(folder)
    assert done.added == ("leaves/host3.lan/certificate.pem",)
    certificates, events = rows_of(folder)
    assert (certificates[0].label, certificates[0].issued_at) == ("host3.lan", LATER)
    assert events[0].kind == "ledger-rebuilt"
    must_work(folder)


def test_the_ledger_of_a_newer_housekey_is_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(ledger_of(folder))) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = ledger_of(folder).read_bytes()
    with pytest.raises(LedgerNewer):
        rebuilt(folder)
    assert ledger_of(folder).read_bytes() == before


def test_a_file_that_holds_no_certificate_is_told(folder: Path) -> None:
    (folder / "leaves" / "host2.lan" / "certificate.pem").write_bytes(b"damaged")
    ledger_of(folder).unlink()
    done = rebuilt(folder)
    assert done.unreadable == ("leaves/host2.lan/certificate.pem",)
    assert len(done.added) == 2 + 2 * LEAVES - 1


class FullAt(Files):
    """A disk that is full from the `last`-th write on."""

    def __init__(self, last: int) -> None:
        self.left = last

    def _write_all(self, fd: int, data: bytes) -> None:
        if self.left == 0:
            raise OSError(28, "full")
        self.left -= 1
        super()._write_all(fd, data)


def test_on_a_full_disk_the_damaged_ledger_stays_where_it_is(folder: Path) -> None:
    path = ledger_of(folder)
    path.write_bytes(path.read_bytes()[: 5 * PAGE])
    before = path.read_bytes()
    for last in range(2):
        with pytest.raises(FileTrouble, match="full"):
            rebuilt(folder, files=FullAt(last))
        assert path.read_bytes() == before
    rebuilt(folder)
    must_work(folder)


def test_killed_at_any_moment_it_is_finished_by_the_next_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    """Even the rows that were only in the log, whose last copy is the one aside."""
    folder = tmp_path / "house"
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: NOW)
    with new.write(folder, Files()) as house:
        house.issue("nas.lan", [parse_name("nas.lan")])
    data, wal = left_behind(folder)
    put(folder, bytes(100) + data[100:-PAGE], damaged_log(wal))
    reference = Path(shutil.copytree(folder, tmp_path / "reference"))
    rebuilt(reference)
    expected_certificates, expected_events = rows_of(reference)
    moments = 0
    for moment, left in killed_at_every_moment(folder, work, at=tmp_path / "killed"):
        for key in left.rglob("*"):
            assert not key.stat().st_mode & 0o077
        # What somebody meets who uses it now: the new one whole, or one whose damage is told.
        met = Path(shutil.copytree(left, tmp_path / "met", dirs_exist_ok=True))
        with contextlib.suppress(HouseBroken):
            assert rows_of(met)[0] == expected_certificates
        shutil.rmtree(met)
        rebuilt(left)
        certificates, events = rows_of(left)
        assert certificates == expected_certificates, moment
        assert [event for event in events if event.kind != "ledger-rebuilt"] == [
            event for event in expected_events if event.kind != "ledger-rebuilt"
        ], moment
        moments += 1
    print(f"killed at {moments} moments of a rebuild")  # noqa: T201
    assert moments > 50
    must_work(left)


def work(folder: Path, files: Files) -> None:
    rebuilt(folder, files=files)


WHOLE = VERSION_1.read_bytes()
DERS = {each.der for each in salvage(WHOLE).certificates}


@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=300)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, len(WHOLE)),
)
def test_no_damage_makes_a_certificate_that_was_never_recorded(
    damages: list[tuple[int, bytes]], size: int
) -> None:
    data = bytearray(WHOLE)
    for at, junk in damages:
        data[at : at + len(junk)] = junk
    saved = salvage(bytes(data[:size]))
    assert {each.der for each in saved.certificates} <= DERS


@given(st.binary(max_size=9000), st.binary(max_size=9000))
def test_bytes_of_any_kind_hold_no_rows_or_some_and_never_break_it(data: bytes, wal: bytes) -> None:
    assert salvage(data, wal).certificates == ()


def test_the_rows_of_a_ledger_of_version_1_are_read_as_sqlite_reads_them() -> None:
    rows = json.loads(VERSION_1.with_suffix(".json").read_text())
    saved = salvage(WHOLE)
    assert [each.der.hex() for each in saved.certificates] == [
        row[-1] for row in rows["certificates"]
    ]
    assert [[each.role, each.label] for each in saved.certificates] == [
        row[4:6] for row in rows["certificates"]
    ]
    assert [
        [each.at.isoformat(), each.kind, each.by, each.sha256, dict(each.data)]
        for each in saved.events
    ] == [[*row[1:5], json.loads(row[5])] for row in rows["events"]]
