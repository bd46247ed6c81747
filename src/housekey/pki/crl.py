"""The list of revoked certificates (CRL) of one issuing CA: pure but for the random of a signature.

RFC 5280, section 5: version 2, signed by the key that signed the certificates, with the number of
the list and the key identifier of its issuer. A whole list for all that this CA issued, so no
issuing distribution point; nothing in it is critical, so that every reader can read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from housekey.errors import PemUnreadable
from housekey.pki.issuing import Issuer, must_be_within
from housekey.pki.keys import is_of_a_type, signature_hash
from housekey.pki.profiles import BACKDATE

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 5280 wants an end (5.1.2.5). Who reads a list past it refuses every certificate of the CA, so
# a house that is switched off over a winter must not run out; who gets an old list in place of the
# new one, as somebody on the network may give it, sees the same until then. A year is as long as a
# leaf lives; the list is made anew when a third of it is left, as a leaf is.
DAYS_OF_LIST = 397
_CHANCE_BITS = 32


class Reason(StrEnum):
    """Why a certificate is revoked; the value is what the command line's --reason takes.

    Of the reasons of RFC 5280, section 5.3.1, those that can be meant of a server at home.
    """

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"  # somebody else has, or may have, its key
    SUPERSEDED = "superseded"  # another one took its place
    CESSATION_OF_OPERATION = "cessation-of-operation"  # the thing is gone


_FLAGS = {
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION_OF_OPERATION: x509.ReasonFlags.cessation_of_operation,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One revoked certificate."""

    serial: int
    at: datetime  # when it was revoked
    reason: Reason


@dataclass(frozen=True, slots=True)
class RevocationList:
    """What a list says."""

    number: int
    this_update: datetime
    next_update: datetime
    entries: tuple[Entry, ...]
    der: bytes

    @property
    def serials(self) -> frozenset[int]:
        return frozenset(entry.serial for entry in self.entries)


def issue_crl(
    *, issuer: Issuer, entries: Iterable[Entry], number: int, now: datetime
) -> RevocationList:
    """The list of `entries`, each a certificate that `issuer` signed.

    `number` must be greater than that of every list from before (section 5.2.3). Like a leaf it
    begins an hour before `now`, for clocks that run behind, and ends with its issuer at the
    latest. Raises HouseExpired and ClockWrong as `issue_leaf`.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    now = now.astimezone(UTC).replace(microsecond=0)
    must_be_within(issuer.not_before, issuer.not_after, now=now)
    this_update = max(now - BACKDATE, issuer.not_before)
    next_update = min(this_update + timedelta(days=DAYS_OF_LIST), issuer.not_after)
    # No entry from after the list's own beginning; an hour early harms nobody.
    told = (replace(each, at=min(_whole(each.at), this_update)) for each in entries)
    listed = tuple(sorted(told, key=lambda entry: (entry.at, entry.serial)))
    builder = (
        x509.CertificateRevocationListBuilder()
        # The issuer's own name object: readers compare bytes.
        .issuer_name(issuer.distinguished_name)
        .last_update(this_update)
        .next_update(next_update)
        .add_extension(issuer.key_identifier, critical=False)  # 5.2.1
        .add_extension(x509.CRLNumber(number), critical=False)  # 5.2.3
    )
    for entry in listed:
        builder = builder.add_revoked_certificate(_revoked(entry))
    signed = builder.sign(issuer.key.signing_key, signature_hash(issuer.key.key_type))
    return RevocationList(
        number=number,
        this_update=this_update,
        next_update=next_update,
        entries=listed,
        der=signed.public_bytes(Encoding.DER),
    )


def number_after(known: int, *, now: datetime, chance: int) -> int:
    """Return a number for a list that no list has had before; `chance` is of 32 random bits.

    Section 5.2.3: it grows, and may be up to 20 octets long. `known` is the highest that is known,
    and that may be too low: a house that was restored from an old backup knows nothing of the
    lists since. The time brings it beyond those. A clock can be wrong as well, so what is added is
    random: for two lists to have one number, both memories have to fail in the same second, and
    then once in four thousand million times.
    """
    seconds = max(int(now.timestamp()), 0)
    return max(known, seconds << _CHANCE_BITS) + 1 + chance


def crl_from_der(der: bytes, *, issuer: x509.Certificate) -> RevocationList:
    """Read a list that `issuer` signed. Raises PemUnreadable for anything else."""
    wrong = PemUnreadable(
        "this is not a list of revoked certificates of this issuing CA, or it is damaged",
        hint="it can be removed: the house makes it again",
    )
    key = issuer.public_key()
    try:
        found = x509.load_der_x509_crl(der)
        if not is_of_a_type(key) or not found.is_signature_valid(key):  # type: ignore[arg-type]
            raise wrong
        if found.issuer != issuer.subject or found.next_update_utc is None:
            raise wrong
        return RevocationList(
            number=found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number,
            this_update=found.last_update_utc,
            next_update=found.next_update_utc,
            entries=tuple(map(_entry, found)),
            der=der,
        )
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise wrong from error


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _entry(found: x509.RevokedCertificate) -> Entry:
    try:
        said = found.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        said = None
    reason = next((each for each, flag in _FLAGS.items() if flag is said), Reason.UNSPECIFIED)
    return Entry(found.serial_number, found.revocation_date_utc, reason)


def _revoked(entry: Entry) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder()
    builder = builder.serial_number(entry.serial).revocation_date(entry.at)
    flag = _FLAGS.get(entry.reason)
    if flag is not None:  # "unspecified" is said by saying nothing (5.3.1)
        builder = builder.add_extension(x509.CRLReason(flag), critical=False)
    return builder.build()
