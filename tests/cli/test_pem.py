"""`housekey pem`: what is taken from a request, where keys go, passphrases, odd certificates."""

from __future__ import annotations

import json
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from housekey.house.ledger import SqliteLedger
from housekey.pki.any_key import AnyPrivateKey
from housekey.pki.encoding import fingerprint
from housekey.pki.reading import read
from housekey.pki.secret import Secret
from tests.command import COMMAND, environment
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Person


def openssl(line: str, folder: Path) -> None:
    subprocess.run(line.split(), cwd=folder, check=True, capture_output=True)


def a_house(person: Person) -> None:
    done = person.run("cert", "new", "ha.lan", "--yes", "--out", person.folder / "pair")
    assert done.code == 0, done


def a_request(folder: Path, *extensions: str, subject: str = "/CN=nas.lan") -> Path:
    """A request with these extensions, made by openssl; its key is nas.key."""
    added = [word for each in extensions for word in ("-addext", each)]
    command = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
    ]
    command += ["-keyout", "nas.key", "-out", "nas.csr", "-subj", subject, *added]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "nas.csr"


def passphrase_file(folder: Path, text: str, name: str = "passphrase") -> Path:
    file = folder / name
    file.touch(mode=0o600)
    file.write_text(f"{text}\nand not this line\n")
    return file


# Signing


def test_what_a_request_wants_beyond_our_profile_is_left_out_and_told(person: Person) -> None:
    a_house(person)
    request = a_request(
        person.folder,
        "subjectAltName=DNS:NAS.lan,IP:192.168.1.9,email:me@example.org,URI:http://nas.lan/",
        "basicConstraints=critical,CA:TRUE",
        "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        "extendedKeyUsage=serverAuth,clientAuth,codeSigning",
        "nameConstraints=permitted;DNS:com",
        "1.2.3.4=critical,DER:0500",
        subject="/O=Home/title=Lord/CN=nas.lan",
    )
    done = person.run("pem", "sign", request, "--out", person.folder / "nas.pem", "--json")
    assert done.code == 0, done
    certificate, issuing = read((person.folder / "nas.pem").read_bytes()).certificates
    assert issuing.subject == certificate.issuer
    profile = person.folder / "pair" / "certificate.pem"
    usual = read(profile.read_bytes()).certificates[0]
    of_both = [[(each.oid, each.critical) for each in c.extensions] for c in (certificate, usual)]
    assert sorted(of_both[0], key=str) == sorted(of_both[1], key=str)
    for kind in (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage):
        mine, theirs = (
            c.extensions.get_extension_for_class(kind).value for c in (certificate, usual)
        )
        assert mine == theirs
    assert certificate.subject.rfc4514_string() == "CN=nas.lan,O=Home"
    assert done.json["names"] == ["nas.lan", "192.168.1.9"]
    left_out = "; ".join(done.json["left_out"])
    for what in (
        "to be a certificate authority", "key usage keyCertSign", "key usage cRLSign",
        "extended key usage clientAuth", "extended key usage codeSigning", "nameConstraints",
        "1.2.3.4", "e-mail me@example.org", "URI http://nas.lan/", "'Lord'",
    ):  # fmt: skip
        assert what in left_out
    told = person.run("pem", "sign", request, "--out", person.folder / "again.pem").out
    assert told.count("left out") == len(done.json["left_out"])


def test_a_signed_request_is_in_the_ledger(person: Person) -> None:
    a_house(person)
    request = a_request(person.folder, "subjectAltName=DNS:nas.lan")
    assert person.run("pem", "sign", request, "--out", person.folder / "nas.pem").code == 0
    certificate = read((person.folder / "nas.pem").read_bytes()).certificates[0]
    with SqliteLedger.open(person.house / "ledger.sqlite") as ledger:
        newest = ledger.certificates()[0]
        event = ledger.events()[0]
    assert (newest.sha256, newest.role, newest.label) == (fingerprint(certificate), "leaf", None)
    assert (event.kind, event.sha256) == ("signed", newest.sha256)
    # It is nobody's to serve from the house.
    assert "nas.lan" not in person.run("cert", "list").out


