"""`housekey trust` and `untrust` on a real Debian, proven by real programs."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from housekey.house.files import Files
from housekey.house.generations import Kind
from housekey.house.house import House
from housekey.house.root_key import root_key_of
from housekey.house.rotating import finish, prepare_new_root
from housekey.pki.encoding import (
    certificate_from_pem,
    certificate_to_pem,
    chain_to_pem,
    fingerprint,
)
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.trust.proving import served
from tests.command import COMMAND
from tests.terminal import Terminal
from tests.trust.pages import about, onboarding_page
from tests.trust.private import BUNDLE, PrivateDebian
from tests.trust.roots import NOW, Forged, make_house, pem_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command import Done


class Owner:
    """Somebody with a house, on a Debian with a store of its own."""

    def __init__(self, folder: Path, *, like: PrivateDebian) -> None:
        self.debian = PrivateDebian(folder / "debian", like=like)
        self.house = folder / "house"
        self.code = make_house(self.house)
        self.root_pem = (self.house / "root.pem").read_bytes()
        self.sha256 = fingerprint(certificate_from_pem(self.root_pem))
        self.anchor = self.debian.anchors / f"housekey-{self.sha256[:8]}.crt"

    def run(self, *arguments: str | Path, nobody: bool = False, **env: str) -> Done:
        given = ("--house", self.house, "--yes", "--json")
        return self.debian.housekey(*arguments, *given, nobody=nobody, **env)

    def curl_accepts(self) -> bool:
        """Ask curl alone, past all of housekey's own asking."""
        with self.server() as port:
            done = self.debian.run(
                "curl", "-sS", f"https://localhost:{port}/", check=False, NO_PROXY="*"
            )
        assert done.code in (0, 60), done
        return done.code == 0

    @contextmanager
    def server(self) -> Iterator[int]:
        """A server of this house, whose port it yields."""
        key = PrivateKey.generate(KeyType.ECDSA_P256)
        names = [parse_name("localhost"), parse_name("127.0.0.1")]
        with House.open(self.house, files=Files(), clock=lambda: NOW) as house:
            chain = chain_to_pem(house.sign(key.public_key, names))
        with served(chain, key.to_pem()) as port:
            yield port


