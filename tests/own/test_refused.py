"""What is not installed, and why: each in two lines, with Home Assistant as it was."""

from __future__ import annotations

import datetime as dt
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.own.authorities import Ca, der, pem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.own.place import Place

PLACE = "http://pki.example/issuing.crt"
_DAY = dt.timedelta(days=1)


@pytest.fixture
def ca() -> Ca:
    return Ca.root().below()


def root_of(ca: Ca) -> x509.Certificate:
    assert ca.above is not None
    return ca.above.certificate


@pytest.fixture
def unchanged(place: Place) -> Iterator[None]:
    """Hold that nothing of Home Assistant was touched, nor its road chosen."""
    before, starts = place.files(), place.home.starts
    yield
    assert place.files() == before
    assert place.home.starts == starts
    assert not (place.house / "road.json").exists()


def refusal(place: Place, *given: str | Path) -> tuple[str, str]:
    """Return error and hint of an `--install` that is refused, and that force does not let pass."""
    ended = place.secure("--install", *given, "--force")
    assert ended.code == 3, ended
    assert len(ended.err.splitlines()) == 2, ended
    error = ended.json["error"]
    return error["message"], error["hint"]


pytestmark = pytest.mark.usefixtures("unchanged")


def test_a_certificate_of_another_key(place: Place, ca: Ca) -> None:
    other = ca.sign(place.request(), key=ec.generate_private_key(ec.SECP256R1()))

    alone = refusal(place, place.put("other.pem", pem(other)))
    among = refusal(place, place.put("all.pem", pem(root_of(ca), other, ca.certificate)))

    assert alone[0] == "CN=Home Assistant is for none of this house's keys"
    assert among[0] == "none of them is for a key of this house, not even CN=Home Assistant"
    assert alone[1] == among[1]
    assert "--csr" in alone[1]


def test_nothing_was_ever_asked_for(place: Place, ca: Ca) -> None:
    message, hint = refusal(place, place.put("ca.pem", pem(ca.certificate)))

    assert message == "there is no key here that a CA was asked to sign"
    assert "--csr" in hint


def test_a_certificate_in_the_middle_is_missing(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), at=PLACE)

    message, hint = refusal(
        place,
        place.put("leaf.pem", pem(leaf)), "--root", place.put("root.pem", pem(root_of(ca))),
    )  # fmt: skip

    assert message == (
        "a certificate in the middle is missing: CN=Small issuing CA, which signed"
        " CN=Home Assistant"
    )
    assert hint.startswith(f"it says that it is at {PLACE}; ")


def test_nothing_leads_to_a_root(place: Place, ca: Ca) -> None:
    leaf = place.put("leaf.pem", pem(ca.sign(place.request()), ca.certificate))

    message, hint = refusal(place, leaf)

    assert message == (
        "what leads to a root is missing: CN=Small root, which signed CN=Small issuing CA,"
        " was not given, and this computer does not know it"
    )
    assert "--root FILE" in hint


def test_another_root_than_the_one_that_was_named(place: Place, ca: Ca) -> None:
    other = place.put("other.pem", pem(Ca.root("Another root").certificate))
    whole = place.put("whole.pem", pem(ca.sign(place.request()), ca.certificate, root_of(ca)))

    message, hint = refusal(place, whole, "--root", other)

    assert message == (
        "it leads to another root than it should, CN=Small root, and not to CN=Another root"
    )
    assert "--root FILE" in hint


def test_a_root_of_the_same_name_that_was_made_anew(place: Place, ca: Ca) -> None:
    again = place.put("again.pem", pem(Ca.root().certificate))
    chain = place.put("chain.pem", pem(ca.sign(place.request()), ca.certificate))

    message, _ = refusal(place, chain, "--root", again)

    assert message == "CN=Small issuing CA is not signed by the root that it names: CN=Small root"


def test_what_is_named_as_the_root_is_none(place: Place, ca: Ca) -> None:
    chain = place.put("chain.pem", pem(ca.sign(place.request()), ca.certificate))
    issuing = place.put("issuing.pem", pem(ca.certificate))

    message, hint = refusal(place, chain, "--root", issuing)

    assert message == f"{issuing}: CN=Small issuing CA is not a root: it is signed by CN=Small root"
    assert "signs itself" in hint


@pytest.mark.parametrize(
    ("days", "told"),
    [
        ((-30, -1), "CN=Home Assistant has ended on "),
        ((2, 30), "CN=Home Assistant is not valid before "),
    ],
)
def test_a_certificate_out_of_its_time(
    place: Place, ca: Ca, days: tuple[int, int], told: str
) -> None:
    leaf = ca.sign(place.request(), days=days)

    message, hint = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message.startswith(told)
    assert hint


def test_an_issuing_ca_that_has_ended(place: Place) -> None:
    ca = Ca.root().below(days=(-300, -2))
    leaf = ca.sign(place.request())

    message, hint = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message.startswith("CN=Small issuing CA has ended on ")
    assert hint.startswith("your CA needs a new one of it")


def test_one_that_says_that_it_is_an_authority(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), ca=True)

    message, _ = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message.startswith("this would not work, ")
    assert "CA" in message


