"""What stands in a certificate, read once and without judging it.

`facts_of` never raises. What cannot be read is told beside what can: `unreadable` when there
is no certificate at all, `malformed` for single extensions. cryptography reads times, keys and
signatures; names and extensions come from the bytes themselves (`der.py`), because engines
compare bytes, and because one bad extension must not hide the others.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from housekey.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

# --- words ---


class KeyKind(StrEnum):
    """The family of a key."""

    RSA = "RSA"
    EC = "EC"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    DSA = "DSA"
    OTHER = "unknown"


class Usage(IntEnum):
    """The bits of keyUsage: RFC 5280 4.2.1.3."""

    DIGITAL_SIGNATURE = 0
    CONTENT_COMMITMENT = 1
    KEY_ENCIPHERMENT = 2
    DATA_ENCIPHERMENT = 3
    KEY_AGREEMENT = 4
    KEY_CERT_SIGN = 5
    CRL_SIGN = 6
    ENCIPHER_ONLY = 7
    DECIPHER_ONLY = 8


class NameKind(IntEnum):
    """The choices of a GeneralName, by their tags: RFC 5280 4.2.1.6."""

    OTHER = 0
    EMAIL = 1
    DNS = 2
    X400 = 3
    DIRECTORY = 4
    EDI = 5
    URI = 6
    IP = 7
    REGISTERED = 8


class Oid:
    """The object identifiers that rules speak of."""

    SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
    KEY_USAGE: Final = "2.5.29.15"
    SUBJECT_ALT_NAME: Final = "2.5.29.17"
    BASIC_CONSTRAINTS: Final = "2.5.29.19"
    NAME_CONSTRAINTS: Final = "2.5.29.30"
    CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
    CERTIFICATE_POLICIES: Final = "2.5.29.32"
    POLICY_MAPPINGS: Final = "2.5.29.33"
    AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
    POLICY_CONSTRAINTS: Final = "2.5.29.36"
    EXTENDED_KEY_USAGE: Final = "2.5.29.37"
    INHIBIT_ANY_POLICY: Final = "2.5.29.54"
    AUTHORITY_INFORMATION: Final = "1.3.6.1.5.5.7.1.1"
    TLS_FEATURE: Final = "1.3.6.1.5.5.7.1.24"
    NETSCAPE_CERT_TYPE: Final = "2.16.840.1.113730.1.1"

    COMMON_NAME: Final = "2.5.4.3"
    EMAIL_ADDRESS: Final = "1.2.840.113549.1.9.1"

    ANY_USAGE: Final = "2.5.29.37.0"
    SERVER_AUTH: Final = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH: Final = "1.3.6.1.5.5.7.3.2"
    OCSP_SIGNING: Final = "1.3.6.1.5.5.7.3.9"
    NETSCAPE_SGC: Final = "2.16.840.1.113730.4.1"
    MICROSOFT_SGC: Final = "1.3.6.1.4.1.311.10.3.3"


# --- facts ---


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, without the key."""

    kind: KeyKind = KeyKind.OTHER
    bits: int = 0  # RSA and DSA: of the modulus; EC: of the curve's order
    curve: str = ""  # as OpenSSL calls it, "secp256r1"; its dotted OID if it is none of those
    exponent: int = 0  # RSA only

    def __str__(self) -> str:
        if self.kind is KeyKind.EC:
            return {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(
                self.curve, self.curve
            )
        return f"{self.kind} {self.bits}" if self.bits else str(self.kind)


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension as it stands there."""

    oid: str
    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class GeneralName:
    """One entry of a SAN or one subtree's base, as bytes."""

    kind: NameKind
    value: bytes

    @property
    def text(self) -> str:
        """A DNS name, URI or e-mail address; every byte is one character."""
        return self.value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class BasicConstraints:
    """Whether it may sign certificates, and how many tiers of others below it."""

    ca: bool
    path_length: int | None


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """What the AKI says of the issuer."""

    key_id: bytes | None = None
    issuer: bytes | None = None  # the DER of the first directory name
    serial: int | None = None


@dataclass(frozen=True, slots=True)
class Subtree:
    """One base of a name constraint."""

    base: GeneralName
    bounded: bool  # has a minimum above 0 or a maximum, which RFC 5280 forbids
    minimum_written: bool = False  # has either, were it a minimum of 0, which DER leaves out


@dataclass(frozen=True, slots=True)
class NameConstraints:
    """What a CA may speak for."""

    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()


_USUAL_STRINGS = (0x0C, 0x13)  # UTF8String, PrintableString


@dataclass(frozen=True, slots=True)
class Attribute:
    """One part of a subject or issuer."""

    oid: str
    tag: int  # the kind of string
    value: bytes

    @property
    def text(self) -> str:
        """Its characters, as well as they can be told."""
        encoding = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}.get(self.tag, "utf-8")
        return self.value.decode(encoding, "replace")

    def folded(self, *, blanks: bool) -> str:
        """In small letters, if it is a usual kind of string; `blanks` tells them apart, too."""
        if self.tag not in _USUAL_STRINGS:
            return f"{self.tag} {self.value.hex()}"
        return self.text.lower() if blanks else " ".join(self.text.split()).lower()


