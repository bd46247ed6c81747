"""What a file holds, once it is read: its parts, and how a command picks out those it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import types

from housekey.errors import PemLocked, PemUnreadable
from housekey.pki.any_key import AnyPrivateKey

AGAIN = "take the file again from where it came from"


@dataclass(frozen=True, slots=True)
class OddVersion:
    """A certificate of a version that X.509 does not have; no program will use it."""

    version: int
    der: bytes = field(repr=False)
    stand_in: x509.Certificate = field(repr=False)  # the same but for the version, to look at


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that is there and cannot be read."""

    what: str  # "certificate", "private key", …
    reason: str
    hint: str
    locked: bool = False  # a passphrase would open it

    def error(self) -> PemUnreadable:
        kind = PemLocked if self.locked else PemUnreadable
        return kind(self.reason, hint=self.hint)


PublicKeyOfAnyKind: TypeAlias = types.PublicKeyTypes
Item: TypeAlias = (
    x509.Certificate
    | x509.CertificateSigningRequest
    | AnyPrivateKey
    | PublicKeyOfAnyKind
    | OddVersion
    | Unread
)


@dataclass(frozen=True, slots=True)
class Part:
    item: Item
    form: str  # "PEM", "DER", "PKCS#7" or "PKCS#12"


@dataclass(frozen=True, slots=True)
class Contents:
    """All parts of a file, in its order."""

    parts: tuple[Part, ...]

    @property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        return tuple(p.item for p in self.parts if isinstance(p.item, x509.Certificate))

    @property
    def requests(self) -> tuple[x509.CertificateSigningRequest, ...]:
        return tuple(
            p.item for p in self.parts if isinstance(p.item, x509.CertificateSigningRequest)
        )

    @property
    def keys(self) -> tuple[AnyPrivateKey, ...]:
        return tuple(p.item for p in self.parts if isinstance(p.item, AnyPrivateKey))

    @property
    def unread(self) -> tuple[Unread, ...]:
        return tuple(p.item for p in self.parts if isinstance(p.item, Unread))

    def whole(self) -> Contents:
        """These contents, if every part of them can be read. Raises PemUnreadable."""
        for item in (part.item for part in self.parts):
            if isinstance(item, Unread):
                raise item.error()
            if isinstance(item, OddVersion):
                raise _odd_version(item.version)
        return self

    def the_certificates(self) -> tuple[x509.Certificate, ...]:
        """The certificates, at least one. Raises PemUnreadable."""
        if not self.certificates:
            raise self._wrong("a certificate", "often named certificate.pem or fullchain.pem")
        return self.certificates

    def the_request(self) -> x509.CertificateSigningRequest:
        """The first request. Raises PemUnreadable."""
        if not self.requests:
            raise self._wrong("a certificate request (CSR)", "often ending in .csr or .req")
        return self.requests[0]

    def the_key(self) -> AnyPrivateKey:
        """The first private key. Raises PemUnreadable."""
        if not self.keys:
            raise self._wrong("a private key", "often named privkey.pem or ending in .key")
        return self.keys[0]

    def _wrong(self, meant: str, where: str) -> PemUnreadable:
        found = what_is(self.parts[0].item)
        return PemUnreadable(
            f"this is {found}, where {meant} is meant",
            hint=f"{meant.removeprefix('a ')} is in another file, {where}".replace(
                "certificate request (CSR) is", "the request is"
            ),
        )


def what_is(item: Item) -> str:
    """An item in a few words: "a certificate", "a private key"."""
    if isinstance(item, x509.Certificate | OddVersion):
        return "a certificate"
    if isinstance(item, x509.CertificateSigningRequest):
        return "a certificate request (CSR)"
    if isinstance(item, AnyPrivateKey):
        return "a private key"
    return f"a {item.what}" if isinstance(item, Unread) else "a public key"


def _odd_version(version: int) -> PemUnreadable:
    return PemUnreadable(
        f"the certificate is of version {version}, and X.509 has 1 and 3", hint=AGAIN
    )
