"""Databases of browsers that cannot be changed, or not proven, and those of another user."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from housekey.errors import TrustFailed, TrustPutBack
from housekey.trust.nss import NssChrome, NssFirefox
from housekey.trust.nss_database import Database
from housekey.trust.store import Server, State
from tests.live.servers import Pair, serving, tls
from tests.needs import require
from tests.trust.databases import (
    NOBODY,
    OTHER_HOUSE,
    ROOT,
    certutil,
    made,
    profile,
    put,
    trusted_in,
    without,
)
from tests.trust.real_machine import machine, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nss_tools")]


def test_a_database_with_a_password_is_left_as_it_is_and_told(
    home: Path, tmp_path: Path, server: Server
) -> None:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    root = home / ".mozilla/firefox"
    folder = profile(root, "locked.default", database=False)
    certutil(folder, "-N", "-f", str(password))
    store = NssFirefox(machine(home))
    standing = store.look(ROOT)
    assert standing.state is State.NEEDS
    assert f"{folder} has a password" in standing.hint
    with pytest.raises(TrustFailed, match="no database of Firefox can be changed") as failed:
        store.install(ROOT)
    assert str(folder) in failed.value.hint
    # certutil by itself leaves the certificate there, without trust.
    with pytest.raises(TrustFailed, match="has a password"):
        Database(machine(home), folder, user=None).add(ROOT)
    assert ",," not in certutil(folder, "-L").partition("SSL,S/MIME")[2].partition("\n")[2]

    # The other profile does not wait for it.
    free = profile(root, "free.work")
    assert store.look(ROOT).state is State.ABSENT
    store.install(ROOT)
    assert trusted_in(free, ROOT)
    standing = store.look(ROOT)
    assert standing.state is State.PRESENT
    assert standing.where == (str(free),)
    assert str(folder) in standing.hint
    # It is told where it matters: there the root is not accepted.
    of_locked, of_free = store.prove(server)
    assert (of_locked.accepts, of_free.accepts) == (False, True)
    assert f"{folder} has a password" in of_locked.said

    # Imported by hand, with the password, it is there; and taking it out needs none.
    pem = ROOT.public_bytes(serialization.Encoding.PEM)
    certutil(folder, "-A", "-n", "x", "-t", "C,,", "-f", str(password), stdin=pem)
    assert store.look(ROOT).state is State.PRESENT
    store.remove(ROOT)
    assert not trusted_in(folder, ROOT)


def test_an_old_database_is_told_and_not_touched(home: Path, server: Server) -> None:
    folder = profile(home / ".mozilla/firefox", "old.default", database=False)
    (folder / "cert8.db").write_bytes(b"a Berkeley DB of 2017")
    store = NssFirefox(machine(home))
    standing = store.look(ROOT)
    assert standing.state is State.NEEDS
    assert "cert8.db" in standing.hint
    with pytest.raises(TrustFailed):
        store.install(ROOT)
    store.remove(ROOT)
    assert [each.name for each in folder.iterdir()] == ["cert8.db"]

    # A profile that nobody has used for years stops nothing.
    new = profile(home / ".mozilla/firefox", "new.default")
    store.install(ROOT)
    assert trusted_in(new, ROOT)
    assert store.look(ROOT).state is State.PRESENT
    assert store.look(ROOT).where == (str(new),)
    of_old, of_new = store.prove(server)
    assert (of_old.accepts, of_new.accepts) == (None, True)
    assert "cert8.db" in of_old.said
    assert [each.name for each in folder.iterdir()] == ["cert8.db"]


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_database_is_told_and_not_touched(
    home: Path, server: Server, damage: bytes
) -> None:
    folder = made(home / ".pki/nssdb")
    (folder / "cert9.db").write_bytes(damage)
    store = NssChrome(machine(home))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    standing = store.look(ROOT)
    if damage:  # SQLite takes an empty file for an empty database, and so does NSS
        assert standing.state is State.NEEDS
        assert str(folder) in standing.hint
        assert "SEC_ERROR" in standing.hint
        with pytest.raises(TrustFailed):
            store.install(ROOT)
        with pytest.raises(TrustFailed, match="SEC_ERROR"):
            store.remove(ROOT)
        (proof,) = store.prove(server)
        assert proof.accepts is False
        assert proof.said.startswith("SEC_ERROR_BAD_DATABASE")
        assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_failure_in_one_profile_takes_back_the_others(home: Path) -> None:
    root = home / ".mozilla/firefox"
    one, two = profile(root, "one.default"), profile(root, "two.work")

    class FailingMachineRun:
        """Runs everything but what would change the second profile."""

        def __call__(self, command: list[str], **options: object) -> object:
            words = list(map(str, command))
            if "-A" in words and f"sql:{two}" in words:
                return run(["certutil", "-A", "-d", "sql:/nowhere"])
            return run(command, **options)  # type: ignore[arg-type]

    here = machine(home)
    object.__setattr__(here, "run", FailingMachineRun())
    with pytest.raises(TrustPutBack, match=r"two\.work"):
        NssFirefox(here).install(ROOT)
    assert not trusted_in(one, ROOT)
    assert certutil(one, "-L").count(",,") == 0


def test_without_certutil_the_hint_is_this_distributions_command(
    home: Path, tmp_path: Path
) -> None:
    made(home / ".pki/nssdb")
    slash = tmp_path / "slash"
    (slash / "etc").mkdir(parents=True)
    nowhere = machine(home, which=lambda _: None, slash=slash)
    assert NssChrome(nowhere).look(ROOT).state is State.NEEDS
    for release, hint in (
        ('ID=ubuntu\nID_LIKE="debian"\n', "sudo apt install libnss3-tools"),
        ("ID=debian\n", "sudo apt install libnss3-tools"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install nss-tools"),
        ("ID=manjaro\nID_LIKE=arch\n", "sudo pacman -S nss"),
        (
            'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n',
            "sudo zypper install mozilla-nss-tools",
        ),
        ("ID=gentoo\n", "install certutil of NSS"),
    ):
        (slash / "etc/os-release").write_text(f'NAME="x"\n{release}VERSION_ID=1\n')
        assert NssChrome(nowhere).look(ROOT).hint.startswith(hint)
        with pytest.raises(TrustFailed, match="certutil, which is not installed") as failed:
            NssChrome(nowhere).install(ROOT)
        assert failed.value.hint.startswith(hint)


def test_without_tstclnt_nothing_is_proven(home: Path, server: Server, tmp_path: Path) -> None:
    folder = made(home / ".pki/nssdb")
    put(folder, ROOT, "x")
    here = machine(home, which=without("tstclnt"), slash=tmp_path)
    (proof,) = NssChrome(here).prove(server)
    assert proof.accepts is None
    assert "tstclnt" in proof.said

    # Fedora has it where no path leads.
    beside = tmp_path / "usr/lib64/nss/unsupported-tools"
    beside.mkdir(parents=True)
    (beside / "tstclnt").symlink_to(str(shutil.which("tstclnt")))
    (proof,) = NssChrome(here).prove(server)
    assert proof.accepts is True


def test_a_proof_compares_the_name_and_tells_a_dead_server_from_a_refusal(
    home: Path, server: Server
) -> None:
    put(made(home / ".pki/nssdb"), ROOT, "x")
    store = NssChrome(machine(home))
    # localhost is ::1 first, where nobody listens.
    (by_name,) = store.prove(Server("localhost", server.port))
    assert by_name.accepts is True
    (dead,) = store.prove(Server("127.0.0.1", 9))
    assert dead.accepts is None
    assert dead.said.startswith("PR_CONNECT_REFUSED_ERROR")


def test_a_proof_refuses_a_name_that_the_certificate_does_not_have(
    home: Path, tmp_path: Path
) -> None:
    put(made(home / ".pki/nssdb"), ROOT, "x")
    pair = Pair(tmp_path, "ha.local")
    with serving(tls(pair.context)) as port:
        (proof,) = NssChrome(machine(home)).prove(Server("127.0.0.1", port))
    assert proof.accepts is False
    assert proof.said.startswith("SSL_ERROR_BAD_CERT_DOMAIN")


def test_ipv6_is_proven_as_well(home: Path, tmp_path: Path) -> None:
    put(made(home / ".pki/nssdb"), ROOT, "x")
    pair = Pair(tmp_path, "::1")
    with serving(tls(pair.context), "::1") as port:
        (proof,) = NssChrome(machine(home)).prove(Server("::1", port))
    assert proof.accepts is True


def test_elsewhere_than_on_linux_there_is_no_such_store(home: Path) -> None:
    made(home / ".pki/nssdb")
    here = machine(home)
    for system in ("Darwin", "Windows"):
        object.__setattr__(here, "system", system)
        assert NssChrome(here).look(ROOT).state is State.NOT_HERE


# As root, on a user's home: what sudo does.


@pytest.fixture
def users_home(open_path: Path) -> Path:
    """A home of another user, whom root acts for."""
    require(os.geteuid() == 0, "only root can act for another user")
    home = open_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    home.chmod(0o700)
    return home


def own(folder: Path) -> None:
    """Give everything in a home to its user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def test_root_leaves_the_users_files_the_users(users_home: Path, server: Server) -> None:
    folder = profile(users_home / ".mozilla/firefox", "x.default")
    own(users_home)
    store = NssFirefox(machine(users_home, administrator=True))
    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    (proof,) = store.prove(server)
    assert proof.accepts is True, proof.said
    store.remove(ROOT)
    for path in (folder, *folder.iterdir()):
        assert path.stat().st_uid == NOBODY


