"""Chrome's and Firefox's databases, in every layout, changed by the real certutil and proven."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes, serialization

from housekey.errors import TrustFailed, TrustPutBack
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.issuing import issue_root
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.subject import Subject
from housekey.trust.nss import NssChrome, NssFirefox
from housekey.trust.nss_database import Database
from housekey.trust.store import Server, State
from tests.live.servers import Pair, serving, tls
from tests.needs import require
from tests.pki.houses import NOW, a_house
from tests.trust.real_machine import machine, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

pytestmark = pytest.mark.engine

NOBODY = 65534
ROOT = a_house().root.certificate
# The same subject, and another key: as another house of this name, or this one created anew.
OTHER_HOUSE = a_house(born=NOW - timedelta(hours=1)).root.certificate


@pytest.fixture(autouse=True)
def _tools() -> None:
    for tool in ("certutil", "tstclnt"):
        require(shutil.which(tool) is not None, f"{tool} is not installed (Debian: libnss3-tools)")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose chain leads to ROOT."""
    pair = Pair(tmp_path, "127.0.0.1", "localhost", "ha.local")
    with serving(tls(pair.context)) as port:
        yield Server("127.0.0.1", port)


def certutil(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Run certutil as the user who made the database would; return what it prints."""
    action, *rest = arguments
    ran = run(["certutil", action, "-d", f"sql:{folder}", *rest], stdin=stdin)
    assert ran.code == 0, ran.err
    return ran.out


def made(folder: Path, *arguments: str) -> Path:
    """Make a database in `folder`, as a browser does."""
    folder.mkdir(parents=True)
    certutil(folder, "-N", *(arguments or ("--empty-password",)))
    return folder


def put(folder: Path, root: Certificate, nickname: str, flags: str = "C,,") -> None:
    pem = root.public_bytes(serialization.Encoding.PEM)
    certutil(folder, "-A", "-n", nickname, "-t", flags, stdin=pem)


def trusted_in(folder: Path, root: Certificate) -> bool:
    found = Database(machine(folder), folder, user=None).find(root)
    return found is not None and found.trusted


def fingerprints(folder: Path) -> str:
    """All that is in a database whose certificates share one subject, which certutil lists so."""
    below_the_heading = certutil(folder, "-L").splitlines()[4]
    return certutil(folder, "-L", "-n", below_the_heading[:60].strip())


def digest(root: Certificate) -> str:
    return root.fingerprint(hashes.SHA256()).hex(":").upper()


def profile(root: Path, name: str, *, database: bool = True) -> Path:
    """Add a Firefox profile to the `profiles.ini` in `root`."""
    root.mkdir(parents=True, exist_ok=True)
    ini = root / "profiles.ini"
    text = ini.read_text() if ini.exists() else "[General]\nVersion=2\n"
    relative = not Path(name).is_absolute()
    ini.write_text(
        f"{text}\n[Profile{text.count('[Profile')}]\nName={Path(name).name}\n"
        f"IsRelative={int(relative)}\nPath={name}\n"
    )
    folder = root / name
    if database:
        made(folder)
    else:
        folder.mkdir(parents=True)
    return folder


CHROMES = (
    ".pki/nssdb",
    ".local/share/pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    "snap/chromium/current/.local/share/pki/nssdb",
    "snap/chromium/common/.pki/nssdb",
    ".var/app/org.chromium.Chromium/.pki/nssdb",
    ".var/app/org.chromium.Chromium/data/pki/nssdb",
    ".var/app/com.google.Chrome/.pki/nssdb",
    ".var/app/com.google.Chrome/data/pki/nssdb",
)
FIREFOXES = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox",
)


@pytest.mark.parametrize("where", [*CHROMES, *FIREFOXES])
def test_the_root_goes_in_is_proven_and_comes_out_in_every_layout(
    home: Path, server: Server, where: str
) -> None:
    firefox = where in FIREFOXES
    folder = profile(home / where, "x.default") if firefox else made(home / where)
    here = machine(home, which=without("chromium", "google-chrome"))
    store = NssFirefox(here) if firefox else NssChrome(here)

    assert store.look(ROOT).state is State.ABSENT
    assert store.look(ROOT).where == (str(folder),)
    (before,) = store.prove(server)
    assert before.accepts is False
    assert before.said.startswith("SEC_ERROR_UNKNOWN_ISSUER")

    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    (proof,) = store.prove(server)
    assert proof.accepts is True
    assert str(folder) in proof.program
    store.install(ROOT)  # again changes nothing
    assert certutil(folder, "-L").count("C,,") == 1

    store.remove(ROOT)
    assert store.look(ROOT).state is State.ABSENT
    (after,) = store.prove(server)
    assert after.accepts is False
    store.remove(ROOT)  # and so does this


def without(*missing: str) -> Which:
    return Which(missing)


class Which:
    """`shutil.which`, on a machine that lacks some programs."""

    def __init__(self, missing: tuple[str, ...]) -> None:
        self._missing = missing

    def __call__(self, program: str) -> str | None:
        return None if program in self._missing else shutil.which(program)


def test_without_a_browser_there_is_no_store(home: Path) -> None:
    nothing = machine(home, which=lambda _: None)
    assert NssChrome(nothing).look(ROOT).state is State.NOT_HERE
    assert NssFirefox(nothing).look(ROOT).state is State.NOT_HERE
    NssFirefox(nothing).install(ROOT)
    NssFirefox(nothing).remove(ROOT)
    assert list(home.iterdir()) == []


def test_a_chrome_that_never_ran_gets_its_database_as_it_would_make_it(
    home: Path, server: Server
) -> None:
    store = NssChrome(machine(home, which=lambda name: shutil.which(name) or f"/usr/bin/{name}"))
    assert store.look(ROOT).state is State.ABSENT
    assert list(home.iterdir()) == []  # looking makes nothing
    store.install(ROOT)
    folder = home / ".local/share/pki/nssdb"
    assert [each.name for each in sorted(folder.iterdir())] == ["cert9.db", "key4.db", "pkcs11.txt"]
    for path in (folder, folder.parent, home / ".local/share", home / ".local"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (proof,) = store.prove(server)
    assert proof.accepts is True


def test_a_store_of_two_profiles_has_the_root_when_both_have_it(home: Path, server: Server) -> None:
    root = home / ".config/mozilla/firefox"
    one, two = profile(root, "one.default"), profile(root, "two.work")
    store = NssFirefox(machine(home))
    put(one, ROOT, "by hand")
    assert store.look(ROOT).state is State.ABSENT
    assert store.look(ROOT).leftover  # so that it is taken out of the one that has it
    assert [proof.accepts for proof in store.prove(server)] == [True, False]
    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    assert not store.look(ROOT).leftover
    assert [proof.accepts for proof in store.prove(server)] == [True, True]
    store.remove(ROOT)
    assert not store.look(ROOT).leftover
    assert not trusted_in(one, ROOT)
    assert not trusted_in(two, ROOT)


def test_a_profile_that_profiles_ini_names_elsewhere_is_found(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "100% mine"
    folder = profile(home / ".mozilla/firefox", str(elsewhere))
    store = NssFirefox(machine(home))
    assert store.look(ROOT).where == (str(folder),)
    store.install(ROOT)
    assert trusted_in(folder, ROOT)


def test_a_profile_without_profiles_ini_is_found_and_other_folders_are_not(home: Path) -> None:
    root = home / ".mozilla/firefox"
    folder = made(root / "x.default")
    (root / "Crash Reports/events").mkdir(parents=True)
    assert NssFirefox(machine(home)).look(ROOT).where == (str(folder),)


def test_a_named_profile_that_never_ran_gets_a_database(home: Path, server: Server) -> None:
    folder = profile(home / ".mozilla/firefox", "new.default", database=False)
    store = NssFirefox(machine(home))
    assert store.look(ROOT).state is State.ABSENT
    assert store.prove(server) == ()
    store.install(ROOT)
    assert trusted_in(folder, ROOT)


def test_the_root_is_found_and_removed_under_any_nickname(home: Path) -> None:
    for nickname in ("my CA", "with: colon", "ümläut ✓", "x" * 120, "-D", "pkcs11:id=%00"):
        shutil.rmtree(home / ".pki", ignore_errors=True)
        folder = made(home / ".pki/nssdb")
        put(folder, ROOT, nickname)
        store = NssChrome(machine(home))
        assert store.look(ROOT).state is State.PRESENT, nickname
        store.remove(ROOT)
        assert "C,," not in certutil(folder, "-L"), nickname


def test_another_house_of_the_same_name_beside_it_stays(home: Path) -> None:
    folder = made(home / ".pki/nssdb")
    put(folder, OTHER_HOUSE, "home")
    store = NssChrome(machine(home))
    assert store.look(ROOT).state is State.ABSENT
    store.install(ROOT)
    assert ROOT.subject == OTHER_HOUSE.subject
    assert store.look(ROOT).state is store.look(OTHER_HOUSE).state is State.PRESENT
    store.remove(ROOT)
    assert digest(ROOT) not in fingerprints(folder)
    assert digest(OTHER_HOUSE) in fingerprints(folder)
    assert store.look(OTHER_HOUSE).state is State.PRESENT


def test_of_two_houses_under_one_nickname_the_right_one_goes(home: Path) -> None:
    for order in ((ROOT, OTHER_HOUSE), (OTHER_HOUSE, ROOT)):
        shutil.rmtree(home / ".pki", ignore_errors=True)
        folder = made(home / ".pki/nssdb")
        for root in order:
            put(folder, root, "home")
        NssChrome(machine(home)).remove(ROOT)
        assert digest(ROOT) not in fingerprints(folder)
        assert digest(OTHER_HOUSE) in fingerprints(folder)


@pytest.mark.parametrize("first", [0, 1])
def test_of_two_roots_with_one_key_and_one_name_the_other_stays(home: Path, first: int) -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    subject = Subject("housekey root for Home")
    one, two = (
        issue_root(key=key, subject=subject, constraints=DEFAULT_CONSTRAINTS, now=born)
        for born in (NOW, NOW - timedelta(days=30))
    )
    folder = made(home / ".pki/nssdb")
    order = (one, two) if first == 0 else (two, one)
    put(folder, order[0], "home", "CT,C,P")
    put(folder, order[1], "home", "CT,C,P")
    store = NssChrome(machine(home))
    store.remove(one)
    assert digest(one) not in fingerprints(folder)
    assert digest(two) in fingerprints(folder)
    found = Database(machine(home), folder, user=None).find(two)
    assert found is not None
    assert found.flags == "CT,C,P"


@pytest.mark.parametrize("flags", [",,", "c,,", "p,,", "P,,", "T,,", ",C,C"])
def test_a_root_that_is_there_but_not_trusted_for_servers_is_absent(
    home: Path, server: Server, flags: str
) -> None:
    folder = made(home / ".pki/nssdb")
    put(folder, ROOT, "distrusted", flags)
    store = NssChrome(machine(home))
    assert store.look(ROOT).state is State.ABSENT
    (before,) = store.prove(server)
    assert before.accepts is False
    store.install(ROOT)
    (proof,) = store.prove(server)
    assert proof.accepts is True


def test_an_rsa_root_is_as_good(home: Path) -> None:
    root = a_house(key_type=KeyType.RSA_2048).root.certificate
    folder = made(home / ".pki/nssdb")
    store = NssChrome(machine(home))
    store.install(root)
    assert store.look(root).state is State.PRESENT
    store.remove(root)
    assert "C,," not in certutil(folder, "-L")


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
