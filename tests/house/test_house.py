"""A house is created whole, opened only when it is sound, and issues without losing anything."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.x509 import NameOID, load_pem_x509_certificates
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import (
    ClockWrong,
    FileTrouble,
    HouseBroken,
    HouseExpired,
    HouseMissing,
    HouseUnsafe,
    NotPermitted,
    PemUnreadable,
    UsageError,
)
from housekey.house.files import Files
from housekey.house.house import House, NewHouse, prepare_house
from housekey.house.leaves import folder_name, label_of
from housekey.house.place import default_house_folder
from housekey.house.recovery import RecoveryCode
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, constraints_of
from housekey.pki.encoding import certificate_from_pem, matches
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

BIRTH = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NAMES = [parse_name("homeassistant.local"), parse_name("192.168.1.20")]
OUR_HOME = Subject(common_name=None, organization="Our Home", country="DE")


class Clock:
    def __init__(self) -> None:
        self.now = BIRTH

    def __call__(self) -> datetime:
        return self.now


class FailsAtRename(Files):
    """A disk that is full when the `count`-th file is put into its place."""

    def __init__(self, count: int) -> None:
        self.left = count

    def _rename(self, folder: int, source: str, target: str) -> None:
        if self.left == 0:
            raise OSError(28, os.strerror(28))
        self.left -= 1
        super()._rename(folder, source, target)


def a_new_house(*permit: str, subject: Subject = OUR_HOME, critical: bool = False) -> NewHouse:
    permitted = [parse_name(name) for name in permit]
    return prepare_house(
        names=NAMES, permit=permitted, subject=subject, critical=critical, clock=lambda: BIRTH
    )


def common_name(certificate: Certificate) -> str:
    (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert isinstance(attribute.value, str)
    return attribute.value


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "house"


@pytest.fixture
def house(folder: Path, clock: Clock) -> Iterator[House]:
    a_new_house().write(folder, Files()).close()
    with House.open(folder, files=Files(), clock=clock) as opened:
        yield opened


# Creation


def test_a_new_house_has_everything_and_is_its_owners_alone(house: House, folder: Path) -> None:
    house.close()
    assert names_in(folder) == [
        "issuing.key",
        "issuing.pem",
        "ledger.sqlite",
        "root.key.sealed",
        "root.pem",
    ]
    assert mode_of(folder) == 0o700
    assert {mode_of(path) for path in folder.iterdir()} == {0o600}
    assert names_in(folder.parent) == ["house"]


def test_a_new_house_is_remembered_in_its_own_ledger(house: House) -> None:
    assert [each.role for each in house.ledger.certificates()] == ["issuing", "root"]
    (created,) = house.ledger.events()
    assert created.kind == "house-created"
    assert created.at == BIRTH
    assert created.by


def test_only_the_recovery_code_opens_the_roots_key(folder: Path) -> None:
    new = a_new_house()
    with new.write(folder, Files()) as house:
        sealed = (folder / "root.key.sealed").read_bytes()
        typed = RecoveryCode.parse(new.recovery_code.text.lower())
        assert matches(house.root, PrivateKey.from_pem(sealed, typed.secret))
        for wrong in (None, RecoveryCode.generate().secret):
            with pytest.raises(PemUnreadable):
                PrivateKey.from_pem(sealed, wrong)


def test_a_new_house_shows_neither_its_code_nor_its_keys() -> None:
    new = a_new_house()
    assert new.recovery_code.text not in repr(new)
    assert new.recovery_code.text.replace("-", "") not in repr(new)
    assert "PRIVATE" not in repr(new)


def test_root_and_issuing_ca_carry_the_same_constraints(house: House) -> None:
    assert constraints_of(house.root) == constraints_of(house.issuing) == house.constraints
    assert house.constraints == DEFAULT_CONSTRAINTS


def test_what_the_usual_constraints_lack_is_added_and_told(folder: Path) -> None:
    new = a_new_house("ha.example.org", "nas.lan")
    assert new.added == ("ha.example.org",)
    with new.write(folder, Files()) as house:
        leaf = house.issue("ha", [parse_name("ha.example.org"), parse_name("nas.lan")])
        assert len(leaf.names) == 2


def test_constraints_are_critical_on_request() -> None:
    assert not constraints_of(a_new_house().root).critical
    new = a_new_house(critical=True)
    assert constraints_of(new.root).critical
    assert constraints_of(new.issuing).critical


def test_two_houses_of_one_name_are_told_apart_in_a_list() -> None:
    ours, theirs = a_new_house(), a_new_house()
    assert common_name(ours.root).startswith("housekey root for Our Home 2026 ")
    assert common_name(ours.issuing).startswith("housekey issuing CA for Our Home 2026 ")
    assert common_name(ours.root) != common_name(theirs.root)


@pytest.mark.parametrize("organization", [None, "x" * 64, "é" * 32, "字" * 21, "a " * 31 + "a"])
def test_any_name_of_a_home_gives_a_subject_that_fits(organization: str | None) -> None:
    new = a_new_house(subject=Subject(common_name=None, organization=organization, country="DE"))
    for certificate in (new.root, new.issuing):
        assert len(common_name(certificate).encode()) <= 64
        assert common_name(certificate).startswith("housekey ")


def test_a_common_name_of_the_users_own_is_the_roots() -> None:
    new = a_new_house(subject=Subject(common_name="Casa", organization="Our Home"))
    assert common_name(new.root) == "Casa"
    assert common_name(new.issuing) != "Casa"


@pytest.mark.parametrize("count", range(6))
def test_a_house_that_cannot_be_written_leaves_nothing(count: int, folder: Path) -> None:
    with pytest.raises(FileTrouble, match="the disk is full"):
        a_new_house().write(folder, FailsAtRename(count))
    assert names_in(folder.parent) == []


def test_a_house_is_never_put_where_something_is(folder: Path) -> None:
    folder.mkdir()
    (folder / "photo").touch()
    with pytest.raises(FileTrouble, match="something in this folder"):
        a_new_house().write(folder, Files())
    assert names_in(folder) == ["photo"]
    assert names_in(folder.parent) == ["house"]


def test_a_house_goes_into_an_empty_folder_and_closes_it(folder: Path) -> None:
    folder.mkdir(0o755)
    a_new_house().write(folder, Files()).close()
    assert mode_of(folder) == 0o700


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from housekey.house.files import Files
    from tests.house.test_house import a_new_house

    class Killed(Files):
        def _rename(self, folder, source, target):
            if target == sys.argv[2]:
                os.kill(os.getpid(), signal.SIGKILL)
            super()._rename(folder, source, target)

    a_new_house().write(Path(sys.argv[1]), Killed())
"""


