"""Does a chain hold? The cryptography package decides; why it does not is looked for here.

Its verifier is the strictest of all engines (PLATFORMS.md, PCA-01): what it takes, all take, but
for what only single platforms ask (`housekey check` is about those). Its "no" is of few words,
so the usual reasons are looked for one by one first, from the most telling to the least.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from housekey.errors import PemUnreadable
from housekey.pki.any_key import attempt
from housekey.pki.description import printable
from housekey.pki.names import DnsName, Name, names_of
from housekey.pki.reading import quiet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a leaf holds for one name, and if not, why, for people."""

    name: Name | None  # None: it has no name at all
    reason: str | None  # None: it holds

    @property
    def holds(self) -> bool:
        return self.reason is None


def verify(
    chain: Sequence[x509.Certificate],
    *,
    roots: Sequence[x509.Certificate],
    names: Sequence[Name],
    at: datetime,
) -> tuple[Answer, ...]:
    """Whether the first of `chain` holds, for each of `names` or else for each of its own.

    The others in `chain` may stand in any order. A leaf that is itself among `roots` is trusted
    by itself, as OpenSSL and Apple do (APL-02).
    """
    with quiet():
        leaf, *others = chain
        try:
            own = names_of(leaf)
        except PemUnreadable as error:
            return (Answer(None, error.message),)
        asked = tuple(names) or own
        if not asked:
            return (Answer(None, "it has no names (SAN), and no client looks at the CN"),)
        trouble = _trouble_of_path(leaf, others, roots=roots, at=at)
        return tuple(
            Answer(name, trouble or _trouble_of_name(leaf, others, name, own, roots=roots, at=at))
            for name in asked
        )


def _trouble_of_path(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    *,
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> str | None:
    """Why no path of certificates that are good at that time leads from `leaf` to a root."""
    present, seen = leaf, {leaf}
    while True:
        trouble = _trouble_of_time(present, at)
        if trouble is not None or present in roots:
            return trouble
        named = [each for each in (*roots, *others) if each.subject == present.issuer]
        issuer = next((each for each in named if is_signed_by(present, each)), None)
        if issuer is None or issuer in seen:
            return _trouble_of_issuer(present, named)
        seen.add(issuer)
        present = issuer


def _trouble_of_time(certificate: x509.Certificate, at: datetime) -> str | None:
    if at < certificate.not_valid_before_utc:
        return f"{_said(certificate)} is not valid before {_day(certificate.not_valid_before_utc)}"
    if at > certificate.not_valid_after_utc:
        return f"{_said(certificate)} has ended on {_day(certificate.not_valid_after_utc)}"
    return None


def _trouble_of_issuer(certificate: x509.Certificate, named: Sequence[x509.Certificate]) -> str:
    """Why nothing that is here, not even `named` as its issuer, leads on from `certificate`."""
    if certificate.issuer == certificate.subject:
        return f"{_said(certificate)} is signed by itself, and is not among the roots"
    if named:
        return (
            f"{_said(certificate)} is not signed by the certificate of that name"
            f" that is here, {_said(named[0])}"
        )
    return (
        f"the certificate that signed {_said(certificate)} is missing: neither in the chain"
        f" nor among the roots is {printable(certificate.issuer.rfc4514_string())}"
    )


def _trouble_of_name(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    name: Name,
    own: tuple[Name, ...],
    *,
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> str | None:
    """Why a leaf with a good path does not hold for `name`."""
    if not any(covers(each, name) for each in own):
        listed = ", ".join(map(str, own)) or "no name at all"
        return f"it is not for {name}, but for {listed}"
    if leaf in roots:
        return None
    subject: x509.DNSName | x509.IPAddress
    if isinstance(name, DnsName):
        # A wildcard is asked for by one of the hosts that it stands for.
        subject = x509.DNSName(name.text.replace("*", "any", 1))
    else:
        subject = x509.IPAddress(name.address)
    try:
        policy = PolicyBuilder().store(Store(list(roots))).time(at)
        attempt(policy.build_server_verifier(subject).verify, leaf, list(others))
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        return f"its form or its constraints do not allow it: {_in_short(error)}"
    return None


def covers(own: Name, name: Name) -> bool:
    """Whether a client that asks for `name` takes `own`: RFC 9525 section 6.3."""
    if own == name:
        return True
    if not (isinstance(own, DnsName) and isinstance(name, DnsName) and own.is_wildcard):
        return False
    return own.text[2:] == name.text.partition(".")[2]


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether that authority signed it; what cannot be read was signed by nobody."""
    try:
        attempt(certificate.verify_directly_issued_by, issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _said(certificate: x509.Certificate) -> str:
    return printable(certificate.subject.rfc4514_string()) or "the certificate without a subject"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _in_short(error: Exception) -> str:
    """The verifier's own words, without what it wraps around them."""
    text = " ".join(str(error).split())
    return printable(text.removeprefix("validation failed: ").partition(" (encountered")[0])
