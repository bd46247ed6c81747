"""A ledger that an earlier housekey wrote is carried over whole, or stays as it was.

`data/ledger-1.sqlite` was written by the code of version 1 and is never made again;
`data/ledger-1.json` is what SQLite itself read out of it then.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from housekey.errors import HouseBroken
from housekey.house import schema
from housekey.house.files import Files
from housekey.house.ledger import SqliteLedger
from housekey.house.records import Event, IssuedCertificate

DATA = Path(__file__).parent / "data"
RELEASED = sorted(int(path.stem.removeprefix("ledger-")) for path in DATA.glob("ledger-*.sqlite"))


@pytest.fixture(params=RELEASED)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    path = tmp_path / "ledger.sqlite"
    shutil.copyfile(DATA / f"ledger-{request.param}.sqlite", path)
    return path, request.param


def written(version: int) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((DATA / f"ledger-{version}.json").read_text())
    return rows


def raw(path: Path) -> dict[str, Any]:
    """All rows, as SQLite gives them, in the form of the data file."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: [
                [value.hex() if isinstance(value, bytes) else value for value in row]
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")
            ]
            for table in ("certificates", "events")
        }


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return schema.version_of(connection)


def tables(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT type, name, sql FROM sqlite_schema"))


def test_there_is_a_ledger_of_every_version_before_this_one() -> None:
    assert list(range(1, schema.VERSION)) == RELEASED


def test_every_row_of_an_old_ledger_is_carried_over(old: tuple[Path, int]) -> None:
    path, version = old
    assert version_of(path) == version
    rows = written(version)
    with SqliteLedger.open(path) as ledger:
        assert ledger.check_whole() == ()
        certificates, events = ledger.certificates(), ledger.events(-1)
        everything = list(ledger.everything())
    assert version_of(path) == schema.VERSION
    assert raw(path) == rows
    assert [each.der.hex() for each in reversed(certificates)] == [
        row[-1] for row in rows["certificates"]
    ]
    assert [each.kind for each in reversed(events)] == [row[2] for row in rows["events"]]
    assert [type(row) for row in everything] == [
        *[IssuedCertificate] * len(rows["certificates"]),
        *[Event] * len(rows["events"]),
    ]


def test_a_carried_ledger_is_as_a_new_one(old: tuple[Path, int], tmp_path: Path) -> None:
    path, _ = old
    SqliteLedger.open(path).close()
    SqliteLedger.create(tmp_path / "new.sqlite", files=Files()).close()
    assert tables(path) == tables(tmp_path / "new.sqlite")


def test_what_was_not_yet_in_the_file_itself_is_carried_over_too(
    old: tuple[Path, int], tmp_path: Path
) -> None:
    """An old housekey that was killed leaves its last rows in the -wal."""
    path, version = old
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute(
            "INSERT INTO events VALUES (NULL, '2026-11-01T00:00:00+00:00', 'x', 'y', NULL, '{}')"
        )
        killed = tmp_path / "killed.sqlite"
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{path}{suffix}", f"{killed}{suffix}")
    with SqliteLedger.open(killed) as ledger:
        assert [event.kind for event in ledger.events(1)] == ["x"]
        assert len(ledger.events(-1)) == len(written(version)["events"]) + 1


# Kills itself as SQLite is about to run the statement with this number.
KILLED = """
    import os, signal, sqlite3, sys
    from pathlib import Path
    from housekey.house import ledger

    path, statements = Path(sys.argv[1]), int(sys.argv[2])
    real = ledger._connect

    def connect(path):
        connection = real(path)
        left = [statements]
        def told(statement):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
        connection.set_trace_callback(told)
        return connection

    ledger._connect = connect
    ledger.SqliteLedger.open(path)
"""


def test_killed_in_the_middle_it_is_an_old_ledger_or_a_new_one(
    old: tuple[Path, int], tmp_path: Path
) -> None:
    path, version = old
    ends: list[int] = []
    for statements in range(30):
        copy = tmp_path / f"{statements}.sqlite"
        shutil.copyfile(path, copy)
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(KILLED), copy, str(statements)], check=False
        )
        ends.append(version_of(copy))
        assert raw(copy) == written(version)
        with SqliteLedger.open(copy) as again:
            assert again.check_whole() == ()
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    else:
        pytest.fail("it never came to its end")
    print(f"killed before each of {statements} statements: {ends.count(version)} old")  # noqa: T201
    assert set(ends) == {version, schema.VERSION}
    assert ends == sorted(ends)


CARRIES = """
    import sys
    from pathlib import Path
    from housekey.house.ledger import SqliteLedger

    SqliteLedger.open(Path(sys.argv[1])).close()
"""


def test_four_that_carry_it_at_once_all_find_it_done(old: tuple[Path, int]) -> None:
    path, version = old
    all_four = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(CARRIES), path]) for _ in range(4)
    ]
    assert [each.wait() for each in all_four] == [0] * 4
    assert raw(path) == written(version)
    assert version_of(path) == schema.VERSION


def test_a_step_that_would_lose_a_row_is_not_made(
    old: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, version = old
    broken = ("DROP TRIGGER events_delete", "DELETE FROM events WHERE id = 1")
    monkeypatch.setattr(schema, "_STEPS", dict.fromkeys(range(1, schema.VERSION), broken))
    with pytest.raises(HouseBroken, match="rows would have been lost"):
        SqliteLedger.open(path)
    assert (version_of(path), raw(path)) == (version, written(version))


def test_an_old_ledger_is_append_only_all_the_way(old: tuple[Path, int]) -> None:
    path, _ = old
    with SqliteLedger.open(path) as ledger:
        for change in ("DELETE FROM events", "UPDATE certificates SET label = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                ledger._connection.execute(change)