@pytest.mark.parametrize(
    ("extension", "subject", "said"),
    [
        ("subjectAltName=DNS:nas.example.org", "/CN=x", "may not issue a certificate for nas.exam"),
        (
            "subjectAltName=DNS:nas.lan,IP:8.8.8.8",
            "/CN=x",
            "may not issue a certificate for 8.8.8.",
        ),
        ("subjectAltName=DNS:*.lan", "/CN=x", "no browser accepts a wildcard directly above"),
        ("keyUsage=digitalSignature", "/CN=My printer", "which is none: it contains a blank"),
        ("keyUsage=digitalSignature", "/O=Home", "a certificate needs at least one name"),
    ],
)
def test_a_request_for_what_the_house_may_not_name_is_refused(
    extension: str, subject: str, said: str, person: Person
) -> None:
    a_house(person)
    request = a_request(person.folder, extension, subject=subject)
    done = person.run("pem", "sign", request, "--out", person.folder / "nas.pem")
    assert done.code in (2, 3), done
    assert said in done.err
    assert not (person.folder / "nas.pem").exists()
    with SqliteLedger.open(person.house / "ledger.sqlite") as ledger:
        assert len(ledger.certificates()) == 3


@pytest.mark.parametrize("kind", ["rsa:1024", "ed25519", "P-521", "secp256k1"])
def test_a_request_for_a_key_that_platforms_refuse_is_refused(kind: str, person: Person) -> None:
    a_house(person)
    curve = kind in ("P-521", "secp256k1")
    new = f"ec -pkeyopt ec_paramgen_curve:{kind}" if curve else kind
    openssl(
        f"openssl req -new -newkey {new} -noenc -keyout k -out nas.csr -subj /CN=nas.lan",
        person.folder,
    )
    done = person.run("pem", "sign", person.folder / "nas.csr")
    assert done.code == 3, done
    assert "some browsers and phones refuse" in done.err


def test_a_request_that_was_changed_on_its_way_is_refused(person: Person) -> None:
    a_house(person)
    a_request(person.folder, "subjectAltName=DNS:nas.lan")
    openssl("openssl req -in nas.csr -outform DER -out nas.der", person.folder)
    data = (person.folder / "nas.der").read_bytes()
    (person.folder / "nas.der").write_bytes(data.replace(b"nas.lan", b"tvs.lan"))
    done = person.run("pem", "sign", person.folder / "nas.der")
    assert done.code == 3, done
    assert "not signed by the key that is in it" in done.err
    assert done.out == ""


def test_without_a_san_the_common_name_is_the_name_and_it_is_said(person: Person) -> None:
    a_house(person)
    request = a_request(person.folder)
    done = person.run("pem", "sign", request, "--out", person.folder / "nas.pem")
    assert "names     nas.lan" in done.out
    assert "taken from the common name" in done.out


def test_other_names_can_be_said_in_the_place_of_those_in_the_request(person: Person) -> None:
    a_house(person)
    request = a_request(person.folder, "subjectAltName=DNS:nas.example.org")
    done = person.run("pem", "sign", request, "--name", "tv.lan", "--name", "10.0.0.3", "--json")
    assert done.json["names"] == ["tv.lan", "10.0.0.3"]
    assert "'nas.lan', which is none of the host names" in done.json["left_out"][0]
    (printed,) = done.json["printed"]
    assert len(read(printed["pem"].encode()).certificates) == 2


def test_a_self_signed_one_needs_the_requests_own_key(person: Person) -> None:
    request = a_request(person.folder, "subjectAltName=DNS:nas.lan")
    openssl("openssl genpkey -algorithm ED25519 -out other.key", person.folder)
    openssl("openssl ecparam -name prime256v1 -genkey -noout -out third.key", person.folder)
    wrong = person.run(
        "pem", "sign", request, "--self-signed", "--key", person.folder / "third.key"
    )
    assert wrong.code == 2
    assert "not the private key of the request" in wrong.err
    odd = person.run("pem", "sign", request, "--self-signed", "--key", person.folder / "other.key")
    assert odd.code == 3
    assert "Ed25519" in odd.err
    right = person.run("pem", "sign", request, "--self-signed", "--key", person.folder / "nas.key")
    assert right.code == 0, right
    assert right.out.startswith("-----BEGIN CERTIFICATE-----")  # the story is elsewhere
    assert "never accepted by" in right.err
    assert not person.house.exists()


# Where things go


