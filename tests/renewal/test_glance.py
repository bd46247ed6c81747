"""A glance reads no more of the ledger than it shows, however much there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house import ledger as ledger_module
from housekey.house.files import Files
from housekey.house.generations import Kind
from housekey.house.house import House, prepare_house
from housekey.house.ledger import SqliteLedger
from housekey.house.rotating import prepare_new_root
from housekey.house.view import HouseView
from housekey.pki.encoding import fingerprint
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.renewal.glance import next_steps, read

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC).replace(microsecond=0)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new = prepare_house(names=(), subject=Subject("Our root"), clock=lambda: NOW)
    with new.write(tmp_path / "house", Files()) as house:
        for name in ("nas.lan", "printer.lan"):
            leaf = house.issue(name, [parse_name(name)])
            sha256 = fingerprint(leaf.certificate)
            house.ledger.record_event(
                "delivered", at=NOW, by="x", sha256=sha256, data={"to": "/srv", "way": "copy"}
            )
    return tmp_path / "house"


def fill(folder: Path, rows: int) -> None:
    """Add certificates and events of the past, without any cryptography."""
    with SqliteLedger.open(folder / "ledger.sqlite") as ledger, ledger.together():
        insert = ledger._connection.execute
        for number in range(rows):
            sha256 = f"{number:064x}"
            insert(
                "INSERT INTO certificates VALUES (NULL, ?, 'CN=x', ?, 'leaf', ?, '[]', ?, ?, ?, ?)",
                (sha256, sha256, f"host{number % 50}.lan", *[NOW.isoformat()] * 3, bytes(600)),
            )
            for kind in ("issued", "delivered", "revoked", "device-trusts"):
                insert(
                    "INSERT INTO events VALUES (NULL, ?, ?, 'x', ?, '{}')",
                    (NOW.isoformat(), kind, sha256),
                )


def counted(folder: Path) -> tuple[int, list[str]]:
    """How many steps SQLite took for a glance, and what it was asked."""
    steps = 0
    asked: list[str] = []

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with HouseView.open(folder, files=Files(), clock=lambda: NOW) as house:
        assert isinstance(house.ledger, SqliteLedger)
        house.ledger._connection.set_progress_handler(step, 1)
        house.ledger._connection.set_trace_callback(asked.append)
        read(house, now=NOW)
    return steps, asked


def test_it_takes_no_more_steps_when_there_are_a_hundred_times_more_rows(folder: Path) -> None:
    few, asked = counted(folder)
    fill(folder, 20_000)
    many, asked_of_many = counted(folder)
    print(f"{few} steps of SQLite with 4 certificates, {many} with 20004")  # noqa: T201
    assert asked == asked_of_many
    # An index of more levels takes a step or two for each question, and four events are the last.
    assert many < few + 10 * len(asked)


def test_every_question_is_answered_from_an_index(folder: Path) -> None:
    _, asked = counted(folder)
    assert len(asked) > 5
    with SqliteLedger.open(folder / "ledger.sqlite") as ledger:
        for question in asked:
            plan = " ".join(
                str(row["detail"])
                for row in ledger._connection.execute(f"EXPLAIN QUERY PLAN {question}")
            )
            assert "TEMP B-TREE" not in plan, (question, plan)
            # The last of all are read from the end of the table itself, and no further.
            assert "SEARCH" in plan or question.endswith("FROM events ORDER BY id DESC LIMIT 4"), (
                plan
            )


def test_opening_a_ledger_takes_no_more_steps_either(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command opens it."""
    steps: list[int] = []

    def opened() -> int:
        steps.clear()
        with SqliteLedger.open(folder / "ledger.sqlite"):
            return len(steps)

    connect = ledger_module._connect

    def counting(path: Path) -> object:
        connection = connect(path)
        connection.set_progress_handler(lambda: steps.append(1), 1)
        return connection

    monkeypatch.setattr(ledger_module, "_connect", counting)
    few = opened()
    fill(folder, 5_000)
    assert opened() <= few + 10


def test_a_copy_is_told_where_it_lies(folder: Path) -> None:
    with HouseView.open(folder, files=Files(), clock=lambda: NOW) as house:
        held = {each.what: each for each in read(house, now=NOW).held}
    assert held["nas.lan"].copied_to == ("/srv",)
    assert held["root"].copied_to == ()


def test_while_two_roots_count_the_proofs_of_both_are_told_and_what_to_do(folder: Path) -> None:
    with House.open(folder, files=Files(), clock=lambda: NOW) as house:
        old = fingerprint(house.root)
        for _ in range(2):
            house.ledger.record_event("device-trusts", at=NOW, by="share", sha256=old)
        prepare_new_root(house, Kind.WAITING).write(house)
    with HouseView.open(folder, files=Files(), clock=lambda: LATER) as view:
        glance = read(view, now=LATER)
        assert glance.rotation is not None
        assert (glance.rotation.proved, glance.rotation.known) == (0, 2)
        assert len(glance.devices) == 2
        assert any("housekey share" in step for step in next_steps(glance))
        new = fingerprint(view.root_for_devices)
        for _ in range(2):
            view.ledger.record_event("device-trusts", at=NOW, by="share", sha256=new)
        glance = read(view, now=LATER)
        assert any("housekey house rotate --finish" in step for step in next_steps(glance))
