"""With the recovery code a house gets a new issuing CA; nothing that is served is interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import stat
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from housekey.errors import (
    ClockWrong,
    FileTrouble,
    HouseBroken,
    HouseExpired,
    HouseMissing,
    HouseUnsafe,
    RecoveryCodeWrong,
    RotationRefused,
)
from housekey.house.files import Files
from housekey.house.generations import Kind, Why
from housekey.house.house import House
from housekey.house.lock import house_lock
from housekey.house.recovering import Recovered, recover, remains_of
from housekey.house.recovery import RecoveryCode
from housekey.house.root_key import open_root_key
from housekey.house.rotating import finish, prepare_new_root
from housekey.pki.constraints import constraints_of
from housekey.pki.encoding import certificate_from_pem, fingerprint, matches
from housekey.pki.keys import PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.verifying import verify
from housekey.renewal.renewing import renew
from tests.house.disks import small_disk
from tests.house.exposed import no_umask, readable_by_others
from tests.house.killing import killed_at_every_moment
from tests.house.test_house import BIRTH, NAMES, Clock, a_new_house

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LATER = BIRTH + timedelta(days=30)


@pytest.fixture
def code(folder: Path) -> RecoveryCode:
    """The code of a house in `folder` that has two leaves and one signed request."""
    new = a_new_house()
    with new.write(folder, Files()) as house:
        house.issue("ha", NAMES)
        house.issue("nas", [parse_name("nas.lan")])
        house.sign(house.issuing.public_key(), [parse_name("cam.lan")])  # type: ignore[arg-type]
    return new.recovery_code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "house"


def recovered(
    folder: Path,
    code: RecoveryCode,
    *,
    leaked: bool = False,
    files: Files | None = None,
    now: datetime = LATER,
) -> Recovered:
    files = files or Files()
    with house_lock(folder, wait=0, files=files):
        remains = remains_of(folder, files=files)
        return recover(remains, code, leaked=leaked, files=files, now=now)


def opened(folder: Path, *, now: datetime = LATER) -> House:
    clock = Clock()
    clock.now = now
    return House.open(folder, files=Files(), clock=clock)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("ledger.sqlite", "lock"))
    }


def test_a_new_issuing_ca_stands_under_the_same_root(folder: Path, code: RecoveryCode) -> None:
    with opened(folder) as house:
        root, old = house.root, house.issuing
    done = recovered(folder, code)
    with opened(folder) as house:
        assert house.root == root
        assert house.issuing == done.issuing != old
        assert done.old == old
        assert house.issuing.public_key() != old.public_key()
        assert house.issuing.subject != old.subject
        assert house.issuing.not_valid_after_utc == root.not_valid_after_utc
        assert constraints_of(house.issuing) == constraints_of(old)
        leaf = house.issue("printer", [parse_name("printer.lan")])
        (answer,) = verify([leaf.certificate, house.issuing], roots=[root], names=[], at=LATER)
        assert answer.holds, answer.reason


def test_what_is_served_stays_good_and_is_due(folder: Path, code: RecoveryCode) -> None:
    before = contents(folder / "leaves")
    recovered(folder, code)
    assert contents(folder / "leaves") == before
    with opened(folder) as house:
        for leaf in house.leaves():
            assert not house.is_current(leaf)
            assert house.may_keep_key(leaf)
            chain = house.chain_of(leaf.certificate)
            assert len(chain) == 2
            for answer in verify(chain, roots=[house.root], names=[], at=LATER):
                assert answer.holds, answer.reason
        again = house.issue("ha", NAMES, reuse_key=True)
        assert house.is_current(again)


def test_the_old_key_is_nowhere_any_more_and_the_old_certificate_is_kept(
    folder: Path, code: RecoveryCode
) -> None:
    old_key = (folder / "issuing.key").read_bytes()
    old_certificate = (folder / "issuing.pem").read_bytes()
    recovered(folder, code)
    kept = contents(folder)
    assert old_key not in kept.values()
    assert kept["old/0001/issuing.pem"] == old_certificate
    assert not [name for name in kept if name.startswith("old/") and name.endswith("key")]
    recovered(folder, code)
    assert "old/0002/issuing.pem" in contents(folder)
    with opened(folder) as house:
        assert house.former == ()  # no root is over
        assert house.overlap is None


def test_the_ledger_tells_of_it(folder: Path, code: RecoveryCode) -> None:
    done = recovered(folder, code, leaked=True)
    with opened(folder) as house:
        (event,) = house.ledger.events(kind="recovered")
        assert done.old is not None
        assert event.sha256 == fingerprint(done.issuing)
        assert event.data == {"why": "leaked", "old": fingerprint(done.old)}
        newest = house.ledger.certificates()[0]
        assert (newest.role, newest.sha256) == ("issuing", fingerprint(done.issuing))
    said = str(event) + str(done)
    assert code.text not in said
    assert code.text.replace("-", "") not in said


def test_after_a_leak_it_is_told_what_devices_still_accept(
    folder: Path, code: RecoveryCode
) -> None:
    done = recovered(folder, code, leaked=True)
    assert sorted(name for each in done.accepted for name in each.names) == [
        "192.168.1.20",
        "cam.lan",
        "homeassistant.local",
        "nas.lan",
    ]
    assert recovered(folder, code, leaked=True).accepted == ()  # none is of the second
    with opened(folder) as house:  # the keys of leaves were on the same machine
        assert not any(house.may_keep_key(leaf) for leaf in house.leaves())
        assert all(house.has_leaked(leaf) for leaf in house.leaves()), "under the same root, too"


def test_after_a_leak_no_leaf_keeps_its_key_whichever_issuing_ca_it_is_of(
    folder: Path, code: RecoveryCode
) -> None:
    """One that was not renewed since the issuing CA before lay in the same folder."""
    with opened(folder) as house:
        keys = {leaf.label: leaf.key_pem.reveal() for leaf in house.leaves()}
    recovered(folder, code)
    recovered(folder, code, leaked=True)
    with opened(folder) as house:
        assert all(house.has_leaked(leaf) for leaf in house.leaves())
        renew(house, None, everything=False, now=LATER)
        renewed = house.leaves()
        assert all(house.is_current(leaf) for leaf in renewed)
        assert not any(leaf.key_pem.reveal() == keys[leaf.label] for leaf in renewed)
        assert not any(house.has_leaked(leaf) for leaf in renewed)
    recovered(folder, code)  # a good one after the leak
    with opened(folder) as house:
        assert all(house.may_keep_key(leaf) for leaf in house.leaves())


def test_a_root_whose_issuing_ca_leaked_is_told_as_leaked_when_it_is_over(
    folder: Path, code: RecoveryCode
) -> None:
    recovered(folder, code, leaked=True)
    with opened(folder) as house:
        old = house.root
        prepare_new_root(house, Kind.CROSSED, old_key=open_root_key(house, code)).write(house)
    with opened(folder) as house:
        finish(house)
    with opened(folder) as house:
        assert [(each.root, each.why) for each in house.former] == [(old, Why.LEAKED)]


@pytest.mark.parametrize("kind", [Kind.CROSSED, Kind.WAITING])
def test_after_a_leak_of_two_roots_half_a_measure_is_refused_and_nothing_changes(
    folder: Path, code: RecoveryCode, kind: Kind
) -> None:
    with opened(folder) as house:
        key = open_root_key(house, code) if kind is Kind.CROSSED else None
        new = prepare_new_root(house, kind, old_key=key)
        new.write(house)
    before = {path: path.read_bytes() for path in folder.rglob("*.*") if "ledger" not in path.name}
    with pytest.raises(RotationRefused, match="two roots") as refused:
        recovered(folder, new.recovery_code, leaked=True)
    assert "--finish" in refused.value.hint
    assert before == {path: path.read_bytes() for path in before}


def test_an_issuing_ca_that_has_ended_is_replaced(folder: Path) -> None:
    """An issuing CA that ended before its root, as one of a house of somebody's own may."""
    short, code = _house_with_a_short_issuing_ca(folder)
    now = short + timedelta(days=1)
    with opened(folder, now=now) as house, pytest.raises(HouseExpired):
        house.issue("ha", NAMES)
    done = recovered(folder, code, now=now)
    assert done.issuing.not_valid_after_utc > now
    with opened(folder, now=now) as house:
        assert house.issue("ha", NAMES)
        (event,) = house.ledger.events(kind="recovered")
        assert event.data["why"] == "ended"


