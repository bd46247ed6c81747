"""`housekey status` and `housekey house show`, and a house that is not as it should be."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.pki.encoding import certificate_from_pem, fingerprint
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.recovery import RecoveryCode
    from tests.cli.conftest import Person


def make_house(folder: Path, *, born: timedelta = timedelta(0)) -> RecoveryCode:
    """Make a house whose clock stood `born` from now; return its recovery code."""
    at = datetime.now(UTC).replace(microsecond=0) + born
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: at)
    new.write(folder, Files()).close()
    return new.recovery_code


def test_there_is_nothing_to_show_without_a_house(person: Person) -> None:
    for command in (["status"], ["house", "show"], ["cert", "list"], ["cert", "show", "nas.lan"]):
        done = person.run(*command)
        assert done.code == 3, done
        assert f"there is no house in {person.house}" in done.err
        assert not person.house.exists()


def test_the_folder_can_be_said_in_two_ways(person: Person) -> None:
    make_house(person.house)
    assert person.run("status").code == 0
    other = person.run("status", "--house", person.folder / "other")
    assert str(person.folder / "other") in other.err


def test_status_is_the_house_at_a_glance(person: Person) -> None:
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    done = person.run("status")
    assert done.code == 0, done
    assert "nas.lan: 396 days left" in done.out
    told = person.run("status", "--json").json
    assert told["certificates"]["nas.lan"] == {
        "not_after": told["certificates"]["nas.lan"]["not_after"],
        "days_left": 396,
        "due": False,
        "due_because": None,
        "sha256": told["certificates"]["nas.lan"]["sha256"],
        "copied_to": [],
    }
    assert told["home_assistants"] == []
    assert told["cut_short"] == []


def test_an_empty_house_is_told_what_comes_next(person: Person) -> None:
    make_house(person.house)
    assert "next      housekey secure" in person.run("status").out


def test_status_names_the_last_devices_and_counts_the_rest(person: Person) -> None:
    make_house(person.house)
    with House.open(person.house, files=Files(), clock=lambda: datetime.now(UTC)) as house:
        root = fingerprint(house.root)
        for number in range(8):
            house.ledger.record_event(
                "device-trusts",
                at=datetime(2024, 3, number + 1, 12, tzinfo=UTC),
                by="share",
                sha256=root if number else "another root",
                data={"device": "ipad" if number < 7 else "fridge", "browser": "safari"},
            )
    out = person.run("status").out
    assert "devices   7 trust the root: other device (Safari) 8 March 2024, iPad (Safari) 7" in out
    assert "iPad (Safari) 3 March 2024 and 1 more\n" in out
    told = person.run("status", "--json").json["devices"]
    assert [each["device"] for each in told] == ["fridge", *["ipad"] * 6]


def test_what_is_due_is_exit_code_1(person: Person) -> None:
    make_house(person.house, born=-timedelta(days=3000))
    done = person.run("status")
    assert done.code == 1, done
    assert "root: 651 days left  - due" in done.out or "root: 650 days left  - due" in done.out
    assert person.run("status", "--json").json["certificates"]["root"]["due"] is True


def test_house_show_tells_what_devices_show_and_what_the_house_covers(person: Person) -> None:
    assert person.run("cert", "new", "nas.lan", "cam.example.org", "--yes").code == 0
    root = certificate_from_pem((person.house / "root.pem").read_bytes())
    told = person.run("house", "show", "--json").json
    assert told["root"]["sha256"] == fingerprint(root)
    assert {"local", "cam.example.org", "192.168.0.0/16"} <= set(told["permitted"])
    assert (told["critical"], told["root_key"], told["leaves"]) == (False, "sealed", ["nas.lan"])

    shown = person.run("house", "show").out
    digest = fingerprint(root).upper()
    assert ":".join(digest[at : at + 2] for at in range(0, 64, 2)) in shown
    assert "cam.example.org" in shown
    (person.house / "root.key.sealed").unlink()
    assert person.run("house", "show", "--json").json["root_key"] == "absent"


# A house that is not as it should be: every command says so, and changes nothing.


@pytest.mark.parametrize("file", ["", "issuing.key", "root.key.sealed"])
def test_a_house_that_is_open_to_others_is_not_used(file: str, person: Person) -> None:
    make_house(person.house)
    (person.house / file).chmod(0o755)
    for command in (["status"], ["cert", "new", "nas.lan", "--yes"]):
        done = person.run(*command)
        assert done.code == 3, done
        assert "chmod" in done.err.splitlines()[1]
    assert not (person.house / "leaves").exists()


HINTS = {"ledger.sqlite": "housekey ledger rebuild"}


@pytest.mark.parametrize(
    "file", ["root.pem", "issuing.pem", "issuing.key", "ledger.sqlite", "root.key.sealed"]
)
def test_a_missing_file_of_the_house_is_named(file: str, person: Person) -> None:
    make_house(person.house)
    (person.house / file).unlink()
    done = person.run("cert", "new", "nas.lan", "--yes")
    if file == "root.key.sealed":  # some keep it elsewhere, and daily work goes without
        assert done.code == 0, done
        return
    assert done.code == 3, done
    assert f"lacks {file}" in done.err
    assert HINTS.get(file, "backup") in done.err
    assert not (person.house / "leaves").exists()


@pytest.mark.parametrize("file", ["root.pem", "issuing.pem", "issuing.key", "ledger.sqlite"])
def test_a_damaged_file_of_the_house_is_named(file: str, person: Person) -> None:
    make_house(person.house)
    (person.house / file).write_bytes(b"\x00garbage\xff" * 100)
    done = person.run("cert", "new", "nas.lan", "--yes")
    assert done.code == 3, done
    assert file in done.err
    assert HINTS.get(file, "backup") in done.err
    assert not (person.house / "leaves").exists()


def test_a_ledger_of_a_later_housekey_is_left_alone(person: Person) -> None:
    make_house(person.house)
    ledger = sqlite3.connect(person.house / "ledger.sqlite")
    ledger.execute("PRAGMA user_version = 99")
    ledger.close()
    done = person.run("status")
    assert done.code == 3, done
    assert "newer" in done.err


@pytest.mark.parametrize(
    ("born", "said"),
    [(timedelta(days=-4018), "ended"), (timedelta(days=2), "clock")],
    ids=["ended", "unborn"],
)
def test_outside_its_time_a_house_issues_nothing(
    born: timedelta, said: str, person: Person
) -> None:
    make_house(person.house, born=born)
    done = person.run("cert", "new", "nas.lan", "--yes")
    assert done.code == 3, done
    assert said in done.err
    assert not (person.house / "leaves").exists()


def test_a_folder_with_something_else_in_it_does_not_become_a_house(person: Person) -> None:
    person.house.mkdir()
    (person.house / "diary.txt").write_text("dear diary")
    done = person.run("cert", "new", "nas.lan", "--yes", "--json")
    assert done.code == 3, done
    assert "recovery_code" not in done.json
    assert [path.name for path in person.house.iterdir()] == ["diary.txt"]


def test_two_at_a_time_wait_for_each_other_and_both_get_theirs(person: Person) -> None:
    import threading  # noqa: PLC0415

    make_house(person.house)
    codes: list[int] = []

    def one(name: str) -> None:
        codes.append(person.run("cert", "new", name, "--yes").code)

    threads = [threading.Thread(target=one, args=(f"{n}.lan",)) for n in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    assert person.run("house", "show", "--json").json["leaves"] == ["a.lan", "b.lan", "c.lan"]
