"""What is issued, for whom, for how long, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.errors import (
    ClockWrong,
    HouseBroken,
    HouseExpired,
    NotPermitted,
    PermitRefused,
    SubjectRefused,
    UsageError,
)
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, Constraints
from housekey.pki.issuing import Issuer, issue_issuing_ca, issue_leaf, issue_root, issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import names_of
from housekey.pki.subject import Subject
from tests.pki.houses import A_DAY, NOW, a_house, names

if TYPE_CHECKING:
    from collections.abc import Sequence

AN_HOUR = timedelta(hours=1)


def a_leaf(
    *texts: str,
    key: PrivateKey,
    issuer: Issuer | None = None,
    now: datetime = NOW,
    days: int = 397,
    subject: Subject | None = None,
) -> x509.Certificate:
    return issue_leaf(
        public_key=key.public_key,
        names=names(*texts),
        issuer=issuer or a_house().issuing,
        now=now,
        days=days,
        subject=subject,
    )


def common_names(certificate: x509.Certificate) -> Sequence[str | bytes]:
    return [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def extensions_of(certificate: x509.Certificate) -> dict[str, bool]:
    """Every extension's name and whether it is critical."""
    return {type(each.value).__name__: each.critical for each in certificate.extensions}


# --- the profiles, tier by tier: PLATFORMS.md 0.1 ---


@pytest.mark.parametrize("critical", [False, True])
def test_both_authorities_are_such_as_every_platform_takes(critical: bool) -> None:
    constraints = Constraints(
        dns=DEFAULT_CONSTRAINTS.dns, networks=DEFAULT_CONSTRAINTS.networks, critical=critical
    )
    house = a_house(constraints=constraints)
    for issuer, path_length in ((house.root, None), (house.issuing, 0)):
        certificate = issuer.certificate
        assert extensions_of(certificate) == {
            "BasicConstraints": True,
            "KeyUsage": True,
            "SubjectKeyIdentifier": False,
            "AuthorityKeyIdentifier": False,
            "NameConstraints": critical,
        }
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (basic.ca, basic.path_length) == (True, path_length)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert house.issuing.certificate.issuer.public_bytes() == (
        house.root.certificate.subject.public_bytes()
    )
    assert house.root.certificate.serial_number != house.issuing.certificate.serial_number


@pytest.mark.parametrize("kind", [KeyType.ECDSA_P256, KeyType.ECDSA_P384, KeyType.RSA_2048])
def test_both_kinds_of_leaf_are_such_as_every_platform_takes(kind: KeyType) -> None:
    key = PrivateKey.generate(kind)
    self_signed = issue_self_signed(key=key, names=names("ha.lan"), now=NOW)
    for certificate in (a_leaf("ha.lan", key=key), self_signed):
        assert extensions_of(certificate) == {
            "BasicConstraints": True,
            "KeyUsage": True,
            "ExtendedKeyUsage": False,
            "SubjectKeyIdentifier": False,
            "AuthorityKeyIdentifier": False,
            "SubjectAlternativeName": False,
        }
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert not basic.ca
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature
        assert usage.key_encipherment is (kind is KeyType.RSA_2048)
        assert not usage.key_cert_sign
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(extended) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_the_key_identifiers_link_the_chain_by_key_id_alone(leaf: x509.Certificate) -> None:
    """root ← issuing CA ← leaf (OSL-01)."""
    house = a_house()
    root, issuing = house.root.certificate, house.issuing.certificate
    for child, parent in ((root, root), (issuing, root), (leaf, issuing)):
        authority = child.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        own = parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        assert authority.key_identifier == own.digest
        assert authority.authority_cert_issuer is None
        assert authority.authority_cert_serial_number is None
    assert leaf.issuer.public_bytes() == issuing.subject.public_bytes()


def test_serial_numbers_are_positive_long_and_never_the_same(leaf_key: PrivateKey) -> None:
    serials = [a_leaf("ha.lan", key=leaf_key).serial_number for _ in range(50)]
    assert len(set(serials)) == 50
    assert all(0 < serial < 2**159 for serial in serials)
    assert max(serials).bit_length() > 150


def test_a_p384_authority_signs_with_sha384_and_others_with_sha256(leaf_key: PrivateKey) -> None:
    for kind, algorithm in (
        (KeyType.ECDSA_P256, hashes.SHA256),
        (KeyType.ECDSA_P384, hashes.SHA384),
        (KeyType.RSA_2048, hashes.SHA256),
    ):
        certificate = a_leaf("ha.lan", key=leaf_key, issuer=a_house(key_type=kind).issuing)
        assert isinstance(certificate.signature_hash_algorithm, algorithm)


