"""`housekey cert new|list|show`."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from housekey.house.recovery import RecoveryCode
from housekey.pki.encoding import certificates_from_pem, fingerprint
from housekey.pki.fingerprint import grouped
from housekey.pki.keys import PrivateKey
from tests.command import COMMAND, environment
from tests.house.disks import read_only, small_disk
from tests.terminal import Terminal

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

    from tests.cli.conftest import Person


def leaf_of(folder: Path) -> x509.Certificate:
    """Return the leaf in a folder, whose pair must load as any server would load it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "privkey.pem")
    return certificates_from_pem((folder / "certificate.pem").read_bytes())[0]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_first_certificate_brings_a_house_and_its_code(person: Person) -> None:
    done = person.run("cert", "new", "--json", "Printer.LAN.", "192.168.1.9")
    assert done.code == 0, done
    told = done.json
    assert told["house"] == str(person.house)
    assert told["certificate"]["names"] == ["printer.lan", "192.168.1.9"]
    # The code opens the root's key.
    code = RecoveryCode.parse(told["recovery_code"])
    sealed = (person.house / "root.key.sealed").read_bytes()
    PrivateKey.from_pem(sealed, code.secret)


def test_the_pair_lies_where_it_was_asked_for(person: Person) -> None:
    out = person.folder / "new" / "pair"
    done = person.run("cert", "new", "nas.lan", "nas.lan", "--out", out, "--json")
    assert done.code == 0, done
    assert done.json["certificate"]["path"] == str(out / "certificate.pem")
    assert done.json["certificate"]["key_path"] == str(out / "privkey.pem")
    leaf = leaf_of(out)
    assert fingerprint(leaf) == done.json["certificate"]["sha256"]
    assert done.json["certificate"]["names"] == ["nas.lan"]
    assert (out / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert (out / "certificate.pem").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in out.iterdir()) == ["certificate.pem", "privkey.pem"]


def test_without_a_place_the_pair_lies_in_the_house(person: Person) -> None:
    done = person.run("cert", "new", "nas.lan", "--yes")
    assert done.code == 0, done
    folder = person.house / "leaves" / "nas.lan"
    leaf_of(folder)
    assert str(folder / "certificate.pem") in done.out
    assert "recovery code: " in done.out


@pytest.mark.parametrize(
    ("kind", "size", "label"),
    [
        ("ecdsa-p256", 256, "ECDSA P-256"),
        ("ecdsa-p384", 384, "ECDSA P-384"),
        ("rsa-2048", 2048, "RSA 2048"),
    ],
)
def test_the_kind_of_key_and_the_days_are_as_asked(
    kind: str, size: int, label: str, person: Person
) -> None:
    done = person.run("cert", "new", "a.lan", "--yes", "--key", kind, "--days", "30")
    assert done.code == 0, done
    assert f"(30 days, {label})" in done.out
    leaf = certificates_from_pem(
        (person.house / "leaves" / "a.lan" / "certificate.pem").read_bytes()
    )[0]
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert key.key_size == size


def test_every_field_of_the_subject_can_be_set(person: Person) -> None:
    fields = {
        "--country": ("nl", NameOID.COUNTRY_NAME, "NL"),
        "--state": ("Noord-Holland", NameOID.STATE_OR_PROVINCE_NAME, None),
        "--locality": ("Amsterdam", NameOID.LOCALITY_NAME, None),
        "--organization": ("Ons Huis", NameOID.ORGANIZATION_NAME, None),
        "--organizational-unit": ("Zolder", NameOID.ORGANIZATIONAL_UNIT_NAME, None),
        "--common-name": ("printer.lan", NameOID.COMMON_NAME, None),
        "--email": ("ada@example.org", NameOID.EMAIL_ADDRESS, None),
    }
    given = [word for option, (value, *_) in fields.items() for word in (option, value)]
    out = person.folder / "out"
    names = ["cups.lan", "printer.lan"]
    done = person.run("cert", "new", *names, "--yes", "--out", out, *given)
    assert done.code == 0, done
    subject = leaf_of(out).subject
    for value, oid, kept_as in fields.values():
        assert subject.get_attributes_for_oid(oid)[0].value == (kept_as or value)


