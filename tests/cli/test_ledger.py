"""`housekey ledger`: taken out as lines of JSON that stay readable, and made again."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_house import make_house

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person


@pytest.fixture
def filled(person: Person) -> Person:
    assert person.run("cert", "new", "küche.lan", "--yes").code == 0
    return person


def read(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines()]


def test_every_certificate_and_event_is_a_line_after_the_version(filled: Person) -> None:
    done = filled.run("ledger", "export")
    assert (done.code, done.err) == (0, "")
    version, *rows = read(done.out)
    assert version == {"housekey_ledger": 1}
    assert [row["what"] for row in rows] == ["certificate"] * 3 + ["event"] * 2
    root, _issuing, leaf = rows[:3]
    assert (root["role"], root["label"], leaf["role"]) == ("root", None, "leaf")
    assert leaf["names"] == ["xn--kche-0ra.lan"]
    for row in rows[:3]:
        der = base64.b64decode(row["der"], validate=True)
        assert hashlib.sha256(der).hexdigest() == row["sha256"]
        assert int(row["serial"], 16) > 0
        times = [datetime.fromisoformat(row[each]) for each in ("not_before", "at", "not_after")]
        assert sorted(times) == times
    created, issued = rows[3:]
    assert (created["kind"], created["sha256"]) == ("house-created", root["sha256"])
    assert (issued["kind"], issued["sha256"]) == ("issued", leaf["sha256"])
    assert issued["by"]
    assert "PRIVATE KEY" not in done.out


def test_these_are_the_fields_of_version_1_of_the_form(filled: Person) -> None:
    """Who reads it relies on them: one that goes away or changes its meaning is a new version."""
    _, *rows = read(filled.run("ledger", "export").out)
    assert {tuple(row) for row in rows} == {
        (
            *("what", "at", "sha256", "serial", "role", "label"),
            *("names", "not_before", "not_after", "der"),
        ),
        ("what", "at", "kind", "by", "sha256", "data"),
    }


def test_into_a_file_it_is_for_its_owner_alone(filled: Person, tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    done = filled.run("ledger", "export", "--out", file)
    assert done.out == f"  written   {file}: 5 entries of the ledger\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == filled.run("ledger", "export", "--out", "-").out


def test_with_json_it_is_one_document(filled: Person, tmp_path: Path) -> None:
    document = filled.run("ledger", "export", "--json").json
    assert document["housekey_ledger"] == 1
    assert document["entries"] == read(filled.run("ledger", "export").out)[1:]
    written = filled.run("ledger", "export", "--json", "--out", tmp_path / "x").json
    assert written == {"housekey_ledger": 1, "written": str(tmp_path / "x"), "entries": 5}


def test_a_rebuild_tells_what_it_saved_and_where_the_damaged_one_is(filled: Person) -> None:
    before = read(filled.run("ledger", "export").out)
    ledger = filled.house / "ledger.sqlite"
    ledger.write_bytes(b"\x00" * 100 + ledger.read_bytes()[100:])
    assert "housekey ledger rebuild" in filled.run("status").err
    done = filled.run("ledger", "rebuild")
    assert done.code == 0, done
    assert "saved     3 certificates, 2 events" in done.out
    assert f"kept      the damaged ledger is in {filled.house / 'damaged' / '0001'}" in done.out
    assert "lost" not in done.out
    *same, rebuilt = read(filled.run("ledger", "export").out)
    assert same == before
    assert rebuilt["data"]["kept_in"] == "damaged/0001"
    assert "the ledger was made again" in filled.run("status").out
    assert filled.run("cert", "new", "nas.lan").code == 0


def test_without_a_ledger_the_certificates_in_the_house_make_one(filled: Person) -> None:
    (filled.house / "ledger.sqlite").unlink()
    assert filled.run("ledger", "export").code == 3
    told = filled.run("ledger", "rebuild", "--json").json
    assert (told["certificates"], told["kept_in"]) == (0, None)
    assert told["added"] == [
        "issuing.pem",
        "leaves/xn--kche-0ra.lan/certificate.pem",
        "root.pem",
    ]
    assert filled.run("status").code == 0


def test_a_sound_ledger_is_left_alone(person: Person) -> None:
    make_house(person.house)
    before = (person.house / "ledger.sqlite").read_bytes()
    done = person.run("ledger", "rebuild")
    assert (done.code, done.out.split()[0]) == (0, "nothing")
    assert (person.house / "ledger.sqlite").read_bytes() == before


def test_where_no_house_is_nothing_is_made(person: Person) -> None:
    person.house.mkdir()
    for command in ("export", "rebuild"):
        done = person.run("ledger", command)
        assert done.code == 3, done
        assert f"there is no house in {person.house}" in done.err
    assert list(person.house.iterdir()) == []