def test_one_that_is_not_for_a_server(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), usage=ExtendedKeyUsageOID.CLIENT_AUTH)

    message, hint = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message.startswith("this would not work, ")
    assert "serverAuth" in message + hint


def test_one_without_any_name(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), names=())

    message, hint = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message == ("the certificate has no names (SAN), and no device looks at its common name")
    assert "copy_extensions" in hint


def test_one_for_other_names(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), names=[x509.DNSName("elsewhere.example")])

    message, hint = refusal(place, place.put("a.pem", pem(leaf, ca.certificate, root_of(ca))))

    assert message.endswith(" by which Home Assistant is called, but for elsewhere.example")
    assert "--no-name" in hint


def test_one_without_a_name_that_was_asked_for(place: Place, ca: Ca) -> None:
    asked = place.request()
    leaf = place.put("a.pem", pem(ca.sign(asked), ca.certificate, root_of(ca)))

    message, hint = refusal(place, leaf, "--name", "ha.home.example")

    assert message.startswith("the certificate is not for ha.home.example, by which ")
    assert "--no-name ha.home.example" in hint


def test_one_by_its_own_key(place: Place) -> None:
    place.request()
    key = place.house / "request" / "privkey.pem"
    own = place.folder / "own.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-key", key, "-out", own, "-subj", "/CN=ha.lan"], check=True
    )

    message, _ = refusal(place, own)

    assert message == "CN=ha.lan is signed by its own key, not by a CA"


@pytest.mark.parametrize(
    ("digest", "bits", "told"),
    [("sha1", 2048, "SHA1"), ("sha256", 1024, "1024")],
)
def test_a_ca_of_yesterday(place: Place, digest: str, bits: int, told: str) -> None:
    place.request()
    made = ["openssl", "req", "-x509", "-newkey", f"rsa:{bits}", "-noenc", "-subj", "/CN=Old CA"]
    keys: list[str | Path] = ["-keyout", place.folder / "ca.key", "-out", place.folder / "ca.pem"]
    usage = ["-addext", "keyUsage=critical,keyCertSign"]
    subprocess.run([*made, *keys, *usage], check=True, capture_output=True)
    sign: list[str | Path] = [
        "openssl",
        "x509",
        "-req",
        "-in",
        place.csr,
        "-copy_extensions",
        "copy",
        f"-{digest}",
    ]
    by: list[str | Path] = [
        "-CA",
        place.folder / "ca.pem",
        "-CAkey",
        place.folder / "ca.key",
        "-days",
        "90",
    ]
    leaf = place.folder / "leaf.pem"
    subprocess.run([*sign, *by, "-out", leaf], check=True, capture_output=True)

    message, hint = refusal(place, leaf, place.folder / "ca.pem")

    assert message.startswith("this would not work, ")
    assert told in message, message
    assert hint


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda _: b"", "it is empty"),
        (lambda _: b"hello\n", "there is no certificate, request or key in it"),
        (lambda leaf: _cut(der(leaf)), "it is damaged or cut short"),
        (lambda leaf: _cut(pem(leaf)), "it is cut short: its -----END line is missing"),
    ],
    ids=["empty", "garbage", "half of DER", "half of PEM"],
)
def test_a_file_that_is_no_certificate(
    place: Place, ca: Ca, spoil: Callable[[x509.Certificate], bytes], told: str
) -> None:
    bad = place.put("bad.crt", spoil(ca.sign(place.request())))

    message, hint = refusal(place, bad)

    assert message.startswith(f"{bad}: ")
    assert told in message
    assert hint


def test_the_request_itself(place: Place) -> None:
    place.request()

    message, hint = refusal(place, place.csr)

    assert message == (
        f"{place.csr} is the request itself, not the certificate that a CA makes of it"
    )
    assert hint == "give the request to your CA, and install what it returns"


def test_what_is_only_warned_of_is_let_pass_by_force_alone(place: Place, ca: Ca) -> None:
    leaf = ca.sign(place.request(), usage=None)
    whole = place.put("a.pem", pem(leaf, ca.certificate, root_of(ca)))

    warned = place.secure("--install", whole)
    would = place.secure("--install", whole, "--force", "--dry-run")

    assert warned.code == 3
    assert warned.json["error"]["message"] == (
        "this may not work everywhere:"
        " apple: the leaf does not say what it is for (extendedKeyUsage)"
    )
    assert warned.json["error"]["hint"].endswith("or let it pass with --force")
    assert would.code == 0, would
    assert would.json["dry_run"] is True


@pytest.mark.parametrize(
    "options",
    [
        ("--csr", "a", "--install", "b"),
        ("--force",),
        ("--new-key",),
        ("stray.pem",),
        ("--install", "a", "--days", "30"),
        ("--install", "a", "--key", "rsa-2048"),
        ("--csr", "a", "--port", "8443"),
        ("--csr", "a", "--public", "ha.example.org"),
        ("--install", "a", "--private"),
    ],
)
def test_options_that_do_not_go_together(place: Place, options: tuple[str, ...]) -> None:
    ended = place.secure(*options)

    assert ended.code == 2, ended
    assert len(ended.err.splitlines()) == 2
    assert not place.house.exists()
