"""Java's trust stores, changed by real keytools and proven by real Javas, on copies of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization

from housekey.errors import TrustFailed, TrustPutBack
from housekey.house.files import Files
from housekey.trust.java import PASSWORD, JavaStore
from housekey.trust.java_places import javas
from housekey.trust.store import Machine, Ran, Server, State
from tests.live.servers import Pair, serving, tls
from tests.needs import require
from tests.pki.houses import NOW, a_house
from tests.trust.fake_jdk import fake_jdk, java_homes
from tests.trust.real_machine import machine, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

pytestmark = pytest.mark.engine

NOBODY = 65534
ROOT = a_house().root.certificate
OTHER_HOUSE = a_house(born=NOW - timedelta(hours=1)).root.certificate
PROGRAMS = Path(__file__).parents[2] / "src/housekey/trust/programs"
GERMAN = "-Duser.language=de -Duser.country=DE"


@pytest.fixture(autouse=True)
def real() -> Iterator[Path]:
    """A Java of this machine, whose own trust store is the same afterwards."""
    homes = java_homes()
    require(bool(homes), "a JDK is not installed")
    store = Path(os.path.realpath(homes[0] / "lib/security/cacerts"))
    before = hashlib.sha256(store.read_bytes()).digest()
    yield homes[0]
    assert hashlib.sha256(store.read_bytes()).digest() == before


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose chain leads to ROOT."""
    pair = Pair(tmp_path, "127.0.0.1", "localhost")
    with serving(tls(pair.context)) as port:
        yield Server("127.0.0.1", port)


def a_machine(tmp_path: Path, **more: Any) -> Machine:
    """A machine that has the Javas below `tmp_path`, and no other."""
    given = {"which": lambda _: None, "slash": tmp_path, **more}
    return machine(tmp_path / "home", **given)


def jvm(tmp_path: Path, name: str = "jdk") -> Path:
    return tmp_path / "usr/lib/jvm" / name


def keytool(store: Path, action: str, *more: str, stdin: bytes = b"") -> str:
    home = java_homes()[0]
    ran = run(
        [home / "bin/keytool", action, *more, "-keystore", store, "-storepass", PASSWORD],
        stdin=stdin,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def put(store: Path, root: Certificate, alias: str) -> None:
    pem = root.public_bytes(serialization.Encoding.PEM)
    keytool(store, "-importcert", "-noprompt", "-alias", alias, stdin=pem)


@pytest.mark.parametrize("real_home", java_homes(), ids=lambda home: home.name)
def test_the_root_goes_in_is_proven_by_java_and_comes_out(
    tmp_path: Path, server: Server, real_home: Path
) -> None:
    cacerts = fake_jdk(real_home, jvm(tmp_path))
    store = JavaStore(a_machine(tmp_path))
    entries = keytool(cacerts, "-list").count("trustedCertEntry")

    standing = store.look(ROOT)
    assert standing.state is State.ABSENT
    assert standing.where == (str(cacerts),)
    (before,) = store.prove(server)
    assert before.accepts is False
    assert "unable to find valid certification path to requested target" in before.said
    assert "\n" not in before.said

    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    (proof,) = store.prove(server)
    assert proof.accepts is True
    assert proof.program == str(jvm(tmp_path) / "bin/java")
    store.install(ROOT)
    assert keytool(cacerts, "-list").count("trustedCertEntry") == entries + 1

    store.remove(ROOT)
    assert store.look(ROOT).state is State.ABSENT
    (after,) = store.prove(server)
    assert after.accepts is False
    assert keytool(cacerts, "-list").count("trustedCertEntry") == entries
    store.remove(ROOT)


def test_without_java_there_is_no_store(tmp_path: Path, server: Server) -> None:
    store = JavaStore(a_machine(tmp_path))
    assert store.look(ROOT).state is State.NOT_HERE
    store.install(ROOT)
    store.remove(ROOT)
    assert store.prove(server) == ()


def test_javas_that_share_a_file_are_one_store_with_a_proof_each(
    tmp_path: Path, real: Path, server: Server
) -> None:
    shared = tmp_path / "etc/ssl/certs/java/cacerts"
    shared.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath(real / "lib/security/cacerts"), shared)
    for number, home in enumerate(java_homes()):
        fake_jdk(home, jvm(tmp_path, f"jdk-{number}"), cacerts=shared)
    (tmp_path / "usr/lib/jvm/default-java").symlink_to("jdk-0")
    named = a_machine(tmp_path, environ={"JAVA_HOME": str(jvm(tmp_path, "jdk-0"))})
    store = JavaStore(named)
    assert store.look(ROOT).where == (str(shared),)
    store.install(ROOT)
    assert [proof.accepts for proof in store.prove(server)] == [True] * len(java_homes())
    assert (jvm(tmp_path, "jdk-0") / "lib/security/cacerts").is_symlink()


