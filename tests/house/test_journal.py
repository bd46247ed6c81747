"""The journal: what was there before is known at every instant, and comes back byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from housekey.errors import HouseBroken
from housekey.house.files import Files
from housekey.house.journal import Journal, SettingChange, State, before_of, restore

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Killed(Exception):
    """The power went."""


def journal_in(folder: Path, *, dies_at: str = "") -> Journal:
    def hook(moment: str) -> None:
        if moment == dies_at:
            raise Killed

    return Journal(folder / "journal", files=Files(), clock=lambda: NOW, hook=hook)


def test_a_change_is_known_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"the user's own")
    path.chmod(0o640)
    journal = journal_in(tmp_path, dies_at="before certificate")
    transaction = journal.begin({"folder": "/config"})
    change = transaction.writing(path, b"ours")
    with pytest.raises(Killed), transaction.step("certificate", change):
        pytest.fail("the hook comes before the change")

    (found,) = journal_in(tmp_path).transactions()
    assert found.state is State.OPEN
    assert found.changes == (change,)
    assert found.target == {"folder": "/config"}


def test_what_was_there_before_comes_back_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"the user's own")
    path.chmod(0o640)
    files = Files()
    transaction = journal_in(tmp_path).begin({})
    with transaction.step("certificate", transaction.writing(path, b"ours")):
        files.write(path, b"ours", mode=0o600)

    (file,) = before_of(journal_in(tmp_path).transactions()).files
    assert restore(file, files)
    assert path.read_bytes() == b"the user's own"
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_was_not_there_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "privkey.pem"
    transaction = journal_in(tmp_path).begin({})
    with transaction.step("key", transaction.writing(path, b"ours")):
        path.write_bytes(b"ours")
    (file,) = before_of([transaction]).files
    assert restore(file, Files())
    assert not path.exists()


def test_what_somebody_else_changed_since_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "configuration.yaml"
    path.write_bytes(b"before")
    transaction = journal_in(tmp_path).begin({})
    with transaction.step("yaml", transaction.writing(path, b"ours")):
        path.write_bytes(b"ours")
    path.write_bytes(b"ours, and then the user's own edit")
    (file,) = before_of([transaction]).files
    assert not restore(file, Files())
    assert path.read_bytes() == b"ours, and then the user's own edit"


def test_the_first_state_counts_over_several_changes_and_transactions(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"original")
    journal = journal_in(tmp_path)
    for content in (b"first", b"second"):
        transaction = journal.begin({})
        setting = SettingChange("internal_url", f"before {content!r}", f"after {content!r}")
        with transaction.step("x", transaction.writing(path, content), setting):
            path.write_bytes(content)
        transaction.close(State.KEPT)

    before = before_of(journal_in(tmp_path).standing())
    (file,) = before.files
    assert restore(file, Files())
    assert path.read_bytes() == b"original"
    known = before.setting("internal_url")
    assert known is not None
    assert known.before == "before b'first'"
    assert known.ours == ("after b'first'", "after b'second'")


def test_an_interrupted_transaction_is_continued_and_keeps_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"original")
    first = journal_in(tmp_path).begin({})
    with first.step("certificate", first.writing(path, b"half a switch")):
        path.write_bytes(b"half a switch")

    (again,) = journal_in(tmp_path).standing()
    with again.step("certificate", again.writing(path, b"the whole switch")):
        path.write_bytes(b"the whole switch")
    (read,) = journal_in(tmp_path).transactions()
    (file,) = before_of([read]).files
    assert restore(file, Files())
    assert path.read_bytes() == b"original"


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_torn_last_line_is_a_change_that_was_never_begun(tmp_path: Path, cut: int) -> None:
    transaction = journal_in(tmp_path).begin({})
    with transaction.step("x", SettingChange("internal_url", None, "https://a.local")):
        pass
    entries = transaction.folder / "entries.jsonl"
    whole = entries.read_bytes()
    entries.write_bytes(whole[:-cut])

    (read,) = journal_in(tmp_path).transactions()
    assert read.changes == ()
    # What is appended next does not run into the torn line.
    read.mark("restart")
    (again,) = journal_in(tmp_path).transactions()
    assert again.marks == {"restart"}
    assert again.changes == ()


def test_damage_in_the_middle_is_told_and_not_guessed_over(tmp_path: Path) -> None:
    transaction = journal_in(tmp_path).begin({})
    transaction.mark("restart")
    transaction.mark("proven")
    entries = transaction.folder / "entries.jsonl"
    lines = entries.read_bytes().splitlines(keepends=True)
    entries.write_bytes(lines[0] + b"\x00\x00\n" + lines[2])
    with pytest.raises(HouseBroken, match="line 2"):
        journal_in(tmp_path).transactions()


def test_a_kill_before_the_first_entry_leaves_nothing_to_undo(tmp_path: Path) -> None:
    (tmp_path / "journal" / "0001").mkdir(parents=True)
    assert journal_in(tmp_path).transactions() == ()
    assert journal_in(tmp_path).begin({}).folder.name == "0002"


def test_backups_and_entries_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "privkey.pem"
    path.write_bytes(b"the user's private key")
    path.chmod(0o644)
    transaction = journal_in(tmp_path).begin({})
    with transaction.step("key", transaction.writing(path, b"ours")):
        pass
    modes = {found.name: found.stat().st_mode & 0o777 for found in transaction.folder.iterdir()}
    assert modes == {"entries.jsonl": 0o600, "01-privkey.pem": 0o600}
    assert transaction.folder.stat().st_mode & 0o777 == 0o700


def test_a_house_that_was_moved_still_finds_its_backups(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    path = tmp_path / "certificate.pem"
    path.write_bytes(b"original")
    transaction = journal_in(old).begin({})
    with transaction.step("certificate", transaction.writing(path, b"ours")):
        path.write_bytes(b"ours")
    old.rename(new)
    (file,) = before_of(journal_in(new).transactions()).files
    assert restore(file, Files())
    assert path.read_bytes() == b"original"


def test_entries_are_one_json_object_a_line_with_their_time(tmp_path: Path) -> None:
    transaction = journal_in(tmp_path).begin({"folder": "/config"})
    transaction.close(State.KEPT)
    lines = (transaction.folder / "entries.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"at": NOW.isoformat(), "begin": {"folder": "/config"}},
        {"at": NOW.isoformat(), "state": "kept"},
    ]
