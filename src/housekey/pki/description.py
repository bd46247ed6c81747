"""What there is to show of a certificate, a request or a key: facts, ready to be printed.

Every certificate of anybody must come out readable, so each fact is asked for on its own, and
one that cannot be read is told as such and hides no other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from housekey.pki.any_key import PARSER_ERRORS, AnyPrivateKey, attempt, label_of
from housekey.pki.contents import OddVersion, Unread
from housekey.pki.reading import quiet

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.pki.contents import Item, PublicKeyOfAnyKind


@dataclass(frozen=True, slots=True)
class Extensions:
    """The extensions of a certificate, or those that a request asks for."""

    names: tuple[str, ...] = ()  # the SAN, each entry as text, others than names with their type
    is_ca: bool | None = None  # None: it does not say, which means no
    path_length: int | None = None
    key_usage: tuple[str, ...] = ()
    extended_key_usage: tuple[str, ...] = ()
    subject_key_identifier: str | None = None  # hexadecimal
    authority_key_identifier: str | None = None
    permitted: tuple[str, ...] = ()  # name constraints
    excluded: tuple[str, ...] = ()
    others: tuple[str, ...] = ()  # names or OIDs of all others
    critical: tuple[str, ...] = ()  # those of all that are marked critical
    unreadable: str | None = None  # why none of the above could be read


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    kind: str
    version: int
    subject: str
    issuer: str
    self_issued: bool
    serial: str  # hexadecimal
    not_before: datetime | None
    not_after: datetime | None
    days_left: int | None  # below zero: it has ended
    key: str
    key_sha256: str | None  # of the public key's bytes: the same in certificate, request and key
    signature: str
    sha256: str
    sha1: str  # for people who compare with what an old program shows
    extensions: Extensions


@dataclass(frozen=True, slots=True)
class RequestFacts:
    kind: str
    subject: str
    key: str
    key_sha256: str | None
    signature: str
    signature_valid: bool
    extensions: Extensions


@dataclass(frozen=True, slots=True)
class KeyFacts:
    kind: str  # "private key" or "public key"
    key: str
    key_sha256: str


@dataclass(frozen=True, slots=True)
class UnreadFacts:
    kind: str
    problem: str
    hint: str


Facts: TypeAlias = CertificateFacts | RequestFacts | KeyFacts | UnreadFacts

_UNKNOWN = "cannot be read"


def describe(item: Item, *, now: datetime) -> Facts:
    """What there is to show of `item`."""
    with quiet():
        if isinstance(item, x509.Certificate):
            version = 1 if item.version is x509.Version.v1 else 3
            der = item.public_bytes(serialization.Encoding.DER)
            return _certificate(item, der=der, version=version, now=now)
        if isinstance(item, OddVersion):
            return _certificate(item.stand_in, der=item.der, version=item.version, now=now)
        if isinstance(item, x509.CertificateSigningRequest):
            return _request(item)
        if isinstance(item, Unread):
            return UnreadFacts(item.what, item.reason, item.hint)
        private = isinstance(item, AnyPrivateKey)
        key = item.public_key if isinstance(item, AnyPrivateKey) else item
        return KeyFacts(
            "private key" if private else "public key", label_of(key), key_fingerprint(key)
        )


def key_fingerprint(key: PublicKeyOfAnyKind) -> str:
    """SHA-256 of a public key's bytes, the same for a key, its certificate and its request."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def _certificate(
    certificate: x509.Certificate, *, der: bytes, version: int, now: datetime
) -> CertificateFacts:
    begin = _or_none(lambda: certificate.not_valid_before_utc)
    end = _or_none(lambda: certificate.not_valid_after_utc)
    key, key_sha256 = _key_of(certificate)
    subject, issuer = _name(lambda: certificate.subject), _name(lambda: certificate.issuer)
    return CertificateFacts(
        kind="certificate",
        version=version,
        subject=subject,
        issuer=issuer,
        self_issued=subject == issuer != _UNKNOWN,
        serial=f"{certificate.serial_number:x}",
        not_before=begin,
        not_after=end,
        days_left=None if end is None else (end - now.astimezone(UTC)).days,
        key=key,
        key_sha256=key_sha256,
        signature=oid_name(certificate.signature_algorithm_oid),
        sha256=_digest(der, hashes.SHA256()),
        sha1=_digest(der, hashes.SHA1()),  # noqa: S303 - compared, not relied on
        extensions=_extensions(certificate),
    )


