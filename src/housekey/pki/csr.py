"""Certificate requests (CSR): made for somebody else to sign, and read to be signed here.

A request is a wish list written by a stranger. What is taken from it is the public key, whose
possession its own signature proves, the names, and the fields of the subject that a certificate
may have. Every extension of what we sign comes from our own profile (profiles.py); what the
request wanted beyond that is left out, and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, ExtendedKeyUsageOID, NameOID

from housekey.errors import NameRefused, RequestRefused, SubjectRefused
from housekey.pki.any_key import PARSER_ERRORS, attempt, label_of
from housekey.pki.description import general_name, key_usages, oid_name, printable
from housekey.pki.keys import KeyType, PrivateKey, PublicKey, is_of_a_type, signature_hash
from housekey.pki.names import DnsName, Name, name_of_san, parse_name, to_general_name
from housekey.pki.profiles import LEAF
from housekey.pki.reading import quiet
from housekey.pki.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIELDS = {  # what a subject of ours can hold: subject.py
    NameOID.COUNTRY_NAME: "country",
    NameOID.STATE_OR_PROVINCE_NAME: "state",
    NameOID.LOCALITY_NAME: "locality",
    NameOID.ORGANIZATION_NAME: "organization",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "organizational_unit",
    NameOID.COMMON_NAME: "common_name",
    NameOID.EMAIL_ADDRESS: "email",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is taken from a request, or from a certificate that is to be had again."""

    names: tuple[Name, ...]
    names_from_common_name: bool  # there was no SAN
    subject: Subject | None
    left_out: tuple[str, ...]  # for people


def make_request(
    key: PrivateKey, names: Sequence[Name], subject: Subject | None, *, of_server: bool = False
) -> x509.CertificateSigningRequest:
    """A request for `names`, which stand in its SAN; key usage and the like are the signer's.

    With `of_server` it asks for those as well, for a signer who only copies what is asked for:
    `openssl x509 -copy_extensions copy` gives nothing of its own accord, and Apple wants to be
    told that it is a server's (APL-08). Without a subject it is empty: an ACME CA takes none
    (RFC 8555, section 7.4).
    """
    of_whom = x509.Name([]) if subject is None else subject.to_x509()
    builder = x509.CertificateSigningRequestBuilder().subject_name(of_whom)
    if names:
        alternative = x509.SubjectAlternativeName(map(to_general_name, dict.fromkeys(names)))
        builder = builder.add_extension(alternative, critical=False)
    if of_server:
        is_rsa = key.key_type.value.startswith("rsa")
        usage = LEAF.key_usage_with_rsa_key if is_rsa else LEAF.key_usage
        builder = builder.add_extension(LEAF.basic_constraints, critical=True)
        builder = builder.add_extension(usage, critical=True)
        assert LEAF.extended_key_usage is not None  # noqa: S101 - it says what a leaf is for
        builder = builder.add_extension(LEAF.extended_key_usage, critical=False)
    return builder.sign(key.signing_key, signature_hash(key.key_type))


def request_to_pem(request: x509.CertificateSigningRequest) -> bytes:
    """One PEM block, ending with a newline."""
    return request.public_bytes(Encoding.PEM)


def key_of(request: x509.CertificateSigningRequest) -> PublicKey:
    """The public key of a request that may be signed.

    Raises RequestRefused when the request is not signed by that very key, so that whoever sent
    it need not have it (RFC 2986 section 3), or when some platform refuses keys of its kind.
    """
    try:
        key = attempt(request.public_key)
        signed = attempt(lambda: request.is_signature_valid)
    except PARSER_ERRORS:
        raise RequestRefused(
            "the request's key is damaged or of an unknown kind", hint=_KINDS
        ) from None
    if not signed:
        raise RequestRefused(
            "the request is not signed by the key that is in it: it was changed or damaged",
            hint="make a new one with the key: housekey pem csr --key FILE",
        )
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey) or not is_of_a_type(key):
        raise RequestRefused(
            f"the request's key is of a kind that some browsers and phones refuse: {label_of(key)}",
            hint=_KINDS,
        )
    return key


