"""Certificates, made from a profile, a key and the names: pure but for the serial number.

Times are aware UTC datetimes with whole seconds, as certificates have them; `now` is
always handed in. A certificate's life is counted from its notBefore, an hour before
`now`, so that 825 days are 825 days to Apple, too (APL-01).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from housekey.errors import (
    ClockWrong,
    HouseBroken,
    HouseExpired,
    NotPermitted,
    SubjectRefused,
    UsageError,
)
from housekey.pki.constraints import Constraints, constraints_of, refuse_shared_zones
from housekey.pki.encoding import matches
from housekey.pki.keys import PrivateKey, PublicKey, signature_hash
from housekey.pki.names import DnsName, Name, to_general_name
from housekey.pki.profiles import (
    BACKDATE,
    DAYS_OF_LEAF,
    INTERMEDIATE,
    ISSUING,
    LEAF,
    ROOT,
    SELF_SIGNED,
    Profile,
)
from housekey.pki.subject import MOST_BYTES_OF_COMMON_NAME, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMELESS = Subject(common_name=None, organization="housekey")


@dataclass(frozen=True, slots=True)
class Issuer:
    """A certificate authority ready to sign: what every signature needs is read once, here.

    Raises HouseBroken when the key is not the certificate's, or the name constraints are
    not such as a house has.
    """

    certificate: x509.Certificate
    key: PrivateKey
    constraints: Constraints = field(init=False)
    not_before: datetime = field(init=False)
    not_after: datetime = field(init=False)
    distinguished_name: x509.Name = field(init=False, repr=False)
    key_identifier: x509.AuthorityKeyIdentifier = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not matches(self.certificate, self.key):
            raise HouseBroken(
                "the certificate authority's key and certificate do not belong together",
                hint="put both files of the house back from the same backup",
            )
        read = {
            "constraints": constraints_of(self.certificate),
            "not_before": self.certificate.not_valid_before_utc,
            "not_after": self.certificate.not_valid_after_utc,
            "distinguished_name": self.certificate.subject,
            "key_identifier": x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self.key.public_key
            ),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)


def issue_root(
    *, key: PrivateKey, subject: Subject, constraints: Constraints, now: datetime
) -> x509.Certificate:
    """The root of a new house, valid for ten years.

    Raises SubjectRefused without a CN, by which iOS lists it (APL-24), and PermitRefused
    for constraints that cover a zone of strangers (NC-16).
    """
    if subject.common_name is None:
        raise SubjectRefused(
            "a root needs a common name (CN): iPhones list it by that name only",
            hint="name it after the home",
        )
    refuse_shared_zones(constraints.dns)
    return _signed(
        ROOT,
        public_key=key.public_key,
        subject=subject.to_x509(),
        signer=key,
        now=now,
        constraints=constraints,
    )


def issue_issuing_ca(
    *, public_key: PublicKey, subject: Subject, root: Issuer, now: datetime
) -> x509.Certificate:
    """The issuing CA, with the root's own constraints and end.

    The constraints are repeated because Java and Android read them nowhere else
    (JAV-01, AND-05). Raises as `issue_leaf` does for dates and the subject.
    """
    return _signed(
        ISSUING,
        public_key=public_key,
        subject=subject.to_x509(),
        signer=root.key,
        now=now,
        issuer=root,
        constraints=root.constraints,
    )


def issue_cross(new_root: x509.Certificate, *, old_root: Issuer, now: datetime) -> x509.Certificate:
    """The new root as the old one vouches for it: its subject and key, signed by the old root.

    For devices that know the old root only. It lives no longer than either, and carries the old
    root's constraints, not the new ones: that is what the old root may speak for. One authority
    may follow it, the issuing CA. Raises as `issue_leaf` does for dates and the subject.
    """
    key = new_root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # noqa: S101 - of a house
    return _signed(
        INTERMEDIATE,
        public_key=key,
        subject=new_root.subject,
        signer=old_root.key,
        now=now,
        issuer=old_root,
        constraints=old_root.constraints,
        not_after=new_root.not_valid_after_utc,
    )


def issue_intermediate(
    *, public_key: PublicKey, subject: Subject, root: Issuer, now: datetime
) -> x509.Certificate:
    """An authority under the root that one more, which signs leaves, may follow.

    Raises as `issue_issuing_ca` does.
    """
    return _signed(
        INTERMEDIATE,
        public_key=public_key,
        subject=subject.to_x509(),
        signer=root.key,
        now=now,
        issuer=root,
        constraints=root.constraints,
    )


def issue_leaf(
    *,
    public_key: PublicKey,
    names: Sequence[Name],
    issuer: Issuer,
    now: datetime,
    days: int = DAYS_OF_LEAF,
    subject: Subject | None = None,
) -> x509.Certificate:
    """A server's certificate for `names`, for 1 to 825 days and never longer than its issuer.

    The CN is the first DNS name that fits (64 bytes), also in a `subject` without one; with
    addresses alone there is no CN, but O. Raises NotPermitted for names outside the issuer's
    constraints, HouseExpired when the issuer is past its end, ClockWrong before its birth,
    UsageError for `days` or no names, SubjectRefused for a CN that is none of the DNS names
    (BR-13, NC-10) or a subject that is the issuer's (OSL-02).
    """
    refused = issuer.constraints.refused(names)
    if refused:
        raise NotPermitted(tuple(map(str, refused)), permitted=issuer.constraints.described())
    return _signed(
        LEAF,
        public_key=public_key,
        subject=subject_of_server(LEAF, names, subject).to_x509(),
        signer=issuer.key,
        now=now,
        days=days,
        issuer=issuer,
        names=names,
    )


def issue_self_signed(
    *,
    key: PrivateKey,
    names: Sequence[Name],
    now: datetime,
    days: int = DAYS_OF_LEAF,
    subject: Subject | None = None,
) -> x509.Certificate:
    """A server's certificate signed by its own key, that iPhones and Android never accept.

    The CN is the first DNS name that fits, or else the first name. Raises UsageError and
    SubjectRefused as `issue_leaf` does.
    """
    return _signed(
        SELF_SIGNED,
        public_key=key.public_key,
        subject=subject_of_server(SELF_SIGNED, names, subject).to_x509(),
        signer=key,
        now=now,
        days=days,
        names=names,
    )


def must_be_within(not_before: datetime, not_after: datetime, *, now: datetime) -> None:
    """Raise ClockWrong before the issuing CA's birth, HouseExpired from its end on."""
    must_be_born(not_before, now=now)
    if now >= not_after:
        raise HouseExpired(
            f"the house's issuing CA ended on {not_after:%Y-%m-%d}",
            hint="housekey house rotate makes a new one; if that day lies ahead, set the clock",
        )


