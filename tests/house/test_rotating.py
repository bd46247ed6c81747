"""A house gets a new root: with the old one beside it, waiting, or at once; whole or not at all."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.x509 import BasicConstraints, NameOID

from housekey.errors import (
    FileTrouble,
    HouseBroken,
    HouseBusy,
    HouseExpired,
    PermitRefused,
    RotationRefused,
)
from housekey.house.files import STRAY_SUFFIX, Files
from housekey.house.generations import Kind, Why
from housekey.house.house import House, prepare_house
from housekey.house.leaves import ONBOARDING
from housekey.house.lock import house_lock
from housekey.house.records import ROTATED
from housekey.house.root_key import open_root_key, root_key_of
from housekey.house.rotating import GONE, NewRoot, abort, finish, prepare_new_root
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import certificates_from_pem, chain_to_pem, fingerprint
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.pki.verifying import verify
from tests.house.killing import killed_at_every_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.recovery import RecoveryCode

BIRTH = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
LATER = BIRTH + timedelta(days=400)
A_DAY = timedelta(days=1)
HOME = Subject(common_name=None, organization="Our Home", country="DE")
HA = (parse_name("ha.lan"), parse_name("192.168.1.20"))


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(scope="module")
def born(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecoveryCode]:
    """A house with two leaves, and its recovery code."""
    folder = tmp_path_factory.mktemp("born") / "house"
    new = prepare_house(names=HA, subject=HOME, clock=lambda: BIRTH)
    with new.write(folder, Files()) as house:
        house.issue("ha.lan", HA)
        house.issue("nas.lan", (parse_name("nas.lan"),), key_type=KeyType.RSA_2048)
    return folder, new.recovery_code


@pytest.fixture
def folder(born: tuple[Path, RecoveryCode], tmp_path: Path) -> Path:
    shutil.copytree(born[0], tmp_path / "house")
    return tmp_path / "house"


@pytest.fixture
def code(born: tuple[Path, RecoveryCode]) -> RecoveryCode:
    return born[1]


def opened(folder: Path, files: Files | None = None, *, at: datetime = LATER) -> House:
    return House.open(folder, files=files or Files(), clock=lambda: at)


def prepared(folder: Path, code: RecoveryCode, *permit: str) -> NewRoot:
    with opened(folder) as house:
        key = open_root_key(house, code)
        permitted = [parse_name(name) for name in permit]
        return prepare_new_root(house, Kind.CROSSED, old_key=key, permit=permitted)


def rotated(folder: Path, code: RecoveryCode, *permit: str) -> NewRoot:
    new = prepared(folder, code, *permit)
    with opened(folder) as house:
        new.write(house)
    return new


def waiting(folder: Path) -> NewRoot:
    with opened(folder) as house:
        new = prepare_new_root(house, Kind.WAITING)
        new.write(house)
    return new


def accepted(
    chain: Iterable[Certificate], root: Certificate, *names: str, at: datetime = LATER
) -> bool:
    answers = verify(tuple(chain), roots=[root], names=[parse_name(name) for name in names], at=at)
    return all(answer.reason is None for answer in answers)


def keys_in(folder: Path) -> tuple[str, ...]:
    """The house's own keys, strays left out: the next write into their folder removes those."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*.key*"))
    return tuple(sorted(n for n in names if STRAY_SUFFIX not in n and "leaves" not in n))


def files_of(folder: Path) -> dict[str, bytes]:
    """The files of the house itself, but for the ledger, which only grows."""
    found = (path for path in folder.iterdir() if path.is_file())
    return {path.name: path.read_bytes() for path in found if "sqlite" not in path.name}


def state_of(folder: Path) -> tuple[object, ...]:
    """All that a house says of its roots."""
    with opened(folder) as house:
        overlap = house.overlap
        return (
            fingerprint(house.root),
            fingerprint(house.issuing),
            overlap and (overlap.kind, overlap.since),
            tuple((fingerprint(each.root), each.why) for each in house.former),
            keys_in(folder),
        )


# Crossed.