@dataclass(frozen=True, slots=True)
class DirectoryName:
    """A subject or an issuer: its bytes, and its parts."""

    der: bytes
    attributes: tuple[tuple[Attribute, ...], ...]  # an inner tuple has one, as good as always

    @property
    def is_empty(self) -> bool:
        return not self.attributes

    def texts(self, oid: str) -> tuple[str, ...]:
        """The values of one attribute, in their order."""
        return tuple(each.text for rdn in self.attributes for each in rdn if each.oid == oid)

    @property
    def normalised(self) -> tuple[frozenset[tuple[str, str]], ...]:
        """What compares equal whatever kinds of strings, capitals and blanks: RFC 5280 7.1."""
        return tuple(
            frozenset((each.oid, " ".join(each.text.split()).lower()) for each in rdn)
            for rdn in self.attributes
        )

    @property
    def characters(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """What compares equal whatever kinds of strings, with capitals and blanks as they are."""
        return tuple(tuple((each.oid, each.text) for each in rdn) for rdn in self.attributes)

    def folded(self, *, blanks: bool) -> tuple[tuple[tuple[str, str], ...], ...]:
        """What compares equal whatever capitals, in UTF8String and PrintableString only."""
        return tuple(
            tuple((each.oid, each.folded(blanks=blanks)) for each in rdn) for rdn in self.attributes
        )

    @property
    def t61(self) -> tuple[bytes, ...]:
        """The values that are TeletexStrings, which some normalise and some do not."""
        return tuple(each.value for rdn in self.attributes for each in rdn if each.tag == 0x14)

    def __str__(self) -> str:
        common_names = self.texts(Oid.COMMON_NAME)
        if common_names:
            return common_names[-1]
        return ", ".join(each.text for rdn in self.attributes for each in rdn) or "(empty)"


NOBODY = DirectoryName(b"", ())
_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A certificate. When `unreadable` is not empty nothing but `der` means anything.

    Two are equal when their bytes are.
    """

    der: bytes
    unreadable: str = ""  # why this is no certificate
    version: int = 3
    serial: int = 1
    serial_octets: int = 1
    subject: DirectoryName = NOBODY
    issuer: DirectoryName = NOBODY
    not_before: datetime = _NO_TIME
    not_after: datetime = _NO_TIME
    key: Key = field(default_factory=Key)
    signature_hash: str = ""  # "sha256"; empty where the signature has no hash of its own
    signature_name: str = ""  # dotted OID of the outer algorithm
    signatures_agree: bool = True  # inner and outer algorithm are the same bytes
    extensions: tuple[Extension, ...] = ()
    malformed: tuple[str, ...] = ()  # OIDs of extensions that do not hold what they should
    trailing: tuple[str, ...] = ()  # OIDs of those with more bytes after what they should hold
    basic_constraints: BasicConstraints | None = None
    key_usage: frozenset[Usage] | None = None
    extended_key_usage: tuple[str, ...] | None = None
    subject_key_id: bytes | None = None
    authority_key: AuthorityKey | None = None
    san: tuple[GeneralName, ...] | None = None
    name_constraints: NameConstraints | None = None
    must_staple: bool = False
    netscape_types: frozenset[int] | None = None  # bits of Netscape's certificate type
    certificate: x509.Certificate | None = field(default=None, repr=False)  # for signatures only
    signed: bytes = field(default=b"", repr=False)  # what the signature is over
    signature: bytes = field(default=b"", repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Facts) and self.der == other.der

    def __hash__(self) -> int:
        return hash(self.der)

    @property
    def is_ca(self) -> bool:
        """Whether basicConstraints says so."""
        return self.basic_constraints is not None and self.basic_constraints.ca

    @property
    def is_self_issued(self) -> bool:
        """Subject and issuer are the same, byte for byte; says nothing about the signature."""
        return self.subject.der == self.issuer.der

    @property
    def common_names(self) -> tuple[str, ...]:
        return self.subject.texts(Oid.COMMON_NAME)

    @property
    def dns_names(self) -> tuple[str, ...]:
        """The SAN's DNS names as they are written."""
        return tuple(each.text for each in self.san or () if each.kind is NameKind.DNS)

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """The SAN's addresses: four bytes, sixteen, or nonsense."""
        return tuple(each.value for each in self.san or () if each.kind is NameKind.IP)

    @property
    def duplicated(self) -> tuple[str, ...]:
        """OIDs of extensions that are there twice: RFC 5280 4.2 forbids it."""
        seen: dict[str, int] = {}
        for each in self.extensions:
            seen[each.oid] = seen.get(each.oid, 0) + 1
        return tuple(oid for oid, times in seen.items() if times > 1)

    def critical(self, oid: str) -> bool:
        """Whether the extension is there and critical."""
        return any(each.oid == oid and each.critical for each in self.extensions)

    def has(self, oid: str) -> bool:
        return any(each.oid == oid for each in self.extensions)

    def may(self, *usages: Usage) -> bool:
        """Whether keyUsage allows one of `usages`; without one, everything is allowed."""
        return self.key_usage is None or bool(self.key_usage.intersection(usages))


def facts_of(data: bytes) -> Facts:
    """Read `data` as one certificate. Never raises.

    The last few are remembered: root and issuing CA come again with every name that is asked.
    """
    return _remembered(data) if len(data) <= _MOST_REMEMBERED else _facts(data)


def _facts(data: bytes) -> Facts:
    try:
        # cryptography warns of odd serials and names; here they are facts, not warnings.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data)
    except Exception as error:  # noqa: BLE001 - whatever a parser says of foreign bytes
        return Facts(data, unreadable=str(error) or type(error).__name__)


_MOST_REMEMBERED = 16_384  # bytes of one certificate
_remembered = lru_cache(maxsize=32)(_facts)


# --- how it is read ---

_T = TypeVar("_T")

_CURVES = {
    "1.2.840.10045.3.1.1": ("secp192r1", 192),
    "1.3.132.0.33": ("secp224r1", 224),
    "1.2.840.10045.3.1.7": ("secp256r1", 256),
    "1.3.132.0.34": ("secp384r1", 384),
    "1.3.132.0.35": ("secp521r1", 521),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 256),
    "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("brainpoolP512r1", 512),
}

