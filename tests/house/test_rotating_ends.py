"""A rotation ends, is taken back, is damaged or killed: whole or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from housekey.errors import (
    FileTrouble,
    HouseBroken,
    HouseBusy,
    RotationRefused,
)
from housekey.house.files import Files
from housekey.house.generations import Kind, Why
from housekey.house.leaves import ONBOARDING
from housekey.house.lock import house_lock
from housekey.house.records import ROOT_DROPPED, ROTATED
from housekey.house.root_key import open_root_key, root_key_of
from housekey.house.rotating import abort, finish, prepare_new_root
from housekey.pki.encoding import chain_to_pem, fingerprint
from tests.house.killing import killed_at_every_moment
from tests.house.rotated import (
    HA,
    LATER,
    accepted,
    born,
    code,
    files_of,
    folder,
    opened,
    prepared,
    rotated,
    state_of,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from housekey.house.house import House
    from housekey.house.recovery import RecoveryCode

__all__ = ["born", "code", "folder"]  # fixtures


def test_finished_the_old_root_counts_no_more_and_its_keys_are_gone(
    folder: Path, code: RecoveryCode
) -> None:
    new = rotated(folder, code)
    with opened(folder) as house:
        assert house.overlap is not None
        old = house.overlap.old_root
        finish(house)
    with opened(folder) as house:
        assert house.overlap is None
        assert house.roots == (new.root,)
        assert [(each.root, each.why) for each in house.former] == [(old, Why.ROTATED)]
        chain = house.chain_of(house.issue("ha.lan", HA).certificate)
        assert len(chain) == 2
        assert [e.sha256 for e in house.ledger.events(1, kind=ROOT_DROPPED)] == [fingerprint(old)]
        assert [e.sha256 for e in house.ledger.events(1, kind=ROTATED)] == [fingerprint(new.root)]
    assert accepted(chain, new.root, "ha.lan")
    assert not accepted(chain, old, "ha.lan")
    lie = {str(path.relative_to(folder)) for path in (folder / "old").rglob("*.*")}
    assert lie == {"old/0001/root.pem", "old/0001/issuing.pem", "old/0001/dropped.json"}
    assert not any((folder / name).exists() for name in ("cross.pem", "proving.key", "proving.pem"))


def test_who_wants_to_keep_the_sealed_key_of_the_old_root_may(
    folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    with opened(folder) as house:
        finish(house, keep_old_key=True)
    with opened(folder) as house:
        sealed = folder / "old/0001/root.key.sealed"
        root_key_of(house.former[0].root, sealed, code, files=house.files)
    assert not (folder / "old/0001/issuing.key").exists()


def test_who_had_opened_the_house_before_is_told_that_it_has_a_new_root(
    folder: Path, code: RecoveryCode
) -> None:
    with opened(folder) as house:
        rotated(folder, code)
        with pytest.raises(HouseBusy, match="new root"):
            house.issue("ha.lan", HA)
        leaf = house.leaf("ha.lan")
    assert leaf is not None
    with opened(folder) as house:
        assert not house.is_current(leaf), "nothing was issued"
        house.issue("ha.lan", HA)


def test_gone_back_it_is_as_before_byte_for_byte(folder: Path, code: RecoveryCode) -> None:
    before = files_of(folder)
    rotated(folder, code)
    with opened(folder) as house:
        abort(house)
    assert files_of(folder) == before
    assert not (folder / "old").exists()
    with opened(folder) as house:
        leaf = house.leaf("ha.lan")
        assert leaf is not None
        assert house.is_current(leaf)
        open_root_key(house, code)


def test_it_is_too_late_to_go_back_when_somebody_relies_on_the_new_root(
    folder: Path, code: RecoveryCode, tmp_path: Path
) -> None:
    new = rotated(folder, code)
    shutil.copytree(folder, tmp_path / "other")
    with opened(folder) as house:
        house.issue(ONBOARDING, HA)  # the page's own is nothing to rely on
        house.issue("ha.lan", HA)
        with pytest.raises(RotationRefused, match=r"ha\.lan has a certificate under the new root"):
            abort(house)
    with opened(tmp_path / "other") as house:
        sha256 = fingerprint(new.root)
        house.ledger.record_event("device-trusts", at=LATER, by="share", sha256=sha256, data={})
        with pytest.raises(RotationRefused, match="1 device has proved the new root"):
            abort(house)


def test_a_house_without_the_sealed_key_of_its_root_goes_back_to_just_that(
    folder: Path, code: RecoveryCode
) -> None:
    """The owner keeps the key on a stick, and puts it there for the rotation alone."""
    new = prepared(folder, code)
    (folder / "root.key.sealed").unlink()
    with opened(folder) as house:
        with pytest.raises(FileNotFoundError):
            (folder / "root.key.sealed").stat()
        with opened(folder) as fresh:
            new = prepare_new_root(fresh, Kind.WAITING)
        new.write(house)
    with opened(folder) as house:
        abort(house)
    assert not (folder / "root.key.sealed").exists()


@pytest.mark.parametrize("how", [Kind.CROSSED, Kind.WAITING, Why.LEAKED])
def test_there_is_no_second_rotation_before_the_first_has_ended(
    how: Kind | Why, folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    with opened(folder) as house, pytest.raises(RotationRefused, match="two roots already"):
        prepare_new_root(house, how)


@pytest.mark.parametrize("end", [finish, abort])
def test_without_a_rotation_there_is_nothing_to_end(
    end: Callable[[House], object], folder: Path
) -> None:
    with opened(folder) as house, pytest.raises(RotationRefused, match="one root"):
        end(house)


# Damage, and kills.


@pytest.mark.parametrize("file", ["cross.pem", "proving.pem", "rotation.json", "old/0001/root.pem"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_what_is_missing_or_damaged_of_an_overlap_is_named(
    file: str, how: str, folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    if how == "damaged":
        (folder / file).write_bytes(b"\x00garbage")
    else:
        (folder / file).unlink()
    with pytest.raises(HouseBroken, match=file.rpartition("/")[2].partition(".")[0]):
        opened(folder)


@pytest.mark.parametrize("kind", [Kind.CROSSED, Kind.WAITING])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_without_the_key_that_signs_the_proof_the_rotation_can_be_ended(
    kind: Kind, how: str, folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code) if kind is Kind.CROSSED else waiting(folder)
    file = "proving.key" if kind is Kind.CROSSED else "next/issuing.key"
    way = "--finish" if kind is Kind.CROSSED else "--abort"
    Files().remove(folder / file)
    if how == "damaged":
        Files().write(folder / file, b"\x00garbage", mode=0o600)
    with opened(folder) as house:
        with pytest.raises(HouseBroken) as broken:
            house.issue(ONBOARDING, HA)
        assert f"housekey house rotate {way}" in broken.value.hint
        (finish if kind is Kind.CROSSED else abort)(house)
    with opened(folder) as house:
        house.issue(ONBOARDING, HA)


def test_a_proof_that_is_signed_as_a_rotation_ends_says_that_another_is_at_work(
    folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    with opened(folder) as late, opened(folder) as house:
        finish(house)
        with pytest.raises(HouseBusy, match="new root"):
            late.issue(ONBOARDING, HA)


def test_a_cross_of_another_house_is_not_presented(
    folder: Path, code: RecoveryCode, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "other")
    rotated(folder, code)
    rotated(tmp_path / "other", code)
    shutil.copy(tmp_path / "other/cross.pem", folder / "cross.pem")
    with pytest.raises(HouseBroken, match="do not belong together"):
        opened(folder)


@pytest.mark.parametrize("change", ["begin", "finish", "abort"])
def test_what_the_ledger_cannot_note_is_done_all_the_same_and_told_so(
    change: str, folder: Path, code: RecoveryCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = prepared(folder, code) if change == "begin" else rotated(folder, code)
    before = state_of(folder)

    def full(*_: object, **__: object) -> None:
        raise FileTrouble(folder / "ledger.sqlite", "the disk is full", hint="make room")

    with opened(folder) as house:
        monkeypatch.setattr(house.ledger, "record_event", full)
        work = {"begin": new.write, "finish": finish, "abort": abort}[change]
        said = work(house)
    assert said is not None
    assert "the disk is full" in said
    assert state_of(folder) != before
    with opened(folder) as house:
        assert (house.overlap is not None) is (change == "begin")


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("change", ["crossed", "waiting", "leaked", "finish", "flip", "abort"])
def test_a_kill_at_any_moment_leaves_the_state_from_before_or_the_one_from_after(
    change: str, every: int, folder: Path, code: RecoveryCode, tmp_path: Path
) -> None:
    work: Callable[[House], object]
    if change == "crossed":
        work = prepared(folder, code).write
    elif change in ("waiting", "leaked"):
        with opened(folder) as house:
            work = prepare_new_root(
                house, Kind.WAITING if change == "waiting" else Why.LEAKED
            ).write
    elif change == "flip":
        waiting(folder)
        work = finish
    else:
        rotated(folder, code)
        work = {"finish": finish, "abort": abort}[change]

    def do(at: Path, files: Files) -> None:
        os.umask(0)
        with opened(at, files) as house:
            work(house)

    mask = os.umask(0)
    os.umask(mask)
    before = state_of(folder)
    shutil.copytree(folder, tmp_path / "done")
    do(tmp_path / "done", Files())
    os.umask(mask)
    after = state_of(tmp_path / "done")
    seen = {before: 0, after: 0}
    for moment, left in killed_at_every_moment(folder, do, at=tmp_path / "left", every=every):
        open_keys = [p for p in left.rglob("*key*") if p.stat().st_mode & 0o077]
        assert not open_keys, f"open to others after a kill at moment {moment}"
        with house_lock(left, wait=0, files=Files()):
            said = state_of(left)
        assert said in seen, f"neither nor, after a kill at moment {moment}"
        seen[said] += 1
        with opened(left) as house:
            chain = house.chain_of(house.issue("ha.lan", HA).certificate)
            assert accepted(chain, house.root, "ha.lan")
    os.umask(mask)
    print(f"{change}: killed at {sum(seen.values())} moments, {[*seen.values()]}")  # noqa: T201
    assert all(seen.values())


def test_chains_are_written_as_they_are_told(folder: Path, code: RecoveryCode) -> None:
    rotated(folder, code)
    with opened(folder) as house:
        leaf = house.issue("ha.lan", HA)
        assert leaf.chain_pem == chain_to_pem(house.chain_of(leaf.certificate))