def test_devices_with_either_root_accept_what_servers_present(
    folder: Path, code: RecoveryCode
) -> None:
    with opened(folder) as house:
        old = house.root
    new = rotated(folder, code)
    with opened(folder) as house:
        assert house.root == new.root != old
        assert house.overlap is not None
        assert (house.overlap.old_root, house.overlap.new_root) == (old, new.root)
        leaf = house.issue("ha.lan", HA)
        chain = certificates_from_pem(leaf.chain_pem)
        assert len(chain) == 3
        assert chain == house.chain_of(leaf.certificate)
    for root in (old, new.root):
        assert accepted(chain, root, "ha.lan", "192.168.1.20")


def test_the_new_root_has_a_name_a_key_and_a_code_of_its_own_and_the_old_ones_limits(
    folder: Path, code: RecoveryCode
) -> None:
    with opened(folder) as house:
        old = house.root
    new = rotated(folder, code)
    assert constraints_of(new.root) == constraints_of(old) == constraints_of(new.issuing)
    assert new.added == ()
    assert new.root.public_key() != old.public_key()
    cns = [
        each.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        for each in (old, new.root)
    ]
    assert cns[0] != cns[1]
    assert all(str(cn).startswith("housekey root for Our Home 20") for cn in cns)
    assert new.recovery_code.text != code.text
    with opened(folder) as house:
        open_root_key(house, new.recovery_code)
        old_key = folder / "old/0001/root.key.sealed"
        root_key_of(old, old_key, code, files=house.files)  # as long as one may go back


def test_a_name_of_the_owners_own_is_kept_and_told_apart(tmp_path: Path) -> None:
    subject = Subject(common_name="Ä" * 32, country="DE")  # 64 bytes, the most there are
    new = prepare_house(names=HA, subject=subject, clock=lambda: BIRTH)
    new.write(tmp_path / "house", Files()).close()
    for expected in ("Ä" * 27 + " 2027 ", "Ä" * 27 + " 2027 "):
        new_root = rotated(tmp_path / "house", new.recovery_code)
        cn = new_root.root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
        assert str(cn).startswith(expected)
        with opened(tmp_path / "house") as house:
            finish(house)
        new = new_root  # type: ignore[assignment]


def test_the_cross_lives_no_longer_than_either_root_and_then_is_presented_no_more(
    folder: Path, code: RecoveryCode
) -> None:
    new = rotated(folder, code)
    with opened(folder) as house:
        old = house.overlap.old_root if house.overlap else None
        leaf = house.issue("ha.lan", HA)
        assert house.is_current(leaf)
    assert new.cross is not None
    assert old is not None
    assert new.cross.not_valid_after_utc == old.not_valid_after_utc
    assert new.root.not_valid_after_utc > old.not_valid_after_utc
    with opened(folder, at=old.not_valid_after_utc + A_DAY) as house:
        assert len(house.chain_of(leaf.certificate)) == 2
        assert not house.is_current(leaf), "an ended certificate is in its chain"


def test_what_is_permitted_anew_only_devices_with_the_new_root_accept(
    folder: Path, code: RecoveryCode
) -> None:
    new = rotated(folder, code, "cam.example.org")
    assert new.added == ("cam.example.org",)
    with opened(folder) as house:
        assert house.overlap is not None
        old = house.overlap.old_root
        chain = house.chain_of(house.issue("cam", [parse_name("cam.example.org")]).certificate)
    assert accepted(chain, new.root, "cam.example.org")
    assert not accepted(chain, old, "cam.example.org")
    assert new.cross is not None
    assert constraints_of(new.cross) == constraints_of(old)


def test_a_zone_of_strangers_is_not_permitted_by_a_rotation_either(
    folder: Path, code: RecoveryCode
) -> None:
    before = state_of(folder)
    with pytest.raises(PermitRefused):
        prepared(folder, code, "duckdns.org")
    assert state_of(folder) == before