def test_two_files_are_present_when_both_are(tmp_path: Path, real: Path, server: Server) -> None:
    one = fake_jdk(real, jvm(tmp_path, "one"))
    two = fake_jdk(real, jvm(tmp_path, "two"))
    put(one, ROOT, "by hand")
    store = JavaStore(a_machine(tmp_path))
    assert store.look(ROOT).state is State.ABSENT
    assert store.look(ROOT).leftover  # so that it is taken out of the one that has it
    assert [proof.accepts for proof in store.prove(server)] == [True, False]
    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    store.remove(ROOT)
    assert [proof.accepts for proof in store.prove(server)] == [False, False]
    assert two.is_file()


@pytest.mark.parametrize(
    "alias", ["my ca", "a, b, trustedcertentry,", "ümläut ✓", "debian:housekey.pem"]
)
def test_the_root_is_found_and_removed_under_any_alias(
    tmp_path: Path, real: Path, alias: str
) -> None:
    cacerts = fake_jdk(real, jvm(tmp_path))
    put(cacerts, ROOT, alias)
    put(cacerts, ROOT, "and again")
    put(cacerts, OTHER_HOUSE, "the other house")
    store = JavaStore(a_machine(tmp_path))
    assert store.look(ROOT).state is State.PRESENT
    store.remove(ROOT)
    assert store.look(ROOT).state is State.ABSENT
    assert store.look(OTHER_HOUSE).state is State.PRESENT


def test_a_store_without_a_password_stays_without(
    tmp_path: Path, real: Path, server: Server
) -> None:
    # As the JDK itself delivers it since release 18.
    cacerts = fake_jdk(real, jvm(tmp_path))
    cacerts.unlink()
    pem = OTHER_HOUSE.public_bytes(serialization.Encoding.PEM)
    bare = (
        "-J-Dkeystore.pkcs12.macAlgorithm=NONE",
        "-J-Dkeystore.pkcs12.certProtectionAlgorithm=NONE",
    )
    keytool(cacerts, bare[0], bare[1], "-importcert", "-noprompt", "-alias", "x", stdin=pem)
    store = JavaStore(a_machine(tmp_path))
    store.install(ROOT)
    (proof,) = store.prove(server)  # Java opens it without one
    assert proof.accepts is True
    assert store.look(OTHER_HOUSE).state is State.PRESENT


def test_a_store_with_another_password_is_told_and_not_touched(
    tmp_path: Path, real: Path, server: Server
) -> None:
    cacerts = fake_jdk(real, jvm(tmp_path))
    keytool(cacerts, "-storepasswd", "-new", "correct horse")
    before = cacerts.read_bytes()
    store = JavaStore(a_machine(tmp_path))
    standing = store.look(ROOT)
    assert standing.state is State.NEEDS
    assert f"{cacerts} has another password" in standing.hint
    with pytest.raises(TrustFailed, match="no trust store of Java can be changed"):
        store.install(ROOT)
    with pytest.raises(TrustFailed, match="another password"):
        store.remove(ROOT)
    assert cacerts.read_bytes() == before

    # Another Java does not wait for it, and the proof tells the two apart.
    other = fake_jdk(real, jvm(tmp_path, "other"))
    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    assert str(other) in store.look(ROOT).where
    assert [proof.accepts for proof in store.prove(server)] == [False, True]


@pytest.mark.parametrize("damage", [b"", b"not a store", b"\xfe\xed\xfe\xed\0\0\0\2"])
def test_a_damaged_store_is_told_and_not_touched(tmp_path: Path, real: Path, damage: bytes) -> None:
    cacerts = fake_jdk(real, jvm(tmp_path))
    cacerts.write_bytes(damage)
    store = JavaStore(a_machine(tmp_path))
    standing = store.look(ROOT)
    assert str(cacerts) in (*standing.where, standing.hint)
    if standing.state is not State.ABSENT:
        with pytest.raises(TrustFailed):
            store.install(ROOT)
        assert cacerts.read_bytes() == damage


def test_a_java_without_keytool_is_told(tmp_path: Path, real: Path) -> None:
    fake_jdk(real, jvm(tmp_path))
    (jvm(tmp_path) / "bin/keytool").unlink()
    standing = JavaStore(a_machine(tmp_path)).look(ROOT)
    assert standing.state is State.NEEDS
    assert "has no keytool" in standing.hint