def test_a_new_house_takes_a_name_of_ones_own_and_says_so_and_an_old_one_refuses(
    person: Person,
) -> None:
    new = person.run("cert", "new", "cam.example.org", "--yes")
    assert new.code == 0, new
    assert "covers" in new.out
    assert "cam.example.org" in new.out

    before = contents(person.house)
    other = person.run("cert", "new", "cam.example.net", "--yes")
    assert other.code == 3, other
    assert "may not issue" in other.err
    assert "housekey house rotate --permit NAME" in other.err
    after = contents(person.house)
    assert {k: v for k, v in after.items() if "ledger" not in k and "lock" not in k} == {
        k: v for k, v in before.items() if "ledger" not in k and "lock" not in k
    }


@pytest.mark.parametrize(
    "name", ["foo_bar", "*.local", "a..b", "x" * 64 + ".lan", "*", "", "::1%lo"]
)
def test_a_name_that_nobody_takes_is_refused_before_there_is_a_house(
    name: str, person: Person
) -> None:
    done = person.run("cert", "new", "--yes", "--json", "good.lan", "--", name)
    assert done.code == 2, done
    assert done.json["error"]["hint"]
    assert not person.house.exists()


def test_a_name_that_belongs_to_everybody_is_refused_before_there_is_a_house(
    person: Person,
) -> None:
    done = person.run("cert", "new", "--yes", "com")
    assert done.code == 2, done
    assert not person.house.exists()


@pytest.mark.parametrize(
    "wrong",
    [["--country", "Holland"], ["--common-name", "tv.lan"], ["--email", ""]],
    ids=["country", "common-name", "empty"],
)
def test_a_wrong_subject_is_refused_before_there_is_a_house(
    wrong: list[str], person: Person
) -> None:
    done = person.run("cert", "new", "--yes", "nas.lan", *wrong)
    assert done.code == 2, done
    assert "recovery code" not in done.out
    assert not person.house.exists()


def test_what_lies_at_the_place_is_kept_beside_the_new_pair(person: Person) -> None:
    out = person.folder / "out"
    out.mkdir()
    (out / "privkey.pem").write_text("an older key")
    (out / "privkey.pem").chmod(0o644)
    first = person.run("cert", "new", "nas.lan", "--yes", "--out", out)
    assert "privkey.pem.before-1" in first.out
    kept = out / "privkey.pem.before-1"
    assert kept.read_text() == "an older key"
    assert kept.stat().st_mode & 0o077 == 0
    # Its own earlier pair is nobody else's: the house keeps a generation of it.
    second = person.run("cert", "new", "nas.lan", "--yes", "--out", out)
    assert second.code == 0, second
    assert len(list(out.iterdir())) == 3
    leaf_of(out)


def test_a_self_signed_one_says_who_will_never_take_it(person: Person) -> None:
    out = person.folder / "out"
    done = person.run("cert", "new", "nas.lan", "--self-signed", "--json", "--out", out)
    assert done.code == 0, done
    leaf = leaf_of(out)
    assert leaf.issuer == leaf.subject
    assert any("iPhone" in each for each in done.json["never_accepted_by"])
    told = person.run("cert", "new", "nas.lan", "--self-signed", "--out", out).out
    assert told.count("heads up  never accepted by") == 3


def test_list_and_show_tell_the_same_in_words_and_in_json(person: Person) -> None:
    assert person.run("cert", "new", "--yes", "nas.lan", "192.168.1.9").code == 0
    assert person.run("cert", "new", "--yes", "cam.lan", "--days", "30").code == 0

    listed = person.run("cert", "list")
    assert "nas.lan, 192.168.1.9" in listed.out
    assert "29 days   cam.lan\n" in listed.out
    facts = person.run("cert", "list", "--json").json["certificates"]
    assert [each["label"] for each in facts] == ["cam.lan", "nas.lan"]

    for name in ("nas.lan", "NAS.lan", "192.168.1.9"):
        assert person.run("cert", "show", name, "--json").json == facts[1]
    shown = person.run("cert", "show", "nas.lan").out
    for key in ("subject", "issuer", "not_before", "not_after", "path"):
        assert facts[1][key] in shown
    assert grouped(facts[1]["sha256"]) in shown  # as house show and browsers write it


def test_showing_one_that_is_not_there_names_those_that_are(person: Person) -> None:
    assert person.run("cert", "new", "--yes", "nas.lan").code == 0
    done = person.run("cert", "show", "tv.lan")
    assert done.code == 2
    assert "no certificate for tv.lan" in done.err
    assert "nas.lan" in done.err.splitlines()[1]


