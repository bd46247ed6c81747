"""Reading files of anybody, and putting them into other forms and back."""

from __future__ import annotations

import contextlib
import subprocess
from functools import cache
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from housekey.errors import HousekeyError, PemLocked, PemUnreadable
from housekey.pki.any_key import AnyPrivateKey, refuse_hard_work
from housekey.pki.containers import to_pkcs7, to_pkcs12
from housekey.pki.contents import Unread
from housekey.pki.csr import make_request, request_to_pem, wishes_of
from housekey.pki.description import describe
from housekey.pki.encoding import certificate_to_pem, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.reading import MOST_BYTES, read
from housekey.pki.secret import Secret
from housekey.pki.subject import Subject
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

PASSPHRASE = Secret(b"open sesame")
KEYS: dict[str, Callable[[], AnyPrivateKey]] = {
    "ECDSA P-256": lambda: AnyPrivateKey(ec.generate_private_key(ec.SECP256R1())),
    "ECDSA P-521": lambda: AnyPrivateKey(ec.generate_private_key(ec.SECP521R1())),
    "ECDSA on the curve secp256k1": lambda: AnyPrivateKey(ec.generate_private_key(ec.SECP256K1())),
    "RSA 1024": lambda: AnyPrivateKey(rsa.generate_private_key(65537, 1024)),
    "RSA 2048": lambda: AnyPrivateKey(rsa.generate_private_key(65537, 2048)),
    "DSA 1024": lambda: AnyPrivateKey(dsa.generate_private_key(1024)),
    "Ed25519": lambda: AnyPrivateKey(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda: AnyPrivateKey(ed448.Ed448PrivateKey.generate()),
}


@cache
def a_key(kind: str) -> AnyPrivateKey:
    return KEYS[kind]()


@cache
def a_pair() -> tuple[PrivateKey, x509.Certificate, x509.Certificate]:
    """A key, its leaf, and the issuing CA."""
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuing = a_house().issuing
    leaf = issue_leaf(
        public_key=key.public_key, names=names("ha.lan", "10.0.0.1"), issuer=issuing, now=NOW
    )
    return key, leaf, issuing.certificate


@cache
def samples() -> tuple[bytes, ...]:
    """One file of each form."""
    key, leaf, issuing = a_pair()
    any_key = AnyPrivateKey(key.signing_key)
    request = make_request(key, names("ha.lan"), Subject("ha.lan"))
    traditional = key.signing_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return (
        certificate_to_pem(leaf) + certificate_to_pem(issuing),
        to_der(leaf),
        request_to_pem(request),
        request.public_bytes(serialization.Encoding.DER),
        any_key.to_pem().reveal(),
        any_key.to_der().reveal(),
        any_key.to_locked(PASSPHRASE),
        any_key.to_locked(PASSPHRASE, der=True),
        traditional,
        public,
        to_pkcs7([leaf, issuing], pem=True),
        to_pkcs7([leaf, issuing], pem=False),
        to_pkcs12(any_key, [leaf, issuing], passphrase=PASSPHRASE, label="ha"),
        to_pkcs12(any_key, [leaf], passphrase=PASSPHRASE, label="ha", for_old_devices=True),
    )


# Round trips


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_of_any_kind_comes_back_from_every_form(kind: str) -> None:
    key = a_key(kind)
    pem = key.to_pem().reveal()
    assert key.label == kind
    for data, passphrase in (
        (pem, None),
        (pem.replace(b"\n", b"\r\n"), None),
        (b"\xef\xbb\xbf" + pem, None),
        (b"Bag Attributes\n    friendlyName: x\n" + pem, None),
        (key.to_der().reveal(), None),
        (key.to_locked(PASSPHRASE), PASSPHRASE),
        (key.to_locked(PASSPHRASE, der=True), PASSPHRASE),
    ):
        (found,) = read(data, passphrase).keys
        assert found.to_pem().reveal() == pem


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    passphrase=st.binary(min_size=1, max_size=60).filter(lambda text: b"\0" not in text),
    label=st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text),
    old=st.booleans(),
    chain=st.permutations([0, 1]),
)
def test_whatever_goes_into_pkcs12_comes_out_of_it(
    passphrase: bytes, label: str, *, old: bool, chain: list[int]
) -> None:
    """PKCS#12 passphrases are text (RFC 7292 B.1): what is none is refused, not changed."""
    key, *certificates = a_pair()
    ordered = [certificates[index] for index in chain]
    secret = Secret(passphrase)
    try:
        passphrase.decode()
        label.encode()
    except UnicodeError:
        return
    data = to_pkcs12(
        AnyPrivateKey(key.signing_key), ordered, passphrase=secret, label=label, for_old_devices=old
    )
    contents = read(data, secret).whole()
    assert contents.certificates == tuple(certificates)
    assert contents.keys[0].public_key == key.public_key
    with pytest.raises(PemLocked):
        read(data)
    with pytest.raises(PemUnreadable):
        read(data, Secret(passphrase + b"x"))


@settings(max_examples=50, deadline=None)
@given(
    texts=st.lists(st.from_regex(r"[a-z][a-z0-9]{0,20}\.(lan|local)", fullmatch=True), min_size=1)
)
def test_the_names_of_a_request_come_out_as_they_went_in(texts: list[str]) -> None:
    key, *_ = a_pair()
    asked = tuple(dict.fromkeys(map(parse_name, texts)))
    request = make_request(key, asked, Subject("ha.lan", organization="Home", country="DE"))
    again = read(request_to_pem(request)).the_request()
    wishes = wishes_of(again)
    assert wishes.names == asked
    assert wishes.subject is not None
    assert (wishes.subject.organization, wishes.subject.country) == ("Home", "DE")


