"""`housekey cert revoke`: one command takes a certificate back, lists it, and replaces it."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from housekey.homeassistant.recorded import LABEL
from housekey.pki.encoding import certificates_from_pem
from tests.cli.test_house import make_house
from tests.cli.visiting import Sharing
from tests.house.disks import small_disk

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Person


@pytest.fixture
def house(person: Person) -> Path:
    make_house(person.house)
    return person.house


def presented(folder: Path) -> x509.Certificate:
    """The certificate of a folder, whose pair must load as any server would load it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "privkey.pem")
    return certificates_from_pem((folder / "certificate.pem").read_bytes())[0]


def listed(house: Path) -> set[int]:
    return {each.serial_number for each in crl_of(house)}


def crl_of(house: Path) -> x509.CertificateRevocationList:
    return x509.load_der_x509_crl((house / "crl.der").read_bytes())


def test_it_is_revoked_listed_and_replaced_at_once(house: Path, person: Person) -> None:
    person.run("cert", "new", "nas.lan", "192.168.1.9")
    folder = house / "leaves" / "nas.lan"
    before = presented(folder)
    done = person.run("cert", "revoke", "nas.lan", "--reason", "key-compromise")
    assert done.code == 0, done
    after = presented(folder)
    assert before.public_key() != after.public_key()
    assert listed(house) == {before.serial_number}
    assert f"revoked   nas.lan, 192.168.1.9 (serial {before.serial_number:x})" in done.out
    assert f"list      {house}/crl.der: 1 certificate\n" in done.out
    assert f"issued    {folder}/certificate.pem" in done.out
    assert "hardly any device looks at the list" in done.out
    told = person.run("cert", "list", "--json").json["certificates"]
    assert [(each["label"], each["revoked"]) for each in told] == [("nas.lan", None)]
    # And a real engine agrees that it is the old one that is refused.
    for certificate, word in ((before, "certificate revoked"), (after, "OK")):
        (person.folder / "leaf.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (person.folder / "crl.pem").write_bytes(crl_of(house).public_bytes(Encoding.PEM))
        said = subprocess.run(
            ["openssl", "verify", "-crl_check", "-CRLfile", person.folder / "crl.pem",
             "-CAfile", house / "root.pem", "-untrusted", house / "issuing.pem",
             person.folder / "leaf.pem"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert word in said.stdout + said.stderr


def test_json_says_all_of_it(house: Path, person: Person) -> None:
    person.run("cert", "new", "nas.lan")
    before = presented(house / "leaves" / "nas.lan")
    told = person.run("cert", "revoke", "--json", "nas.lan", "--reason=superseded").json
    (one,) = told["revoked"]
    assert one["serial"] == f"{before.serial_number:x}"
    assert (one["label"], one["names"], one["listed"]) == ("nas.lan", ["nas.lan"], True)
    assert (told["reason"], told["owed"]) == ("superseded", [])
    assert told["crl"]["entries"] == 1
    assert told["crl"]["number"] > 0
    after = presented(house / "leaves" / "nas.lan")
    assert told["replacement"]["serial"] == f"{after.serial_number:x}"


def test_without_a_replacement_it_is_said_to_be_revoked_until_there_is_one(
    house: Path, person: Person
) -> None:
    person.run("cert", "new", "nas.lan")
    before = presented(house / "leaves" / "nas.lan")
    done = person.run("cert", "revoke", "nas.lan", "--no-replacement")
    assert done.code == 0, done
    assert presented(house / "leaves" / "nas.lan") == before
    assert "  revoked   nas.lan\n" in person.run("cert", "list").out
    shown = person.run("cert", "show", "nas.lan", "--json").json
    assert shown["revoked"]["reason"] == "unspecified"
    assert shown["serial"] == f"{before.serial_number:x}"
    # Its thing is gone: nothing renews it, and nothing is due.
    for command in (["renew"], ["renew", "--all"], ["status"]):
        done = person.run(*command)
        assert done.code == 0, done
    assert presented(house / "leaves" / "nas.lan") == before
    first = crl_of(house)
    again = person.run("cert", "revoke", "nas.lan", "--no-replacement")
    assert again.code == 3
    assert "error: the certificate for nas.lan was revoked on " in again.err
    replaced = person.run("cert", "revoke", "nas.lan")
    assert replaced.code == 0, replaced
    assert presented(house / "leaves" / "nas.lan") != before
    assert listed(house) == {before.serial_number}
    assert crl_of(house) == first, "it names all that is revoked already"


def test_home_assistants_own_is_replaced_and_the_way_to_deliver_it_is_said(
    house: Path, person: Person
) -> None:
    from housekey.cli.output import now  # noqa: PLC0415 - the clock of the command line
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.house import House  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    with House.open(house, files=Files(), clock=now) as opened:
        opened.issue(LABEL, [parse_name("homeassistant.local")])
    done = person.run("cert", "revoke", "home-assistant")
    assert done.code == 0, done
    assert "next      Home Assistant still presents the old one: housekey " in done.out


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("nothing.lan", 2, "there is no certificate for nothing.lan"),
        ("0123abcd", 2, "and none with that serial number"),
        ("root", 3, "is the house's root, which nobody can revoke"),
        ("issuing", 3, "is the house's issuing CA, which nobody can revoke"),
    ],
)
def test_what_cannot_be_revoked_says_why_and_leaves_nothing(
    house: Path, person: Person, what: str, code: int, words: str
) -> None:
    if (own := house / f"{what}.pem").exists():
        what = f"{certificates_from_pem(own.read_bytes())[0].serial_number:x}"
    done = person.run("cert", "revoke", what)
    assert done.code == code, done
    assert words in done.err
    assert not (house / "crl.der").exists()


def test_a_full_disk_is_found_before_anything_is_recorded(tmp_path: Path, person: Person) -> None:
    with small_disk(tmp_path / "disk", kilobytes=600) as disk:
        person.house = disk / "house"
        make_house(person.house)
        person.run("cert", "new", "nas.lan")
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        done = person.run("cert", "revoke", "nas.lan")
        assert done.code == 3, done
        assert "the disk is full" in done.err
        filler.unlink()
        assert person.run("cert", "list", "--json").json["certificates"][0]["revoked"] is None
        assert person.run("cert", "revoke", "nas.lan").code == 0


def test_the_onboarding_page_serves_the_list_and_makes_it_again_if_it_is_gone(
    house: Path, person: Person
) -> None:
    person.run("cert", "new", "nas.lan")
    person.run("cert", "revoke", "nas.lan")
    revoked = listed(house)
    (house / "crl.der").unlink()
    with Sharing(house) as sharing:
        sharing.expect("waiting   for devices")
        connection = HTTPConnection("127.0.0.1", sharing.port, timeout=30)
        connection.request("GET", "/housekey.crl")
        answer = connection.getresponse()
        body = answer.read()
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pkix-crl")
        connection.close()
    read = x509.load_der_x509_crl(body)
    assert {each.serial_number for each in read} == revoked
    assert body == (house / "crl.der").read_bytes()


def test_where_nothing_was_revoked_the_page_has_no_list(house: Path) -> None:
    with Sharing(house) as sharing:
        sharing.expect("waiting   for devices")
        connection = HTTPConnection("127.0.0.1", sharing.port, timeout=30)
        connection.request("GET", "/housekey.crl")
        assert connection.getresponse().status == 404
        connection.close()
    assert not (house / "crl.der").exists()


def test_a_ledger_that_is_made_again_knows_from_the_list_what_was_revoked(
    house: Path, person: Person
) -> None:
    person.run("cert", "new", "nas.lan")
    person.run("cert", "revoke", "nas.lan", "--no-replacement", "--reason=superseded")
    for name in ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"):
        (house / name).unlink(missing_ok=True)
    done = person.run("ledger", "rebuild")
    assert done.code == 0, done
    assert "revoked   1 certificate, as the list crl.der says" in done.out
    shown = person.run("cert", "show", "nas.lan", "--json").json
    assert shown["revoked"]["reason"] == "superseded"