def test_an_empty_list_says_what_to_do(person: Person) -> None:
    assert person.run("cert", "new", "--yes", "nas.lan").code == 0
    (person.house / "leaves" / "nas.lan" / "certificate.pem").unlink()
    (person.house / "leaves" / "nas.lan" / "privkey.pem").unlink()
    (person.house / "leaves" / "nas.lan").rmdir()
    done = person.run("cert", "list")
    assert done.code == 0
    assert "housekey cert new NAME" in done.out


# The recovery code


def test_nobody_is_shown_a_code_who_cannot_say_that_it_was_noted(person: Person) -> None:
    done = person.run("cert", "new", "nas.lan")
    assert done.code == 2, done
    assert "answer with --yes" in done.err
    assert done.out == ""
    assert not person.house.exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_person_who_has_not_noted_the_code_gets_no_house(answer: str, person: Person) -> None:
    env = environment(HOUSEKEY_HOUSE=str(person.house))
    with Terminal([*COMMAND, "cert", "new", "nas.lan"], env=env) as terminal:
        terminal.expect("written it down? [y/N]: ")
        assert "recovery code: " in terminal.said
        assert not person.house.exists()
        terminal.type(answer)
        code = terminal.wait()
    assert code == (0 if answer == "y" else 1)
    assert person.house.exists() is (answer == "y")
    assert ("stopped, before anything was changed" in terminal.said) is (answer == "n")
    # What was written down all the same is worth nothing.
    assert ("the recovery code above opens nothing" in terminal.said) is (answer == "n")


def test_ctrl_d_at_a_question_leaves_the_error_a_line_of_its_own(person: Person) -> None:
    env = environment(HOUSEKEY_HOUSE=str(person.house))
    with Terminal([*COMMAND, "cert", "new", "nas.lan"], env=env) as terminal:
        terminal.expect("written it down? [y/N]: ")
        terminal.press("\x04")
        assert terminal.wait() == 130
    assert "[y/N]: \nerror: interrupted" in terminal.said


# Disks that fail


def test_a_place_that_cannot_be_written_is_found_before_there_is_a_house(person: Person) -> None:
    out = person.folder / "out"
    out.mkdir()
    with read_only(out):
        done = person.run("cert", "new", "nas.lan", "--json", "--out", out)
    assert done.code == 3, done
    assert str(out) in done.json["error"]["message"]
    assert "recovery_code" not in done.json
    assert not person.house.exists()


def test_a_full_disk_leaves_no_half_house(person: Person) -> None:
    with small_disk(person.folder / "disk", kilobytes=16) as disk:
        person.house = disk / "house"
        done = person.run("cert", "new", "nas.lan", "--json")
        assert done.code == 3, done
        assert "the disk is full" in done.json["error"]["message"]
        assert "recovery_code" not in done.json
        assert list(disk.iterdir()) == []


def test_a_code_is_told_even_if_what_comes_after_it_fails(person: Person) -> None:
    """The house is there, and whoever reads JSON has no other chance to see its code."""
    out = person.folder / "out"
    (out / "certificate.pem").mkdir(parents=True)
    done = person.run("cert", "new", "nas.lan", "--json", "--out", out)
    assert done.code == 3, done
    assert person.house.exists() is ("recovery_code" in done.json)


def test_json_is_for_every_language(person: Person) -> None:
    done = person.run("cert", "new", "nas.lan", "--json", "--organization", "Grüße")
    assert "Grüße" in done.out
    assert json.loads(done.out)["certificate"]["subject"] == "CN=nas.lan,O=Grüße"


def test_one_damaged_certificate_is_listed_as_that_beside_all_others(person: Person) -> None:
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    assert person.run("cert", "new", "bad.lan").code == 0
    file = person.house / "leaves" / "bad.lan" / "certificate.pem"
    file.write_bytes(file.read_bytes()[:200])
    done = person.run("cert", "list")
    assert (done.code, done.err) == (1, "")
    assert "nas.lan" in done.out
    said = " ".join(done.out.split())
    assert "damaged bad.lan: " in said
    assert "hint move that folder away" in said
    document = person.run("cert", "list", "--json").json
    assert [each["label"] for each in document["certificates"]] == ["nas.lan"]
    assert [each["label"] for each in document["damaged"]] == ["bad.lan"]

    shown = person.run("cert", "show", "nas.lan")
    assert shown.code == 0, shown
    other = person.run("cert", "show", "bad.lan")
    assert other.code == 3, other
    assert "move that folder away" in other.err
    assert "bad.lan" in person.run("cert", "show", "missing.lan").err, "it is one that there is"
    assert person.run("house", "show").code == 0
