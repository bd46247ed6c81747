"""Any certificate, also one that no issuer would make.

A `Tier` says what a certificate of one tier contains; `ROOT`, `ISSUING` and `LEAF` are as
housekey makes them, without name constraints, and a case is told by what it changes of them.
Keys are made once and shared: a certificate is what a case is about, its key rarely is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from tests.engines import der
from tests.engines.weak_keys import RSA_768

if TYPE_CHECKING:
    from datetime import datetime

PrivateKey: TypeAlias = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)

_CURVES: dict[str, ec.EllipticCurve] = {
    "p224": ec.SECP224R1(), "p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(), "brainpool256": ec.BrainpoolP256R1(),
    "brainpool384": ec.BrainpoolP384R1(),
}  # fmt: skip
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(), "sha1": hashes.SHA1(), "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(),
}  # fmt: skip
_RSA_WITH = {
    "md5": 4, "sha1": 5, "sha224": 14, "sha256": 11, "sha384": 12, "sha512": 13,
}  # fmt: skip
_ECDSA_WITH = {"sha1": "1", "sha224": "3.1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}
_KEY_USAGES = {
    "digitalSignature": 0, "contentCommitment": 1, "keyEncipherment": 2, "dataEncipherment": 3,
    "keyAgreement": 4, "keyCertSign": 5, "cRLSign": 6, "encipherOnly": 7, "decipherOnly": 8,
}  # fmt: skip
_EXTENDED_KEY_USAGES = {
    "serverAuth": "1.3.6.1.5.5.7.3.1", "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3", "emailProtection": "1.3.6.1.5.5.7.3.4",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9", "any": "2.5.29.37.0",
    "netscapeSGC": "2.16.840.1.113730.4.1", "microsoftSGC": "1.3.6.1.4.1.311.10.3.3",
    "unknown": "1.2.3.4.5",
}  # fmt: skip

SKI, KEY_USAGE, SAN, BASIC_CONSTRAINTS = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19"
NAME_CONSTRAINTS, AKI, EXTENDED_KEY_USAGE = "2.5.29.30", "2.5.29.35", "2.5.29.37"

# What an AKI says of the issuer: its key id, its own issuer and serial, each right or wrong.
AkiKind: TypeAlias = Literal[
    "keyid", "wrong", "both", "both-wrong-serial", "serial", "wrong-serial", "empty"
]


@dataclass(frozen=True, slots=True)
class Ext:
    """An extension that a tier has no field for."""

    oid: str
    value: bytes
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """What a certificate contains. Times count from the corpus's `at`."""

    subject: bytes
    serial: int
    nth_key: int  # so that no two tiers of a chain share a key
    key: str = "p256"
    start: timedelta = -HOUR
    end: timedelta = 10 * YEAR
    time_tag: int | None = None
    version: int = 3
    hash: str = "sha256"  # of the signature on this certificate
    pss: bool = False  # RSA-PSS instead of PKCS #1 v1.5, where the signer's key is RSA
    null_parameters: bool = True  # of an RSA signature's algorithm: BR-12
    outer_hash: str | None = None  # the algorithm outside the signed part, if it differs
    damaged: bool = False  # the signature does not hold
    issuer: bytes | None = None  # instead of the issuer's subject
    ca: bool | None = None  # None: no basic constraints
    path_length: int | None = None
    ca_critical: bool = True
    ku: tuple[str, ...] | None = None
    ku_critical: bool = True
    eku: tuple[str, ...] | None = None
    eku_critical: bool = False
    san: tuple[str, ...] | None = None
    san_critical: bool = False
    nc: bytes | None = None
    nc_critical: bool = False
    ski: bytes | None = b""  # empty: the hash of the key; None: absent
    ski_critical: bool = False
    aki: AkiKind | None = "keyid"
    aki_critical: bool = False
    more: tuple[Ext, ...] = ()

    def but(self, **changes: Any) -> Tier:
        """This tier, changed."""
        return replace(self, **changes)


_CA_USAGE = ("keyCertSign", "cRLSign")
ROOT = Tier(
    subject=der.dn("CN=housekey root for Home", "O=Home"),
    serial=0x1001_0000_0000_0001,
    nth_key=0,
    start=-30 * DAY,
    ca=True,
    ku=_CA_USAGE,
)
ISSUING = Tier(
    subject=der.dn("CN=housekey issuing CA for Home"),
    serial=0x2002_0000_0000_0002,
    nth_key=1,
    start=-30 * DAY,
    ca=True,
    path_length=0,
    ku=_CA_USAGE,
)
LEAF = Tier(
    subject=der.dn("CN=ha.lan"),
    serial=0x3003_0000_0000_0003,
    nth_key=2,
    end=396 * DAY,
    ca=False,
    ku=("digitalSignature",),
    eku=("serverAuth",),
    san=("ha.lan",),
)


@dataclass(frozen=True, slots=True)
class Forged:
    """A certificate and what its children need of it."""

    tier: Tier
    der: bytes
    issuer: bytes  # the name of who signed it, as it says
    key_id: bytes  # what a right AKI holds: the SKI, or without one the hash of the key