_KINDS = {
    "1.2.840.113549.1.1.1": KeyKind.RSA,
    "1.2.840.113549.1.1.10": KeyKind.RSA,
    "1.2.840.10045.2.1": KeyKind.EC,
    "1.3.101.112": KeyKind.ED25519,
    "1.3.101.113": KeyKind.ED448,
    "1.2.840.10040.4.1": KeyKind.DSA,
}


def _read(data: bytes) -> Facts:
    certificate = _loaded(data)
    outer = der.only(data, der.SEQUENCE).parts()
    fields = list(outer[0].parts())
    version = der.integer(fields.pop(0).parts()[0].body) + 1 if fields[0].tag == 0xA0 else 1
    serial, inner_algorithm, issuer, _, subject, key = fields[:6]
    extensions: tuple[Extension, ...] = ()
    malformed = False
    for each in fields[6:]:
        if each.tag == 0xA3:
            extensions, malformed = _extensions(each)
    found = _Extensions(extensions)
    algorithm_oid = der.dotted(outer[1].parts()[0].body)
    return Facts(
        data,
        version=version,
        serial=der.integer(serial.body),
        serial_octets=len(serial.body),
        subject=directory_name(subject.whole),
        issuer=directory_name(issuer.whole),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        key=_key(key),
        signature_hash=_signature_hash(certificate),
        signature_name=algorithm_oid,
        signatures_agree=inner_algorithm.whole == outer[1].whole,
        extensions=extensions,
        basic_constraints=found.read(Oid.BASIC_CONSTRAINTS, _basic_constraints),
        key_usage=found.read(Oid.KEY_USAGE, _key_usage),
        extended_key_usage=found.read(Oid.EXTENDED_KEY_USAGE, _usages),
        subject_key_id=found.read(Oid.SUBJECT_KEY_IDENTIFIER, _octets),
        authority_key=found.read(Oid.AUTHORITY_KEY_IDENTIFIER, _authority_key),
        san=found.read(Oid.SUBJECT_ALT_NAME, _general_names),
        name_constraints=found.read(Oid.NAME_CONSTRAINTS, _name_constraints),
        must_staple=bool(found.read(Oid.TLS_FEATURE, _must_staple)),
        netscape_types=found.read(Oid.NETSCAPE_CERT_TYPE, _netscape_types),
        malformed=(*found.malformed, *(("extensions",) if malformed else ())),
        trailing=tuple(found.trailing),
        certificate=certificate,
        signed=outer[0].whole,
        signature=outer[2].body[1:],
    )