def _house_with_a_short_issuing_ca(folder: Path) -> tuple[datetime, RecoveryCode]:
    new = a_new_house()
    root_key = PrivateKey.from_pem(new._sealed_root_key, new.recovery_code.secret)
    end = BIRTH + timedelta(days=100)
    builder = (
        x509.CertificateBuilder()
        .subject_name(new.issuing.subject)
        .issuer_name(new.issuing.issuer)
        .public_key(new.issuing.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(new.issuing.not_valid_before_utc)
        .not_valid_after(end)
    )
    for extension in new.issuing.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    short = builder.sign(root_key.signing_key, hashes.SHA256())
    dataclasses.replace(new, issuing=short).write(folder, Files()).close()
    return end, new.recovery_code


# What may be missing


def _without(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for name in names:
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            else:
                (folder / name).unlink()

    return spoil


def _damaged(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for name in names:
            (folder / name).write_bytes(b"\x00garbage\xff" * 100)

    return spoil


def _of_another_house(*names: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        another = folder.with_name("another")
        a_new_house().write(another, Files()).close()
        for name in names:
            shutil.copy(another / name, folder / name)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        _without("issuing.key"),
        _without("issuing.pem"),
        _without("issuing.key", "issuing.pem"),
        _without("ledger.sqlite"),
        _without("issuing.key", "issuing.pem", "ledger.sqlite", "leaves"),
        _damaged("issuing.key"),
        _damaged("issuing.pem"),
        _damaged("issuing.key", "issuing.pem", "ledger.sqlite"),
        _of_another_house("issuing.key"),
        _of_another_house("issuing.pem"),
        _of_another_house("issuing.pem", "issuing.key"),
    ],
    ids=str.split(
        "no-key no-certificate neither no-ledger root-alone damaged-key damaged-certificate"
        " damaged-all strangers-key strangers-certificate strangers-both"
    ),
)
def test_the_root_its_sealed_key_and_the_code_are_enough(
    spoil: Callable[[Path], None], folder: Path, code: RecoveryCode
) -> None:
    spoil(folder)
    done = recovered(folder, code)
    with opened(folder) as house:
        assert house.issuing == done.issuing
        key = PrivateKey.from_pem((folder / "issuing.key").read_bytes())
        assert matches(house.issuing, key)
        assert house.issue("new", NAMES)
        known = {each.sha256 for each in house.ledger.certificates()}
        assert {fingerprint(house.root), fingerprint(house.issuing)} <= known
        assert {fingerprint(leaf.certificate) for leaf in house.leaves()} <= known


# What is refused, and changes nothing


def test_a_code_of_another_house_changes_nothing(folder: Path, code: RecoveryCode) -> None:
    before = contents(folder)
    with pytest.raises(RecoveryCodeWrong) as caught:
        recovered(folder, RecoveryCode.generate())
    assert "does not open" in caught.value.message
    assert caught.value.hint
    assert contents(folder) == before


def _unsealed(folder: Path) -> None:
    shutil.copy(folder / "issuing.key", folder / "root.key.sealed")


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_without("root.pem"), HouseMissing),
        (_damaged("root.pem"), HouseBroken),
        (_of_another_house("root.pem"), HouseBroken),
        (_without("root.key.sealed"), HouseBroken),
        (_damaged("root.key.sealed"), HouseBroken),
        (_of_another_house("root.key.sealed"), RecoveryCodeWrong),
        (lambda folder: folder.chmod(0o755), HouseUnsafe),
        (lambda folder: (folder / "root.key.sealed").chmod(0o644), HouseUnsafe),
        (
            lambda folder: shutil.copy(folder / "issuing.key", folder / "root.key.sealed"),
            HouseBroken,
        ),
    ],
    ids=str.split(
        "no-root damaged-root strangers-root no-sealed-key damaged-sealed-key strangers-sealed-key"
        " open-folder open-sealed-key key-that-is-not-sealed"
    ),
)
def test_without_the_root_or_its_key_nothing_is_made(
    spoil: Callable[[Path], None], error: type[Exception], folder: Path, code: RecoveryCode
) -> None:
    spoil(folder)
    before = contents(folder)
    with pytest.raises(error):
        recovered(folder, code)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("now", "error", "said"),
    [
        (BIRTH - timedelta(days=365), ClockWrong, "clock"),
        (BIRTH + timedelta(days=3700), HouseExpired, "house rotate"),
    ],
)
def test_outside_the_time_of_its_root_nothing_is_made(
    now: datetime, error: type[ClockWrong], said: str, folder: Path, code: RecoveryCode
) -> None:
    before = contents(folder)
    with pytest.raises(error) as caught:
        recovered(folder, code, now=now)
    assert said in caught.value.message + caught.value.hint
    assert contents(folder) == before