def forge(tier: Tier, *, by: Forged | None, at: datetime) -> Forged:
    """Return the certificate, signed by `by`'s key, or by its own."""
    signer = by.tier if by else tier
    key_id = tier.ski or _hash_of_key(tier.key, tier.nth_key)
    issuer = tier.issuer if tier.issuer is not None else signer.subject
    inner = _algorithm(signer, tier, tier.hash)
    outer = _algorithm(signer, tier, tier.outer_hash) if tier.outer_hash else inner
    extensions = tuple(_extensions(tier, key_id=key_id, by=by))
    to_be_signed = der.sequence(
        *((der.explicit(0, der.integer(tier.version - 1)),) if tier.version > 1 else ()),
        der.integer(tier.serial),
        inner,
        issuer,
        der.sequence(*(der.time(at + each, tag=tier.time_tag) for each in (tier.start, tier.end))),
        tier.subject,
        _public(tier.key, tier.nth_key),
        *((der.explicit(3, der.sequence(*extensions)),) if extensions else ()),
    )
    signature = _signature(signer, tier, to_be_signed)
    if tier.damaged:
        signature = signature[:-1] + bytes((signature[-1] ^ 1,))
    return Forged(
        tier, der.sequence(to_be_signed, outer, der.bit_string(signature)), issuer, key_id
    )


def key_pem(tier: Tier) -> bytes:
    """The tier's private key, PKCS #8 in PEM."""
    return _private_key(tier.key, tier.nth_key).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


# --- extensions ---


def _extensions(tier: Tier, *, key_id: bytes, by: Forged | None) -> list[bytes]:
    found = []
    if tier.ca is not None:
        body = (der.boolean(True),) if tier.ca else ()
        length = () if tier.path_length is None else (der.integer(tier.path_length),)
        found.append(Ext(BASIC_CONSTRAINTS, der.sequence(*body, *length), tier.ca_critical))
    if tier.ku is not None:
        bits = der.named_bits(tuple(_KEY_USAGES[each] for each in tier.ku))
        found.append(Ext(KEY_USAGE, bits, tier.ku_critical))
    if tier.eku is not None:
        purposes = (der.oid(_EXTENDED_KEY_USAGES[each]) for each in tier.eku)
        found.append(Ext(EXTENDED_KEY_USAGE, der.sequence(*purposes), tier.eku_critical))
    if tier.san is not None:
        names = der.sequence(*map(der.general_name, tier.san))
        found.append(Ext(SAN, names, tier.san_critical))
    if tier.nc is not None:
        found.append(Ext(NAME_CONSTRAINTS, tier.nc, tier.nc_critical))
    if tier.ski is not None:
        found.append(Ext(SKI, der.octet_string(key_id), tier.ski_critical))
    if tier.aki is not None:
        # A self-signed certificate is its own issuer.
        of = (by.key_id, by.issuer, by.tier.serial) if by else (key_id, tier.subject, tier.serial)
        found.append(Ext(AKI, _authority(tier.aki, *of), tier.aki_critical))
    return [
        der.sequence(
            der.oid(each.oid),
            *((der.boolean(True),) if each.critical else ()),
            der.octet_string(each.value),
        )
        for each in (*found, *tier.more)
    ]


def _authority(kind: AkiKind, key_id: bytes, issuer: bytes, serial: int) -> bytes:
    parts: list[bytes] = []
    if kind in {"keyid", "both", "both-wrong-serial"}:
        parts.append(der.implicit(0, key_id))
    if kind == "wrong":
        parts.append(der.implicit(0, b"somebody else's key"))
    if "both" in kind or "serial" in kind:
        number = serial + 1 if "wrong" in kind else serial
        parts.append(der.explicit(1, der.explicit(4, issuer)))
        parts.append(der.implicit(2, der.integer(number)[2:]))
    return der.sequence(*parts)


# --- keys and signatures ---


@cache
def _private_key(kind: str, nth: int) -> PrivateKey:
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    if kind == "rsa768":
        loaded = load_pem_private_key(RSA_768, None)
        assert isinstance(loaded, rsa.RSAPrivateKey)
        return loaded
    bits, _, exponent = kind.removeprefix("rsa").partition("-e")
    return rsa.generate_private_key(int(exponent or 65537), int(bits))


@cache
def _public(kind: str, nth: int) -> bytes:
    public = _private_key(kind, nth).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def _hash_of_key(kind: str, nth: int) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(_public(kind, nth))
    return digest.finalize()[:20]  # RFC 7093, section 2, method 1


def _algorithm(signer: Tier, tier: Tier, name: str) -> bytes:
    if signer.key == "ed25519":
        return der.sequence(der.oid("1.3.101.112"))
    if signer.key == "ed448":
        return der.sequence(der.oid("1.3.101.113"))
    if not signer.key.startswith("rsa"):
        return der.sequence(der.oid(f"1.2.840.10045.4.{_ECDSA_WITH[name]}"))
    null = (der.tlv(der.NULL),) if tier.null_parameters else ()
    if tier.pss:
        digest = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"), *null)
        return der.sequence(
            der.oid("1.2.840.113549.1.1.10"),
            der.sequence(
                der.explicit(0, digest),
                der.explicit(1, der.sequence(der.oid("1.2.840.113549.1.1.8"), digest)),
                der.explicit(2, der.integer(32)),
            ),
        )
    return der.sequence(der.oid(f"1.2.840.113549.1.1.{_RSA_WITH[name]}"), *null)


def _signature(signer: Tier, tier: Tier, data: bytes) -> bytes:
    key = _private_key(signer.key, signer.nth_key)
    digest = _HASHES[tier.hash]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(digest))
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return key.sign(data, pss if tier.pss else padding.PKCS1v15(), digest)
    return key.sign(data)