def _loaded(data: bytes) -> x509.Certificate:
    """cryptography knows versions 1 and 3; some engines read any, and only the number differs."""
    try:
        return x509.load_der_x509_certificate(data)
    except x509.InvalidVersion:
        version = der.only(data, der.SEQUENCE).parts()[0].parts()[0]
        if version.tag != 0xA0 or len(version.whole) != 5:
            raise der.Malformed("a version that is no small number") from None
        third = version.whole[:4] + b"\2"
        return x509.load_der_x509_certificate(data.replace(version.whole, third, 1))


class _Extensions:
    """Reads the first extension of each kind, and remembers those that could not be read."""

    def __init__(self, extensions: tuple[Extension, ...]) -> None:
        self._extensions = extensions
        self.malformed: list[str] = []
        self.trailing: list[str] = []

    def read(self, oid: str, reader: Callable[[bytes], _T]) -> _T | None:
        for each in self._extensions:
            if each.oid == oid:
                try:
                    value = der.first(each.value).whole
                    if len(value) != len(each.value):
                        self.trailing.append(oid)
                    return reader(value)
                except (ValueError, IndexError):
                    self.malformed.append(oid)
                    return None
        return None


def _extensions(part: der.Part) -> tuple[tuple[Extension, ...], bool]:
    found: list[Extension] = []
    try:
        for each in der.only(part.body, der.SEQUENCE).parts():
            fields = each.parts()
            critical = len(fields) == 3 and fields[1].body != b"\0"
            found.append(Extension(der.dotted(fields[0].body), critical, fields[-1].body))
    except (ValueError, IndexError):
        return tuple(found), True
    return tuple(found), False


def directory_name(data: bytes) -> DirectoryName:
    """Read a Name's DER. Raises ValueError or IndexError."""
    part = der.only(data, der.SEQUENCE)
    return DirectoryName(
        part.whole,
        tuple(
            tuple(
                Attribute(der.dotted(oid.body), value.tag, value.body)
                for oid, value in (each.parts() for each in rdn.parts())
            )
            for rdn in part.parts()
        ),
    )


