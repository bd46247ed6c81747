"""A house is examined without touching it, and each thing that can be wrong is found and named."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.house.examining import examined
from housekey.house.files import STRAY_SUFFIX, Files
from housekey.house.findings import Finding, Weight
from housekey.house.generations import Kind, Why
from housekey.house.house import House
from housekey.house.journal import Journal, State
from housekey.house.leaves import ONBOARDING
from housekey.house.reasons import trouble_from
from housekey.house.root_key import open_root_key
from housekey.house.rotating import abort, finish, prepare_new_root
from housekey.house.seen import seen_on_disk
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.names import parse_name
from tests.house.test_backup import back
from tests.house.test_house import BIRTH, NAMES, Clock, a_new_house
from tests.house.test_recovering import recovered
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from housekey.house.house import NewHouse

LATER = BIRTH + timedelta(days=3)
NO_BACKUP = ("note", "backup", "there is none")


@pytest.fixture
def new() -> NewHouse:
    return a_new_house()


@pytest.fixture
def folder(tmp_path: Path, new: NewHouse) -> Path:
    folder = tmp_path / "house"
    with new.write(folder, Files()) as house:
        house.issue("ha", NAMES)
        house.issue("ha", NAMES)
        house.issue_self_signed("*.own", [parse_name("own.example.org")])
    return folder


def look(folder: Path, *, now: datetime = LATER) -> tuple[Finding, ...]:
    return examined(seen_on_disk(folder, files=Files()), folder=folder, now=now)


def said(folder: Path, *, now: datetime = LATER) -> list[tuple[str, str, str]]:
    return [(each.weight.value, each.about, each.what) for each in look(folder, now=now)]


def wrong(folder: Path, *, now: datetime = LATER) -> list[str]:
    """What is wrong, each in one line; each with something to do about it."""
    found = [each for each in look(folder, now=now) if each.weight is Weight.WRONG]
    assert all(each.do for each in found)
    assert not any("\n" in f"{each.about}{each.what}{each.do}" for each in found)
    return [f"{each.about}: {each.what}" for each in found]


def opened(folder: Path) -> House:
    clock = Clock()
    clock.now = LATER
    return House.open(folder, files=Files(), clock=clock)


def test_a_sound_house_has_nothing_wrong_but_lacks_a_backup(folder: Path) -> None:
    assert said(folder) == [NO_BACKUP]


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    return {
        str(path): (
            path.lstat().st_mode,
            path.lstat().st_ino,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *sorted(folder.rglob("*")))
        if not path.name.endswith("-shm")  # the memory that SQLite's processes share
    }


def test_an_examination_changes_nothing_though_somebody_was_killed_in_the_ledger(
    folder: Path,
) -> None:
    before = state(folder)
    look(folder)
    assert state(folder) == before
    child = os.fork()
    if child == 0:
        with opened(folder) as house:
            house.issue("nas", NAMES)
            os._exit(0)
    os.waitpid(child, 0)
    before = state(folder)
    assert str(folder / "ledger.sqlite-wal") in before
    assert said(folder) == [NO_BACKUP]
    assert state(folder) == before


def test_a_house_is_examined_while_somebody_has_it_open(folder: Path) -> None:
    with opened(folder) as house:
        house.issue("nas", NAMES)
        assert said(folder) == [NO_BACKUP]
        house.issue("nas", NAMES)


class Meanwhile(Files):
    """Somebody else changes the house as soon as one of its files was read."""

    def __init__(self, name: str, change: Callable[[], object]) -> None:
        self._name = name
        self._change: Callable[[], object] | None = change

    def read(self, path: Path, *, most_bytes: int = -1) -> bytes:
        data = super().read(path, most_bytes=most_bytes)
        if path.name == self._name and self._change is not None:
            change, self._change = self._change, None
            change()
        return data


@pytest.mark.parametrize("after", ["issuing.pem", "root.pem"])
@pytest.mark.parametrize("what", ["a new root", "a new leaf"])
def test_what_is_changed_meanwhile_is_seen_before_or_after_and_not_half(
    what: str, after: str, folder: Path
) -> None:
    def change() -> None:
        with opened(folder) as house:
            if what == "a new root":
                prepare_new_root(house, Why.LEAKED).write(house)
                house.look_again()
            for label in house.labels():
                if not label.startswith("*"):
                    house.issue(label, NAMES)
            house.issue("new.lan", NAMES)

    seen = seen_on_disk(folder, files=Meanwhile(after, change))
    found = examined(seen, folder=folder, now=LATER)
    assert [each for each in found if each.weight is Weight.WRONG] == []


def damaged(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(b"\x00garbage\xff" * 100)


def missing(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def strangers(name: str) -> Callable[[Path], object]:
    def spoil(folder: Path) -> None:
        another = folder.with_name("another")
        with a_new_house().write(another, Files()) as house:
            house.issue("ha", NAMES)
        shutil.copy(another / name, folder / name)

    return spoil


def opened_to_all(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (missing("root.pem"), "root.pem: it is missing"),
        (missing("issuing.pem"), "issuing.pem: it is missing"),
        (missing("issuing.key"), "issuing.key: it is missing"),
        (missing("ledger.sqlite"), "ledger.sqlite: it is missing"),
        (damaged("root.pem"), "root.pem: it is damaged"),
        (damaged("issuing.pem"), "issuing.pem: it is damaged"),
        (damaged("issuing.key"), "issuing.key: it is damaged"),
        (damaged("root.key.sealed"), "root.key.sealed: it is not a sealed key"),
        (damaged("ledger.sqlite"), "ledger.sqlite: "),
        (strangers("root.pem"), "issuing.pem: it is not signed by the root in root.pem"),
        (strangers("issuing.key"), "issuing.key: it is not the key of issuing.pem"),
        (strangers("issuing.pem"), "issuing.pem: it is not signed by the root in root.pem"),
        (damaged("leaves/ha/certificate.pem"), "leaf ha: this is not a certificate in PEM form"),
        (
            strangers("leaves/ha/privkey.pem"),
            "leaf ha: its certificate and its key do not belong together",
        ),
        (
            strangers("leaves/ha/certificate.pem"),
            "leaf ha: its certificate and its key do not belong together",
        ),
        (opened_to_all(""), "folder: it is open to other users of this machine (mode 755)"),
        (opened_to_all("issuing.key"), "issuing.key: it is open to other users"),
        (opened_to_all("root.key.sealed"), "root.key.sealed: it is open to other users"),
        (opened_to_all("leaves/ha/privkey.pem"), "leaves/ha/privkey.pem: it is open to other"),
        (
            opened_to_all("leaves/ha/privkey.previous.pem"),
            "leaves/ha/privkey.previous.pem: it is open to other users",
        ),
    ],
)
def test_what_is_wrong_is_found_and_said_what_to_do(
    spoil: Callable[[Path], object], found: str, folder: Path
) -> None:
    spoil(folder)
    assert [each for each in wrong(folder) if each.startswith(found)], wrong(folder)


@pytest.mark.parametrize("spoil", [missing, damaged, strangers])
def test_without_the_issuing_ca_nobody_is_sent_to_move_sound_leaves_away(
    spoil: Callable[[str], Callable[[Path], object]], folder: Path
) -> None:
    spoil("issuing.pem")(folder)
    assert wrong(folder)
    assert not [each for each in look(folder) if each.about.startswith("leaf")]


def test_after_a_recovery_of_a_lost_issuing_ca_its_leaves_are_to_be_renewed(
    folder: Path, new: NewHouse
) -> None:
    (folder / "issuing.pem").unlink()
    recovered(folder, new.recovery_code, now=LATER)
    assert wrong(folder) == []
    assert ("note", "leaf ha", "it is from an earlier issuing CA") in said(folder)


def test_a_leaf_of_another_house_is_found(folder: Path) -> None:
    stranger = folder.with_name("another")
    with a_new_house().write(stranger, Files()) as house:
        house.issue("ha", NAMES)
    for name in ("certificate.pem", "privkey.pem"):
        shutil.copy(stranger / "leaves" / "ha" / name, folder / "leaves" / "ha" / name)
    assert "leaf ha: no issuing CA of this house has signed it" in wrong(folder)


def test_what_a_recovery_mends_says_so(folder: Path) -> None:
    (folder / "issuing.key").unlink()
    (finding,) = (each for each in look(folder) if each.weight is Weight.WRONG)
    assert "housekey house recover" in finding.do


def test_an_owner_that_is_not_the_folders_is_found(folder: Path) -> None:
    require(os.geteuid() == 0, "giving files away takes root")
    os.chown(folder / "root.pem", 12345, 12345)
    assert wrong(folder) == ["root.pem: not of the user that the folder belongs to (user 0)"]


class Withholds(Files):
    """A disk that does not give one file away."""

    def read(self, path: Path, *, most_bytes: int = -1) -> bytes:
        if path.name == "issuing.key":
            raise trouble_from(path, PermissionError(errno.EACCES, ""))
        return super().read(path, most_bytes=most_bytes)


def test_what_may_not_be_read_is_named_and_the_rest_is_examined(folder: Path) -> None:
    (folder / "root.key.sealed").unlink()
    found = examined(seen_on_disk(folder, files=Withholds()), folder=folder, now=LATER)
    assert [(each.about, each.what) for each in found][:2] == [
        ("issuing.key", "this user has no permission to do that"),
        ("root.key.sealed", "the root's key is not kept here"),
    ]


def test_a_chain_that_is_not_in_the_leafs_own_file_is_found(folder: Path) -> None:
    with opened(folder) as house:
        leaf = house.leaf("ha")
        assert leaf is not None
        (leaf.folder / "certificate.pem").write_bytes(chain_to_pem([leaf.certificate]))
    assert wrong(folder) == ["leaf ha: its issuing CA is not behind it in its file"]


def test_a_certificate_that_the_ledger_does_not_know_is_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DROP TRIGGER certificates_delete")
        ledger.execute("DELETE FROM certificates WHERE role = 'leaf'")
    (found,) = wrong(folder)
    assert found == (
        "leaves/ha/certificate.pem, leaves/ha/certificate.previous.pem:"
        " a certificate that is not in the ledger"
    )


def test_a_serial_number_that_is_there_twice_is_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DROP TRIGGER certificates_update")
        ledger.execute(
            "UPDATE certificates SET serial = '5', issuer = 'CN=' || id WHERE role != 'root'"
        )
    (found,) = wrong(folder)
    assert found == "ledger.sqlite: 4 certificates have the serial number 5"


def test_a_ledger_with_a_certificate_that_was_changed_is_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("DROP TRIGGER certificates_update")
        ledger.execute("UPDATE certificates SET der = x'00' WHERE role = 'root'")
    (found,) = wrong(folder)
    assert "is not what was recorded" in found


def test_a_change_that_was_cut_short_is_owed(folder: Path) -> None:
    journal = Journal(folder / "journal", files=Files(), clock=lambda: LATER)
    transaction = journal.begin({"folder": "/config"})
    assert wrong(folder) == ["journal/0001: a change in /config is under way, or was cut short"]
    transaction.close(State.KEPT)
    assert wrong(folder) == []
    with (folder / "journal" / "0001" / "entries.jsonl").open("ab") as entries:
        entries.write(b"\x00\x00\n")
    assert wrong(folder) == ["journal/0001/entries.jsonl: it is damaged"]


def test_what_a_kill_left_is_noted(folder: Path) -> None:
    (folder / "leaves" / f".x.0123{STRAY_SUFFIX}").write_bytes(b"")
    left = f"leaves/.x.0123{STRAY_SUFFIX}"
    assert ("note", left, "left by a housekey that was killed") in said(folder)


def test_a_replacement_under_way_is_read_as_the_house_reads_it(folder: Path, new: NewHouse) -> None:
    was = (folder / "issuing.pem").read_bytes()
    recovered(folder, new.recovery_code)
    for name in ("issuing.pem", "issuing.key"):
        (folder / "changed" / "new").mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, folder / "changed" / "new" / name)
        (folder / "changed" / "new" / name).chmod(0o600)
    (folder / "changed" / "removed").write_text("next/root.pem\n")
    (folder / "issuing.pem").write_bytes(was)
    assert wrong(folder, now=LATER + timedelta(days=40)) == []
    assert "changed" in [about for _, about, _ in said(folder)]


def test_the_end_is_seen_coming_and_seen(folder: Path) -> None:
    assert said(folder, now=BIRTH + timedelta(days=300)) == [
        ("note", "leaf *.own", "it ends on 2027-06-05"),
        ("note", "leaf ha", "it ends on 2027-06-05"),
        NO_BACKUP,
    ]
    assert wrong(folder, now=BIRTH + timedelta(days=400)) == [
        "leaf *.own: it ended on 2027-06-05",
        "leaf ha: it ended on 2027-06-05",
    ]
    assert wrong(folder, now=BIRTH + timedelta(days=4000))[:2] == [
        "root.pem: it ended on 2036-05-03",
        "issuing.pem: it ended on 2036-05-03",
    ]


@pytest.mark.parametrize(
    "now", [datetime.fromisoformat("1970-01-01T00:00Z"), BIRTH - timedelta(hours=3)]
)
def test_a_clock_that_stands_before_the_birth_of_the_house_is_told(
    now: datetime, folder: Path
) -> None:
    assert [each for each in wrong(folder, now=now) if each.startswith("clock: it says")]


def test_a_clock_that_stands_before_the_last_entry_of_the_ledger_is_told(folder: Path) -> None:
    with opened(folder) as house:
        house.issue("ha", NAMES)
    assert wrong(folder, now=BIRTH + timedelta(days=2)) == [
        "clock: it says 2026-05-06 03:02 UTC, and the ledger was written to at 2026-05-07 03:02 UTC"
    ]


def test_a_key_of_the_root_that_is_kept_elsewhere_is_noted(folder: Path) -> None:
    (folder / "root.key.sealed").unlink()
    assert ("note", "root.key.sealed", "the root's key is not kept here") in said(folder)
    assert wrong(folder) == []


def test_what_the_last_backup_lacks_is_told(folder: Path, new: NewHouse, tmp_path: Path) -> None:
    def lacks() -> str:
        (what,) = (what for _, about, what in said(folder, now=LATER) if about == "backup")
        return what

    back(folder, tmp_path / "b")
    assert lacks() == "the last is of 2026-05-07, and lacks nothing"
    with opened(folder) as house:
        house.issue("nas", NAMES)
    assert lacks() == "the last is of 2026-05-07, and lacks 1 certificate"
    with opened(folder) as house:
        house.issue("nas", NAMES)
        house.ledger.record_event(
            "device-trusts",
            at=LATER + timedelta(minutes=1),
            by="page",
            sha256=fingerprint(house.root),
        )
    assert lacks() == (
        "the last is of 2026-05-07, and lacks 2 certificates, that 1 device has proved trust"
    )
    recovered(folder, new.recovery_code, now=LATER)
    assert "today's issuing CA, 3 certificates" in lacks()
    back(folder, tmp_path / "b")
    assert lacks().startswith("the last is of 2026-05-07, and lacks that 1 device")


@pytest.mark.parametrize(
    "entry", ["[]", "7", "null", '"x"', "{}", '{"begin": 7}', '{"at": "x", "begin": []}']
)
def test_no_content_of_a_journal_stops_the_examination(entry: str, folder: Path) -> None:
    entries = folder / "journal" / "0001" / "entries.jsonl"
    entries.parent.mkdir(parents=True)
    entries.write_text(json.dumps({"at": "2026", "begin": {"folder": "x"}}) + "\n" + entry + "\n")
    look(folder)
    entries.write_text(entry + "\n")
    look(folder)


@pytest.mark.parametrize(
    ("kind", "end"), [(Kind.CROSSED, finish), (Kind.WAITING, finish), (Kind.WAITING, abort)]
)
def test_the_leaf_of_the_page_is_nobodys_to_mend_after_a_rotation_or_its_end(
    kind: Kind, end: Callable[[House], object], folder: Path, new: NewHouse
) -> None:
    with opened(folder) as house:
        key = open_root_key(house, new.recovery_code) if kind is Kind.CROSSED else None
        prepare_new_root(house, kind, old_key=key).write(house)
    with opened(folder) as house:
        house.issue(ONBOARDING, NAMES)
        assert "leaf onboarding-page" not in {each.about for each in look(folder)}
        end(house)
    assert wrong(folder) == []
    was_finished = (kind, end) == (Kind.WAITING, finish)  # then its signer is today's
    found = [each.do for each in look(folder) if "page" in each.about]
    served = "nothing: the page gets a new one whenever it is served"
    assert found == ([] if was_finished else [served])
    years_later = LATER + timedelta(days=800)
    assert not [each for each in wrong(folder, now=years_later) if "page" in each]


@pytest.mark.parametrize("kind", [Kind.CROSSED, Kind.WAITING])
def test_a_house_with_two_roots_has_nothing_wrong_and_each_part_of_it_is_examined(
    kind: Kind, folder: Path, new: NewHouse
) -> None:
    with opened(folder) as house:
        key = open_root_key(house, new.recovery_code) if kind is Kind.CROSSED else None
        prepare_new_root(house, kind, old_key=key).write(house)
    with opened(folder) as house:
        house.issue(ONBOARDING, NAMES)  # in a crossed house by an authority of its own
        house.issue("nas", NAMES)
    assert wrong(folder) == []
    parts = [
        path
        for path in folder.rglob("*")
        if path.name in ("issuing.pem", "root.pem", "cross.pem", "rotation.json", "proving.key")
        or path == folder / "next" / "issuing.key"
    ]
    assert len(parts) >= 5
    for part in parts:
        was = part.read_bytes()
        mode = part.stat().st_mode
        part.write_bytes(b"damaged")
        assert wrong(folder) != [], part
        part.unlink()
        is_for_the_record = part == folder / "old" / "0001" / "issuing.pem"
        assert (wrong(folder) == []) is is_for_the_record, part
        part.write_bytes(was)
        part.chmod(mode)
    assert wrong(folder) == []
