"""The road of a public name by the command line, with real DNS and a real CA; Home Assistant is the
stand-in of tests/faults. The real ones are in tests/homes/test_public.py."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from tests.command import COMMAND, Done, environment
from tests.public.owner import NAME, ZONE, Owner, owner_in
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Let's Encrypt's staging CA cannot be asked here: another one is taken for it.
_REHEARSED = """
import sys
from housekey.cli.secure import public
public.STAGING = sys.argv.pop(1)
from housekey.cli.main import run
sys.argv[0] = "housekey"
run()
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    with owner_in(tmp_path) as made:
        yield made


def contents(owner: Owner) -> dict[str, bytes]:
    """Everything in Home Assistant's folder, but for what it keeps itself."""
    files = (path for path in owner.home.folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files if ".storage" not in path.parts}


def modes(house: Path) -> dict[str, int]:
    found = [house / "road.json", *(house / "public").rglob("*")]
    return {path.name: path.stat().st_mode & 0o777 for path in found if path.is_file()}


def test_a_house_on_this_road_is_kept_like_any_other(owner: Owner) -> None:
    """Looked at, backed up and put back, its ledger lost and made again; nothing is ordered."""
    # With a wildcard, and a host below the name that the certificate is for as well.
    done = owner.secure(names=(NAME, f"*.{ZONE}"))
    assert done.code == 0, done
    assert done.json["proven"] == {NAME: True, f"*.{ZONE}": None}
    sha256 = done.json["certificate"]["sha256"]

    def looks_good(*more: str) -> None:
        for words in ("house check", *more):
            looked = owner.run(*words.split())
            assert looked.code == 0, looked
        looked = owner.run("status")
        assert looked.code == 0, looked
        status = looked.json
        assert (status["road"], status["next"]) == ("public", [])
        assert status["certificates"]["home-assistant"]["sha256"] == sha256
        again = owner.about_home("secure")
        assert (again.code, again.json["changed"]) == (0, False), again

    looks_good("cert list", "house show")
    renewed = owner.about_home("renew")
    assert renewed.json["certificates"][0]["became"] == "good", renewed
    before = modes(owner.house)
    assert set(before.values()) == {0o600}
    secret = owner.folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("a long passphrase of nobody\n")
    backup = owner.run("house", "backup", owner.folder / "b", "--passphrase-file", secret)
    assert backup.code == 0, backup
    owner.house.rename(owner.folder / "gone")
    restored = owner.run("house", "restore", owner.folder / "b", "--passphrase-file", secret)
    assert restored.code == 0, restored
    assert modes(owner.house) == before
    looks_good()

    for path in owner.house.glob("ledger.sqlite*"):
        path.unlink()
    rebuilt = owner.run("ledger", "rebuild")
    assert rebuilt.code == 0, rebuilt
    looks_good()

    assert owner.ca.orders == 1
    checked = owner.run("check", owner.home.folder, "--name", NAME)
    assert checked.code == 0, checked
    (owner.house / "public" / "dns.json").chmod(0o644)
    assert "dns.json" in owner.run("house", "check").out


def test_what_fails_on_the_way_leaves_everything_as_it_was_and_orders_nothing_twice(
    owner: Owner,
) -> None:
    before = contents(owner)

    # The terms are nobody's to accept but the user's: --yes is no answer.
    dns = ("--dns", "ddns", "--dns-credentials", owner.folder / "dns.ini")
    by_the_ca = [each for each in owner.by_the_ca if each != "--agree-tos"]
    unread = owner.about_home("secure", "--public", NAME, *dns, *by_the_ca)
    assert (unread.code, owner.ca.accounts) == (2, 0), unread
    assert "--agree-tos" in unread.json["error"]["hint"]

    # A name that leads nowhere is found out before anything is ordered.
    nowhere = owner.secure(names=("elsewhere.test",))
    assert (nowhere.code, owner.ca.orders) == (3, 0), nowhere
    assert "does not lead anywhere" in nowhere.json["error"]["message"]

    # A provider that refuses: in words, and what the house keeps of it is nothing.
    kept = (owner.folder / "dns.ini").read_text()
    wrong = owner.dns.wrong_credentials
    (owner.folder / "dns.ini").write_text("".join(f"{n} = {v}\n" for n, v in wrong.items()))
    refused = owner.secure()
    assert refused.code == 3, refused
    assert not (owner.house / "public" / "dns.json").exists()
    (owner.folder / "dns.ini").write_text(kept)
    assert (contents(owner), owner.home.starts) == (before, 1)

    # Killed between the order and the switch: gone on with, not ordered again.
    killed = owner.secure(env={"HOUSEKEY_TEST_MOMENT": "kill before key"})
    assert (killed.code, owner.ca.certificates) == (-9, 1), killed
    assert contents(owner) == before
    done = owner.secure()
    assert (done.code, owner.ca.certificates) == (0, 1), done
    assert owner.presented.fingerprint(SHA256()).hex() == done.json["certificate"]["sha256"]

    # A CA that is gone: a renewal says so, and what is in use stays. By hand it is tried at once.
    first = owner.presented
    owner.ca.die()
    failed = owner.about_home("renew", "--all", "--now")
    assert failed.code == 1, failed
    assert "does not answer" in failed.json["certificates"][0]["error"]["message"]
    assert owner.presented == first
    undone = owner.about_home("undo")
    assert undone.code == 0, undone
    assert contents(owner) == before