def _key(part: der.Part) -> Key:
    algorithm, bit_string = part.parts()
    oid, *parameters = algorithm.parts()
    kind = _KINDS.get(der.dotted(oid.body), KeyKind.OTHER)
    if kind is KeyKind.RSA:
        modulus, exponent = der.only(bit_string.body[1:], der.SEQUENCE).parts()
        bits = der.integer(modulus.body).bit_length()
        return Key(kind, bits, exponent=der.integer(exponent.body))
    if kind is KeyKind.EC:
        if not parameters or parameters[0].tag != der.OBJECT_IDENTIFIER:
            return Key(kind, curve="explicit parameters")
        curve = der.dotted(parameters[0].body)
        name, bits = _CURVES.get(curve, (curve, 0))
        return Key(kind, bits, name)
    if kind is KeyKind.DSA and parameters:
        return Key(kind, der.integer(parameters[0].parts()[0].body).bit_length())
    return Key(kind)


def _signature_hash(certificate: x509.Certificate) -> str:
    try:
        found = certificate.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return "unknown"
    return found.name if isinstance(found, hashes.HashAlgorithm) else ""


def _basic_constraints(value: bytes) -> BasicConstraints:
    ca, path_length = False, None
    for each in der.only(value, der.SEQUENCE).parts():
        if each.tag == der.BOOLEAN:
            ca = each.body != b"\0"
        elif each.tag == der.INTEGER:
            path_length = der.integer(each.body)
        else:
            raise der.Malformed("neither a boolean nor a number")
    return BasicConstraints(ca, path_length)


def _key_usage(value: bytes) -> frozenset[Usage]:
    found = der.bits(der.only(value, der.BIT_STRING).body)
    return frozenset(Usage(bit) for bit in found if bit <= Usage.DECIPHER_ONLY)


def _netscape_types(value: bytes) -> frozenset[int]:
    return der.bits(der.only(value, der.BIT_STRING).body)


def _usages(value: bytes) -> tuple[str, ...]:
    return tuple(der.dotted(each.body) for each in der.only(value, der.SEQUENCE).parts())


def _octets(value: bytes) -> bytes:
    return der.only(value, der.OCTET_STRING).body


def _authority_key(value: bytes) -> AuthorityKey:
    key_id, issuer, serial = None, None, None
    for each in der.only(value, der.SEQUENCE).parts():
        match each.tag & 0x1F:
            case 0:
                key_id = each.body
            case 1:
                names = _names_in(each.body)
                directory = [name.value for name in names if name.kind is NameKind.DIRECTORY]
                issuer = directory[0] if directory else None
            case 2:
                serial = der.integer(each.body)
    return AuthorityKey(key_id, issuer, serial)


def _names_in(data: bytes) -> tuple[GeneralName, ...]:
    return tuple(GeneralName(NameKind(each.tag & 0x1F), each.body) for each in der.parts(data))


def _general_names(value: bytes) -> tuple[GeneralName, ...]:
    return _names_in(der.only(value, der.SEQUENCE).body)


def _name_constraints(value: bytes) -> NameConstraints:
    found: dict[int, tuple[Subtree, ...]] = {0xA0: (), 0xA1: ()}
    for each in der.only(value, der.SEQUENCE).parts():
        if each.tag not in found:
            raise der.Malformed("neither permitted nor excluded")
        found[each.tag] = tuple(map(_subtree, each.parts()))
    return NameConstraints(found[0xA0], found[0xA1])


def _subtree(part: der.Part) -> Subtree:
    base, *bounds = part.parts()
    return Subtree(
        GeneralName(NameKind(base.tag & 0x1F), base.body),
        bounded=any(each.tag & 0x1F == 1 or any(each.body) for each in bounds),
        minimum_written=bool(bounds),
    )


def _must_staple(value: bytes) -> bool:
    features = der.only(value, der.SEQUENCE).parts()
    return any(der.integer(each.body) == 5 for each in features)  # RFC 7633: status_request