def must_be_born(not_before: datetime, *, now: datetime) -> None:
    """Raise ClockWrong before the birth of a house."""
    if now < not_before:
        raise ClockWrong(
            f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, and the house"
            f" was created on {not_before:%Y-%m-%d %H:%M} UTC",
            hint="set the clock right, then try again",
        )


def subject_of_server(profile: Profile, names: Sequence[Name], subject: Subject | None) -> Subject:
    """`subject` with a CN that no platform stumbles over, out of `names`."""
    if not names:
        raise UsageError("a certificate needs at least one name", hint="give one, such as ha.lan")
    candidates = [
        str(name)
        for name in sorted(names, key=lambda name: not isinstance(name, DnsName))
        if profile.may_name_itself_by_ip or isinstance(name, DnsName)
    ]
    if subject is not None and subject.common_name is not None:
        if subject.common_name not in candidates:
            raise SubjectRefused(
                f"the common name (CN) {subject.common_name!r} is not one of the host names",
                hint="leave it out: it is then the first host name",
            )
        return subject
    fitting = (name for name in candidates if len(name) <= MOST_BYTES_OF_COMMON_NAME)
    common_name = next(fitting, None)
    if common_name is None:
        return subject or _NAMELESS
    return replace(subject, common_name=common_name) if subject else Subject(common_name)


def _signed(
    profile: Profile,
    *,
    public_key: PublicKey,
    subject: x509.Name,
    signer: PrivateKey,
    now: datetime,
    days: int | None = None,
    issuer: Issuer | None = None,  # None: signed by its own key
    names: Sequence[Name] = (),
    constraints: Constraints | None = None,
    not_after: datetime | None = None,  # at the latest
) -> x509.Certificate:
    """The certificate that `profile` describes."""
    not_before, end = _validity(profile, now=now, days=days, issuer=issuer)
    not_after = min(end, not_after or end)
    if issuer is not None and subject == issuer.distinguished_name:
        raise SubjectRefused(
            "the subject is the same as that of the certificate authority that signs it",
            hint="change one of its fields",
        )
    own_key_identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    issuer_key_identifier = (
        issuer.key_identifier
        if issuer is not None
        else x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own_key_identifier)
    )
    outline = (
        profile.outline_with_rsa_key
        if isinstance(public_key, rsa.RSAPublicKey)
        else profile.outline
    )
    builder = (
        outline.subject_name(subject)
        # The issuer's own name object: verifiers compare bytes (FFX-04, GO-03, RFC-02).
        .issuer_name(issuer.distinguished_name if issuer is not None else subject)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())  # 159 random bits: BR-01, FFX-15
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(own_key_identifier, critical=False)  # never critical: PY-09, FFX-13
        .add_extension(issuer_key_identifier, critical=False)
    )
    if names:
        # Each name once; not critical because the subject is never empty (PCA-01, BR-09).
        alternative = x509.SubjectAlternativeName(map(to_general_name, dict.fromkeys(names)))
        builder = builder.add_extension(alternative, critical=False)
    if constraints is not None:
        builder = builder.add_extension(constraints.extension(), critical=constraints.critical)
    return builder.sign(signer.signing_key, signature_hash(signer.key_type))


def _validity(
    profile: Profile, *, now: datetime, days: int | None, issuer: Issuer | None
) -> tuple[datetime, datetime]:
    """notBefore and notAfter, both within the issuer's."""
    lifetime = profile.days if days is None else days
    if not 1 <= lifetime <= profile.most_days:
        raise UsageError(
            f"a certificate cannot be valid for {lifetime} days: at least one,"
            f" and iPhones and Macs refuse more than {profile.most_days}",
            hint=f"choose from 1 to {profile.most_days}; {profile.days} is a good choice",
        )
    if now.tzinfo is None:  # astimezone would read this machine's time zone
        raise ValueError("now must be aware")
    now = now.astimezone(UTC).replace(microsecond=0)
    not_before = now - BACKDATE
    not_after = not_before + timedelta(days=lifetime)
    if issuer is None:
        return not_before, not_after
    must_be_within(issuer.not_before, issuer.not_after, now=now)
    return max(not_before, issuer.not_before), min(not_after, issuer.not_after)
