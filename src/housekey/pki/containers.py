"""Certificates and keys put into one file: PKCS#7 and PKCS#12.

PKCS#12 has two encryptions here, because no single one is read everywhere:

* AES-256 with PBKDF2 and an HMAC of SHA-256: Windows 10 1709, Windows Server 2019 and later
  (learn.microsoft.com, PKCS12_PBES2_EXPORT_PARAMS); OpenSSL (measured).
* Triple DES with SHA-1, `for_old_devices`: what the keychain of macOS and older Androids still
  want (pyca/cryptography issue 7293, chris2511/xca pull request 389; googleapis/
  enterprise-certificate-proxy pull request 210 of July 2026 needed it on macOS yet).

Whoever has the file can try passphrases in both; the MAC is stretched 2048 times only, which
the cryptography package does not let us change. A long passphrase is what protects the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from housekey.errors import PemUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from housekey.pki.any_key import AnyPrivateKey
    from housekey.pki.secret import Secret

_TAKEN = (
    rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)


def to_pkcs7(certificates: Sequence[x509.Certificate], *, pem: bool) -> bytes:
    """The certificates as a PKCS#7 file without a signature, in PEM or DER.

    The order of certificates in it is not kept: it is a SET (RFC 2315 9.1).
    """
    encoding = serialization.Encoding.PEM if pem else serialization.Encoding.DER
    return pkcs7.serialize_certificates(list(certificates), encoding)


def to_pkcs12(
    key: AnyPrivateKey,
    certificates: Sequence[x509.Certificate],
    *,
    passphrase: Secret,
    label: str,
    for_old_devices: bool = False,
) -> bytes:
    """Key and certificates as a PKCS#12 file; `label` is how a keychain lists it.

    The certificate of the key may stand anywhere in `certificates`. Raises UsageError when
    there is none, PemUnreadable for a kind of key that PKCS#12 cannot hold.
    """
    raw = key.raw
    if not isinstance(raw, _TAKEN):
        raise PemUnreadable(
            f"a key of the kind {key.label} cannot be put into a PKCS#12 file",
            hint="use an ECDSA or RSA key",
        )
    own = next((each for each in certificates if belongs(each, key)), None)
    if own is None:
        raise UsageError(
            "none of the certificates belongs to the private key",
            hint="housekey pem match shows which files belong together",
        )
    builder = serialization.PrivateFormat.PKCS12.encryption_builder()
    if for_old_devices:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        builder = builder.hmac_hash(hashes.SHA1())  # noqa: S303 - the only one that they know
    else:
        builder = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        builder = builder.hmac_hash(hashes.SHA256())
    encryption = builder.build(passphrase.reveal())
    others = [each for each in certificates if each is not own]
    return pkcs12.serialize_key_and_certificates(label.encode(), raw, own, others, encryption)


def belongs(thing: x509.Certificate | x509.CertificateSigningRequest, key: AnyPrivateKey) -> bool:
    """Whether `key` is the private half of the key in a certificate or request."""
    try:
        return thing.public_key() == key.public_key
    except Exception:  # noqa: BLE001 - a key of a kind that the cryptography package cannot read
        return False