def wishes_of(
    thing: x509.CertificateSigningRequest | x509.Certificate, *, names: Sequence[Name] = ()
) -> Wishes:
    """What a request (or a certificate that is to be had again) asks for, filtered.

    `names` stand in the place of its own. Without those and without a SAN the CN is the name.
    Raises NameRefused for a name that no platform takes: left out quietly, the certificate
    would lack what its owner counts on. RequestRefused for a CN that is none.
    """
    try:
        with quiet():
            extensions = [each.value for each in attempt(lambda: list(thing.extensions))]
            attributes = list(thing.subject)
    except (*PARSER_ERRORS, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise RequestRefused(
            "its names or extensions cannot be read", hint="make a new one: housekey pem csr"
        ) from None
    left_out = [
        what
        for value in extensions
        # What a certificate has beside its names is its signer's doing, and nobody's wish.
        if isinstance(thing, x509.CertificateSigningRequest)
        or isinstance(value, x509.SubjectAlternativeName)
        for what in _beyond_our_profile(value)
    ]
    fields, more = _fields(attributes)
    common_name = fields.pop("common_name", None)
    own = [] if names else _names(extensions)
    from_common_name = not names and not own and common_name is not None
    if from_common_name and common_name is not None:
        own = [_name_in(common_name)]
    found = tuple(dict.fromkeys(names or own))
    if common_name is not None and not from_common_name:
        if common_name.lower() in [str(each) for each in found if isinstance(each, DnsName)]:
            fields["common_name"] = common_name.lower()
        else:
            more.append(f"the common name {common_name!r}, which is none of the host names")
    return Wishes(
        names=found,
        names_from_common_name=from_common_name,
        subject=Subject(**{"common_name": None, **fields}) if fields else None,
        left_out=(*left_out, *more, *_attributes(thing)),
    )


_KINDS = f"make the request with one of {', '.join(kind.label for kind in KeyType)}"


def _names(extensions: Sequence[x509.ExtensionType]) -> list[Name]:
    """The names in the SAN among `extensions`, as every platform takes them."""
    entries = [
        entry
        for value in extensions
        if isinstance(value, x509.SubjectAlternativeName)
        for entry in value
    ]
    return [parse_name(str(name)) for name in map(name_of_san, entries) if name is not None]


def _name_in(common_name: str) -> Name:
    try:
        return parse_name(common_name)
    except NameRefused as error:
        raise RequestRefused(
            f"it has no names but the common name (CN) {error.name!r}, which is none:"
            f" {error.reason}",
            hint="say with --name for which names it is",
        ) from None


def _fields(
    attributes: Sequence[x509.NameAttribute[str | bytes]],
) -> tuple[dict[str, str], list[str]]:
    """The fields of a subject that ours can hold, and what is left out, for people."""
    fields: dict[str, str] = {}
    left_out = []
    for attribute in attributes:
        field = _FIELDS.get(attribute.oid)
        text = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        if field is None or field in fields or not _holds(field, text):
            left_out.append(f"{oid_name(attribute.oid)} {printable(text)!r} of the subject")
        else:
            fields[field] = text
    return fields, left_out


def _holds(field: str, text: str) -> bool:
    """Whether a subject of ours can hold `text` in `field`."""
    try:
        Subject(**{"common_name": None, field: text})
    except SubjectRefused:
        return False
    return True


def _beyond_our_profile(value: x509.ExtensionType) -> list[str]:
    """What an extension asks for that a leaf does not get, for people."""
    match value:
        case x509.SubjectKeyIdentifier() | x509.AuthorityKeyIdentifier():
            return []
        case x509.SubjectAlternativeName():
            return [general_name(each) for each in value if name_of_san(each) is None]
        case x509.BasicConstraints():
            return ["to be a certificate authority (CA:TRUE)"] if value.ca else []
        case x509.KeyUsage():
            ours = {*key_usages(LEAF.key_usage), *key_usages(LEAF.key_usage_with_rsa_key)}
            return [f"key usage {each}" for each in key_usages(value) if each not in ours]
        case x509.ExtendedKeyUsage():
            others = (each for each in value if each != ExtendedKeyUsageOID.SERVER_AUTH)
            return [f"extended key usage {oid_name(each)}" for each in others]
        case _:
            return [f"extension {oid_name(value.oid)}"]


def _attributes(thing: x509.CertificateSigningRequest | x509.Certificate) -> list[str]:
    """What stands in a request beside its extensions; a challenge password is not shown."""
    if isinstance(thing, x509.Certificate):
        return []
    try:
        found = list(attempt(lambda: thing.attributes))
    except PARSER_ERRORS:
        return ["attributes that cannot be read"]
    return ["a challenge password"] * any(a.oid == AttributeOID.CHALLENGE_PASSWORD for a in found)