@pytest.mark.parametrize("at", ["root.pem", "issuing.key", "ledger.sqlite", "house"])
def test_a_kill_while_a_house_is_made_leaves_no_house_and_no_key_for_long(
    at: str, folder: Path
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), folder, at],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -signal.SIGKILL
    assert not folder.exists()
    assert len(names_in(folder.parent)) == 1
    a_new_house().write(folder, Files()).close()
    assert names_in(folder.parent) == ["house"]


# Opening


def test_no_house_is_told_with_what_makes_one(folder: Path, clock: Clock) -> None:
    for _ in range(2):
        with pytest.raises(HouseMissing) as caught:
            House.open(folder, files=Files(), clock=clock)
        assert "housekey secure" in caught.value.hint
        folder.mkdir(exist_ok=True)  # the second time: an empty folder


@pytest.mark.parametrize("name", ["root.pem", "issuing.pem", "issuing.key", "ledger.sqlite"])
def test_a_missing_file_is_named(name: str, house: House, folder: Path, clock: Clock) -> None:
    house.close()
    (folder / name).unlink()
    with pytest.raises(HouseBroken, match=f"lacks {name}"):
        House.open(folder, files=Files(), clock=clock)


def test_the_sealed_key_may_be_kept_elsewhere(house: House, folder: Path, clock: Clock) -> None:
    (folder / "root.key.sealed").unlink()
    with House.open(folder, files=Files(), clock=clock) as again:
        again.issue("ha", NAMES)


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_a_folder_open_to_others_is_refused(
    mode: int, house: House, folder: Path, clock: Clock
) -> None:
    folder.chmod(mode)
    with pytest.raises(HouseUnsafe, match="folder") as caught:
        House.open(folder, files=Files(), clock=clock)
    assert f"chmod 700 {folder}" in caught.value.hint