def test_root_makes_a_database_that_is_the_users(users_home: Path, server: Server) -> None:
    here = machine(users_home, administrator=True, which=lambda name: shutil.which(name) or "/x")
    store = NssChrome(here)
    store.install(ROOT)
    folder = users_home / ".local/share/pki/nssdb"
    for path in (*folder.iterdir(), folder, folder.parent, *folder.parents[1:3]):
        assert path.stat().st_uid == NOBODY, path
    (proof,) = store.prove(server)
    assert proof.accepts is True, proof.said


def test_xdg_variables_of_root_do_not_count_for_the_user(users_home: Path, tmp_path: Path) -> None:
    made(tmp_path / "roots/pki/nssdb")
    here = machine(users_home, administrator=True, environ={"XDG_DATA_HOME": f"{tmp_path}/roots"})
    assert NssChrome(here).look(ROOT).where == (f"{users_home}/.local/share/pki/nssdb",)


def test_a_database_that_belongs_to_root_is_told_with_the_way_back(users_home: Path) -> None:
    folder = made(users_home / ".pki/nssdb")
    own(users_home)
    os.chown(folder / "cert9.db", 0, 0)  # as `sudo certutil` leaves it
    (folder / "cert9.db").chmod(0o644)
    store = NssChrome(machine(users_home, administrator=True))
    standing = store.look(ROOT)
    assert standing.state is State.NEEDS
    assert standing.needs_administrator
    assert f"{folder}/cert9.db belongs to another user" in standing.hint
    assert f"sudo chown -R {NOBODY} {folder}" in standing.hint
    with pytest.raises(TrustFailed):
        store.install(ROOT)


def test_a_write_protected_database_is_told(users_home: Path) -> None:
    folder = made(users_home / ".pki/nssdb")
    put(folder, ROOT, "x")
    own(users_home)
    for path in folder.iterdir():
        path.chmod(0o400)
    folder.chmod(0o500)
    store = NssChrome(machine(users_home, administrator=True))
    assert store.look(ROOT).state is State.PRESENT
    assert store.look(OTHER_HOUSE).state is State.NEEDS
    assert "is write-protected" in store.look(OTHER_HOUSE).hint
    with pytest.raises(TrustFailed, match="write-protected"):
        store.remove(ROOT)
    assert trusted_in(folder, ROOT)


def test_a_link_to_another_users_database_leads_root_nowhere(
    users_home: Path, tmp_path: Path
) -> None:
    roots = made(tmp_path / "roots/nssdb")
    (users_home / ".pki").mkdir()
    (users_home / ".pki/nssdb").symlink_to(roots)
    os.chown(users_home / ".pki", NOBODY, NOBODY)
    store = NssChrome(machine(users_home, administrator=True))
    assert store.look(ROOT).state is State.NEEDS
    with pytest.raises(TrustFailed):
        store.install(ROOT)
    assert not trusted_in(roots, ROOT)
