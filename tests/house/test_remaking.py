"""What a house has lost of its public files, and its ledger still has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from housekey.house.examining import FIX, examined
from housekey.house.files import Files
from housekey.house.findings import Weight
from housekey.house.generations import Why
from housekey.house.lock import house_lock
from housekey.house.recovering import recover, remains_of
from housekey.house.remaking import remade
from housekey.house.rotating import finish, prepare_new_root
from housekey.house.seen import seen_on_disk
from housekey.house.together import replace_together
from tests.house.rotated import (
    LATER,
    born,
    code,
    folder,
    opened,
    rotated,
    waiting,
)

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.findings import Finding
    from housekey.house.recovery import RecoveryCode

__all__ = ["born", "code", "folder"]  # fixtures

OF_CROSSED = (
    *("cross.pem", "proving.pem", "rotation.json", "root.pem", "issuing.pem"),
    *("old/0001/root.pem", "old/0001/issuing.pem"),
)
OF_WAITING = ("rotation.json", "root.pem", "issuing.pem", "next/root.pem", "next/issuing.pem")


def public_files(folder: Path) -> dict[str, bytes]:
    """All of the house but keys, leaves, and the ledger."""
    paths = [*folder.rglob("*.pem"), *folder.rglob("*.json")]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if "leaves" not in name}


def lost(folder: Path, *names: str, damaged: bool = False) -> None:
    for name in names:
        path = folder / name
        path.unlink()
        if damaged:
            path.touch(mode=0o600)
            path.write_bytes(b"\x00" * 100)


def found(folder: Path) -> tuple[Finding, ...]:
    """What is wrong with the house, but for its leaves, which are old by now."""
    return tuple(
        each
        for each in examined(seen_on_disk(folder, files=Files()), folder=folder, now=LATER)
        if (each.weight is Weight.WRONG or each.do == FIX) and not each.about.startswith("leaf ")
    )


def fixed(folder: Path) -> set[str]:
    with house_lock(folder, wait=0, files=Files()):
        again = remade(seen_on_disk(folder, files=Files()))
        if again:
            replace_together(folder, again, files=Files())
    return set(again)


def is_whole_again(folder: Path, before: dict[str, bytes], *names: str) -> None:
    """`house check` names the way, which makes the very files, and the house opens."""
    wrong = found(folder)
    assert wrong
    assert {each.do for each in wrong} == {FIX}, wrong
    assert fixed(folder) == set(names)
    assert public_files(folder) == before
    assert all((folder / name).stat().st_mode & 0o777 == 0o600 for name in names)
    assert found(folder) == ()
    with opened(folder) as house:
        assert house.is_current(house.issue("new.lan", house.leaf("ha.lan").names))  # type: ignore[union-attr]


@pytest.mark.parametrize("damaged", [False, True], ids=["missing", "damaged"])
@pytest.mark.parametrize("name", OF_CROSSED)
def test_while_two_roots_count_each_of_their_files_comes_back(
    name: str, damaged: bool, folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    before = public_files(folder)
    lost(folder, name, damaged=damaged)
    is_whole_again(folder, before, name)


@pytest.mark.parametrize("damaged", [False, True], ids=["missing", "damaged"])
@pytest.mark.parametrize("name", OF_WAITING)
def test_while_a_root_waits_each_of_its_files_comes_back(
    name: str, damaged: bool, folder: Path
) -> None:
    waiting(folder)
    before = public_files(folder)
    lost(folder, name, damaged=damaged)
    is_whole_again(folder, before, name)


def test_all_that_says_that_two_roots_count_comes_back(folder: Path, code: RecoveryCode) -> None:
    """With the key of the proof, which nobody can make again, gone too."""
    rotated(folder, code)
    before = public_files(folder)
    lost(folder, "cross.pem", "proving.pem", "rotation.json", "proving.key")
    assert fixed(folder) == {"cross.pem", "proving.pem", "rotation.json"}
    assert public_files(folder) == before
    (wrong,) = found(folder)
    assert (wrong.about, "rotate --finish" in wrong.do) == ("proving.key", True)
    opened(folder).close()


@pytest.mark.parametrize("name", ["root.pem", "issuing.pem"])
def test_a_house_with_one_root_gets_its_certificates_back(name: str, folder: Path) -> None:
    before = public_files(folder)
    lost(folder, name)
    is_whole_again(folder, before, name)


@pytest.mark.parametrize("damaged", [False, True], ids=["missing", "damaged"])
@pytest.mark.parametrize("why", ["leaked", "rotated", "recovered", "recovered, then leaked"])
def test_that_a_root_is_over_comes_back(
    why: str, damaged: bool, folder: Path, code: RecoveryCode
) -> None:
    """Without it a root whose key leaked would count again, and nobody would be told of it."""
    if "recovered" in why:
        with house_lock(folder, wait=0, files=Files()):
            recover(remains_of(folder, files=Files()), code, leaked=True, files=Files(), now=LATER)
    if "leaked" in why:
        with opened(folder) as house:
            prepare_new_root(house, Why.LEAKED).write(house)
    if why == "rotated":
        rotated(folder, code)
        with opened(folder) as house:
            finish(house)
    with opened(folder) as house:
        house.issue("ha.lan", house.leaf("ha.lan").names)  # type: ignore[union-attr]
        before, over = public_files(folder), house.generations.former
    names = [name for name in before if name.endswith("dropped.json")]
    assert len(names) == 1 + ("then" in why)
    lost(folder, *names, damaged=damaged)
    is_whole_again(folder, before, *names)
    with opened(folder) as house:
        assert house.generations.former == over


def test_where_nothing_says_that_a_root_is_over_a_backup_does(folder: Path) -> None:
    with opened(folder) as house:
        prepare_new_root(house, Why.LEAKED).write(house)
    lost(folder, "old/0001/dropped.json")
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        connection.execute("DROP TRIGGER events_delete")  # as if a rebuild had lost them
        connection.execute("DELETE FROM events WHERE kind = 'root-dropped'")
        connection.commit()
    (wrong,) = found(folder)
    assert (wrong.about, "restore" in wrong.do) == ("old/0001/dropped.json", True)
    assert fixed(folder) == set()


def test_both_at_once_are_found_by_the_key_of_the_issuing_ca(
    folder: Path, code: RecoveryCode
) -> None:
    with house_lock(folder, wait=0, files=Files()):
        recover(
            remains_of(folder, files=Files()), code, leaked=False, files=Files(), now=LATER
        )  # so that there are two issuing CAs in the ledger
    before = public_files(folder)
    lost(folder, "root.pem", "issuing.pem")
    is_whole_again(folder, before, "root.pem", "issuing.pem")


def test_nothing_is_made_of_a_sound_house(folder: Path, code: RecoveryCode) -> None:
    assert remade(seen_on_disk(folder, files=Files())) == {}
    rotated(folder, code)
    assert remade(seen_on_disk(folder, files=Files())) == {}


def test_an_issuing_ca_without_its_key_is_of_no_use_and_not_made(folder: Path) -> None:
    lost(folder, "issuing.key", "issuing.pem")
    assert remade(seen_on_disk(folder, files=Files())) == {}
    assert any("house recover" in each.do for each in found(folder))


def test_what_the_ledger_has_lost_as_well_is_left_to_a_backup(
    folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    lost(folder, "cross.pem", "ledger.sqlite")
    assert remade(seen_on_disk(folder, files=Files())) == {}
    assert any("restore" in each.do for each in found(folder))