def _request(request: x509.CertificateSigningRequest) -> RequestFacts:
    key, key_sha256 = _key_of(request)
    return RequestFacts(
        kind="request",
        subject=_name(lambda: request.subject),
        key=key,
        key_sha256=key_sha256,
        signature=oid_name(request.signature_algorithm_oid),
        signature_valid=bool(_or_none(lambda: request.is_signature_valid)),
        extensions=_extensions(request),
    )


def _key_of(thing: x509.Certificate | x509.CertificateSigningRequest) -> tuple[str, str | None]:
    key: PublicKeyOfAnyKind | None = _or_none(thing.public_key)
    if key is None:
        oid = getattr(thing, "public_key_algorithm_oid", None)  # of cryptography 43 and later
        return f"of an unknown kind{f' ({oid_name(oid)})' if oid else ''}", None
    return label_of(key), key_fingerprint(key)


def _name(ask: Callable[[], x509.Name]) -> str:
    """A distinguished name as one line, RFC 4514."""
    name = _or_none(ask)
    text = _or_none(name.rfc4514_string) if name is not None else None
    return _UNKNOWN if text is None else printable(text)


def printable(text: str) -> str:
    """`text` without what could move a terminal's cursor or colour its letters."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _extensions(thing: x509.Certificate | x509.CertificateSigningRequest) -> Extensions:
    try:
        found = attempt(lambda: list(thing.extensions))
    except (
        *PARSER_ERRORS,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ) as error:
        return Extensions(unreadable=printable(f"{error}"[:200]))
    facts: dict[str, Any] = {"others": ()}
    for extension in found:
        facts.update(
            _one(extension.value) or {"others": (*facts["others"], oid_name(extension.oid))}
        )
    return Extensions(
        **facts, critical=tuple(oid_name(each.oid) for each in found if each.critical)
    )


def _one(value: x509.ExtensionType) -> dict[str, Any]:
    """The facts in one extension; none if it is not one of those that are told apart."""
    facts: dict[str, Any] = {}
    match value:
        case x509.SubjectAlternativeName():
            facts = {"names": tuple(map(general_name, value))}
        case x509.BasicConstraints():
            facts = {"is_ca": value.ca, "path_length": value.path_length}
        case x509.KeyUsage():
            facts = {"key_usage": key_usages(value)}
        case x509.ExtendedKeyUsage():
            facts = {"extended_key_usage": tuple(map(oid_name, value))}
        case x509.SubjectKeyIdentifier():
            facts = {"subject_key_identifier": value.digest.hex()}
        case x509.AuthorityKeyIdentifier():
            identifier = value.key_identifier
            facts = {"authority_key_identifier": identifier.hex() if identifier else None}
        case x509.NameConstraints():
            facts = {
                "permitted": tuple(map(general_name, value.permitted_subtrees or ())),
                "excluded": tuple(map(general_name, value.excluded_subtrees or ())),
            }
    return facts


def general_name(entry: x509.GeneralName) -> str:
    """One entry of a SAN or of name constraints: names bare, everything else with its type."""
    if isinstance(entry, x509.DNSName | x509.IPAddress):
        return printable(str(entry.value))
    if isinstance(entry, x509.DirectoryName):
        return f"directory name {_name(lambda: entry.value)}"
    if isinstance(entry, x509.OtherName):
        return f"other name {entry.type_id.dotted_string}"
    if isinstance(entry, x509.RegisteredID):
        return f"registered ID {entry.value.dotted_string}"
    what = "e-mail" if isinstance(entry, x509.RFC822Name) else "URI"
    return printable(f"{what} {entry.value}")


_KEY_USAGES = {  # RFC 5280 4.2.1.3: the package's name, and the field's own
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


def key_usages(value: x509.KeyUsage) -> tuple[str, ...]:
    """The bits that are set, by their names in RFC 5280."""
    found = [name for attribute, name in _KEY_USAGES.items() if getattr(value, attribute)]
    if value.key_agreement:
        found += ["encipherOnly"] * value.encipher_only + ["decipherOnly"] * value.decipher_only
    return tuple(found)


def oid_name(oid: x509.ObjectIdentifier) -> str:
    """The name of an OID, or its numbers."""
    found = re.search(r"name=([^)]*)\)", repr(oid))
    name = found[1] if found else ""
    return oid.dotted_string if name in ("", "Unknown OID") else name


def _digest(data: bytes, algorithm: hashes.HashAlgorithm) -> str:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize().hex()


def _or_none(ask: Callable[[], Any]) -> Any:
    """What `ask` returns, or None if the certificate does not let it be read."""
    try:
        return attempt(ask)
    except Exception:  # noqa: BLE001 - whatever a foreign certificate makes a parser say
        return None
