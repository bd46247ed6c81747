"""Keys are made, read and sealed, and never shown."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import PemUnreadable
from housekey.pki.encoding import certificate_to_pem, matches
from housekey.pki.issuing import issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey, Secret, SigningKey
from tests.pki.houses import NOW, names

if TYPE_CHECKING:
    from cryptography import x509

EC_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def pem(
    key: SigningKey | ed25519.Ed25519PrivateKey,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


@pytest.mark.parametrize("kind", list(KeyType))
def test_a_key_of_every_kind_survives_its_pem(kind: KeyType) -> None:
    key = PrivateKey.generate(kind)
    again = PrivateKey.from_pem(key.to_pem().reveal())
    assert again.key_type is key.key_type is kind
    assert again.public_key == key.public_key
    if isinstance(key.signing_key, rsa.RSAPrivateKey):
        assert key.signing_key.public_key().public_numbers().e == 65537


def test_kinds_have_labels_for_people() -> None:
    assert KeyType.ECDSA_P256.label == "ECDSA P-256"
    assert KeyType.ECDSA_P384.label == "ECDSA P-384"
    assert KeyType.RSA_4096.label == "RSA 4096"


@pytest.mark.parametrize("kind", [KeyType.ECDSA_P256, KeyType.RSA_2048])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("locked", [False, True])
def test_pkcs8_sec1_and_pkcs1_are_read_locked_or_not(
    kind: KeyType, form: PrivateFormat, locked: bool
) -> None:
    key = PrivateKey.generate(kind)
    data = pem(key.signing_key, form, BestAvailableEncryption(b"pass") if locked else None)
    read = PrivateKey.from_pem(data, Secret(b"pass"))  # not needed is not an error
    assert read.public_key == key.public_key
    if locked:
        with pytest.raises(PemUnreadable, match="locked with a passphrase"):
            PrivateKey.from_pem(data)
        with pytest.raises(PemUnreadable, match="passphrase is wrong"):
            PrivateKey.from_pem(data, Secret(b"password"))


def test_a_sealed_key_opens_with_its_passphrase_only() -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    sealed = key.to_sealed_pem(Secret(b"recovery code"))
    assert sealed.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert PrivateKey.from_pem(sealed, Secret(b"recovery code")).public_key == key.public_key
    for wrong in (Secret(b"recovery c0de"), Secret(b""), Secret(b"x" * 5000)):
        with pytest.raises(PemUnreadable, match="passphrase is wrong"):
            PrivateKey.from_pem(sealed, wrong)


def test_blocks_around_a_key_are_passed_over(leaf: x509.Certificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    block = pem(key, PrivateFormat.TraditionalOpenSSL)
    for data in (EC_PARAMETERS + block, certificate_to_pem(leaf) + block, b"\xef\xbb\xbf" + block):
        assert PrivateKey.from_pem(data).public_key == key.public_key()
    assert PrivateKey.from_pem(block.replace(b"\n", b"\r\n")).public_key == key.public_key()


def test_what_is_no_key_is_told_for_what_it_is(leaf: x509.Certificate) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    damaged = pem(key).replace(b"M", b"!")
    for data, words in (
        (b"", "not a private key in PEM form"),
        (b"hello", "not a private key in PEM form"),
        (pem(key)[:-30], "not a private key in PEM form"),
        (certificate_to_pem(leaf), "a certificate, where a private key is meant"),
        (public, "a public key, where a private key is meant"),
        (damaged, "damaged"),
    ):
        with pytest.raises(PemUnreadable, match=words):
            PrivateKey.from_pem(data)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (rsa.generate_private_key(65537, 1024), "RSA with 1024 bits"),
        (ec.generate_private_key(ec.SECP521R1()), "secp521r1"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1"),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519"),
    ],
)
def test_a_kind_that_browsers_refuse_is_refused(
    key: SigningKey | ed25519.Ed25519PrivateKey, words: str
) -> None:
    with pytest.raises(PemUnreadable, match=words):
        PrivateKey.from_pem(pem(key))


@given(st.binary(max_size=200), st.sampled_from(["", "EC ", "RSA ", "ENCRYPTED ", "OPENSSH "]))
def test_garbage_is_unreadable_and_nothing_worse(body: bytes, label: str) -> None:
    block = f"-----BEGIN {label}PRIVATE KEY-----\n".encode() + body
    for data in (body, block + f"\n-----END {label}PRIVATE KEY-----\n".encode()):
        with pytest.raises(PemUnreadable):
            PrivateKey.from_pem(data, Secret(b"x"))


def test_a_key_and_a_secret_do_not_show_themselves() -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    assert f"{key} {key!r}" == "<private key, ECDSA P-256> <private key, ECDSA P-256>"
    secret = key.to_pem()
    assert f"{secret} {secret!r} {[secret]}" == "<secret> <secret> [<secret>]"
    for hidden in (key, secret):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(hidden)
        with pytest.raises(TypeError, match="not pickled"):
            copy.deepcopy(hidden)
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)


def test_secrets_compare_by_their_bytes() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"


def test_a_certificate_matches_its_own_key_only() -> None:
    key, other = (PrivateKey.generate(KeyType.ECDSA_P256) for _ in range(2))
    certificate = issue_self_signed(key=key, names=names("ha.lan"), now=NOW)
    assert matches(certificate, key)
    assert not matches(certificate, other)
    assert not matches(certificate, PrivateKey.generate(KeyType.RSA_2048))
