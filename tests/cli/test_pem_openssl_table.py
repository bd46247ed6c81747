"""docs/openssl.md: both columns of every row are run, as they stand there, and compared.

Each line runs in a folder of its own with the same files; what comes out is compared byte for
byte where both must agree on each, and otherwise in everything that it means. What housekey made
is given to openssl besides, and what openssl made to housekey.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from housekey.pki.any_key import AnyPrivateKey
from housekey.pki.contents import Contents
from housekey.pki.description import key_fingerprint
from housekey.pki.names import names_of
from housekey.pki.reading import read
from housekey.pki.secret import Secret
from tests.command import Done, environment, housekey
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGE = Path(__file__).parents[2] / "docs" / "openssl.md"
_ROW = re.compile(r"^\| (.+?) \| `(openssl .+?)` \| `(housekey .+?)` \|$", re.MULTILINE)
OLD, NEW = "the old passphrase", "the new passphrase"


def rows() -> list[tuple[str, str, str]]:
    """The table: chore, OpenSSL's line, housekey's line."""
    return _ROW.findall(_PAGE.read_text())


@dataclass(frozen=True)
class Side:
    """One column: the folder that it ran in, and what it said."""

    folder: Path
    done: Done

    def file(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def field(self, label: str) -> str:
        """What stands behind a label in the output of `pem show`, the first time."""
        found = re.search(rf"^  {re.escape(label)} +(.*)$", self.done.out, re.MULTILINE)
        assert found is not None, self.done
        return found[1]


def shell(line: str, cwd: Path, **env: str) -> Done:
    # `housekey` in a line is the one of this checkout.
    command = f'housekey() {{ "{sys.executable}" -W error -m housekey "$@"; }}; {line}'
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env=environment(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Done(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all the files that the table names."""
    require(which("openssl") is not None, "the openssl command")
    folder = tmp_path_factory.mktemp("things")
    env = {"HOUSEKEY_HOUSE": str(folder / "house")}
    made = housekey(
        "cert",
        "new",
        "ha.lan",
        "192.168.1.20",
        "--yes",
        "--out",
        folder,
        "--country",
        "DE",
        env=env,
    )
    assert made.code == 0, made
    (folder / "root.pem").write_bytes((folder / "house" / "root.pem").read_bytes())
    (folder / "old.txt").write_text(f"{OLD}\n")
    (folder / "new.txt").write_text(f"{NEW}\n")
    for name in ("old.txt", "new.txt"):
        (folder / name).chmod(0o600)
    for line in (
        "openssl x509 -in certificate.pem -out leaf.pem",
        "openssl x509 -in root.pem -outform DER -out root.der",
        "openssl pkcs8 -topk8 -nocrypt -in privkey.pem -outform DER -out privkey.der",
        "openssl ec -in privkey.pem -out old-form.key",
        "openssl ec -in privkey.pem -aes256 -passout file:old.txt -out locked-old-form.key",
        "openssl pkey -in privkey.pem -aes256 -passout file:old.txt -out locked.key",
        (
            "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc"
            " -keyout request.key -subj /O=Home/CN=nas.lan"
            " -addext subjectAltName=DNS:nas.lan,IP:192.168.1.9 -out request.csr"
        ),
        "openssl req -in request.csr -outform DER -out request.der",
        "openssl crl2pkcs7 -nocrl -certfile certificate.pem -out chain.p7b",
        "openssl crl2pkcs7 -nocrl -certfile certificate.pem -outform DER -out chain-der.p7b",
        (
            "openssl pkcs12 -export -in certificate.pem -inkey privkey.pem -passout file:old.txt"
            " -out bundle.p12"
        ),
    ):
        done = shell(line, folder)
        assert done.code == 0, done
    return folder


# --- comparing what was said ---


def said(*pairs: tuple[str, str]) -> Callable[[Side, Side], None]:
    """Each pattern's group in OpenSSL's words is what housekey says behind the label."""

    def check(openssl: Side, ours: Side) -> None:
        for label, pattern in pairs:
            found = re.search(pattern, openssl.done.out + openssl.done.err)
            assert found is not None, openssl.done
            assert _even(found[1]) in _even(ours.field(label)), (label, openssl.done, ours.done)

    return check