# --- names and subjects ---


def test_the_san_holds_each_name_once_in_the_given_order(leaf_key: PrivateKey) -> None:
    certificate = a_leaf("192.168.1.20", "b.lan", "a.lan", "B.lan.", "fd00::1", key=leaf_key)
    assert names_of(certificate) == names("192.168.1.20", "b.lan", "a.lan", "fd00::1")


@pytest.mark.parametrize(
    ("texts", "leaf_cn", "self_signed_cn"),
    [
        (["b.lan", "a.lan"], ["b.lan"], ["b.lan"]),
        (["192.168.1.20", "a.lan"], ["a.lan"], ["a.lan"]),
        # NC-10: OpenSSL and GnuTLS would hold the address against the permitted DNS names.
        (["192.168.1.20"], [], ["192.168.1.20"]),
        (["a" * 61 + ".lan"], [], []),
        (["a" * 61 + ".lan", "b.lan"], ["b.lan"], ["b.lan"]),
        (["a" * 60 + ".lan"], ["a" * 60 + ".lan"], ["a" * 60 + ".lan"]),
    ],
)
def test_the_cn_is_the_first_dns_name_that_fits(
    texts: list[str], leaf_cn: list[str], self_signed_cn: list[str], leaf_key: PrivateKey
) -> None:
    leaf = a_leaf(*texts, key=leaf_key)
    self_signed = issue_self_signed(key=leaf_key, names=names(*texts), now=NOW)
    assert common_names(leaf) == leaf_cn
    assert common_names(self_signed) == self_signed_cn
    assert len(leaf.subject) == len(self_signed.subject) == 1  # never empty


def test_a_given_subject_gets_its_cn_from_the_names(leaf_key: PrivateKey) -> None:
    subject = Subject(None, country="DE", organization="Home")
    assert a_leaf("ha.lan", key=leaf_key, subject=subject).subject.rfc4514_string() == (
        "CN=ha.lan,O=Home,C=DE"
    )
    only_ip = a_leaf("192.168.1.20", key=leaf_key, subject=subject)
    assert only_ip.subject.rfc4514_string() == "O=Home,C=DE"
    second = a_leaf("a.lan", "b.lan", key=leaf_key, subject=Subject("b.lan"))
    assert common_names(second) == ["b.lan"]


@pytest.mark.parametrize("common_name", ["Home Assistant", "192.168.1.20", "b.lan"])
def test_a_cn_that_is_none_of_the_dns_names_is_refused(
    common_name: str, leaf_key: PrivateKey
) -> None:
    with pytest.raises(SubjectRefused, match="not one of the host names"):
        a_leaf("a.lan", "192.168.1.20", key=leaf_key, subject=Subject(common_name))


def test_nobody_bears_the_name_of_the_authority_that_signs() -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    root = Issuer(
        issue_root(key=key, subject=Subject("ha.lan"), constraints=DEFAULT_CONSTRAINTS, now=NOW),
        key,
    )
    with pytest.raises(SubjectRefused, match="the same as that of the certificate authority"):
        issue_issuing_ca(public_key=key.public_key, subject=Subject("ha.lan"), root=root, now=NOW)
    with pytest.raises(SubjectRefused, match="the same as that of the certificate authority"):
        a_leaf("ha.lan", key=key, issuer=root)


def test_a_root_has_a_cn_and_permits_no_zone_of_strangers() -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    with pytest.raises(SubjectRefused, match="iPhones"):
        issue_root(
            key=key,
            subject=Subject(None, organization="Home"),
            constraints=DEFAULT_CONSTRAINTS,
            now=NOW,
        )
    too_wide = Constraints(dns=("duckdns.org",), networks=DEFAULT_CONSTRAINTS.networks)
    with pytest.raises(PermitRefused):
        issue_root(key=key, subject=Subject("root"), constraints=too_wide, now=NOW)


def test_a_name_outside_the_constraints_is_refused_with_all_of_its_kind(
    leaf_key: PrivateKey,
) -> None:
    with pytest.raises(NotPermitted) as refused:
        a_leaf("ha.lan", "ha.example.org", "8.8.8.8", key=leaf_key)
    assert refused.value.names == ("ha.example.org", "8.8.8.8")
    assert refused.value.permitted == DEFAULT_CONSTRAINTS.described()


def test_a_self_signed_leaf_knows_no_constraints(leaf_key: PrivateKey) -> None:
    certificate = issue_self_signed(key=leaf_key, names=names("ha.example.org"), now=NOW)
    assert names_of(certificate) == names("ha.example.org")
    assert certificate.issuer == certificate.subject