def test_a_private_key_goes_nowhere_unasked(person: Person) -> None:
    a_request(person.folder)
    for arguments in (
        ["convert", "nas.key", "--to", "der"],
        ["convert", "nas.key", "--to", "pem"],
        ["key", "nas.key", "--unlock"],
        ["csr", "nas.lan"],
    ):
        words = [person.folder / each if each == "nas.key" else each for each in arguments]
        done = person.run("pem", *words)
        assert (done.code, done.out) == (2, ""), done
        assert "a private key is not printed unasked" in done.err
    asked = person.run("pem", "key", person.folder / "nas.key", "--unlock", "--out", "-")
    assert asked.out == (person.folder / "nas.key").read_text()


@pytest.mark.parametrize("form", ["pem", "der", "pkcs12"])
def test_a_file_with_a_private_key_in_it_is_its_owners_alone_and_nothing_is_lost(
    form: str, person: Person
) -> None:
    a_house(person)
    file = passphrase_file(person.folder, "x")
    out = person.folder / "out"
    out.write_text("precious")
    out.chmod(0o666)
    parts = ["privkey.pem"] if form == "der" else ["certificate.pem", "privkey.pem"]
    done = person.run(
        "pem", "convert", *(person.folder / "pair" / each for each in parts), "--to", form,
        "--new-passphrase-file", file, "--out", out,
    )  # fmt: skip
    assert done.code == 0, done
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "what was there before is now out.before-1" in done.out
    assert (person.folder / "out.before-1").read_text() == "precious"
    assert read(out.read_bytes(), Secret(b"x")).keys


def test_a_pkcs12_file_becomes_two_files(person: Person) -> None:
    a_house(person)
    file = passphrase_file(person.folder, "x")
    pair = person.folder / "pair"
    bundle = person.folder / "bundle.p12"
    assert person.run(
        "pem", "convert", pair / "certificate.pem", pair / "privkey.pem", "--to", "pkcs12",
        "--new-passphrase-file", file, "--out", bundle,
    ).code == 0  # fmt: skip
    done = person.run(
        "pem", "convert", bundle, "--to", "pem", "--passphrase-file", file,
        "--out", person.folder / "c.pem", "--key-out", person.folder / "k.pem",
    )  # fmt: skip
    assert done.code == 0, done
    assert (person.folder / "c.pem").read_bytes() == (pair / "certificate.pem").read_bytes()
    assert (person.folder / "k.pem").read_bytes() == (pair / "privkey.pem").read_bytes()
    modes = [stat.S_IMODE((person.folder / each).stat().st_mode) for each in ("c.pem", "k.pem")]
    assert modes == [0o644, 0o600]


def test_a_place_that_cannot_be_written_is_found_before_there_is_a_key(person: Person) -> None:
    done = person.run(
        "pem",
        "csr",
        "nas.lan",
        "--key-out",
        person.folder / "k",
        "--out",
        person.folder / "no" / "r",
    )
    assert done.code == 3, done
    assert not (person.folder / "k").exists()
    same = person.run(
        "pem", "csr", "nas.lan", "--key-out", person.folder / "k", "--out", person.folder / "k"
    )
    assert same.code == 2
    assert "the same place" in same.err


def test_what_is_no_text_is_not_thrown_at_a_terminal(person: Person) -> None:
    a_house(person)
    root = str(person.house / "root.pem")
    command = [*COMMAND, "pem", "convert", root, "--to", "der"]
    with Terminal(command, env=environment()) as terminal:
        assert terminal.wait() == 2
    assert "would only disturb this terminal" in terminal.said


# Passphrases


def test_a_passphrase_is_asked_for_twice_when_it_is_new_and_never_shown(person: Person) -> None:
    a_request(person.folder)
    key, locked = str(person.folder / "nas.key"), person.folder / "locked"
    command = [*COMMAND, "pem", "key", key, "--lock", "--out", str(locked)]
    with Terminal(command, env=environment()) as terminal:
        terminal.expect("New passphrase for the key: ")
        terminal.type("correct horse")
        terminal.expect("Once more: ")
        terminal.type("correct horse")
        assert terminal.wait() == 0
    assert "correct horse" not in terminal.said
    with Terminal([*COMMAND, "pem", "show", str(locked)], env=environment()) as terminal:
        terminal.expect("Passphrase of ")
        terminal.type("correct horse")
        assert terminal.wait() == 0
    assert "ECDSA P-256" in terminal.said
    assert "correct horse" not in terminal.said


