"""The keychains of macOS, played by `FakeMac`: which commands are given, and what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from housekey.errors import TrustFailed
from housekey.trust.macos import MacStore
from housekey.trust.store import Machine, Server, State
from tests.trust.fakes import FakeMac
from tests.trust.roots import a_root, pem_of, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def commands(mac: FakeMac, tmp_path: Path) -> list[str]:
    """What was run, with this test's folder left out."""
    pem = f"{tmp_path}/home/Library/Caches/housekey-{sha256_of()}.pem"
    joined = (" ".join(each) for each in mac.commands)
    return [each.replace(pem, "ROOT.pem").replace(str(tmp_path), "") for each in joined]


def test_a_users_root_goes_into_the_login_keychain(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    store = MacStore(mac.machine)
    store.install(a_root())
    assert mac.keychains == {mac.system: [], mac.login: [pem_of()]}
    standing = store.look(a_root())
    assert (standing.state, standing.where) == (State.PRESENT, (mac.login,))
    assert not standing.needs_administrator


def test_an_administrators_goes_into_the_system_keychain(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path, administrator=True)
    store = MacStore(mac.machine)
    store.install(a_root())
    assert mac.keychains == {mac.system: [pem_of()], mac.login: []}
    assert store.look(a_root()).needs_administrator


@pytest.mark.parametrize("administrator", [False, True])
def test_the_commands_are_these(administrator: bool, tmp_path: Path) -> None:
    mac = FakeMac(tmp_path, administrator=administrator)
    store = MacStore(mac.machine)
    store.install(a_root())
    store.look(a_root())
    store.remove(a_root())
    system, login = (
        "/Library/Keychains/System.keychain",
        "/home/Library/Keychains/login.keychain-db",
    )
    mine, domain = (system, "-d ") if administrator else (login, "")
    looked = [
        f"/usr/bin/security find-certificate -a -p {system}",
        f"/usr/bin/security find-certificate -a -p {login}",
    ]
    from cryptography.hazmat.primitives.hashes import SHA1  # noqa: PLC0415

    digest = a_root().fingerprint(SHA1()).hex().upper()
    assert commands(mac, tmp_path) == [
        *looked,
        f"/usr/bin/security add-trusted-cert {domain}-r trustRoot -k {mine} ROOT.pem",
        *looked,
        "/usr/bin/security verify-cert -l -L -p ssl -c ROOT.pem",
        *looked,
        f"/usr/bin/security remove-trusted-cert {domain}ROOT.pem",
        f"/usr/bin/security delete-certificate -Z {digest} {mine}",
        *(looked if administrator else []),
    ]


def test_no_file_of_the_root_is_left_behind(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    store = MacStore(mac.machine)
    store.install(a_root())
    store.look(a_root())
    store.remove(a_root())
    assert list((tmp_path / "home/Library/Caches").iterdir()) == []


def test_a_certificate_that_only_lies_in_a_keychain_is_not_trusted(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    mac.keychains[mac.login].append(pem_of())
    standing = MacStore(mac.machine).look(a_root())
    assert (standing.state, standing.leftover) == (State.ABSENT, True)


def test_when_nobody_says_yes_nothing_stays_in_the_keychain(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    # mkcert issue #415
    mac.refuses = (
        "SecTrustSettingsSetTrustSettings: The authorization was denied since no user interaction"
        " was possible."
    )
    with pytest.raises(TrustFailed) as caught:
        MacStore(mac.machine).install(a_root())
    assert "no user interaction was possible" in caught.value.message
    assert "own screen" in caught.value.hint
    assert mac.keychains[mac.login] == []


def test_what_lay_there_before_stays_when_nobody_says_yes(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    mac.keychains[mac.login].append(pem_of())
    mac.refuses = "The user name or passphrase you entered is not correct."
    with pytest.raises(TrustFailed):
        MacStore(mac.machine).install(a_root())
    assert mac.keychains[mac.login] == [pem_of()]


def test_another_houses_root_survives(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    store = MacStore(mac.machine)
    store.install(a_root("neighbours"))
    store.install(a_root())
    store.remove(a_root())
    assert mac.keychains[mac.login] == [pem_of("neighbours")]
    assert mac.trusted == {pem_of("neighbours")}


def test_a_root_in_the_users_own_keychain_is_told_to_an_administrator(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path, administrator=True)
    mac.keychains[mac.login].append(pem_of())
    with pytest.raises(TrustFailed) as caught:
        MacStore(mac.machine).remove(a_root())
    assert caught.value.hint == "run housekey untrust once more, without sudo"


def test_a_root_is_found_by_its_fingerprint_alone(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    mac.keychains[mac.system] += [pem_of("a"), pem_of()]
    assert MacStore(mac.machine).find(sha256_of()) == a_root()
    assert MacStore(mac.machine).find(sha256_of("b")) is None


def test_curl_proves_it_and_a_server_without_a_chain_is_no_proof(tmp_path: Path) -> None:
    mac = FakeMac(tmp_path)
    mac.machine = _with_curl(mac.machine)
    curl, verified = MacStore(mac.machine).prove(Server("127.0.0.1", 1))
    assert (curl.program, curl.accepts) == ("curl", False)
    assert (verified.program, verified.accepts) == ("security verify-cert", None)
    mac.curl = 0
    curl, _ = MacStore(mac.machine).prove(Server("127.0.0.1", 1))
    assert curl.accepts


def test_elsewhere_there_is_no_keychain(tmp_path: Path) -> None:
    from tests.trust.fakes import fake_machine  # noqa: PLC0415

    store = MacStore(fake_machine(tmp_path, FakeMac(tmp_path).run))
    assert store.look(a_root()).state is State.NOT_HERE


def _with_curl(machine: Machine) -> Machine:
    from dataclasses import replace  # noqa: PLC0415

    return replace(machine, which=lambda name: f"/usr/bin/{name}")