def test_a_ca_that_asks_to_be_left_alone_is_asked_nothing_by_the_next_run(owner: Owner) -> None:
    with Troubled(owner.ca) as ca:
        at = ("--acme-directory", ca.directory)
        ca.trouble("newAccount", status=429, headers={"Retry-After": "7200"}, body=b"")
        first = owner.secure(*at)
        assert first.code == 3, first
        _, _, until = first.json["error"]["message"].partition("asks to wait until ")
        assert ca.count("newAccount") == 1
        ca.peace()
        ca.asked.clear()
        rehearsed = (sys.executable, "-W", "error", "-c", _REHEARSED, ca.directory)
        for how in ({}, {"begin": rehearsed}):
            again = owner.secure(*at, **how)
            assert again.code == 3, again
            assert f"is not asked before {until}: " in again.json["error"]["message"]
        assert ca.asked == []
        wish = owner.run("status").json["events"][0]["told"]
        assert wish == f"a CA asked to be left alone until {until}"


def test_other_credentials_are_tried_out_before_the_ones_that_work_are_given_up(
    owner: Owner,
) -> None:
    """No certificate is due, and no CA is asked for anything."""
    assert owner.secure().code == 0
    kept = owner.house / "public" / "dns.json"
    road = owner.house / "road.json"
    before, road_before, orders = kept.read_bytes(), road.read_bytes(), owner.ca.orders

    def given(credentials: dict[str, str]) -> Done:
        text = "".join(f"{name} = {value}\n" for name, value in credentials.items())
        (owner.folder / "dns.ini").write_text(text)
        return owner.secure()

    refused = given(owner.dns.wrong_credentials)
    assert refused.code == 3, refused
    assert "did not change the TXT record" in refused.json["error"]["message"]
    zone = owner.dns.lookup(ZONE, "SOA")
    assert (kept.read_bytes(), road.read_bytes()) == (before, road_before)

    algorithm, _, rest = owner.dns.credentials["auth_token"].partition(":")
    others = {**owner.dns.credentials, "auth_token": f"{algorithm.upper()}:{rest}"}
    taken = given(others)
    assert taken.code == 0, taken
    assert owner.dns.lookup(ZONE, "SOA") != zone  # a record was there, and is gone
    assert json.loads(kept.read_text())["providers"] == {"ddns": others}
    assert owner.dns.lookup(f"_acme-challenge.{NAME}") == ()
    assert owner.ca.orders == orders


def test_a_certificate_is_revoked_where_it_was_signed_and_a_renewal_has_another_key(
    owner: Owner,
) -> None:
    assert owner.secure().code == 0
    first = owner.presented
    revoked = owner.run("cert", "revoke", "home-assistant", "--reason=key-compromise")
    assert revoked.code == 0, revoked
    assert owner.ca.status_of(first) == "Revoked"
    assert "housekey renew" in revoked.json["next"][0]
    assert owner.run("status").code == 1
    renewed = owner.about_home("renew", "--now")
    assert renewed.code == 0, renewed
    assert owner.presented.public_key() != first.public_key()
    assert owner.ca.status_of(owner.presented) == "Valid"
    assert owner.run("status").code == 0


