"""Certificates as bytes and back: PEM, DER, fingerprints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from housekey.errors import PemUnreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from housekey.pki.keys import PrivateKey


def certificate_to_pem(certificate: x509.Certificate) -> bytes:
    """One PEM block, ending with a newline."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - slow

    return certificate.public_bytes(Encoding.PEM)


# A version that X.509 does not have is no ValueError to cryptography.
_UNREADABLE = (ValueError, x509.InvalidVersion)


def chain_to_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """PEM blocks in the order given; a server's file holds the leaf first (RFC 8446 4.4.2)."""
    return b"".join(map(certificate_to_pem, certificates))


def to_der(certificate: x509.Certificate) -> bytes:
    """The certificate's own bytes, which its fingerprint is of."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - slow

    return certificate.public_bytes(Encoding.DER)


def certificates_from_pem(data: bytes) -> tuple[x509.Certificate, ...]:
    """Every certificate in `data`, in its order, and at least one; other blocks are passed over.

    Raises PemUnreadable.
    """
    if b"-----BEGIN CERTIFICATE-----" not in data and b"PRIVATE KEY-----" in data:
        raise PemUnreadable(
            "this is a private key, where a certificate is meant",
            hint="the certificate is in another file, often named certificate.pem or fullchain.pem",
        )
    try:
        return tuple(x509.load_pem_x509_certificates(data))
    except _UNREADABLE as error:
        raise PemUnreadable(
            "this is not a certificate in PEM form, or it is damaged",
            hint="such a file begins with -----BEGIN CERTIFICATE-----",
        ) from error


def certificate_from_pem(data: bytes) -> x509.Certificate:
    """The first certificate in `data`. Raises PemUnreadable."""
    return certificates_from_pem(data)[0]


def certificate_from_der(data: bytes) -> x509.Certificate:
    """The certificate whose own bytes are `data`. Raises PemUnreadable."""
    try:
        return x509.load_der_x509_certificate(data)
    except _UNREADABLE as error:
        raise PemUnreadable(
            "this is not a certificate in DER form, or it is damaged",
            hint="a file that begins with -----BEGIN CERTIFICATE----- is in PEM form",
        ) from error


def readable(der: bytes) -> x509.Certificate | None:
    """The certificate whose own bytes are `der`, or None for bytes that are none."""
    try:
        return certificate_from_der(der)
    except PemUnreadable:
        return None


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's bytes, 64 lower-case hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def matches(certificate: x509.Certificate, key: PrivateKey) -> bool:
    """Whether `key` is the private half of the key in `certificate`."""
    try:
        return certificate.public_key() == key.public_key
    except (ValueError, UnsupportedAlgorithm):  # a key that no PrivateKey can be the half of
        return False