def test_a_certificate_has_a_name(leaf_key: PrivateKey) -> None:
    with pytest.raises(UsageError, match="at least one name"):
        a_leaf(key=leaf_key)
    with pytest.raises(UsageError, match="at least one name"):
        issue_self_signed(key=leaf_key, names=(), now=NOW)


# --- time ---


@pytest.mark.parametrize("days", [1, 397, 825])
def test_a_leaf_lives_exactly_as_many_days_as_asked(days: int, leaf_key: PrivateKey) -> None:
    """Counted from notBefore, so that the longest stays below Apple's 825 days and an hour."""
    later = NOW + 30 * A_DAY
    leaf = a_leaf("ha.lan", key=leaf_key, now=later, days=days)
    self_signed = issue_self_signed(key=leaf_key, names=names("ha.lan"), now=later, days=days)
    for certificate in (leaf, self_signed):
        assert certificate.not_valid_before_utc == later - AN_HOUR
        assert certificate.not_valid_after_utc == later - AN_HOUR + days * A_DAY


@pytest.mark.parametrize("days", [-1, 0, 826, 3650])
def test_a_life_that_apple_refuses_or_none_at_all_is_refused(
    days: int, leaf_key: PrivateKey
) -> None:
    """APL-01."""
    with pytest.raises(UsageError, match="refuse more than 825"):
        a_leaf("ha.lan", key=leaf_key, days=days)
    with pytest.raises(UsageError, match="refuse more than 825"):
        issue_self_signed(key=leaf_key, names=names("ha.lan"), now=NOW, days=days)


def test_the_root_lives_ten_years_and_the_issuing_ca_as_long() -> None:
    house = a_house()
    assert house.root.not_before == NOW - AN_HOUR
    assert house.root.not_after - house.root.not_before == 3652 * A_DAY
    later = issue_issuing_ca(
        public_key=house.issuing.key.public_key,
        subject=Subject("another issuing CA"),
        root=house.root,
        now=NOW + 1000 * A_DAY,
    )
    for issuing in (house.issuing.certificate, later):
        assert issuing.not_valid_after_utc == house.root.not_after


def test_a_leaf_never_outlives_nor_predates_its_issuer(leaf_key: PrivateKey) -> None:
    issuing = a_house().issuing
    last = a_leaf("ha.lan", key=leaf_key, now=issuing.not_after - A_DAY)
    assert last.not_valid_after_utc == issuing.not_after
    first = a_leaf("ha.lan", key=leaf_key, now=issuing.not_before)
    assert first.not_valid_before_utc == issuing.not_before


def test_an_ended_authority_issues_nothing(leaf_key: PrivateKey) -> None:
    house = a_house()
    for now in (house.issuing.not_after, house.issuing.not_after + A_DAY):
        with pytest.raises(HouseExpired):
            a_leaf("ha.lan", key=leaf_key, now=now)
        with pytest.raises(HouseExpired):
            issue_issuing_ca(
                public_key=leaf_key.public_key, subject=Subject("x"), root=house.root, now=now
            )
    a_leaf("ha.lan", key=leaf_key, now=house.issuing.not_after - timedelta(seconds=1))


def test_a_clock_before_the_birth_of_the_house_is_told(leaf_key: PrivateKey) -> None:
    """A Raspberry Pi without a battery wakes up in the past."""
    issuing = a_house().issuing
    for now in (datetime(1970, 1, 2, tzinfo=UTC), issuing.not_before - timedelta(seconds=1)):
        with pytest.raises(ClockWrong) as wrong:
            a_leaf("ha.lan", key=leaf_key, now=now)
        assert f"{now:%Y-%m-%d}" in wrong.value.message


def test_now_may_have_any_zone_but_has_one(leaf_key: PrivateKey) -> None:
    elsewhere = (NOW + A_DAY).astimezone(timezone(timedelta(hours=9))).replace(microsecond=999)
    certificate = a_leaf("ha.lan", key=leaf_key, now=elsewhere)
    assert certificate.not_valid_before_utc == NOW + A_DAY - AN_HOUR
    with pytest.raises(ValueError, match="aware"):
        a_leaf("ha.lan", key=leaf_key, now=NOW.replace(tzinfo=None))


# --- the issuer ---


def test_an_issuer_has_its_own_key_and_constraints(
    leaf: x509.Certificate, leaf_key: PrivateKey
) -> None:
    house = a_house()
    with pytest.raises(HouseBroken, match="do not belong together"):
        Issuer(house.issuing.certificate, house.root.key)
    with pytest.raises(HouseBroken, match="not those of a house"):
        Issuer(leaf, leaf_key)


def test_an_issuer_does_not_show_its_key() -> None:
    assert "<private key, ECDSA P-256>" in repr(a_house().issuing)