def _even(text: str) -> str:
    """The same text however it is spaced, and hexadecimal however it is written."""
    return re.sub(r"[\s:]", "", text).lower().removeprefix("0")


def the_same_names(openssl: Side, ours: Side) -> None:
    theirs = re.findall(r"(?:DNS|IP Address):([^,\s]+)", openssl.done.out)
    assert theirs
    assert ours.field("names") == ", ".join(theirs)


def the_same_dates(openssl: Side, ours: Side) -> None:
    for label, name in (("from", "notBefore"), ("until", "notAfter")):
        (theirs,) = re.findall(rf"{name}=(.+) GMT", openssl.done.out)
        moment = datetime.strptime(theirs, "%b %d %H:%M:%S %Y")  # noqa: DTZ007 - GMT both
        assert ours.field(label).startswith(f"{moment:%Y-%m-%d %H:%M:%S} UTC")


def the_same_subjects(openssl: Side, ours: Side) -> None:
    theirs = re.findall(r"subject=.*?CN = ([^,\n]+)", openssl.done.out)
    mine = re.findall(r"^  subject +CN=([^,\n]+)", ours.done.out, re.MULTILINE)
    assert sorted(theirs) == sorted(mine)
    assert len(mine) == 2


def the_same_fingerprints(openssl: Side, ours: Side) -> None:
    theirs = {each.fingerprint(each.signature_hash_algorithm) for each in _pems(openssl.done.out)}  # type: ignore[arg-type]
    mine = set(re.findall(r"^  SHA-256 +(\S+)", ours.done.out, re.MULTILINE))
    assert {each.hex(":").upper() for each in theirs} == mine
    assert len(mine) == 2