def test_leaves_from_before_are_due_and_may_keep_their_keys(
    folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    with opened(folder) as house:
        leaf = house.leaf("ha.lan")
        assert leaf is not None
        assert not house.is_current(leaf)
        assert house.may_keep_key(leaf)
        again = house.issue("ha.lan", HA, reuse_key=True)
        assert house.is_current(again)
        assert again.key_pem.reveal() == leaf.key_pem.reveal()
        finish(house)
    with opened(folder) as house:
        assert not house.is_current(again), "its chain has the cross, which leads nowhere now"
        assert house.is_current(house.issue("ha.lan", HA))


def test_a_signed_request_gets_the_cross_as_well(folder: Path, code: RecoveryCode) -> None:
    rotated(folder, code)
    with opened(folder) as house:
        leaf = house.leaf("nas.lan")
        assert leaf is not None
        chain = house.sign(leaf.certificate.public_key(), [parse_name("nas.lan")])  # type: ignore[arg-type]
        assert len(chain) == 3


def test_a_certificate_signed_by_its_own_key_is_not_touched_by_a_rotation(
    folder: Path, code: RecoveryCode
) -> None:
    with opened(folder) as house:
        house.issue_self_signed("fridge.lan", [parse_name("fridge.lan")])
    rotated(folder, code)
    with opened(folder) as house:
        leaf = house.leaf("fridge.lan")
        assert leaf is not None
        assert house.is_current(leaf)
        assert house.chain_of(leaf.certificate) == (leaf.certificate,)


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
        assert [e.sha256 for e in house.ledger.events(1, kind=GONE)] == [fingerprint(old)]
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


# The proof tells the two roots apart.


def test_the_proof_is_accepted_by_who_knows_the_new_root_and_nobody_else(
    folder: Path, code: RecoveryCode
) -> None:
    new = rotated(folder, code)
    with opened(folder) as house:
        assert house.overlap is not None
        old = house.overlap.old_root
        proof = house.issue(ONBOARDING, HA)
        assert house.is_current(proof)
        chain = certificates_from_pem(proof.chain_pem)
        served = house.chain_of(house.issue("ha.lan", HA).certificate)
    assert accepted(chain, new.root, "ha.lan")
    assert not accepted(chain, old, "ha.lan")
    # A device that has kept the cross of what Home Assistant presented builds its paths with it.
    assert not accepted((*chain, *served[1:]), old, "ha.lan")
    assert accepted((*chain, *served[1:]), new.root, "ha.lan")


def test_a_proof_by_the_issuing_ca_would_be_accepted_with_a_kept_cross(
    folder: Path, code: RecoveryCode
) -> None:
    """Why the proof has an authority of its own: the simple way says yes to the old root."""
    rotated(folder, code)
    with opened(folder) as house:
        assert house.overlap is not None
        chain = house.chain_of(house.issue("simple", HA).certificate)
        assert accepted(chain, house.overlap.old_root, "ha.lan")
    of_cross = chain[2].extensions.get_extension_for_class(BasicConstraints).value
    assert of_cross.path_length == 1


def test_the_proofs_leaf_from_before_is_not_used_any_more(folder: Path, code: RecoveryCode) -> None:
    from housekey.onboarding.leaf import new_leaf, usable_leaf  # noqa: PLC0415

    with opened(folder) as house:
        new_leaf(house, HA)
        assert usable_leaf(house, HA, now=LATER)
    rotated(folder, code)
    with opened(folder) as house:
        assert usable_leaf(house, HA, now=LATER) is None
        new_leaf(house, HA)
        assert usable_leaf(house, HA, now=LATER)
        finish(house)
    with opened(folder) as house:
        assert usable_leaf(house, HA, now=LATER) is None


# Waiting: the recovery code is lost.


def test_a_root_that_waits_is_handed_out_and_proven_while_servers_stay_as_they_are(
    folder: Path,
) -> None:
    with opened(folder) as house:
        old, leaf = house.root, house.leaf("ha.lan")
    new = waiting(folder)
    with opened(folder) as house:
        assert house.root == old
        assert house.root_for_devices == new.root
        assert set(house.roots) == {old, new.root}
        assert leaf is not None
        assert house.is_current(leaf), "nothing is due while it waits"
        assert accepted(house.chain_of(house.issue("tv", HA).certificate), old, "ha.lan")
        proof = certificates_from_pem(house.issue(ONBOARDING, HA).chain_pem)
        assert accepted(proof, new.root, "ha.lan")
        assert not accepted(proof, old, "ha.lan")


def test_finished_what_waited_is_todays(folder: Path) -> None:
    new = waiting(folder)
    with opened(folder) as house:
        old, leaf = house.root, house.leaf("ha.lan")
        finish(house)
    with opened(folder) as house:
        assert house.root == new.root
        assert house.overlap is None
        assert [(each.root, each.why) for each in house.former] == [(old, Why.ROTATED)]
        assert leaf is not None
        assert not house.is_current(leaf)
        assert house.may_keep_key(leaf)
        open_root_key(house, new.recovery_code)
        assert accepted(house.chain_of(house.issue("ha.lan", HA).certificate), new.root, "ha.lan")
    assert not (folder / "next").exists()
    assert not (folder / "old/0001/root.key.sealed").exists()


def test_what_waits_can_be_taken_back(folder: Path) -> None:
    before = state_of(folder)
    waiting(folder)
    with opened(folder) as house:
        abort(house)
    assert state_of(folder) == before
    assert not (folder / "next").exists()


@pytest.mark.parametrize("damage", ["missing", "damaged", "another"])
@pytest.mark.parametrize("way", ["finish", "abort"])
def test_a_generation_without_its_key_never_becomes_todays(
    folder: Path, code: RecoveryCode, way: str, damage: str
) -> None:
    """A house that can issue nothing is worse than one that has two roots for longer."""
    if way == "finish":
        waiting(folder)
    else:
        rotated(folder, code)
    key = folder / ("next" if way == "finish" else "old/0001") / "issuing.key"
    if damage == "missing":
        key.unlink()
    else:
        other = (folder / "issuing.key").read_bytes()
        key.write_bytes(other if damage == "another" else b"damaged")
    before = state_of(folder)
    with opened(folder) as house, pytest.raises(HouseBroken, match=r"issuing\.key"):
        finish(house) if way == "finish" else abort(house)
    assert state_of(folder) == before
    with opened(folder) as house:
        house.issue("tv.lan", HA)


def test_who_relies_on_the_new_root_is_seen_though_the_clock_went_back(
    folder: Path, code: RecoveryCode
) -> None:
    rotated(folder, code)
    with opened(folder, at=LATER - timedelta(minutes=30)) as house:
        house.issue("ha.lan", HA)
    with opened(folder) as house, pytest.raises(RotationRefused, match=r"ha\.lan has a certif"):
        abort(house)


# At once.


def test_after_a_leak_the_old_root_counts_at_once_no_more_and_no_key_is_used_again(
    folder: Path,
) -> None:
    with opened(folder) as house:
        old, leaf = house.root, house.leaf("ha.lan")
        new = prepare_new_root(house, Why.LEAKED)
        new.write(house)
    with opened(folder) as house:
        assert house.root == new.root
        assert house.overlap is None
        assert [(each.root, each.why) for each in house.former] == [(old, Why.LEAKED)]
        assert leaf is not None
        assert not house.is_current(leaf)
        assert not house.may_keep_key(leaf), "who has the folder has the leaves' keys as well"
        chain = house.chain_of(house.issue("ha.lan", HA).certificate)
        open_root_key(house, new.recovery_code)
    assert accepted(chain, new.root, "ha.lan")
    assert not accepted(chain, old, "ha.lan")
    assert not [path for path in (folder / "old").rglob("*") if "key" in path.name]


def test_a_house_that_has_ended_gets_a_new_root_though_it_can_vouch_for_nothing(
    folder: Path, code: RecoveryCode
) -> None:
    at = BIRTH + timedelta(days=4000)
    with opened(folder, at=at) as house:
        with pytest.raises(HouseExpired):
            prepare_new_root(house, Kind.CROSSED, old_key=open_root_key(house, code))
        prepare_new_root(house, Why.ENDED).write(house)
    with opened(folder, at=at) as house:
        chain = house.chain_of(house.issue("ha.lan", HA).certificate)
        assert accepted(chain, house.root, "ha.lan", at=at)


def test_ten_rotations_in_a_row_keep_all_earlier_roots_for_the_record(
    folder: Path, code: RecoveryCode
) -> None:
    roots = []
    for _ in range(10):
        with opened(folder) as house:
            roots.append(house.root)
        code = rotated(folder, code).recovery_code
        with opened(folder) as house:
            finish(house)
    with opened(folder) as house:
        assert [each.root for each in house.former] == roots
    assert sorted(path.name for path in (folder / "old").iterdir()) == [
        f"{n:04}" for n in range(1, 11)
    ]


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
