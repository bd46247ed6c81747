"""`housekey secure --csr` and `--install`: from a request to HTTPS, and back.

Home Assistant is the stand-in of tests/faults here, which really serves what it is given; the real
ones are in test_real_homes.py.
"""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from housekey.pki.encoding import certificates_from_pem, fingerprint
from tests.needs import require
from tests.own.authorities import EASYRSA, Ca, by_easyrsa, by_openssl, by_xca, der, p7b, p12, pem

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.warmed import Ended
    from tests.own.authorities import Signed
    from tests.own.place import Place


def public(thing: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return thing.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def served(place: Place) -> x509.Certificate:
    """Return what is presented to a client that trusts anybody."""
    text = ssl.get_server_certificate(("127.0.0.1", place.home.port))
    return x509.load_pem_x509_certificate(text.encode())


# The request


def test_a_request_asks_for_all_names_that_were_found_and_for_a_server(place: Place) -> None:
    would = place.secure("--dry-run").json["names"]
    before = place.files()

    asked = place.request()

    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [*map(str, (each.value for each in names))] == would
    usage = asked.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert place.files() == before  # nothing of Home Assistant is changed
    key = place.house / "request" / "privkey.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE KEY" not in place.csr.read_bytes()
    own = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(own, ec.EllipticCurvePrivateKey)
    assert own.public_key() == asked.public_key()


def test_the_same_request_again_is_of_the_same_key_until_another_is_asked_for(place: Place) -> None:
    first = place.request()

    again, more = place.request(), place.request("--name", "tablet.lan")
    new, other = place.request("--new-key"), place.request("--key", "rsa-2048")
    last = place.request()

    assert public(first) == public(again) == public(more)
    assert len({*map(public, (first, new, other))}) == 3
    assert public(last) == public(other)
    names = last.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "tablet.lan" in names.get_values_for_type(x509.DNSName)  # said once, not forgotten


def test_the_request_has_the_fields_that_were_given(place: Place) -> None:
    asked = place.request("--country", "NL", "--organization", "Ours", "--name", "ha.home.example",
                          "--common-name", "ha.home.example")  # fmt: skip

    assert asked.subject.rfc4514_string() == "CN=ha.home.example,O=Ours,C=NL"


def test_a_request_is_printed_and_nothing_else_is(place: Place) -> None:
    ended = place.secure("--csr", "-", json=False)

    assert ended.code == 0, ended
    printed = x509.load_pem_x509_csr(ended.out.encode())
    assert ended.out.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert "next" in ended.err
    told = place.secure("--csr", "-").json
    assert public(x509.load_pem_x509_csr(told["printed"][0]["pem"].encode())) == public(printed)


def test_a_dry_run_of_a_request_leaves_no_house_behind(place: Place) -> None:
    ended = place.secure("--csr", place.csr, "--dry-run")

    assert ended.code == 0, ended
    assert ended.json["dry_run"] is True
    assert not place.house.exists()
    assert not place.csr.exists()


# CAs that people have


@pytest.mark.parametrize("make", [by_openssl, by_easyrsa, by_xca], ids=lambda each: each.__name__)
def test_a_ca_of_ones_own_ends_in_https_and_undo_leaves_no_trace(
    place: Place, make: Callable[[Path, Path], Signed]
) -> None:
    if make is by_easyrsa:
        require(Path(EASYRSA).exists(), "easy-rsa is not installed")
    place.request()
    signed = make(place.folder / "ca", place.csr)
    before = place.files()
    forced = ["--force"] if make is by_easyrsa else []  # its root: uncritical basicConstraints

    done = place.secure("--install", signed.root, *signed.between, signed.leaf, *forced)

    assert done.code == 0, done
    assert done.json["kept"] is True
    chain = certificates_from_pem((place.home.folder / "certificate.pem").read_bytes())
    wanted = [signed.leaf, *signed.between]
    assert list(chain) == [x509.load_pem_x509_certificate(each.read_bytes()) for each in wanted]
    assert fingerprint(served(place)) == fingerprint(chain[0])
    context = ssl.create_default_context(cafile=str(signed.root))
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with (
        socket.create_connection(("127.0.0.1", place.home.port)) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.version() == "TLSv1.3"
    again = place.secure()
    assert again.code == 0, again
    assert again.json["changed"] is False
    assert place.run("status").code == 0

    undone = place.about_home("undo")

    assert undone.code == 0, undone
    assert without_stamps(place.files()) == without_stamps(before)
    assert not (place.house / "road.json").exists()


def without_stamps(files: dict[str, bytes]) -> dict[str, object]:
    """The files, without the moment at which Home Assistant notes a setting of its own."""
    read: dict[str, object] = dict(files)
    http = json.loads(files[".storage/http"])
    http["data"]["stable"].pop("created_at")
    return read | {".storage/http": http}


def test_the_root_of_easy_rsa_is_told_about_before_it_is_let_pass(place: Place) -> None:
    require(Path(EASYRSA).exists(), "easy-rsa is not installed")
    place.request()
    signed = by_easyrsa(place.folder / "ca", place.csr)

    refused = place.secure("--install", signed.leaf, signed.root)

    assert refused.code == 3
    error = refused.json["error"]
    warned = "python: the root has basicConstraints that are not critical"
    assert error["message"] == f"this may not work everywhere: {warned}"
    assert "--force" in error["hint"]
    assert refused.json["findings"] == [warned]


# What was returned, in any form


@pytest.fixture
def ca() -> Ca:
    return Ca.root().below()


def root_of(ca: Ca) -> x509.Certificate:
    assert ca.above is not None
    return ca.above.certificate


def install(place: Place, ca: Ca, leaf: x509.Certificate, *more: str) -> Ended:
    """Install the leaf, as a file with all that leads to the root of `ca`."""
    whole = place.put("whole.pem", pem(leaf, ca.certificate, root_of(ca)))
    return place.secure("--install", whole, *more)


def test_files_may_come_in_any_order_and_form(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request())
    parts = (root_of(ca), ca.certificate, leaf)
    given = [
        [place.put("all.pem", pem(*parts))],
        [place.put("all.p7b", p7b(*parts))],
        [place.put("leaf.der", der(leaf)), place.put("rest.p7b", p7b(ca.certificate, parts[0]))],
        [place.put("rest.pem", pem(*parts[:2])), place.put("leaf.der", der(leaf))],
    ]

    for files in given:
        done = place.secure("--install", *files)
        assert done.code == 0, done
        chain = certificates_from_pem((place.home.folder / "certificate.pem").read_bytes())
        assert chain == (leaf, ca.certificate)


def test_names_that_the_ca_left_out_are_done_without_knowingly_and_only_once(
    place: Place, ca: Ca
) -> None:
    asked = place.request().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = [x509.DNSName(each) for each in asked.get_values_for_type(x509.DNSName)]
    leaf = ca.sign(place.request(), names=hosts)  # no addresses, as many a company has it

    refused = install(place, ca, leaf)
    done = install(place, ca, leaf, "--force")

    assert refused.code == 3
    assert refused.json["error"]["message"].startswith(
        "the certificate lacks names under which Home Assistant was found: "
    )
    assert done.code == 0, done
    assert done.json["signed_in"] is True  # at 127.0.0.1, asked for by its name
    assert done.json["names"] == [each.value for each in hosts]
    assert place.about_home("renew").code == 0  # it does not ask for them again
    again = ca.sign(place.request(), names=hosts)
    assert install(place, ca, again).code == 0
    assert place.about_home("undo").code == 0


def test_a_wildcard_is_good_for_what_it_covers(place: Place, ca: Ca) -> None:
    wild = [x509.DNSName("*.home.example"), x509.DNSName("localhost")]
    leaf = ca.sign(place.request("--name", "ha.home.example"), names=wild)
    alone = ca.sign(place.request(), names=wild[:1])

    refused = install(place, ca, alone, "--force")
    done = install(place, ca, leaf, "--force")

    assert refused.code == 3
    assert "*.home.example alone" in refused.json["error"]["message"]
    assert done.code == 0, done
    assert done.json["names"] == ["*.home.example", "localhost"]


def test_the_root_may_be_named_and_what_leads_to_it_is_remembered(place: Place, ca: Ca) -> None:
    leaf = place.put("leaf.pem", pem(ca.sign(place.request())))
    files = leaf, place.put("ca.pem", pem(ca.certificate))
    root = place.put("root.der", der(root_of(ca)))

    assert place.secure("--install", *files).code == 3  # nothing leads to a root
    assert place.secure("--install", *files, "--root", root).code == 0
    next_leaf = place.put("next.pem", pem(ca.sign(place.request())))
    again = place.secure("--install", next_leaf)  # and so is what lies between

    assert again.code == 0, again
    chain = certificates_from_pem((place.home.folder / "certificate.pem").read_bytes())
    assert chain[1:] == (ca.certificate,)
    assert again.json["certificate"]["path"] == str(place.home.folder / "certificate.pem")
    assert again.json["certificate"]["sha256"] == fingerprint(served(place))


def test_a_pkcs12_brings_its_own_key(place: Place, ca: Ca) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = ca.sign(place.request(), key=key)
    bundle = place.put("home.p12", p12(key, leaf, ca.certificate, root_of(ca), passphrase=b"seven"))
    words = place.put("passphrase", b"seven\n")
    words.chmod(0o600)

    locked = place.secure("--install", bundle)
    done = place.secure("--install", bundle, "--passphrase-file", words)

    assert locked.code == 3
    assert locked.json["error"]["hint"] == "--passphrase-file FILE opens it"
    assert done.code == 0, done
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert (place.home.folder / "privkey.pem").read_bytes() == plain


def test_an_answer_to_the_request_before_the_last_is_still_taken(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request())
    place.request("--new-key")

    done = place.secure("--install", place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert done.code == 0, done


# Renewal, by hand


@pytest.mark.parametrize("new_key", [False, True])
def test_renewal_is_the_same_two_commands(place: Place, ca: Ca, new_key: bool) -> None:
    first = ca.sign(place.request(), days=(-300, 30))
    assert install(place, ca, first).code == 0
    starts = place.home.starts

    reminded = place.about_home("renew")
    status = place.run("status")
    nothing = place.secure()

    assert reminded.code == 1
    (item,) = reminded.json["certificates"]
    assert item["became"] == "failed"
    assert item["error"]["message"] == (
        "a new certificate is due (two thirds of its life are over), and your own CA has to sign it"
    )
    assert "--csr" in item["error"]["hint"]
    assert status.code == 1
    assert any("--csr" in each for each in status.json["next"])
    assert nothing.code == 3  # and it says the same
    assert place.home.starts == starts
    assert served(place) == first

    second = ca.sign(place.request(*["--new-key"] * new_key))
    done = install(place, ca, second)

    assert done.code == 0, done
    assert served(place) == second
    assert (public(first) == public(second)) is not new_key
    assert place.about_home("renew").code == 0
    assert place.run("status").code == 0
    assert place.run("house", "check").code == 0
    assert place.about_home("undo").code == 0


# From one road to another


def test_from_the_private_root_to_an_own_ca_and_back(place: Place, ca: Ca) -> None:
    before = place.files()
    assert place.secure().code == 0
    private = served(place)
    leaf = ca.sign(place.request())

    there = install(place, ca, leaf)
    shared = place.run("share", "--bind", "203.0.113.7", json=False)  # nobody has that address
    named = place.secure("--name", "tablet.lan")
    back = place.secure("--private")

    assert there.code == 0, there
    assert "comes from another CA, whose root devices need" in shared.out
    assert named.code == 2  # the CA says the names
    assert back.code == 0, back
    assert served(place).issuer == private.issuer
    assert public(served(place)) != public(leaf)
    assert not (place.house / "road.json").exists()
    assert place.run("house", "check").code == 0
    assert place.about_home("undo").code == 0
    assert without_stamps(place.files()) == without_stamps(before)


def test_after_a_theft_the_key_of_the_request_is_not_asked_for_again(place: Place) -> None:
    first = place.request()
    assert place.run("house", "rotate", "--leaked", "--yes").code in (0, 1)

    second, third = place.request(), place.request()

    assert public(second) != public(first)
    assert public(third) == public(second)


def test_a_key_that_was_loaded_by_nobody_is_not_left_open_to_others(place: Place) -> None:
    place.request()
    place.request("--new-key")

    modes = {each.name: each.stat().st_mode & 0o777 for each in place.house.glob("request/*")}

    assert modes == {"privkey.pem": 0o600, "privkey.previous.pem": 0o600, "request.csr": 0o600}
    assert place.run("house", "check").code == 0
    (place.house / "request" / "privkey.pem").chmod(0o644)
    ended = place.secure("--csr", place.csr)
    assert ended.code == 3
    assert "is open to other users" in ended.json["error"]["message"]