def test_who_has_to_register_again_can_agree_to_terms_that_have_changed(owner: Owner) -> None:
    assert owner.secure().code == 0
    road, account = owner.house / "road.json", owner.house / "public" / "account.json"
    settled = json.loads(road.read_text())
    today = settled["settings"]["terms"]
    settled["settings"]["terms"] = "https://ca.test/terms-of-last-year"
    road.write_text(json.dumps(settled))
    account.unlink()  # as the CA's answer "accountDoesNotExist" leaves it
    refused = owner.about_home("renew", "--all", "--now")
    assert refused.code == 1, refused
    assert "agree with --agree-tos" in refused.out + refused.err
    agreed = owner.secure()
    assert agreed.code == 0, agreed
    assert json.loads(road.read_text())["settings"]["terms"] == today
    before = owner.presented
    renewed = owner.about_home("renew", "--all", "--now")
    assert renewed.code == 0, renewed
    assert owner.presented != before


def test_new_terms_that_a_ca_insists_on_are_told_and_agreed_to_by_a_person_alone(
    owner: Owner,
) -> None:
    """Pebble does not insist; the proxy in front of it does."""
    terms = "https://ca.test/terms-of-next-year"
    road, account = owner.house / "road.json", owner.house / "public" / "account.json"
    with Troubled(owner.ca) as ca:
        at = ("--acme-directory", ca.directory)
        assert owner.secure(*at).code == 0
        before = owner.presented
        ca.terms, ca.demands = terms, True
        refused = owner.about_home("renew", "--all", "--now")
        assert refused.code == 1, refused
        told = refused.json["certificates"][0]["error"]
        assert told["message"].endswith(f"for those who agree to its new terms: {terms}")
        assert told["hint"] == "read them, then agree: housekey secure --agree-tos"
        assert owner.presented == before

        asked = len(ca.asked)
        dns = ("--dns", "ddns", "--acme-root", owner.folder / "ca.pem")
        unread = owner.about_home("secure", "--public", NAME, *at, *dns)
        assert (unread.code, ca.agreed, len(ca.asked)) == (2, 0, asked), unread
        assert "--agree-tos" in unread.json["error"]["hint"]

        agreed = owner.about_home("secure", "--agree-tos")
        assert (agreed.code, ca.agreed) == (0, 1), agreed
        assert json.loads(road.read_text())["settings"]["terms"] == terms
        assert json.loads(account.read_text())["terms"] == terms
        renewed = owner.about_home("renew", "--all", "--now")
        assert renewed.code == 0, renewed
        assert owner.presented != before
        assert (ca.agreed, len(ca.wanted)) == (1, 2)


def test_a_rehearsal_orders_and_switches_nothing(owner: Owner) -> None:
    before = sorted(path for path in owner.home.folder.rglob("*") if path.is_file())
    begin = (sys.executable, "-W", "error", "-c", _REHEARSED, owner.ca.directory)
    done = owner.secure(begin=begin)
    assert done.code == 0, done
    assert (done.json["changed"], done.json["kept"]) == (False, False)
    assert owner.ca.certificates == 1
    assert sorted(path for path in owner.home.folder.rglob("*") if path.is_file()) == before
    assert not (owner.house / "road.json").exists()
    assert not (owner.house / "public" / "order").exists()
    assert not (owner.house / "public" / "rehearsal").exists()
    # In earnest it is ordered anew.
    assert owner.secure().code == 0
    assert owner.ca.certificates == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dns", "duckdns"), "would be about a public name"),
        (("--private", "--public", NAME), "--private is the house's own CA"),
        (("--public", "192.168.1.7", "--dns", "ddns"), "is an address"),
        (("--public", "ha.local", "--dns", "ddns"), "no public CA signs for ha.local"),
        (("--public", "*.a.example.org", "--dns", "ddns"), "stands for many names"),
        (("--public", "ha.example.org"), "who keeps the DNS"),
        (("--public", "ha.example.org", "--dns", "duckdnss"), "no DNS provider"),
        (("--public", "ha.example.org", "--dns", "ddns", "--point", "private"), "--point is for"),
        (
            (
                "--public",
                "a.example.org",
                "--dns",
                "ddns",
                "--staging",
                "--acme-directory",
                "https://x",
            ),
            "--staging is a CA of Let's Encrypt",
        ),
        (
            ("--public", "a.example.org", "--dns", "ddns", "--acme-root", "x"),
            "of that CA is missing",
        ),
    ],
)
def test_what_cannot_be_meant_is_said_in_two_lines_before_anything_is_looked_at(
    words: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [*COMMAND, "secure", "--house", tmp_path / "house", *words],
        env=environment(PATH=os.environ["PATH"]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")