def test_what_keytool_leaves_half_is_put_back(tmp_path: Path, real: Path) -> None:
    one = fake_jdk(real, jvm(tmp_path, "one"))
    two = fake_jdk(real, jvm(tmp_path, "two"))
    before = one.read_bytes(), two.read_bytes()

    class DiskFullForTwo:
        """Runs everything, but the keytool that writes the second store, which leaves half."""

        def __call__(self, command: list[Any], **options: Any) -> Ran:
            words = list(map(str, command))
            if {"-importcert", "-delete"} & set(words) and str(two) in words:
                two.write_bytes(before[1][:1000])
                return Ran(1, "keytool error: java.io.IOException: No space left on device", "")
            return run(command, **options)

    here = a_machine(tmp_path)
    object.__setattr__(here, "run", DiskFullForTwo())
    with pytest.raises(TrustPutBack, match="No space left on device"):
        JavaStore(here).install(ROOT)
    assert (one.read_bytes(), two.read_bytes()) == before

    put(two, ROOT, "x")
    with_it = two.read_bytes()
    with pytest.raises(TrustPutBack, match="No space left on device"):
        JavaStore(here).remove(ROOT)
    assert two.read_bytes() == with_it


def test_keytool_is_read_in_english_whatever_the_machine_speaks(tmp_path: Path, real: Path) -> None:
    cacerts = fake_jdk(real, jvm(tmp_path))

    def german(command: list[Any], **options: Any) -> Ran:
        options["env"] = {
            **(options.get("env") or {}),
            "JAVA_TOOL_OPTIONS": "-Duser.language=de -Duser.country=DE",
        }
        return run(command, **options)

    here = a_machine(tmp_path)
    object.__setattr__(here, "run", german)
    assert "Aliasname" in german([real / "bin/keytool", "-list", "-rfc", "-keystore", cacerts]).out
    store = JavaStore(here)
    store.install(ROOT)
    assert store.look(ROOT).state is State.PRESENT
    store.remove(ROOT)
    assert store.look(ROOT).state is State.ABSENT


def test_a_file_that_the_system_makes_is_told(tmp_path: Path, real: Path) -> None:
    # Fedora: update-ca-trust makes it anew, without what keytool put in.
    made = tmp_path / "etc/pki/ca-trust/extracted/java/cacerts"
    made.parent.mkdir(parents=True)
    shutil.copy(os.path.realpath(real / "lib/security/cacerts"), made)
    fake_jdk(real, jvm(tmp_path), cacerts=made)
    standing = JavaStore(a_machine(tmp_path)).look(ROOT)
    assert standing.state is State.ABSENT
    assert "is made anew from the system's store" in standing.hint


def test_a_proof_compares_the_name_and_tells_a_dead_server_from_a_refusal(
    tmp_path: Path, real: Path, server: Server
) -> None:
    put(fake_jdk(real, jvm(tmp_path)), ROOT, "x")
    store = JavaStore(a_machine(tmp_path))
    with serving(tls(Pair(tmp_path, "ha.local").context)) as port:
        (other,) = store.prove(Server("127.0.0.1", port))
    assert other.accepts is False
    assert "No subject alternative names matching IP address 127.0.0.1 found" in other.said
    (dead,) = store.prove(Server("127.0.0.1", 9))
    assert dead.accepts is None
    assert dead.said == "java.net.ConnectException: Connection refused"
    (by_name,) = store.prove(Server("localhost", server.port))
    assert by_name.accepts is True


def test_a_java_that_cannot_run_proves_nothing(tmp_path: Path, real: Path, server: Server) -> None:
    fake_jdk(real, jvm(tmp_path))
    (jvm(tmp_path) / "lib/server/libjvm.so").unlink()
    (proof,) = JavaStore(a_machine(tmp_path)).prove(server)
    assert proof.accepts is None
    assert proof.said


def test_root_runs_a_users_java_as_the_user(open_path: Path, real: Path, server: Server) -> None:
    require(os.geteuid() == 0, "only root can act for another user")
    home = open_path / "home/.sdkman/candidates/java/17"
    cacerts = fake_jdk(real, home)
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    ran: list[list[str]] = []

    def watched(command: list[Any], **options: Any) -> Ran:
        ran.append(list(map(str, command)))
        return run(command, **options)

    here = a_machine(open_path, administrator=True)
    object.__setattr__(here, "run", watched)
    store = JavaStore(here)
    store.install(ROOT)
    assert ran
    assert all(command[:3] == ["setpriv", "--reuid", str(NOBODY)] for command in ran)
    assert cacerts.stat().st_uid == NOBODY
    (proof,) = store.prove(server)
    assert proof.accepts in (True, None), proof.said  # None: the program is not the user's to read