@contextmanager
def sharing(owner: Owner) -> Iterator[str]:
    """Run `housekey share` for the owner's house; yields the address of the page."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as two:
        port, proof_port = (each.getsockname()[1] for each in (one, two))
    options = ["--bind", "127.0.0.1", "--port", str(port), "--proof-port", str(proof_port)]
    command = [*COMMAND, "share", *options, "--house", str(owner.house)]
    with Terminal(command, env=owner.debian.environment()) as terminal:
        terminal.expect("waiting")
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> PrivateDebian:
    return PrivateDebian(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def owner(tmp_path: Path, fresh: PrivateDebian) -> Owner:
    return Owner(tmp_path, like=fresh)


def state_of(done: Done, store: str = "debian") -> str:
    return str(row_of(done, store)["state"])


def row_of(done: Done, store: str = "debian") -> dict[str, Any]:
    rows: list[dict[str, Any]] = done.json["stores"]
    (row,) = (row for row in rows if row["store"] == store)
    return row


def accepted_by(done: Done, store: str = "debian") -> dict[str, bool | None]:
    return {proof["program"]: proof["accepts"] for proof in row_of(done, store)["proofs"]}


def test_from_not_trusted_to_trusted_and_back(owner: Owner) -> None:
    machines_own = BUNDLE.read_bytes()
    before = owner.debian.bundle
    assert not owner.curl_accepts()

    done = owner.run("trust", "--store", "debian")
    assert done.code == 0, done
    assert state_of(done) == "installed"
    assert accepted_by(done) == {"curl": True, "wget": True, "Python": True}
    assert owner.anchor.read_bytes() == owner.root_pem
    assert owner.curl_accepts()

    again = owner.run("trust", "--store", "debian")
    assert (again.code, state_of(again)) == (0, "there"), again
    assert accepted_by(again) == {"curl": True, "wget": True, "Python": True}

    gone = owner.run("untrust", "--store", "debian")
    assert (gone.code, state_of(gone)) == (0, "removed"), gone
    assert accepted_by(gone) == {"curl": False, "wget": False, "Python": False}
    assert list(owner.debian.anchors.iterdir()) == []
    assert owner.debian.bundle == before
    assert not owner.curl_accepts()

    never = owner.run("untrust", "--store", "debian")
    assert (never.code, state_of(never)) == (0, "not there"), never
    assert BUNDLE.read_bytes() == machines_own


def test_while_two_roots_overlap_the_new_one_is_put_in_and_proven_and_the_old_one_is_told(
    owner: Owner,
) -> None:
    assert owner.run("trust", "--store", "debian").code == 0
    with House.open(owner.house, files=Files(), clock=lambda: NOW) as house:
        key = root_key_of(house.root, owner.house / "root.key.sealed", owner.code, files=Files())
        prepare_new_root(house, Kind.CROSSED, old_key=key).write(house)
    # Programs that know the old root alone accept what servers present, but are no proof.
    assert owner.curl_accepts()
    looked = owner.run("untrust", "--store", "debian", "--dry-run")
    assert state_of(looked) == "not there", looked
    done = owner.run("trust", "--store", "debian")
    assert (done.code, state_of(done)) == (0, "installed"), done
    assert accepted_by(done) == {"curl": True, "wget": True, "Python": True}
    assert len(list(owner.debian.anchors.iterdir())) == 2
    back = owner.run("untrust", "--store", "debian")
    assert (back.code, state_of(back)) == (0, "removed"), back
    assert accepted_by(back) == {"curl": False, "wget": False, "Python": False}
    assert owner.run("trust", "--store", "debian").code == 0

    with House.open(owner.house, files=Files(), clock=lambda: NOW) as house:
        finish(house)
    old = owner.house / "old/0001/root.pem"
    told = owner.debian.housekey("trust", "--store", "debian", "--house", owner.house, "--yes")
    assert told.code == 0, told
    assert f"housekey untrust --root {old} takes it out" in told.out
    gone = owner.run("untrust", "--store", "debian", "--root", old)
    assert state_of(gone) == "not proven", gone
    assert "the key of that root is gone" in row_of(gone)["note"]
    assert len(list(owner.debian.anchors.iterdir())) == 1
    assert owner.curl_accepts()


def test_every_store_of_this_machine_has_a_row(owner: Owner) -> None:
    done = owner.run("trust", "--dry-run")
    assert done.code == 0, done
    assert state_of(done) == "would install"
    for elsewhere in ("fedora", "arch", "suse", "macos", "windows", "nss-firefox"):
        assert state_of(done, elsewhere) == "not here"
    assert row_of(done, "java")["state"] in ("would install", "not here")


def test_a_dry_run_changes_nothing(owner: Owner) -> None:
    before = sorted(path.stat().st_mtime_ns for path in owner.house.rglob("*.pem"))
    with House.open(owner.house, files=Files(), clock=lambda: NOW) as house:
        events = house.ledger.events()
    done = owner.run("trust", "--dry-run")
    assert done.code == 0, done
    assert list(owner.debian.anchors.iterdir()) == []
    with House.open(owner.house, files=Files(), clock=lambda: NOW) as house:
        assert house.ledger.events() == events
    assert sorted(path.stat().st_mtime_ns for path in owner.house.rglob("*.pem")) == before


def test_a_root_that_was_put_there_by_hand_is_the_same_root(owner: Owner) -> None:
    by_hand = owner.debian.anchors / "housekey.crt"  # as docs/phones.md told people to
    by_hand.write_bytes(owner.root_pem)
    owner.debian.run("update-ca-certificates")
    done = owner.run("trust", "--store", "debian")
    assert (done.code, state_of(done)) == (0, "there"), done
    assert row_of(done)["where"] == ["/usr/local/share/ca-certificates/housekey.crt"]
    gone = owner.run("untrust", "--store", "debian")
    assert (gone.code, state_of(gone)) == (0, "removed"), gone
    assert not by_hand.exists()


def test_another_houses_root_beside_it_survives_and_is_still_accepted(
    owner: Owner, tmp_path: Path
) -> None:
    neighbours = tmp_path / "neighbours"
    make_house(neighbours)
    for house in (owner.house, neighbours):
        assert (
            owner.debian.housekey(*("trust", "--store", "debian", "--yes", "--house", house)).code
            == 0
        )
    assert owner.run("untrust", "--store", "debian").code == 0
    done = owner.debian.housekey(
        *("trust", "--store", "debian", "--yes", "--json", "--house", neighbours)
    )
    assert (done.code, state_of(done)) == (0, "there"), done


def test_when_the_systems_own_command_fails_all_is_put_back(owner: Owner) -> None:
    # The real command, and a real disk that can only be read.
    before = owner.debian.bundle
    owner.debian.hooks.rmdir()
    read_only = owner.debian.folder / "read-only"
    shutil.move(owner.debian.ssl, read_only)
    owner.debian.ssl.mkdir()
    owner.debian.hooks.mkdir()
    subprocess.run(["mount", "--bind", read_only, owner.debian.ssl], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", owner.debian.ssl], check=True)
        done = owner.run("trust", "--store", "debian")
    finally:
        subprocess.run(["umount", "--lazy", owner.debian.ssl], check=True)
    assert done.code == 4, done
    row = row_of(done)
    assert row["state"] == "failed"
    assert "update-ca-certificates ended with exit code" in row["note"]
    assert "Read-only file system" in row["note"]
    assert list(owner.debian.anchors.iterdir()) == []
    assert (read_only / "certs" / BUNDLE.name).read_bytes() == before


def test_what_a_damaged_file_beside_it_breaks_is_seen_by_the_proof(owner: Owner) -> None:
    # update-ca-certificates puts it into the list as it is, and curl cannot read the list then.
    damaged = owner.debian.anchors / "a-damaged.crt"
    damaged.write_bytes(pem_of()[:300])
    done = owner.run("trust", "--store", "debian")
    assert (done.code, state_of(done)) == (1, "not proven"), done
    assert accepted_by(done)["curl"] is False
    assert "curl does not accept it: " in row_of(done)["note"]
    assert damaged.read_bytes() == pem_of()[:300]


def test_a_root_that_lies_elsewhere_too_is_told_and_not_called_gone(owner: Owner) -> None:
    # Trusted a second time, by a link that only Python and wget follow.
    assert owner.run("trust", "--store", "debian").code == 0
    certs = owner.debian.ssl / "certs"
    linked = next(link for link in certs.glob("*.0") if link.resolve().name == owner.anchor.name)
    shutil.copy(owner.anchor, certs / "elsewhere.pem")
    name = linked.name
    owner.debian.hooks.joinpath("again").write_text(
        f"#!/bin/sh\nln -sf elsewhere.pem /etc/ssl/certs/{name}\n"
    )
    owner.debian.hooks.joinpath("again").chmod(0o755)
    done = owner.run("untrust", "--store", "debian")
    assert done.code == 1, done
    row = row_of(done)
    assert row["state"] == "not proven"
    assert "still accepted it" in row["note"]
    assert "another place" in row["hint"]


def test_who_is_no_administrator_gets_the_command_and_it_works(owner: Owner) -> None:
    subprocess.run(["chown", "-R", "65534:65534", owner.house], check=True)
    done = owner.run("trust", "--store", "debian", nobody=True)
    assert done.code == 1, done
    assert state_of(done) == "needs administrator"
    assert list(owner.debian.anchors.iterdir()) == []
    sudo, *command = shlex.split(done.json["administrator"])
    assert sudo == "sudo"
    assert command[0].startswith("/")
    as_root = owner.debian.run(*command, check=False)
    assert as_root.code == 0, as_root
    assert owner.curl_accepts()
    # Nothing in the house became root's, which would lock its owner out.
    assert {path.stat().st_uid for path in owner.house.rglob("*")} == {65534}
    after = owner.run("trust", "--store", "debian", nobody=True)
    assert (after.code, state_of(after)) == (0, "there"), after
    left = owner.run("untrust", "--store", "debian", nobody=True)
    assert (left.code, state_of(left)) == (1, "needs administrator"), left
    _, *command = shlex.split(left.json["administrator"])
    assert owner.debian.run(*command, check=False).code == 0
    assert not owner.curl_accepts()


def test_the_lines_to_set_lead_to_the_systems_list_and_work(owner: Owner) -> None:
    assert owner.run("trust", "--store", "debian").code == 0
    done = owner.run("trust", "--store", "variables")
    lines = {each["variable"]: each for each in done.json["variables"]}
    assert lines["NODE_EXTRA_CA_CERTS"]["value"].endswith(f"/{owner.anchor.name}")
    assert lines["SSL_CERT_FILE"]["value"] == str(BUNDLE)
    assert lines["REQUESTS_CA_BUNDLE"]["value"] == str(BUNDLE)
    assert lines["SSL_CERT_FILE"]["proof"]["accepts"] is True
    for each in lines.values():
        assert each["proof"]["accepts"] is not False, each
    assert done.code == 0, done


def test_a_variable_that_is_in_the_way_is_told(owner: Owner, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(pem_of())
    assert owner.run("trust", "--store", "debian").code == 0
    done = owner.run("trust", "--store", "variables", SSL_CERT_FILE=str(other))
    lines = {each["variable"]: each["in_the_way"] for each in done.json["variables"]}
    assert lines["SSL_CERT_FILE"] == str(other)
    assert lines["REQUESTS_CA_BUNDLE"] is None


def test_before_the_root_is_in_the_systems_list_there_is_no_line(owner: Owner) -> None:
    done = owner.run("trust", "--store", "variables")
    assert done.json["variables"] == []


# The root of another machine.


def test_from_a_page_it_is_installed_once_the_fingerprint_is_right(owner: Owner) -> None:
    with (
        owner.server() as port,
        onboarding_page(owner.root_pem, about(sha256=owner.sha256, port=port)) as url,
    ):
        given = ("trust", "--store", "debian", "--json", "--from", url)
        unasked = owner.debian.housekey(*given)
        yes_is_no_answer = owner.debian.housekey(*given, "--yes")
        wrong = owner.debian.housekey(*given, "--fingerprint", "ab" * 32)
        assert list(owner.debian.anchors.iterdir()) == []
        pairs = ":".join(owner.sha256[at : at + 2] for at in range(0, 64, 2)).upper()
        done = owner.debian.housekey(*given, "--fingerprint", f"SHA256:{pairs}")
    for refused in (unasked, yes_is_no_answer):
        assert refused.code == 2, refused
        assert "--fingerprint" in refused.err
    assert wrong.code == 3, wrong
    assert "another root" in wrong.err
    assert done.code == 0, done
    assert accepted_by(done) == {"curl": True, "wget": True, "Python": True}


def test_a_laptop_takes_the_root_from_a_real_housekey_share(owner: Owner) -> None:
    with sharing(owner) as url:
        given = ("--from", url, "--fingerprint", owner.sha256, "--json", "--store", "debian")
        done = owner.debian.housekey("trust", *given)
        assert (done.code, state_of(done)) == (0, "installed"), done
        assert accepted_by(done) == {"curl": True, "wget": True, "Python": True}
        gone = owner.debian.housekey("untrust", "--yes", *given)
        assert (gone.code, state_of(gone)) == (0, "removed"), gone


def test_a_root_in_a_file_is_installed_and_not_called_proven_without_a_server(
    owner: Owner, tmp_path: Path
) -> None:
    file = tmp_path / "root.pem"
    file.write_bytes(owner.root_pem)
    given = ("--store", "debian", "--json", "--root", file, "--fingerprint", owner.sha256)
    done = owner.debian.housekey("trust", *given)
    assert (done.code, state_of(done)) == (1, "not proven"), done
    assert "--prove" in row_of(done)["note"]
    with owner.server() as port:
        proven = owner.debian.housekey("trust", *given, "--prove", f"localhost:{port}")
        assert (proven.code, state_of(proven)) == (0, "there"), proven
        gone = owner.debian.housekey(*("untrust", "--yes", *given, "--prove", f"localhost:{port}"))
    assert (gone.code, state_of(gone)) == (0, "removed"), gone


def test_a_server_of_another_home_proves_nothing(owner: Owner, tmp_path: Path) -> None:
    file = tmp_path / "root.pem"
    file.write_bytes(pem_of("neighbours"))
    digits = fingerprint(certificate_from_pem(file.read_bytes()))
    given = ("--store", "debian", "--json", "--root", file, "--fingerprint", digits)
    with owner.server() as port:
        done = owner.debian.housekey("trust", *given, "--prove", f"localhost:{port}")
    assert (done.code, state_of(done)) == (1, "not proven"), done
    assert "does not accept it" in row_of(done)["note"]


def test_a_root_without_limits_needs_a_word_of_its_own(owner: Owner, tmp_path: Path) -> None:
    wide = Forged(name="Corporate root").certificate()
    file = tmp_path / "wide.pem"
    file.write_bytes(certificate_to_pem(wide))
    asked = ("trust", "--store", "debian", "--json", "--root", file)
    given = (*asked, "--fingerprint", fingerprint(wide))
    refused = owner.debian.housekey(*given)
    assert refused.code == 3, refused
    assert "bank" in refused.err
    assert list(owner.debian.anchors.iterdir()) == []
    done = owner.debian.housekey(*given, "--unconstrained")
    assert (done.code, state_of(done)) == (1, "not proven"), done
    assert done.json["root"]["limited"] is False
    assert len(list(owner.debian.anchors.iterdir())) == 1


def test_untrust_takes_a_fingerprint_alone(owner: Owner) -> None:
    assert owner.run("trust", "--store", "debian").code == 0
    nowhere = owner.debian.home / "none"
    given = ("untrust", "--store", "debian", "--json", "--yes", "--house", nowhere)
    unknown = owner.debian.housekey(*given, "--fingerprint", "ab" * 32)
    assert unknown.code == 2, unknown
    done = owner.debian.housekey(*given, "--fingerprint", owner.sha256)
    assert done.code == 1, done  # taken out, and here is no house to prove it by
    assert list(owner.debian.anchors.iterdir()) == []


# A person at a terminal.


def test_a_person_is_asked_and_may_say_no(owner: Owner) -> None:
    command = owner.debian.command(*COMMAND, "trust", "--store", "debian", "--house", owner.house)
    with Terminal(command, env=owner.debian.environment()) as terminal:
        terminal.expect("Put it into this store?")
        terminal.type("n")
        assert terminal.wait() == 1
    assert list(owner.debian.anchors.iterdir()) == []
    with Terminal(command, env=owner.debian.environment()) as terminal:
        terminal.expect("Put it into this store?")
        terminal.type("y")
        terminal.expect("proven    the system's store")
        assert terminal.wait() == 0
    assert owner.anchor.exists()


def test_a_person_compares_the_fingerprint_of_a_page(owner: Owner) -> None:
    with (
        owner.server() as port,
        onboarding_page(owner.root_pem, about(sha256=owner.sha256, port=port)) as url,
    ):
        command = owner.debian.command(*COMMAND, "trust", "--store", "debian", "--from", url, "-y")
        with Terminal(command, env=owner.debian.environment()) as terminal:
            terminal.expect("show this very fingerprint?")
            assert owner.sha256.upper() in "".join(terminal.said.split()).replace(":", "")
            terminal.type("n")
            assert terminal.wait() == 1
        assert list(owner.debian.anchors.iterdir()) == []
        with Terminal(command, env=owner.debian.environment()) as terminal:
            terminal.expect("show this very fingerprint?")
            terminal.type("y")
            terminal.expect("proven    the system's store")
            assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--store", "netscape"), "there is no store 'netscape'"),
        (("--from", "http://a.lan", "--root", "x"), "name two roots"),
        (("--from", "https://a.lan"), "is not the address of an onboarding page"),
        (("--fingerprint", "abc"), "is no SHA-256 fingerprint"),
        (("--prove", "http://a"), "does not say where a server is"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    arguments: tuple[str, ...], said: str, owner: Owner
) -> None:
    done = owner.run("trust", *arguments)
    assert done.code == 2, done
    assert said in done.err


def test_a_store_that_was_asked_for_and_is_not_here_is_a_no(owner: Owner) -> None:
    for store in ("fedora", "macos"):
        done = owner.run("trust", "--store", store)
        assert done.code == 1, done
        assert [row["state"] for row in done.json["stores"]] == ["not here"]


def test_under_sudo_it_says_that_the_house_is_the_users(owner: Owner) -> None:
    done = owner.debian.housekey("trust", SUDO_USER="nobody")
    assert done.code == 3, done
    assert "name it with --house" in done.err


def test_every_store_is_done_and_undone_in_one_go(owner: Owner) -> None:
    (owner.debian.home / ".pki" / "nssdb").mkdir(parents=True)
    done = owner.run("trust")
    assert done.code == 0, done
    installed = [row["store"] for row in done.json["stores"] if row["state"] == "installed"]
    assert {"debian", "nss-chrome"} <= set(installed)
    gone = owner.run("untrust")
    assert gone.code == 0, gone
    removed = [row["store"] for row in gone.json["stores"] if row["state"] == "removed"]
    assert removed == installed


def test_without_a_house_it_says_how_to_get_the_root_of_another_machine(owner: Owner) -> None:
    done = owner.debian.housekey("trust", "--house", owner.debian.home / "none")
    assert done.code == 3, done
    assert "there is no house in" in done.err
    assert "--from http://" in done.err