# Bytes of anybody


def look(data: bytes, passphrase: Secret | None) -> None:
    """Read and describe `data`; only a HousekeyError may come of it."""
    with contextlib.suppress(HousekeyError):
        contents = read(data, passphrase)
        for part in contents.parts:
            describe(part.item, now=NOW)
        for request in contents.requests:
            wishes_of(request)
        for certificate in contents.certificates:
            wishes_of(certificate)


@settings(max_examples=400, deadline=None)
@given(data=st.binary(max_size=400), passphrase=st.sampled_from([None, PASSPHRASE]))
@example(data=b"\x30\x80", passphrase=None)
@example(data=b"\x30\x80\x02\x01\x03\x30", passphrase=PASSPHRASE)
@example(data=b"-----BEGIN CERTIFICATE-----", passphrase=None)
@example(data=b"-----BEGIN PRIVATE KEY-----\n:\n-----END PRIVATE KEY-----", passphrase=PASSPHRASE)
def test_bytes_of_chance_are_read_or_refused(data: bytes, passphrase: Secret | None) -> None:
    look(data, passphrase)
    look(b"\x30\x82" + len(data).to_bytes(2) + data, passphrase)


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_a_file_that_was_changed_anywhere_is_read_or_refused(draw: st.DataObject) -> None:
    """Bytes changed, cut out, doubled or put in: as a bad disk or a bad person would do it."""
    data = bytearray(draw.draw(st.sampled_from(samples())))
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) - 1))
        match draw.draw(st.sampled_from(["set", "cut", "put", "end"])):
            case "set":
                data[at] = draw.draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw.draw(st.integers(1, 20))]
            case "put":
                data[at:at] = draw.draw(st.binary(min_size=1, max_size=8))
            case _:
                del data[at + 1 :]
        if not data:
            break
    look(bytes(data), draw.draw(st.sampled_from([None, PASSPHRASE])))


def test_one_byte_more_than_the_most_is_refused() -> None:
    with pytest.raises(PemUnreadable, match="more than 2 MiB"):
        read(bytes(MOST_BYTES + 1))


def test_a_block_of_each_kind_is_read_beside_one_that_is_not() -> None:
    broken = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    for sample in samples():
        if sample.startswith(b"-----"):
            contents = read(broken + sample, PASSPHRASE)
            assert isinstance(contents.parts[0].item, Unread)
            assert contents.parts[1:] == read(sample, PASSPHRASE).parts or contents.keys


def test_a_large_rsa_key_is_read_at_once_and_a_wrong_one_not_at_all() -> None:
    """The parser's own test of the primes takes seconds from 8192 bits on."""
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4608"],
        check=True,
        capture_output=True,
    ).stdout
    key = read(made).the_key()
    assert key.label == "RSA 4608"
    assert isinstance(key.raw, rsa.RSAPrivateKey)
    numbers = key.raw.private_numbers()
    wrong = rsa.RSAPrivateNumbers(
        numbers.p, numbers.q, numbers.d + 2, numbers.dmp1, numbers.dmq1, numbers.iqmp,
        numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)  # fmt: skip
    with pytest.raises(PemUnreadable):
        read(AnyPrivateKey(wrong).to_pem().reveal())


def der(tag: int, *values: bytes) -> bytes:
    """A DER element of up to 127 bytes."""
    inside = b"".join(values)
    return bytes([tag, len(inside)]) + inside


SALT = der(0x04, b"saltsalt")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
SCRYPT = bytes.fromhex("06092b06010401da47040b")
OLD_PBE = bytes.fromhex("060a2a864886f70d010c0103")


def number(value: int) -> bytes:
    return der(0x02, value.to_bytes(5))


@pytest.mark.parametrize(
    ("file", "hard", "easy"),
    [
        (lambda n: der(0x30, PBKDF2, der(0x30, SALT, number(n))), 5_000_001, 600_000),
        (lambda n: der(0x30, OLD_PBE, der(0x30, SALT, number(n))), 2**31 - 1, 50_000),
        # N, r and p: 2^20 takes a gigabyte, 2^14 is what OpenSSL takes.
        (
            lambda n: der(0x30, SCRYPT, der(0x30, SALT, number(n), number(8), number(1))),
            2**20,
            2**14,
        ),
        (
            lambda n: der(0x30, number(3), der(0x30), der(0x30, der(0x30), SALT, number(n))),
            2**31 - 1,
            100_000,
        ),
        # Each of them would do; all of them together are too much.
        (lambda n: der(0x30, *[PBKDF2 + der(0x30, SALT, number(2_000_000))] * n), 3, 2),
    ],
    ids=["PBKDF2", "PKCS#12", "scrypt", "MAC of PKCS#12", "sum"],
)
def test_a_passphrase_is_not_stretched_without_measure(
    file: Callable[[int], bytes], hard: int, easy: int
) -> None:
    refuse_hard_work(file(easy))
    with pytest.raises(PemUnreadable, match="minutes"):
        refuse_hard_work(file(hard))


def test_a_key_does_not_show_itself() -> None:
    key = a_key("Ed25519")
    assert repr(key) == "<private key, Ed25519>"
    assert key.to_pem().reveal().splitlines()[1].decode() not in repr(read(key.to_pem().reveal()))