def test_a_store_that_is_anothers_needs_the_administrator(open_path: Path, real: Path) -> None:
    require(os.geteuid() == 0, "only root can become another user")
    cacerts = fake_jdk(real, jvm(open_path))
    here = a_machine(open_path, administrator=False)
    assert JavaStore(here).look(ROOT).needs_administrator is False  # root may write it all the same

    def as_nobody(command: list[Any], **options: Any) -> Ran:
        who = ("setpriv", "--reuid", str(NOBODY), "--clear-groups", "--")
        return run([*who, *command], **options)

    object.__setattr__(here, "run", as_nobody)
    before = cacerts.read_bytes()
    with pytest.raises(TrustFailed, match="may not be written by this user"):
        JavaStore(here).install(ROOT)
    assert cacerts.read_bytes() == before


# Where Javas are: empty files stand for programs, nothing is run.


def java_at(home: Path, *, jre: bool = False, store: str = "cacerts", exe: str = "") -> Path:
    inner = home / "jre" if jre else home
    for path in (inner / f"bin/java{exe}", home / f"bin/keytool{exe}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    security = inner / "lib/security"
    security.mkdir(parents=True, exist_ok=True)
    (security / store).touch()
    return security / store


def test_a_java_8_has_its_store_below_jre(tmp_path: Path) -> None:
    store = java_at(jvm(tmp_path, "java-8"), jre=True)
    shutil.copy(jvm(tmp_path, "java-8") / "bin/keytool", store.parents[2] / "bin/keytool")
    inner = a_machine(tmp_path, environ={"JAVA_HOME": str(jvm(tmp_path, "java-8/jre"))})
    (java,) = javas(inner)  # named by its inner folder, and found by its outer one
    assert java.store == store
    assert java.home == jvm(tmp_path, "java-8")


def test_jssecacerts_counts_where_it_is(tmp_path: Path) -> None:
    java_at(jvm(tmp_path))
    store = java_at(jvm(tmp_path), store="jssecacerts")
    (java,) = javas(a_machine(tmp_path))
    assert java.store == store


def test_the_java_of_the_path_is_found_by_its_links(tmp_path: Path) -> None:
    store = java_at(tmp_path / "opt/my jdk")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(tmp_path / "opt/my jdk/bin/java")
    found = javas(a_machine(tmp_path, which=lambda name: str(tmp_path / "bin" / name)))
    assert [java.store for java in found] == [store]


def test_folders_that_are_no_java_are_none(tmp_path: Path) -> None:
    (jvm(tmp_path, "openjdk-17/lib")).mkdir(parents=True)  # Debian has sources in such a one
    jvm(tmp_path, ".jinfo").touch()
    assert javas(a_machine(tmp_path, environ={"JAVA_HOME": "/nowhere"})) == ()


def fake(system: Any, tmp_path: Path, **environ: str) -> Machine:
    return Machine(
        system=system,
        files=Files(),
        run=run,
        which=lambda _: None,
        home=tmp_path / "home",
        environ=environ,
        administrator=False,
        slash=tmp_path,
    )


def test_on_macos_javas_are_bundles(tmp_path: Path) -> None:
    machines = tmp_path / "Library/Java/JavaVirtualMachines"
    one = java_at(machines / "temurin-21.jdk/Contents/Home")
    two = java_at(tmp_path / "home/Library/Java/JavaVirtualMachines/x.jdk/Contents/Home")
    assert [java.store for java in javas(fake("Darwin", tmp_path))] == [one, two]


def test_on_windows_javas_are_by_maker(tmp_path: Path) -> None:
    programs = tmp_path / "Program Files"
    one = java_at(programs / "Eclipse Adoptium/jdk-21", exe=".exe")
    found = javas(fake("Windows", tmp_path, ProgramFiles=str(programs)))
    assert [java.store for java in found] == [one]
    assert found[0].java.name == "java.exe"


# The program that proves.


def test_the_program_is_what_its_source_says(tmp_path: Path, real: Path) -> None:
    compiler = shutil.which("javac")
    require(compiler is not None, "a Java compiler is not installed")
    shutil.copy(PROGRAMS / "Connect.java", tmp_path)
    subprocess.run(
        [str(compiler), "--release", "8", "-g:none", "-Xlint:-options", "Connect.java"],
        cwd=tmp_path,
        check=True,
        timeout=120,
    )
    shipped = (PROGRAMS / "Connect.class").read_bytes()
    assert shipped[:8] == b"\xca\xfe\xba\xbe\0\0\0\x34"  # for Java 8 and later
    version = subprocess.run([str(compiler), "-version"], capture_output=True, check=True).stdout
    if version.startswith(b"javac 17."):  # which made the one that is shipped
        assert (tmp_path / "Connect.class").read_bytes() == shipped
    said = [
        subprocess.run(
            [real / "bin/java", "-cp", folder, "Connect", "https://127.0.0.1:9/"],
            capture_output=True,
            check=False,
            timeout=120,
        )
        for folder in (tmp_path, PROGRAMS)
    ]
    assert said[0].returncode == said[1].returncode == 2
    assert said[0].stdout == said[1].stdout