def test_no_option_takes_a_passphrase_itself(person: Person) -> None:
    for command in ("show", "match", "convert", "csr", "sign", "key"):
        options = person.run("pem", command, "--help").out
        assert "--passphrase-file FILE" in options
        assert "--passphrase " not in options
        assert "--password" not in options


def test_a_passphrase_comes_from_the_first_line_of_a_file_or_a_pipe(person: Person) -> None:
    a_request(person.folder)
    file = passphrase_file(person.folder, "grüße")
    line = (
        f"{' '.join(COMMAND)} pem key nas.key --lock --new-passphrase-file passphrase --out locked"
        f" && head -1 {file} | {' '.join(COMMAND)} pem show locked --passphrase-file -"
        f" && {' '.join(COMMAND)} pem show locked --passphrase-file <(cat passphrase)"
        " && openssl pkey -in locked -passin file:passphrase -noout"
    )
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=person.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    assert done.stdout.count("key       ECDSA P-256") == 2


@pytest.mark.parametrize("content", ["", "\nsecond line", "x" * 1024])
def test_a_file_that_holds_no_passphrase_is_said(content: str, person: Person) -> None:
    a_request(person.folder)
    file = person.folder / "passphrase"
    file.write_text(content)
    done = person.run(
        "pem", "key", person.folder / "nas.key", "--lock", "--new-passphrase-file", file,
        "--out", person.folder / "locked",
    )  # fmt: skip
    assert done.code == 2, done
    assert str(file) in done.err
    assert not (person.folder / "locked").exists()


def test_a_passphrase_that_others_can_read_is_told(person: Person) -> None:
    a_request(person.folder)
    file = passphrase_file(person.folder, "x")
    file.chmod(0o644)
    done = person.run(
        "pem", "key", person.folder / "nas.key", "--lock", "--new-passphrase-file", file,
        "--out", person.folder / "locked",
    )  # fmt: skip
    assert f"others on this computer can read {file}" in done.out


# Certificates of anybody

