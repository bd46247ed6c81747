"""Certificates per second: housekey's issuing against the bare cryptography calls.

Both make the same certificate from nothing: a P-256 key, a leaf with the same names and
the same extensions under the same issuing CA, the key and the certificate as PEM. They
take turns in short rounds of one run, so that a busy machine slows both alike; the median
round of each counts.

    python -m bench.issuing
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import certificate_from_pem, certificate_to_pem
from housekey.pki.issuing import Issuer, issue_issuing_ca, issue_leaf, issue_root
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 100
CERTIFICATES_OF_ROUND = 20
NAMES = ("homeassistant.local", "homeassistant", "localhost", "192.168.1.20", "fd00::20")
DAYS = 397


def measure() -> tuple[float, float]:
    """Certificates per second of housekey and of the bare calls, each in its median round."""
    signer, _ = issuer()
    ours, bare = partial(_ours, signer), partial(_bare, signer)
    _check_that_both_make_the_same(ours(), bare())
    rates = [(_rate(ours), _rate(bare)) for _ in range(ROUNDS)]
    return median(rate for rate, _ in rates), median(rate for _, rate in rates)


def _rate(make: Callable[[], bytes]) -> float:
    start = perf_counter()
    for _ in range(CERTIFICATES_OF_ROUND):
        make()
    return CERTIFICATES_OF_ROUND / (perf_counter() - start)


def _ours(issuer: Issuer) -> bytes:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    certificate = issue_leaf(
        public_key=key.public_key,
        names=[parse_name(name) for name in NAMES],
        issuer=issuer,
        now=datetime.now(UTC),
        days=DAYS,
    )
    return certificate_to_pem(certificate) + key.to_pem().reveal()


def _bare(issuer: Issuer) -> bytes:
    """What a script without housekey would write down."""
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key()
    not_before = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAMES[0])]))
        .issuer_name(issuer.certificate.subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key),
            critical=False,
        )
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *map(x509.DNSName, NAMES[:3]),
                    *(x509.IPAddress(ip_address(text)) for text in NAMES[3:]),
                ]
            ),
            critical=False,
        )
        .sign(issuer.key.signing_key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _check_that_both_make_the_same(ours: bytes, bare: bytes) -> None:
    first, second = certificate_from_pem(ours), certificate_from_pem(bare)

    def essence(certificate: x509.Certificate) -> tuple[object, ...]:
        return (
            certificate.subject,
            certificate.issuer,
            [
                (each.oid, each.critical, each.value)
                for each in certificate.extensions
                if each.oid != x509.SubjectKeyIdentifier.oid
            ],
        )

    if essence(first) != essence(second):
        raise RuntimeError("the two sides do not make the same certificate")


def issuer() -> tuple[Issuer, x509.Certificate]:
    """Return an issuing CA that can sign, and its root."""
    now = datetime.now(UTC)
    root_key, issuing_key = (PrivateKey.generate(KeyType.ECDSA_P256) for _ in range(2))
    root = issue_root(
        key=root_key, subject=Subject("bench root"), constraints=DEFAULT_CONSTRAINTS, now=now
    )
    issuing = issue_issuing_ca(
        public_key=issuing_key.public_key,
        subject=Subject("bench issuing CA"),
        root=Issuer(root, root_key),
        now=now,
    )
    return Issuer(issuing, issuing_key), root


if __name__ == "__main__":
    housekey_rate, bare_rate = measure()
    print(
        f"issuing: {housekey_rate:.0f}/s, bare cryptography {bare_rate:.0f}/s,"
        f" ratio {housekey_rate / bare_rate:.2f}"
    )
