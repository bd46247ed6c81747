"""Chrome's and Firefox's databases, in every layout, changed by the real certutil and proven."""

from __future__ import annotations

import shutil
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.issuing import issue_root
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.subject import Subject
from housekey.trust.nss import NssChrome, NssFirefox
from housekey.trust.nss_database import Database
from housekey.trust.store import Server, State
from tests.pki.houses import NOW, a_house
from tests.trust.databases import (
    OTHER_HOUSE,
    ROOT,
    certutil,
    digest,
    fingerprints,
    made,
    profile,
    put,
    trusted_in,
    without,
)
from tests.trust.real_machine import machine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("nss_tools")]


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
