"""The system's store of four families of Linux: found by content, changed whole or not at all."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from housekey.errors import TrustFailed, TrustPutBack
from housekey.house.files import Files
from housekey.pki.encoding import to_der
from housekey.trust.arch import ArchStore
from housekey.trust.debian import DebianStore
from housekey.trust.fedora import FedoraStore
from housekey.trust.store import State
from housekey.trust.suse import SuseStore
from tests.house.disks import read_only
from tests.trust.fakes import FakeLinux
from tests.trust.roots import a_root, pem_of, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.trust.anchors import AnchorStore

FAMILIES = [DebianStore, FedoraStore, ArchStore, SuseStore]


@pytest.fixture(params=FAMILIES, ids=lambda kind: kind.name)
def linux(request: pytest.FixtureRequest, tmp_path: Path) -> FakeLinux:
    return FakeLinux(tmp_path / "root", request.param)


def placed(linux: FakeLinux) -> str:
    return f"housekey-{sha256_of()[:8]}{linux.kind.suffix}"


def test_a_root_goes_in_is_found_and_comes_out(linux: FakeLinux) -> None:
    root = a_root()
    assert linux.store.look(root).state is State.ABSENT
    linux.store.install(root)
    assert linux.names() == [placed(linux)]
    assert linux.trusts(root)
    standing = linux.store.look(root)
    assert standing.state is State.PRESENT
    assert standing.where == (str(linux.anchors / placed(linux)),)
    linux.store.remove(root)
    assert linux.names() == []
    assert not linux.trusts(root)
    assert linux.store.look(root).state is State.ABSENT


@pytest.mark.parametrize(
    ("kind", "folder", "commands"),
    [
        (
            DebianStore,
            "/usr/local/share/ca-certificates",
            ["update-ca-certificates", "update-ca-certificates --fresh"],
        ),
        (FedoraStore, "/etc/pki/ca-trust/source/anchors", ["update-ca-trust extract"] * 2),
        (ArchStore, "/etc/ca-certificates/trust-source/anchors", ["trust extract-compat"] * 2),
        (SuseStore, "/etc/pki/trust/anchors", ["update-ca-certificates"] * 2),
    ],
    ids=["debian", "fedora", "arch", "suse"],
)
def test_the_folder_and_the_commands_are_the_familys_own(
    kind: type[AnchorStore], folder: str, commands: list[str], tmp_path: Path
) -> None:
    linux = FakeLinux(tmp_path / "root", kind)
    linux.store.install(a_root())
    linux.store.remove(a_root())
    assert str(linux.anchors) == str(tmp_path / "root") + folder
    assert [" ".join(each) for each in linux.commands] == [f"/usr/sbin/{each}" for each in commands]


def test_everybody_may_read_the_root_whatever_the_umask(linux: FakeLinux) -> None:
    before = os.umask(0o077)
    try:
        linux.store.install(a_root())
    finally:
        os.umask(before)
    mode = (linux.anchors / placed(linux)).stat().st_mode
    assert stat.S_IMODE(mode) == 0o644


def test_a_root_that_was_put_there_by_hand_is_found_and_taken_out(linux: FakeLinux) -> None:
    by_hand = linux.anchors / f"mine{linux.kind.suffix}"
    by_hand.write_bytes(b"A comment in front\n" + pem_of().replace(b"\n", b"\r\n"))
    linux.run([f"/usr/sbin/{linux.kind.update[0]}"])
    assert linux.store.look(a_root()).where == (str(by_hand),)
    linux.store.remove(a_root())
    assert linux.names() == []


def test_the_same_root_in_several_files_comes_out_of_all(linux: FakeLinux) -> None:
    linux.store.install(a_root())
    (linux.anchors / f"again{linux.kind.suffix}").write_bytes(pem_of())
    linux.store.remove(a_root())
    assert linux.names() == []
    assert not linux.trusts(a_root())


def test_der_is_read_as_well(tmp_path: Path) -> None:
    linux = FakeLinux(tmp_path / "root", FedoraStore)
    (linux.anchors / "binary.cer").write_bytes(to_der(a_root()))
    assert linux.store.look(a_root()).leftover
    linux.store.remove(a_root())
    assert linux.names() == []


def test_another_houses_root_beside_it_survives(linux: FakeLinux) -> None:
    linux.store.install(a_root("neighbours"))
    linux.store.install(a_root())
    linux.store.remove(a_root())
    assert linux.names() == [f"housekey-{sha256_of('neighbours')[:8]}{linux.kind.suffix}"]
    assert linux.trusts(a_root("neighbours"))
    assert not linux.trusts(a_root())


def test_of_a_file_with_several_roots_only_ours_comes_out(linux: FakeLinux) -> None:
    many = linux.anchors / f"many{linux.kind.suffix}"
    many.write_bytes(
        b"# first\n" + pem_of("a") + b"# ours\n" + pem_of() + b"# last\n" + pem_of("b")
    )
    many.chmod(0o640)
    linux.store.remove(a_root())
    assert many.read_bytes() == b"# first\n" + pem_of("a") + b"# ours\n# last\n" + pem_of("b")
    assert stat.S_IMODE(many.stat().st_mode) == 0o640


def test_damaged_files_and_other_things_among_the_anchors_do_no_harm(linux: FakeLinux) -> None:
    suffix = linux.kind.suffix
    damaged = {
        f"cut-short{suffix}": pem_of()[:200],
        f"no-base64{suffix}": b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
        f"empty{suffix}": b"",
        f"noise{suffix}": b"\x00\xff" * 5000,
    }
    for name, data in damaged.items():
        (linux.anchors / name).write_bytes(data)
    (linux.anchors / f"nowhere{suffix}").symlink_to("gone")
    os.mkfifo(linux.anchors / f"pipe{suffix}")
    linux.store.install(a_root())
    assert linux.store.look(a_root()).state is State.PRESENT
    linux.store.remove(a_root())
    assert set(linux.names()) == {*damaged, f"nowhere{suffix}", f"pipe{suffix}"}
    for name, data in damaged.items():
        assert (linux.anchors / name).read_bytes() == data


def test_of_a_symbolic_link_only_the_link_goes(linux: FakeLinux, tmp_path: Path) -> None:
    own_copy = tmp_path / "root.pem"
    own_copy.write_bytes(pem_of())
    (linux.anchors / f"link{linux.kind.suffix}").symlink_to(own_copy)
    assert linux.store.look(a_root()).leftover
    linux.store.remove(a_root())
    assert linux.names() == []
    assert own_copy.read_bytes() == pem_of()


def test_a_link_to_a_file_with_others_is_told_and_left(linux: FakeLinux, tmp_path: Path) -> None:
    many = tmp_path / "many.pem"
    many.write_bytes(pem_of("a") + pem_of())
    link = linux.anchors / f"link{linux.kind.suffix}"
    link.symlink_to(many)
    with pytest.raises(TrustFailed, match="which holds other certificates, too"):
        linux.store.remove(a_root())
    assert link.is_symlink()
    assert many.read_bytes() == pem_of("a") + pem_of()


def test_a_file_that_has_our_name_and_is_not_ours_is_left_alone(linux: FakeLinux) -> None:
    taken = linux.anchors / placed(linux)
    taken.write_bytes(b"notes of somebody\n")
    linux.store.install(a_root())
    assert linux.store.look(a_root()).where[0].endswith(f"housekey-{sha256_of()}{taken.suffix}")
    linux.store.remove(a_root())
    assert taken.read_bytes() == b"notes of somebody\n"


def test_an_anchor_that_was_never_taken_in_is_no_trust_and_is_taken_in(linux: FakeLinux) -> None:
    by_hand = linux.anchors / f"mine{linux.kind.suffix}"
    by_hand.write_bytes(pem_of())
    standing = linux.store.look(a_root())
    assert (standing.state, standing.leftover) == (State.ABSENT, True)
    linux.store.install(a_root())
    assert linux.names() == [by_hand.name]
    assert linux.store.look(a_root()).state is State.PRESENT


def test_a_root_whose_file_is_gone_but_is_still_listed_comes_out(linux: FakeLinux) -> None:
    linux.store.install(a_root())
    (linux.anchors / placed(linux)).unlink()
    assert linux.store.look(a_root()).state is State.PRESENT
    linux.store.remove(a_root())
    assert linux.store.look(a_root()).state is State.ABSENT


@pytest.mark.parametrize("how", ["before", "half way"])
def test_when_the_command_fails_the_root_is_taken_away_again(how: str, linux: FakeLinux) -> None:
    linux.fails = how  # type: ignore[assignment]
    with pytest.raises(TrustPutBack) as caught:
        linux.store.install(a_root())
    assert caught.value.exit_code == 4
    said = "does not feel like it" if how == "before" else "No space left on device"
    assert said in caught.value.message
    assert "was taken away again" in caught.value.message
    assert linux.names() == []
    linux.fails = ""
    assert linux.store.look(a_root()).state is State.ABSENT


def test_when_the_command_fails_at_removal_all_files_come_back(
    linux: FakeLinux, tmp_path: Path
) -> None:
    linux.store.install(a_root())
    copy = tmp_path / "copy.pem"
    copy.write_bytes(pem_of())
    suffix = linux.kind.suffix
    (linux.anchors / f"link{suffix}").symlink_to(os.path.relpath(copy, linux.anchors))
    (linux.anchors / f"many{suffix}").write_bytes(pem_of("a") + pem_of())
    before = {name: (linux.anchors / name).read_bytes() for name in linux.names()}
    link = (linux.anchors / f"link{suffix}").readlink()
    linux.fails = "half way"
    with pytest.raises(TrustPutBack, match="is back where it was"):
        linux.store.remove(a_root())
    assert {name: (linux.anchors / name).read_bytes() for name in linux.names()} == before
    assert (linux.anchors / f"link{suffix}").readlink() == link


def test_ctrl_c_in_the_middle_leaves_nothing(linux: FakeLinux) -> None:
    done = linux.run

    def interrupted(command: list[str], **more: object) -> object:
        if not linux.commands:
            linux.commands.append(command)
            raise KeyboardInterrupt
        return done(command, **more)

    object.__setattr__(linux.machine, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        linux.store.install(a_root())
    assert linux.names() == []


def test_on_a_disk_that_can_only_be_read_it_says_so(linux: FakeLinux) -> None:
    with read_only(linux.anchors), pytest.raises(TrustFailed) as caught:
        linux.store.install(a_root())
    assert "could not be placed" in caught.value.message
    assert caught.value.exit_code == 3
    assert linux.names() == []
    assert linux.commands == []


def test_a_root_on_a_read_only_disk_cannot_be_taken_out_and_stays(linux: FakeLinux) -> None:
    linux.store.install(a_root())
    with read_only(linux.anchors), pytest.raises(TrustFailed, match="could not be taken out of"):
        linux.store.remove(a_root())
    assert linux.names() == [placed(linux)]
    assert linux.trusts(a_root())


def test_without_its_command_the_store_says_what_brings_it(tmp_path: Path) -> None:
    for number, (kind, package) in enumerate(
        [
            (DebianStore, "apt install ca-certificates"),
            (FedoraStore, "dnf install ca-certificates"),
            (ArchStore, "pacman -S ca-certificates-utils"),
            (SuseStore, "zypper install ca-certificates"),
        ]
    ):
        linux = FakeLinux(tmp_path / str(number), kind, has_tool=False)
        standing = linux.store.look(a_root())
        assert (standing.state, standing.hint) == (State.NEEDS, package)
        with pytest.raises(TrustFailed):
            linux.store.install(a_root())
        assert linux.names() == []


def test_home_assistants_containers_are_alpine(tmp_path: Path) -> None:
    alpine = FakeLinux(tmp_path / "a", DebianStore, os_release="ID=alpine\n", has_tool=False)
    assert alpine.store.look(a_root()).hint == "apk add ca-certificates"


@pytest.mark.parametrize(
    ("os_release", "store"),
    [
        ('ID=debian\nVERSION_ID="12"\n', DebianStore),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", DebianStore),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', FedoraStore),
        ("ID=manjaro\nID_LIKE=arch\n", ArchStore),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', SuseStore),
        ('ID="sles"\n', SuseStore),
    ],
)
def test_each_linux_has_the_store_of_its_family_and_no_other(
    os_release: str, store: type[AnchorStore], tmp_path: Path
) -> None:
    for number, kind in enumerate(FAMILIES):
        linux = FakeLinux(tmp_path / str(number), kind, os_release=os_release)
        found = linux.store.look(a_root()).state
        assert found is (State.ABSENT if kind is store else State.NOT_HERE)


def test_an_unknown_linux_has_the_store_whose_folder_and_command_it_has(tmp_path: Path) -> None:
    linux = FakeLinux(tmp_path / "a", FedoraStore, os_release="ID=homemade\n")
    assert linux.store.look(a_root()).state is State.ABSENT
    (linux.folder / "etc/os-release").unlink()
    assert linux.store.look(a_root()).state is State.ABSENT
    without = FakeLinux(tmp_path / "b", FedoraStore, os_release="ID=homemade\n", has_tool=False)
    assert without.store.look(a_root()).state is State.NOT_HERE


def test_debian_reads_folders_in_the_folder_and_only_crt(tmp_path: Path) -> None:
    linux = FakeLinux(tmp_path / "root", DebianStore)
    (linux.anchors / "home").mkdir()
    (linux.anchors / "home" / "ours.crt").write_bytes(pem_of())
    (linux.anchors / "ours.pem").write_bytes(pem_of())  # which update-ca-certificates passes over
    linux.store.install(a_root())
    assert linux.store.look(a_root()).where == (str(linux.anchors / "home" / "ours.crt"),)
    linux.store.remove(a_root())
    assert linux.names() == ["home", "ours.pem"]


def test_a_root_is_found_by_its_fingerprint_alone(linux: FakeLinux) -> None:
    (linux.anchors / f"both{linux.kind.suffix}").write_bytes(pem_of("a") + pem_of())
    assert linux.store.find(sha256_of()) == a_root()
    assert linux.store.find(sha256_of("b")) is None


def test_the_disk_is_changed_through_files_alone(tmp_path: Path) -> None:
    class NoDisk(Files):
        def write(self, *_: object, **__: object) -> None:
            raise AssertionError("it was written to")

    linux = FakeLinux(tmp_path / "root", DebianStore, files=NoDisk())
    with pytest.raises(AssertionError, match="written to"):
        linux.store.install(a_root())
