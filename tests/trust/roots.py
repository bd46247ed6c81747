"""Roots for the tests of this room: a house's, another house's, and roots that no house has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from housekey.house.files import Files
from housekey.house.house import prepare_house
from housekey.pki.encoding import certificate_to_pem, fingerprint
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name

NOW = datetime.now(UTC).replace(microsecond=0)


def a_root(which: str = "ours") -> x509.Certificate:
    """The root of a house; one for each word."""
    return _root_of(which)


@cache  # which tells a default from the same word that is given
def _root_of(which: str) -> x509.Certificate:
    subject = Subject(None, organization=which)
    return prepare_house(names=(), subject=subject, clock=lambda: NOW).root


def pem_of(which: str = "ours") -> bytes:
    return certificate_to_pem(a_root(which))


def sha256_of(which: str = "ours") -> str:
    return fingerprint(a_root(which))


def make_house(
    folder: Path, *, permit: Iterable[Name] = (), born: timedelta = timedelta(0)
) -> RecoveryCode:
    """Make a house in `folder`; return its recovery code."""
    new = prepare_house(
        names=(), permit=tuple(permit), subject=Subject("Test root"), clock=lambda: NOW + born
    )
    new.write(folder, Files()).close()
    return new.recovery_code


@dataclass(frozen=True)
class Forged:
    """A certificate that says what it is told to say."""

    name: str = "Some root"
    issuer: str | None = None  # its own name
    ca: bool | None = True  # None: no basic constraints at all
    begins: datetime = NOW - timedelta(days=1)
    ends: datetime = NOW + timedelta(days=1000)
    constraints: x509.NameConstraints | None = None
    signed_by_itself: bool = True

    def certificate(self) -> x509.Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        signer = key if self.signed_by_itself else ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(self.name))
            .issuer_name(_name(self.issuer or self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.begins)
            .not_valid_after(self.ends)
        )
        if self.ca is not None:
            basic = x509.BasicConstraints(ca=self.ca, path_length=None)
            builder = builder.add_extension(basic, critical=True)
        if self.constraints is not None:
            builder = builder.add_extension(self.constraints, critical=False)
        return builder.sign(signer, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