@pytest.mark.parametrize("name", ["issuing.key", "root.key.sealed"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_open_to_others_is_refused(
    name: str, mode: int, house: House, folder: Path, clock: Clock
) -> None:
    (folder / name).chmod(mode)
    with pytest.raises(HouseUnsafe, match="key") as caught:
        House.open(folder, files=Files(), clock=clock)
    assert f"chmod 600 {folder / name}" in caught.value.hint


@pytest.mark.parametrize("name", ["root.pem", "issuing.pem"])
def test_a_certificate_of_another_house_is_noticed(
    name: str, house: House, folder: Path, tmp_path: Path, clock: Clock
) -> None:
    a_new_house().write(tmp_path / "another", Files()).close()
    shutil.copy(tmp_path / "another" / name, folder / name)
    with pytest.raises(HouseBroken, match="do not belong together"):
        House.open(folder, files=Files(), clock=clock)


def test_an_issuing_key_of_another_house_is_noticed_before_it_signs(
    house: House, folder: Path, tmp_path: Path
) -> None:
    a_new_house().write(tmp_path / "another", Files()).close()
    shutil.copy(tmp_path / "another" / "issuing.key", folder / "issuing.key")
    with pytest.raises(HouseBroken, match="do not belong together"):
        house.issue("ha", NAMES)
    assert house.leaf("ha") is None


@pytest.mark.parametrize("name", ["root.pem", "issuing.pem", "ledger.sqlite"])
def test_a_damaged_file_is_named(name: str, house: House, folder: Path, clock: Clock) -> None:
    house.close()
    (folder / name).write_bytes(b"damaged" * 1000)
    with pytest.raises(HouseBroken, match=name) as caught:
        House.open(folder, files=Files(), clock=clock)
    assert ("ledger rebuild" if name == "ledger.sqlite" else "backup") in caught.value.hint


def test_a_damaged_issuing_key_is_named_when_it_should_sign(house: House, folder: Path) -> None:
    (folder / "issuing.key").write_bytes(b"damaged")
    with pytest.raises(HouseBroken, match=r"issuing\.key"):
        house.issue("ha", NAMES)


def test_a_house_that_is_not_ours_to_enter_is_told(house: House, folder: Path) -> None:
    require(os.geteuid() == 0, "becoming another user takes root")
    os.seteuid(12345)
    try:
        with pytest.raises(FileTrouble, match="no permission"):
            House.open(folder, files=Files(), clock=Clock())
    finally:
        os.seteuid(0)


# Issuing


def test_a_leaf_is_served_with_its_chain_and_a_key_of_its_owners_alone(house: House) -> None:
    leaf = house.issue("homeassistant.local", NAMES)
    assert leaf.names == tuple(NAMES)
    assert leaf.key_type is KeyType.ECDSA_P256
    assert load_pem_x509_certificates(leaf.chain_pem) == [leaf.certificate, house.issuing]
    leaf.certificate.verify_directly_issued_by(house.issuing)
    house.issuing.verify_directly_issued_by(house.root)
    assert mode_of(leaf.folder / "privkey.pem") == 0o600
    assert names_in(leaf.folder) == ["certificate.pem", "privkey.pem"]
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
        leaf.folder / "certificate.pem", leaf.folder / "privkey.pem"
    )
    assert house.leaf("homeassistant.local") == leaf


def test_what_is_issued_is_remembered(house: House) -> None:
    leaf = house.issue("ha", NAMES)
    (found,) = house.ledger.certificates("ha")
    assert found.role == "leaf"
    assert found.serial == leaf.certificate.serial_number
    assert house.ledger.events(1)[0].kind == "issued"
    assert house.ledger.events(1)[0].sha256 == found.sha256


def test_one_earlier_generation_is_kept(house: House) -> None:
    leaves = [house.issue("ha", NAMES) for _ in range(3)]
    assert house.leaf("ha") == leaves[2]
    folder = leaves[2].folder
    assert (folder / "certificate.previous.pem").read_bytes() == leaves[1].chain_pem
    assert (folder / "privkey.previous.pem").read_bytes() == leaves[1].key_pem.reveal()
    assert mode_of(folder / "privkey.previous.pem") == 0o600
    assert len(house.ledger.certificates("ha")) == 3


def test_a_key_is_signed_again_only_on_request_and_for_its_own_type(house: House) -> None:
    first = house.issue("ha", NAMES)
    again = house.issue("ha", NAMES, reuse_key=True)
    assert again.key_pem == first.key_pem
    assert again.certificate != first.certificate
    assert house.issue("ha", NAMES).key_pem != first.key_pem
    other = house.issue("ha", NAMES, key_type=KeyType.ECDSA_P384, reuse_key=True)
    assert other.key_type is KeyType.ECDSA_P384
    assert house.issue("new", NAMES, reuse_key=True).key_pem != other.key_pem


@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("reuse_key", [True, False])
def test_a_failure_between_any_two_files_leaves_the_pair_from_before(
    count: int, reuse_key: bool, house: House, folder: Path, clock: Clock
) -> None:
    house.issue("ha", NAMES)
    before = house.issue("ha", NAMES)
    with (
        House.open(folder, files=FailsAtRename(count), clock=clock) as failing,
        pytest.raises(FileTrouble, match="the disk is full"),
    ):
        failing.issue("ha", NAMES, reuse_key=reuse_key)
    assert house.leaf("ha") == before
    after = house.issue("ha", NAMES, reuse_key=reuse_key)
    assert house.leaf("ha") == after
    previous = after.folder / "certificate.previous.pem"
    assert certificate_from_pem(previous.read_bytes()) == before.certificate


def test_a_name_outside_the_constraints_is_refused_and_nothing_changes(
    house: House, folder: Path
) -> None:
    before = names_in(folder)
    with pytest.raises(NotPermitted, match=r"www\.example\.org"):
        house.issue("ha", [parse_name("www.example.org")])
    assert names_in(folder) == before
    assert len(house.ledger.certificates()) == 2


def test_after_its_end_a_house_can_be_looked_at_and_issues_nothing(
    house: House, folder: Path, clock: Clock
) -> None:
    clock.now = BIRTH + timedelta(days=3700)
    with House.open(folder, files=Files(), clock=clock) as old:
        assert old.root.not_valid_after_utc < clock.now
        with pytest.raises(HouseExpired):
            old.issue("ha", NAMES)
        assert old.leaves() == ()


def test_before_its_birth_a_house_blames_the_clock(house: House, clock: Clock) -> None:
    clock.now = datetime(1970, 1, 1, tzinfo=UTC)
    with pytest.raises(ClockWrong, match="clock"):
        house.issue("ha", NAMES)


def test_a_self_signed_certificate_is_kept_and_told_apart(house: House) -> None:
    leaf = house.issue_self_signed("printer", [parse_name("printer.example.org")])
    assert load_pem_x509_certificates(leaf.chain_pem) == [leaf.certificate]
    assert leaf.certificate.issuer == leaf.certificate.subject
    assert house.ledger.certificates("printer")[0].role == "self-signed"
    assert house.leaf("printer") == leaf


def test_leaves_are_listed_by_label(house: House) -> None:
    assert house.leaves() == ()
    for label in ("nas.lan", "*.house.lan", "fd00::1", "HA"):
        house.issue(label, NAMES)
    assert [leaf.label for leaf in house.leaves()] == ["*.house.lan", "fd00::1", "ha", "nas.lan"]
    assert house.leaf("ha") == house.leaf("HA")


def test_a_leaf_whose_key_is_open_to_others_is_refused(house: House) -> None:
    leaf = house.issue("ha", NAMES)
    (leaf.folder / "privkey.pem").chmod(0o644)
    with pytest.raises(HouseUnsafe, match=r"privkey\.pem"):
        house.leaf("ha")


@pytest.mark.parametrize("name", ["certificate.pem", "privkey.pem"])
def test_a_damaged_leaf_is_told_with_a_way_out(name: str, house: House) -> None:
    leaf = house.issue("ha", NAMES)
    (leaf.folder / name).write_bytes(b"damaged")
    with pytest.raises(HouseBroken, match="ha") as caught:
        house.leaf("ha")
    assert "move that folder away" in caught.value.hint


@given(st.text(min_size=1, max_size=15), st.text(min_size=1, max_size=15))
def test_the_folder_of_a_label_is_safe_and_no_others(a: str, b: str) -> None:
    for label in (a, b):
        name = folder_name(label)
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>|\0 ')
        assert not name.startswith(".")
        assert label_of(name) == label.lower()
    assert (folder_name(a) == folder_name(b)) == (a.lower() == b.lower())


@pytest.mark.parametrize("label", ["", "x" * 201])
def test_a_label_that_can_be_no_folder_is_refused(label: str) -> None:
    with pytest.raises(UsageError):
        folder_name(label)


def test_what_root_adds_to_the_house_of_another_user_is_theirs(house: House, folder: Path) -> None:
    require(os.geteuid() == 0, "giving files to other users takes root")
    for path in (folder, *folder.iterdir()):
        os.chown(path, 12345, 54321)
    house.issue("ha", NAMES)
    house.issue("ha", NAMES)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in folder.rglob("*")} == {
        (12345, 54321)
    }


def test_the_usual_folder_is_the_users_own_unless_another_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_house_folder({}).name == "housekey"
    assert default_house_folder({"HOUSEKEY_HOUSE": ""}) == default_house_folder({})
    assert default_house_folder({"HOUSEKEY_HOUSE": "/srv/keys"}) == Path("/srv/keys")
    assert default_house_folder({"HOUSEKEY_HOUSE": "keys"}) == Path.cwd() / "keys"