FOREIGN: dict[str, tuple[str, Callable[[dict[str, object]], bool]]] = {
    "P-521": ("ec -pkeyopt ec_paramgen_curve:P-521", lambda f: f["key"] == "ECDSA P-521"),
    "Ed25519": ("ed25519", lambda f: f["key"] == "Ed25519"),
    "RSA 1024 with MD5": ("rsa:1024 -md5", lambda f: "md5" in str(f["signature"])),
    "brainpool": (
        "ec -pkeyopt ec_paramgen_curve:brainpoolP256r1",
        lambda f: f["key"] == "ECDSA on the curve brainpoolP256r1",
    ),
    "a key that nobody knows": ("sm2", lambda f: "unknown kind" in str(f["key"])),
    "a negative serial": ("rsa:2048 -set_serial -5", lambda f: f["serial"] == "-5"),
    "no subject": ("rsa:2048 -subj /", lambda f: f["subject"] == ""),
    "a broken SAN": (
        "rsa:2048 -addext subjectAltName=DER:3003820161FF",
        lambda f: bool(f["extensions"]["unreadable"]),  # type: ignore[index]
    ),
    "names of every kind": (
        "rsa:2048 -addext subjectAltName=email:a@b.c,URI:http://x/,RID:1.2.3,DNS:*.lan,DNS:a_b.lan",
        lambda f: (
            f["extensions"]["names"]  # type: ignore[index]
            == ["e-mail a@b.c", "URI http://x/", "registered ID 1.2.3", "*.lan", "a_b.lan"]
        ),
    ),
    "an unknown critical extension": (
        "rsa:2048 -addext 1.2.3.4=critical,DER:0500",
        lambda f: "1.2.3.4" in f["extensions"]["critical"],  # type: ignore[index]
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_certificate_that_we_would_never_make_is_shown(kind: str, person: Person) -> None:
    new, as_expected = FOREIGN[kind]
    subject = "" if "-subj" in new else "-subj /CN=foreign"
    openssl(
        f"openssl req -x509 -newkey {new} {subject} -noenc -keyout k.pem -out c.pem -days 9",
        person.folder,
    )
    done = person.run("pem", "show", person.folder / "c.pem", "--json")
    assert done.code == 0, done
    (facts,) = done.json["files"][0]["parts"]
    assert as_expected(facts), json.dumps(facts, indent=1)
    assert facts["days_left"] in (8, 9)
    plain = person.run("pem", "show", person.folder / "c.pem")
    assert plain.code == 0, plain
    assert facts["sha256"] in plain.out.replace(":", "").lower()


def test_a_certificate_of_a_version_that_there_is_not_is_shown_as_such(person: Person) -> None:
    a_house(person)
    openssl("openssl x509 -in house/root.pem -outform DER -out c.der", person.folder)
    file = person.folder / "c.der"
    file.write_bytes(file.read_bytes().replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x06", 1))
    done = person.run("pem", "show", file)
    assert done.code == 0, done
    assert "version   7, which X.509 does not have" in done.out
    assert "subject   CN=housekey root" in done.out
    # Nothing can be done with it.
    assert person.run("pem", "convert", file, "--to", "pem").code == 3


def test_a_foreign_key_is_converted_and_locked(person: Person) -> None:
    openssl("openssl genpkey -algorithm ED25519 -out odd.key", person.folder)
    file = passphrase_file(person.folder, "x")
    locked = person.folder / "locked"
    done = person.run(
        "pem", "key", person.folder / "odd.key", "--lock", "--new-passphrase-file", file,
        "--out", locked,
    )  # fmt: skip
    assert done.code == 0, done
    again = read(locked.read_bytes(), Secret(b"x")).the_key()
    assert isinstance(again, AnyPrivateKey)
    assert again.to_pem().reveal() == (person.folder / "odd.key").read_bytes()


# Does a chain hold?


def test_a_chain_that_does_not_hold_says_why(person: Person) -> None:
    a_house(person)
    pair = person.folder / "pair"
    a_request(person.folder, "subjectAltName=DNS:nas.lan")
    selfmade = person.folder / "self.pem"
    assert person.run(
        "pem", "sign", "--self-signed", "--key", person.folder / "nas.key", "--name", "nas.lan",
        "--out", selfmade,
    ).code == 0  # fmt: skip
    leaf = person.folder / "leaf.pem"
    openssl("openssl x509 -in pair/certificate.pem -out leaf.pem", person.folder)
    for arguments, said in (
        ([pair / "certificate.pem", "--name", "tv.lan"], "it is not for tv.lan, but for ha.lan"),
        ([pair / "certificate.pem", "--at", "2001-01-01"], "is not valid before"),
        ([pair / "certificate.pem", "--at", "2099-01-01"], "has ended on"),
        ([leaf], "is missing: neither in the chain nor among the roots"),
        ([selfmade], "is signed by itself, and is not among"),
        ([pair / "certificate.pem", "--root", selfmade], "is missing"),
    ):
        done = person.run("pem", "verify", *arguments)
        assert done.code == 1, done
        assert said in done.out
        assert done.err == ""
    assert person.run("pem", "verify", leaf, person.house / "issuing.pem").code == 0
    assert person.run("pem", "verify", selfmade, "--root", selfmade).code == 0


def test_a_chain_outside_its_constraints_does_not_hold(person: Person) -> None:
    """What a thief of the issuing key would make, and every client must refuse."""
    a_house(person)
    a_request(person.folder, "subjectAltName=DNS:bank.example")
    (person.folder / "ext").write_text(
        "subjectAltName=DNS:bank.example\nauthorityKeyIdentifier=keyid\n"
        "basicConstraints=critical,CA:FALSE\n"
    )
    openssl(
        "openssl x509 -req -in nas.csr -CA house/issuing.pem -CAkey house/issuing.key -days 9"
        " -extfile ext -out forged.pem",
        person.folder,
    )
    done = person.run("pem", "verify", person.folder / "forged.pem", person.house / "issuing.pem")
    assert done.code == 1, done
    assert "its form or its constraints do not allow it" in done.out


def test_the_profile_of_what_is_signed_has_only_the_use_of_a_server(person: Person) -> None:
    a_house(person)
    request = a_request(person.folder, "subjectAltName=DNS:nas.lan")
    done = person.run("pem", "sign", request)
    certificate = read(done.out.encode()).certificates[0]
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
