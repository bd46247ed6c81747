"""Who a certificate says it is for: the fields of a subject.

Only people read them; clients decide by the names in the SAN. Two things make them
matter all the same: the iOS settings list a root by its CN (APL-24), and a leaf's CN
is checked against the name constraints by OpenSSL and GnuTLS (OSL-03, GTL-01).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import SubjectRefused

if TYPE_CHECKING:
    from cryptography import x509

# RFC 5280 appendix A.1, upper bounds, but counted in UTF-8 bytes, not in characters: that is
# how the cryptography package counts the CN, and the stricter reading fits everywhere.
MOST_BYTES_OF_COMMON_NAME = 64
_FIELDS = (  # field, OID's name in NameOID, for people, most bytes; in the order of `openssl req`
    ("country", "COUNTRY_NAME", "country (C)", 2),
    ("state", "STATE_OR_PROVINCE_NAME", "state (ST)", 128),
    ("locality", "LOCALITY_NAME", "locality (L)", 128),
    ("organization", "ORGANIZATION_NAME", "organization (O)", 64),
    ("organizational_unit", "ORGANIZATIONAL_UNIT_NAME", "organizational unit (OU)", 64),
    ("common_name", "COMMON_NAME", "common name (CN)", MOST_BYTES_OF_COMMON_NAME),
    ("email", "EMAIL_ADDRESS", "e-mail address (emailAddress)", 255),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a certificate; only the CN of a root is compulsory.

    Raises SubjectRefused for a field that a certificate cannot carry: empty, too long,
    with control characters, a country that is not two letters, nothing set at all.
    """

    common_name: str | None
    country: str | None = None  # ISO 3166-1 alpha-2; kept in capitals
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        if all(getattr(self, field) is None for field, *_ in _FIELDS):
            raise SubjectRefused(
                "the subject has no field at all", hint="give at least the common name (CN)"
            )
        if self.country is not None:
            if not (len(self.country) == 2 and self.country.isascii() and self.country.isalpha()):
                raise SubjectRefused(
                    f"the country (C) is {self.country!r}, not two letters",
                    hint="give the two letters of the country, such as DE or US",
                )
            object.__setattr__(self, "country", self.country.upper())
        for field, _, label, most_bytes in _FIELDS:
            value = getattr(self, field)
            if value is not None:
                _check(value, label=label, most_bytes=most_bytes)
        if self.email is not None and not (self.email.isascii() and "@" in self.email):
            raise SubjectRefused(
                f"the e-mail address is {self.email!r}, which a certificate cannot carry",
                hint="give an address in plain letters, such as me@example.org, or none",
            )

    def to_x509(self) -> x509.Name:
        """The distinguished name: C, ST, L, O, OU, CN, emailAddress, of what is set."""
        from cryptography import x509  # noqa: PLC0415 - commands read subjects without X.509

        return x509.Name(
            [
                # UTF8String but for C and emailAddress, whose types RFC 5280 appendix A fixes.
                x509.NameAttribute(getattr(x509.NameOID, oid), getattr(self, field))
                for field, oid, _, _ in _FIELDS
                if getattr(self, field) is not None
            ]
        )


def subject_from(name: x509.Name) -> Subject | None:
    """The fields of `name` that a `Subject` has, so that a certificate can be issued again.

    None if there is none. Raises SubjectRefused for one that we would not write.
    """
    from cryptography import x509  # noqa: PLC0415 - as above

    found = {
        field: str(values[0].value)
        for field, oid, _, _ in _FIELDS
        if (values := name.get_attributes_for_oid(getattr(x509.NameOID, oid)))
    }
    return Subject(**{"common_name": None, **found}) if found else None


def _check(value: str, *, label: str, most_bytes: int) -> None:
    if not value or value != value.strip() or not value.isprintable():
        raise SubjectRefused(
            f"the {label} is {value!r}: empty, or with characters that cannot be seen",
            hint="leave it out, or write it without blanks around it",
        )
    if len(value.encode()) > most_bytes:
        raise SubjectRefused(
            f"the {label} is too long for a certificate: {value!r}",
            hint=f"keep it to {most_bytes} letters, fewer with accents",
        )