def _pems(text: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(text.encode())


def signed_by_its_own_key(openssl: Side, ours: Side) -> None:
    assert "verify OK" in openssl.done.out + openssl.done.err, openssl.done
    assert ours.field("signed").startswith("by its own key")


def the_same_key_or_not(openssl: Side, ours: Side) -> None:
    first, second = re.findall(r"-----BEGIN.*?END PUBLIC KEY-----", openssl.done.out, re.DOTALL)
    assert (ours.done.code == 0) is (first == second), ours.done
    assert ours.done.code in (0, 1)


def the_same_answer(openssl: Side, ours: Side) -> None:
    assert (ours.done.code == 0) is (openssl.done.code == 0), (openssl.done, ours.done)
    assert ours.done.code in (0, 1)


# --- comparing what was made ---


def the_same_bytes(name: str) -> Callable[[Side, Side], None]:
    def check(openssl: Side, ours: Side) -> None:
        _done(openssl, ours)
        assert ours.file(name) == openssl.file(name)

    return check


def the_same_parts(name: str, passphrase: str | None = None) -> Callable[[Side, Side], None]:
    """The same certificates and keys in both; and openssl reads what housekey made."""

    def check(openssl: Side, ours: Side) -> None:
        _done(openssl, ours)
        theirs, mine = (_read(side.file(name), passphrase) for side in (openssl, ours))
        assert _parts(mine) == _parts(theirs)
        assert _parts(mine)
        _given_to_openssl(ours, name, mine, passphrase)

    return check


def _parts(contents: Contents) -> list[str]:
    certificates = (each.public_bytes(Encoding.DER).hex() for each in contents.certificates)
    return sorted((*certificates, *(key_fingerprint(key.public_key) for key in contents.keys)))


def _given_to_openssl(ours: Side, name: str, mine: Contents, passphrase: str | None) -> None:
    """Each form by openssl's own command; the certificates and the key must be those."""
    opened = f"-passin file:{'new' if passphrase == NEW else 'old'}.txt"
    if name.endswith(".p12"):
        line = f"openssl pkcs12 -in {name} {opened} -noenc"
    elif name.endswith(".p7b"):
        der = "" if ours.file(name).startswith(b"-----") else "-inform DER"
        line = f"openssl pkcs7 -in {name} {der} -print_certs"
    elif mine.keys and not mine.certificates:
        line = f"openssl pkey -in {name} {opened if passphrase else ''}"
    else:
        line = f"openssl crl2pkcs7 -nocrl -certfile {name} -out x.p7b"
        line += "; openssl pkcs7 -in x.p7b -print_certs"
        mine = Contents(tuple(p for p in mine.parts if not isinstance(p.item, AnyPrivateKey)))
    again = shell(line, ours.folder)
    assert again.code == 0, again
    assert _parts(_read(again.out.encode(), None)) == _parts(mine)


def the_same_request(openssl: Side, ours: Side) -> None:
    _done(openssl, ours)
    theirs, mine = (_read(side.file("new.csr"), None).the_request() for side in (openssl, ours))
    assert mine.subject == theirs.subject
    assert _san(mine) == _san(theirs)
    assert type(mine.public_key()) is type(theirs.public_key())
    assert mine.public_key().key_size == theirs.public_key().key_size  # type: ignore[union-attr]
    assert shell("openssl req -in new.csr -noout -verify", ours.folder).code == 0
    if (ours.folder / "new.key").exists():
        assert (ours.folder / "new.key").stat().st_mode & 0o777 == 0o600
        passphrase = OLD if b"ENCRYPTED" in ours.file("new.key") else None
        for side, request in ((ours, mine), (openssl, theirs)):
            key = _read(side.file("new.key"), passphrase).the_key()
            assert key.public_key == request.public_key()
        opened = shell("openssl pkey -in new.key -noout -passin file:old.txt", ours.folder)
        assert opened.code == 0, opened
        assert (b"ENCRYPTED" in openssl.file("new.key")) is (passphrase is not None)
    else:
        assert mine.public_key() == theirs.public_key()


def the_same_certificate(openssl: Side, ours: Side) -> None:
    """For the same key, names and subject, from the same issuer; ours is the stricter one."""
    _done(openssl, ours)
    theirs, mine = (_read(side.file("new.pem"), None).certificates[0] for side in (openssl, ours))
    assert mine.public_key() == theirs.public_key()
    assert names_of(mine) == names_of(theirs)
    assert mine.subject == theirs.subject
    assert mine.issuer == theirs.issuer
    lives = [each.not_valid_after_utc - each.not_valid_before_utc for each in (theirs, mine)]
    assert lives[0] == lives[1]
    if mine.issuer == mine.subject:
        line = "openssl verify -CAfile new.pem new.pem"
    else:
        line = "openssl verify -x509_strict -purpose sslserver -CAfile root.pem"
        line += " -untrusted new.pem new.pem"
    assert shell(line, ours.folder).code == 0


def _san(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    return list(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _read(data: bytes, passphrase: str | None) -> Contents:
    return read(data, Secret(passphrase.encode()) if passphrase else None).whole()


def _done(openssl: Side, ours: Side) -> None:
    assert openssl.done.code == 0, openssl.done
    assert ours.done.code == 0, ours.done


CHECKS: dict[str, Callable[[Side, Side], None]] = {
    "Show a certificate": said(
        ("serial", r"Serial Number:\s+([0-9a-f:]+)"),
        ("SKI", r"Subject Key Identifier:\s+([0-9A-F:]+)"),
        ("AKI", r"Authority Key Identifier:\s+([0-9A-F:]+)"),
        ("signed", r"Signature Algorithm: (\S+)"),
        ("key", r"NIST CURVE: (P-\d+)"),
    ),
    "Its subject": said(("subject", r"subject=(.+)")),
    "Its issuer": said(("issuer", r"issuer=(.+)")),
    "From when until when": the_same_dates,
    "The names in it": the_same_names,
    "Its fingerprint": said(("SHA-256", r"Fingerprint=(\S+)")),
    "Its old fingerprint": said(("SHA-1", r"Fingerprint=(\S+)")),
    "Its serial number": said(("serial", r"serial=(\S+)")),
    "Show a request": said(
        ("key", r"NIST CURVE: (P-\d+)"), ("signed", r"Signature Algorithm: (\S+)")
    ),
    "Is a request signed by its own key?": signed_by_its_own_key,
    "Show what kind a key is": said(("key", r"NIST CURVE: (P-\d+)")),
    "What is in a PKCS#7 file": the_same_subjects,
    "What is in a PKCS#12 file": the_same_fingerprints,
    "Do certificate and key belong together?": the_same_key_or_not,
    "Do request and key belong together?": the_same_key_or_not,
    "Do they not?": the_same_key_or_not,
    "Does a chain hold?": the_same_answer,
    "For this host?": the_same_answer,
    "For this address?": the_same_answer,
    "At that time?": the_same_answer,
    "Without the issuing CA?": the_same_answer,
    "A request with a new key": the_same_request,
    "With a new RSA key": the_same_request,
    "With a new key that is locked": the_same_request,
    "A request with a key that is there": the_same_request,
    "A request to have a certificate again": the_same_request,
    "Sign a request": the_same_certificate,
    "A self-signed certificate from a key": the_same_certificate,
    "A self-signed certificate from a request": the_same_certificate,
    "Lock a key with a passphrase": the_same_parts("new.key", NEW),
    "Change the passphrase": the_same_parts("new.key", NEW),
    "Take the passphrase away": the_same_bytes("new.key"),
    "The same for the older way of locking": the_same_bytes("new.key"),
    "The public half of a key": the_same_bytes("new.pem"),
    "`BEGIN EC PRIVATE KEY` to `BEGIN PRIVATE KEY`": the_same_bytes("new.key"),
    "Certificate, PEM to DER": the_same_bytes("new.der"),
    "Certificate, DER to PEM": the_same_bytes("new.pem"),
    "The leaf of a chain as DER": the_same_bytes("new.der"),
    "Request, PEM to DER": the_same_bytes("new.der"),
    "Request, DER to PEM": the_same_bytes("new.csr"),
    "Key, PEM to DER": the_same_bytes("new.der"),
    "Key, DER to PEM": the_same_bytes("new.key"),
    "PEM to PKCS#7": the_same_parts("new.p7b"),
    "PEM to PKCS#7 in DER": the_same_parts("new.p7b"),
    "PKCS#7 to PEM": the_same_parts("new.pem"),
    "PKCS#7 in DER to PEM": the_same_parts("new.pem"),
    "PEM to PKCS#12": the_same_parts("new.p12", NEW),
    "The same for old devices": the_same_parts("new.p12", NEW),
    "PKCS#12 to PEM, all in one file": the_same_parts("new.pem"),
    "The certificates alone": the_same_parts("new.pem"),
    "The key alone": the_same_parts("new.key"),
}


def test_every_row_has_a_check_and_every_check_its_row() -> None:
    chores = [chore for chore, _, _ in rows()]
    assert sorted(chores) == sorted(CHECKS)
    table = _PAGE.read_text().partition("| -- | -- | -- |\n")[2].partition("\n\n")[0]
    assert len(chores) == len(table.splitlines()) >= 25


@pytest.mark.parametrize(("chore", "theirs", "mine"), rows(), ids=[chore for chore, *_ in rows()])
def test_both_columns_do_the_same(
    chore: str, theirs: str, mine: str, things: Path, tmp_path: Path
) -> None:
    sides = []
    for name, line in (("openssl", theirs), ("housekey", mine)):
        folder = tmp_path / name
        shutil.copytree(things, folder)
        sides.append(Side(folder, shell(line, folder, HOUSEKEY_HOUSE=str(folder / "house"))))
    CHECKS[chore](*sides)


def test_the_file_for_old_devices_is_what_they_read_and_the_other_is_not(
    things: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(things, folder)
    schemes = {}
    for option in ("", "--old-devices"):
        line = (
            f"housekey pem convert certificate.pem privkey.pem --to pkcs12 {option}"
            " --new-passphrase-file new.txt --out new.p12"
        )
        assert shell(line, folder).code == 0
        info = shell("openssl pkcs12 -in new.p12 -info -noout -passin file:new.txt", folder)
        schemes[option] = info.err
    assert schemes["--old-devices"].count("pbeWithSHA1And3-KeyTripleDES-CBC") == 2
    assert "MAC: sha1" in schemes["--old-devices"]
    assert schemes[""].count("AES-256-CBC") == 2
    assert "MAC: sha256" in schemes[""]
