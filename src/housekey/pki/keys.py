"""Private keys: made, read, sealed, and never shown.

Only the kinds of keys that every platform takes exist here (PLATFORMS.md 0.1): no
P-521 or Ed25519 (CHR-20, FFX-19, APL-12), no RSA below 2048 bits (APL-11, OSL-06).
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn, TypeAlias

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from housekey.errors import PemUnreadable
from housekey.pki.any_key import AnyPrivateKey, open_key
from housekey.pki.secret import Secret

__all__ = ["KeyType", "PrivateKey", "PublicKey", "Secret", "SigningKey"]

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey: TypeAlias = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class KeyType(StrEnum):
    """A kind of key; the value is what the command line's --key takes."""

    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"

    @property
    def label(self) -> str:
        """For people: "ECDSA P-256", "RSA 4096"."""
        return self.value.upper().replace("ECDSA-P", "ECDSA P-").replace("RSA-", "RSA ")


_CURVES: dict[KeyType, ec.EllipticCurve] = {
    KeyType.ECDSA_P256: ec.SECP256R1(),
    KeyType.ECDSA_P384: ec.SECP384R1(),
}
_RSA_BITS = {KeyType.RSA_2048: 2048, KeyType.RSA_3072: 3072, KeyType.RSA_4096: 4096}
_TYPE_OF = {("ec", curve.key_size): kind for kind, curve in _CURVES.items()} | {
    ("rsa", bits): kind for kind, bits in _RSA_BITS.items()
}
_RSA_EXPONENT = 65537  # BR-12; FIPS 186-5 A.1.1 wants at least this

_KEY_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


class PrivateKey:
    """A private key that does not show itself: no repr, no pickle, no comparison."""

    __slots__ = ("_key", "key_type")

    key_type: KeyType

    def __init__(self, key: SigningKey) -> None:
        """Wrap a key of the cryptography package. Raises PemUnreadable for one of no KeyType."""
        self.key_type = _type_of(key)
        self._key = key

    @classmethod
    def generate(cls, key_type: KeyType) -> PrivateKey:
        """A new key, from the operating system's randomness; RSA with exponent 65537."""
        curve = _CURVES.get(key_type)
        if curve is not None:
            return cls(ec.generate_private_key(curve))
        return cls(rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS[key_type]))

    @classmethod
    def from_pem(cls, data: bytes, passphrase: Secret | None = None) -> PrivateKey:
        """Read the first private key in `data`: PKCS#8, SEC1 or PKCS#1, sealed or not.

        Other blocks around it (a certificate, EC parameters) are passed over; a passphrase
        for a key that needs none is not used. Raises PemUnreadable.
        """
        block = _KEY_BLOCK.search(data)
        if block is None:
            raise _no_key_in(data)
        pem = block[0]
        locked = b"ENCRYPTED" in pem  # the block's label, or the Proc-Type line of RFC 1421
        return cls.of(open_key(pem, passphrase, locked=locked))

    @classmethod
    def of(cls, found: AnyPrivateKey) -> PrivateKey:
        """Take a key that was read elsewhere. Raises PemUnreadable for one of no KeyType."""
        key = found.raw
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise _kind_refused(f"its kind is {found.label}")
        return cls(key)

    @property
    def public_key(self) -> PublicKey:
        """The half of the key that may be seen."""
        return self._key.public_key()

    @property
    def signing_key(self) -> SigningKey:
        """The cryptography package's key, for this room only."""
        return self._key

    def to_pem(self) -> Secret:
        """The key as unencrypted PKCS#8, for a file that only its owner reads."""
        return Secret(self._pkcs8(serialization.NoEncryption()))

    def to_sealed_pem(self, passphrase: Secret) -> bytes:
        """The key as encrypted PKCS#8 (PBES2 with AES-256). An empty passphrase is a ValueError.

        The stretching is that of the cryptography package, made for long random
        passphrases such as the recovery code.
        """
        return self._pkcs8(serialization.BestAvailableEncryption(passphrase.reveal()))

    def _pkcs8(self, encryption: serialization.KeySerializationEncryption) -> bytes:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )

    def __repr__(self) -> str:
        return f"<private key, {self.key_type.label}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")


def signature_hash(key_type: KeyType) -> hashes.SHA256 | hashes.SHA384:
    """The hash that a signature by such a key uses: SHA-384 with P-384, otherwise SHA-256."""
    return hashes.SHA384() if key_type is KeyType.ECDSA_P384 else hashes.SHA256()


def is_of_a_type(key: PublicKey) -> bool:
    """Whether a public key is of one of the kinds that every platform takes."""
    return _kind(key) is not None


def _kind(key: SigningKey | PublicKey) -> KeyType | None:
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return _TYPE_OF.get(("rsa", key.key_size))
    # By the curve's own name: secp256k1 and brainpoolP256r1 have 256 bits, too.
    is_nist = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1)
    return _TYPE_OF.get(("ec", key.curve.key_size)) if is_nist else None


def _type_of(key: SigningKey) -> KeyType:
    kind = _kind(key)
    found = (
        f"RSA with {key.key_size} bits"
        if isinstance(key, rsa.RSAPrivateKey)
        else f"ECDSA on the curve {key.curve.name}"
    )
    if kind is None:
        raise _kind_refused(f"it is {found}")
    return kind


def _kind_refused(what: str) -> PemUnreadable:
    return PemUnreadable(
        f"the private key is of a kind that some browsers and phones refuse: {what}",
        hint=f"use one of {', '.join(kind.label for kind in KeyType)}",
    )


def _no_key_in(data: bytes) -> PemUnreadable:
    if b"-----BEGIN CERTIFICATE-----" in data:
        return PemUnreadable(
            "this is a certificate, where a private key is meant",
            hint="the key is in another file, often named privkey.pem or ending in .key",
        )
    if b"PUBLIC KEY-----" in data:
        return PemUnreadable(
            "this is a public key, where a private key is meant",
            hint="the private key is in another file, often named privkey.pem or ending in .key",
        )
    return PemUnreadable(
        "this is not a private key in PEM form",
        hint="such a file begins with -----BEGIN PRIVATE KEY-----",
    )
