"""A house gets a new root: with the old one beside it, waiting, or at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.x509 import BasicConstraints, NameOID

from housekey.errors import (
    HouseBroken,
    HouseExpired,
    PermitRefused,
    RotationRefused,
)
from housekey.house.files import Files
from housekey.house.generations import Kind, Why
from housekey.house.house import prepare_house
from housekey.house.leaves import ONBOARDING
from housekey.house.root_key import open_root_key, root_key_of
from housekey.house.rotating import abort, finish, prepare_new_root
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import certificates_from_pem
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.house.rotated import (
    A_DAY,
    BIRTH,
    HA,
    LATER,
    accepted,
    born,
    code,
    folder,
    opened,
    prepared,
    rotated,
    state_of,
    waiting,
)

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.recovery import RecoveryCode

__all__ = ["born", "code", "folder"]  # fixtures


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