def test_a_full_disk_leaves_the_house_as_it_was(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", kilobytes=400) as disk:
        new = a_new_house()
        with new.write(disk / "house", Files()) as house:
            house.issue("ha", NAMES)
        with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(bytes(1024))
        before = contents(disk / "house")
        with pytest.raises(FileTrouble, match="the disk is full"):
            recovered(disk / "house", new.recovery_code)
        assert contents(disk / "house") == before
        (disk / "filler").unlink()
        with opened(disk / "house") as house:
            assert house.issue("ha", NAMES)


def test_the_new_key_is_its_owners_alone_whatever_was_there_and_whatever_the_umask(
    folder: Path, code: RecoveryCode
) -> None:
    (folder / "issuing.key").chmod(0o644)  # perhaps why it is replaced
    with no_umask():
        recovered(folder, code)
    for path in folder.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o700), path


def test_killed_anywhere_the_old_issuing_ca_or_the_new_one_is_there(
    folder: Path, code: RecoveryCode, tmp_path: Path
) -> None:
    old = certificate_from_pem((folder / "issuing.pem").read_bytes())

    def work(at: Path, files: Files) -> None:
        with no_umask():
            recovered(at, code, files=files)

    replaced = moments = 0
    for moments, at in killed_at_every_moment(folder, work, at=tmp_path / "at", every=2):
        assert readable_by_others(at.parent) == []
        with opened(at) as house:
            replaced += house.issuing != old
            house.must_be_able_to_issue()
            assert len(house.leaves()) == 2
            known = {each.sha256 for each in house.ledger.certificates()}
            assert fingerprint(house.issuing) in known
        if moments % 9 == 0:
            recovered(at, code)
            with opened(at) as house:
                assert house.issue("ha", NAMES)
    print(f"killed at {moments} moments")  # noqa: T201 - a count that the issue asks for
    assert 0 < replaced < moments
