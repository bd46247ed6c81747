"""Apple: Safari, every browser on iOS, WKWebView and URLSession, so most apps.

From Apple's own sources (apple-oss-distributions/Security, Security-61901), not from a run. The
root is one that the user installed and fully trusted (APL-25), which is a "user anchor" there;
the limits of public CAs are not its (APL-03, APL-28). Errors are those of
SecTrustEvaluateWithError; an app shows NSURLErrorDomain -1202 for all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from housekey.pki.names import IpName
from housekey.pki.shared_zones import is_registry
from housekey.platforms import apple_constraints, checks, policies
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import Facts, Key, KeyKind, Oid, Usage
from housekey.platforms.hostnames import Matching, matches
from housekey.platforms.model import Platform, Severity
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

_S, _D, _I, _F = (
    Evidence.SOURCE,
    Evidence.DOCUMENTED,
    Evidence.ISSUE,
    Evidence.UNVERIFIED,
)
_LEAVES = (Tier.LEAF, Tier.SELF_SIGNED)
_EVERY = (*ALL, Tier.SELF_SIGNED)
_POLICY = "Apple SecPolicy.c"
_SERVER = "Apple trustd/SecPolicyServer.c"
_CALLBACKS = "Apple SecPolicyLeafCallbacks.c"

_LONGEST = timedelta(days=825, hours=1)
# 583628400 seconds after 2001 in set_ssl_validity_periods, which its comment calls 1 July, 00:00.
_LONGEST_IN_PUBLIC = timedelta(days=398)
_PUBLIC_FROM = datetime(2020, 9, 1, tzinfo=UTC)
_LIMITED_FROM = datetime(2019, 6, 30, 23, tzinfo=UTC)
_MOST_SERIAL_OCTETS = 37  # APL-22: SecCertificateParse

# sExtensionParsers in SecCertificate.c.
_KNOWN = frozenset(
    {
        Oid.SUBJECT_KEY_IDENTIFIER,
        Oid.KEY_USAGE,
        "2.5.29.16",  # privateKeyUsagePeriod
        Oid.SUBJECT_ALT_NAME,
        "2.5.29.18",  # issuerAltName
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_MAPPINGS,
        Oid.AUTHORITY_KEY_IDENTIFIER,
        Oid.POLICY_CONSTRAINTS,
        Oid.EXTENDED_KEY_USAGE,
        Oid.INHIBIT_ANY_POLICY,
        Oid.AUTHORITY_INFORMATION,
        "1.3.6.1.5.5.7.1.11",  # subjectInfoAccess
        Oid.NETSCAPE_CERT_TYPE,
        "1.2.840.113533.7.65.0",  # entrustVersInfo
        "1.3.6.1.5.5.7.48.1.5",  # ocsp-nocheck
        "1.3.6.1.5.5.7.1.3",  # qcStatements
    }
)
# ccec_cp_for_oid in SecECKey.m.
_CURVES = ("secp192r1", "secp224r1", "secp256r1", "secp384r1", "secp521r1")
_ENOUGH = (Oid.SERVER_AUTH, Oid.ANY_USAGE, Oid.NETSCAPE_SGC, Oid.MICROSOFT_SGC)


# --- names ---


def is_dns_name(text: str) -> bool:
    """SecFrameworkIsDNSName: an entry that is none is passed over (APL-06)."""
    labels = text.split(".")
    return (
        len(text) <= 255
        and all(map(_is_label, labels))
        and any(each.isalpha() or each in "*_" for each in labels[-1])
    )


def _is_label(text: str) -> bool:
    return (
        0 < len(text) <= 63
        and text.isascii()
        and all(each.isalnum() or each in "-_*" for each in text)
        and not text.startswith("-")
        and not text.endswith("-")
    )


def _matching(*, home_arpa: bool) -> Matching:
    return Matching(
        wildcard_over=lambda parent: (
            (home_arpa and parent == "home.arpa") or not is_registry(parent)
        ),
        host_without_dot=True,
        overlooks=lambda entry: not is_dns_name(entry),
    )


_MATCHING = _matching(home_arpa=True)
_MATCHING_BY_THE_LIST = _matching(home_arpa=False)


def _host(seen: Seen) -> Iterator[Said]:
    if not isinstance(seen.name, IpName):
        yield from checks.name_asked(_MATCHING)(seen)


def _address(seen: Seen) -> Iterator[Said]:
    if isinstance(seen.name, IpName):
        yield from checks.name_asked(_MATCHING)(seen)


def _home_arpa(seen: Seen) -> Iterator[Said]:
    if matches(seen.leaf, seen.name, _MATCHING) and not matches(
        seen.leaf, seen.name, _MATCHING_BY_THE_LIST
    ):
        yield Said("the leaf's wildcard *.home.arpa stands right under a public registry")


def _passed_over(seen: Seen) -> Iterator[Said]:
    for entry in seen.leaf.dns_names:
        if not is_dns_name(entry):
            yield Said(f"the leaf's DNS name {entry!r} is none, and is passed over")


def _vain_wildcards(seen: Seen) -> Iterator[Said]:
    for entry in seen.leaf.dns_names:
        star, _, parent = entry.lower().partition(".")
        if star == "*" and parent and parent != "home.arpa" and is_registry(parent):
            yield Said(
                f"the leaf's wildcard {entry} covers nothing here: {parent} is a registry to"
                " browsers, or a single label"
            )


# --- the leaf ---


def _lives_too_long(seen: Seen) -> Iterator[Said]:
    leaf = seen.leaf
    life = leaf.not_after - leaf.not_before
    limited = leaf.not_before >= _LIMITED_FROM and not seen.known_root
    if not seen.is_trusted_leaf and limited and life > _LONGEST:
        yield Said(f"the leaf is valid for {life.days} days, and 825 are the most")


def _lives_too_long_in_public(seen: Seen) -> Iterator[Said]:
    leaf = seen.leaf
    life = leaf.not_after - leaf.not_before
    if seen.known_root and leaf.not_before >= _PUBLIC_FROM and life > _LONGEST_IN_PUBLIC:
        yield Said(f"the leaf is valid for {life.days} days, and 398 are the most")


def _no_usage(seen: Seen) -> Iterator[Said]:
    if not seen.is_trusted_leaf and seen.leaf.extended_key_usage is None:
        yield Said("the leaf does not say what it is for (extendedKeyUsage)")


def _no_root_of_its_own(seen: Seen) -> Iterator[Said]:
    if seen.is_trusted_leaf and not seen.leaf.is_ca:
        yield Said("the leaf is its own root, and says not that it is a CA (basicConstraints)")


# --- the path ---


def _nameless_root(seen: Seen) -> Iterator[Said]:
    if seen.anchored and not seen.path[-1].common_names:
        yield Said(f"{seen.called(seen.path[-1])} has no CN in its subject")


def _nameless(seen: Seen) -> Iterator[Said]:
    for each in seen.path:
        if not each.subject.is_empty:
            continue
        if each.is_ca:
            yield Said(f"{seen.called(each)} is a CA with an empty subject")
        elif not each.critical(Oid.SUBJECT_ALT_NAME):
            yield Said(f"{seen.called(each)} has an empty subject and a SAN that is not critical")


def _no_ca(seen: Seen) -> Iterator[Said]:
    """SecPVCParentCertificateChecks."""
    root = seen.path[-1]
    for each in seen.issuers:
        who = seen.called(each)
        if each.version < 3:
            if seen.anchored and each is not root and root.version >= 3:
                yield Said(f"{who} is of version {each.version}, which cannot say it is a CA")
        elif each.basic_constraints is None:
            yield Said(f"{who} does not say that it is a CA (basicConstraints)")
        elif not each.is_ca:
            yield Said(
                f"{who} says that it is no CA (basicConstraints)",
                "Non-CA certificate used as a CA (errSecNoBasicConstraintsCA, -67605)",
            )


def _issuer_usage(seen: Seen) -> Iterator[Said]:
    for each in seen.issuers:
        if each.key_usage and not each.may(Usage.KEY_CERT_SIGN):
            yield Said(f"{seen.called(each)}'s keyUsage is without keyCertSign")


def _ids_differ(seen: Seen) -> Iterator[Said]:
    for child, issuer in zip(seen.path, seen.path[1:], strict=False):
        said, own = child.authority_key, issuer.subject_key_id
        if said is not None and said.key_id is not None and own not in (None, said.key_id):
            yield Said(
                f"{seen.called(child)} names {seen.called(issuer)} as its issuer,"
                " but its AKI has another key identifier"
            )


def _key_is_weak(key: Key) -> bool:
    return (key.kind is KeyKind.RSA and key.bits < 2048) or (
        key.kind is KeyKind.EC and key.bits < 256
    )


def _key_is_broken(key: Key) -> bool:
    return (key.kind is KeyKind.RSA and key.bits < 1024) or (
        key.kind is KeyKind.EC and 0 < key.bits < 160
    )


def _key_is_unknown(key: Key) -> bool:
    return key.kind in {KeyKind.ED25519, KeyKind.ED448}


def _key_is_none(key: Key) -> bool:
    """SecCertificateCopyKey makes nothing of it, and no key is a weak key."""
    if key.kind is KeyKind.EC:
        return key.curve not in _CURVES
    return key.kind not in {KeyKind.RSA, KeyKind.ED25519, KeyKind.ED448}


def _app_transport(seen: Seen) -> Iterator[Said]:
    """APL-26, where the rules for trust say nothing: of a leaf that the user trusts itself."""
    if not seen.is_trusted_leaf:
        return
    if _key_is_weak(seen.leaf.key):
        yield Said(f"the leaf's key is too weak for apps: {seen.leaf.key}")
    if seen.leaf.signature_hash in {"sha1", "md5"}:
        yield Said(f"the leaf is signed with {seen.leaf.signature_hash.upper()}, too weak for apps")


def _unknown_critical(seen: Seen) -> Iterator[Said]:
    """Of all below the anchor, which is not looked at."""
    tiers = (Tier.LEAF, Tier.ISSUING)
    yield from checks.unknown_critical(_KNOWN, tiers)(seen)


def _no_policy(seen: Seen) -> Iterator[Said]:
    # The anchor itself is not part of it: SecCertificatePathVCVerifyPolicyTree.
    below: tuple[Facts, ...] = seen.presented
    if seen.anchored and not seen.is_trusted_leaf and policies.demanded_in_vain(below):
        yield Said("a certificate demands a policy (policyConstraints) that the path does not have")


def _long_serial(seen: Seen) -> Iterator[Said]:
    for each in seen.path:
        if each.serial_octets > _MOST_SERIAL_OCTETS:
            yield Said(f"{seen.called(each)} has a serial number of {each.serial_octets} bytes")


_TRUST = Rule(
    "APL-25",
    "No path to a root that is installed and, on iOS, fully trusted in Certificate Trust Settings",
    ALL,
    checks.untrusted(self_signed="Root is not trusted (errSecNotTrusted, -67843)"),
    error="Unable to build chain to root (possible missing intermediate)"
    " (errSecCreateChainFailed, -25318)",
    fix=checks.SEND_THE_PATH
    + "; on iOS turn it on under Settings, General, About, Certificate Trust Settings",
    source="Apple support 102390 (HT204477); " + _SERVER + " AnchorTrusted, MissingIntermediate",
    evidence=(_S, _D),
)

_RULES = (
    Rule(
        "APL-19.version",
        "A certificate of a version above 3",
        _EVERY,
        checks.unknown_version,
        error="the certificate cannot be read",
        fix=checks.MADE_ANEW,
        source="Apple SecCertificate.c SecCertificateParse",
        evidence=(_S,),
    ),
    Rule(
        "APL-22",
        "A serial number of more than 37 bytes; more than 20 is tolerated",
        _EVERY,
        _long_serial,
        error="the certificate cannot be read",
        fix=checks.MADE_ANEW,
        source="Apple SecCertificate.c SecCertificateParse",
        evidence=(_S,),
    ),
    _TRUST,
    Rule(
        "APL-24",
        "A root without CN, which iOS does not list in Certificate Trust Settings",
        (Tier.ROOT, Tier.SELF_SIGNED),
        _nameless_root,
        error="Root is not trusted (errSecNotTrusted, -67843)",
        fix="make a new root with a CN",
        source="mkcert #47; davidalger/warden #85",
        evidence=(_I,),
    ),
    Rule(
        "APL-11",
        "An RSA key below 2048 bits or an EC key below 256 on any certificate, the root included;"
        " not asked of a leaf that the user trusts itself",
        ALL,
        checks.keys(_key_is_weak, ALL),
        error="Key size is not permitted for this use (errSecUnsupportedKeySize, -67735)",
        fix=checks.NEW_KEY,
        source=f"{_POLICY} SecPolicyAddStrongKeySizeOptions; {_SERVER} SecPolicyCheckKeySize",
        evidence=(_S,),
    ),
    Rule(
        "APL-11.broken",
        "An RSA key below 1024 bits or an EC key below 160, always fatal",
        (Tier.SELF_SIGNED,),
        checks.keys(_key_is_broken, (Tier.SELF_SIGNED,)),
        error="Certificate is using a broken key size (errSecUnsupportedKeySize, -67735)",
        fix=checks.NEW_KEY,
        source=f"{_SERVER} SecPolicyCheckWeakKeySize",
        evidence=(_S,),
    ),
    Rule(
        "APL-12",
        "An Ed25519 or Ed448 key on any certificate",
        ALL,
        checks.keys(_key_is_unknown, ALL, what="is of a kind that is not known here"),
        error="Key size is not permitted for this use (errSecUnsupportedKeySize, -67735)",
        fix=checks.NEW_KEY,
        source="Apple SecCertificate.c SecCertificateIsAtLeastMinKeySize; test testEdDSA",
        evidence=(_S,),
    ),
    Rule(
        "APL-12.curve",
        "A key that Apple cannot read on any certificate: secp256k1, brainpool, DSA",
        _EVERY,
        checks.keys(_key_is_none, _EVERY, what="is of a kind that is not known here"),
        error="Certificate is using a broken key size (errSecUnsupportedKeySize, -67735)",
        fix=checks.NEW_KEY,
        source="Apple SecECKey.m ccec_cp_for_oid; SecCertificate.c SecCertificateIsWeakKey",
        evidence=(_S,),
    ),
    Rule(
        "APL-13",
        "A signature over SHA-1 or MD5 on any certificate that is not self-signed",
        checks.PRESENTED,
        checks.hashes(("sha1", "md5", "md2"), not_self_issued=True),
        error="Signature hash algorithm is not permitted for this use"
        " (errSecInvalidDigestAlgorithm, -67815)",
        fix=checks.SIGN_AGAIN,
        source=f"{_SERVER} SecPolicyCheckSignatureHashAlgorithms",
        evidence=(_S,),
    ),
    Rule(
        "APL-16",
        "An issuer of version 3 without basicConstraints CA:TRUE",
        ABOVE,
        _no_ca,
        error="Basic constraints are required but missing (errSecNoBasicConstraints, -67604)",
        fix=checks.CA_AS_ROOT,
        source=f"{_SERVER} SecPVCParentCertificateChecks",
        evidence=(_S,),
    ),
    Rule(
        "APL-16.key-usage",
        "An issuer whose keyUsage is without keyCertSign",
        ABOVE,
        _issuer_usage,
        error="Key usage does not match certificate usage (errSecInvalidKeyUsageForPolicy, -67608)",
        fix=checks.CA_AS_ROOT,
        source=f"{_SERVER} SecPVCParentCertificateChecks",
        evidence=(_S,),
    ),
    Rule(
        "APL-16.path-length",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        checks.path_length(),
        error="Chain exceeded constrained path length (errSecPathLengthConstraintExceeded, -67611)",
        fix=checks.SHORTER_PATH,
        source=f"{_SERVER} SecPolicyCheckBasicCertificateProcessing",
        evidence=(_S,),
    ),
    Rule(
        "APL-17",
        "An AKI with another key identifier than its issuer's SKI",
        checks.PRESENTED,
        _ids_differ,
        error="SubjectKeyID/AuthorityKeyID mismatch in chain (errSecInvalidIDLinkage, -67610)",
        fix="have it made with the issuer's own key identifier in the AKI",
        source=f"{_SERVER} SecPolicyCheckIdLinkage",
        evidence=(_S,),
    ),
    Rule(
        "APL-18",
        "An empty subject: of a CA, or without a critical SAN",
        _EVERY,
        _nameless,
        error="Certificate missing a name (errSecInvalidSubjectName, -67655)",
        fix=checks.A_SUBJECT,
        source=f"{_SERVER} SecPolicyCheckNonEmptySubject",
        evidence=(_S,),
    ),
    Rule(
        "APL-19",
        "A critical extension that is not known, on any certificate but the one that is trusted",
        checks.PRESENTED,
        _unknown_critical,
        error="Found unknown critical extensions (errSecUnknownCriticalExtensionFlag, -67603)",
        fix=checks.NOT_CRITICAL,
        source=f"{_SERVER} SecPolicyCheckBasicCertificateProcessing (o), (f)",
        evidence=(_S,),
    ),
    Rule(
        "APL-19.unreadable",
        "A known extension that cannot be read",
        _EVERY,
        checks.malformed(),
        error="Unable to parse known extension (errSecUnknownCertExtension, -67618)",
        fix=checks.MADE_ANEW,
        source=f"{_SERVER} SecPolicyCheckUnparseableExtension",
        evidence=(_S,),
    ),
    Rule(
        "APL-19.twice",
        "An extension that is there twice",
        _EVERY,
        checks.duplicated(),
        error="Multiple extensions with the same extension ID"
        " (errSecCertificateDuplicateExtension, -67903)",
        fix=checks.MADE_ANEW,
        source=f"{_SERVER} SecPolicyCheckDuplicateExtension",
        evidence=(_S,),
    ),
    Rule(
        "APL-19.policy",
        "policyConstraints that demand a policy which the path does not have",
        checks.PRESENTED,
        _no_policy,
        error="Policy constraints violated (errSecInvalidPolicyIdentifiers, -67835)",
        fix="have it made without policyConstraints",
        source=f"{_SERVER} SecCertificatePathVCVerifyPolicyTree",
        evidence=(_S,),
    ),
    Rule(
        "APL-09",
        "A leaf's extendedKeyUsage without serverAuth, any usage or server gated cryptography",
        _LEAVES,
        checks.extended_usage(_LEAVES, enough=_ENOUGH),
        error="Extended key usage does not match certificate usage"
        " (errSecInvalidExtendedKeyUsage, -67609)",
        fix=checks.SERVER_AUTH,
        source=f"{_POLICY} set_ssl_ekus",
        evidence=(_S,),
    ),
    Rule(
        "APL-10",
        "An issuing CA's extendedKeyUsage without serverAuth or any usage",
        (Tier.ISSUING,),
        checks.extended_usage((Tier.ISSUING,), enough=_ENOUGH),
        error="Extended key usage does not match certificate usage"
        " (errSecInvalidExtendedKeyUsage, -67609)",
        fix="make a new issuing CA without extendedKeyUsage, or with serverAuth",
        source=f"{_SERVER} SecPolicyCheckExtendedKeyUsage",
        evidence=(_S,),
    ),
    Rule(
        "APL-14",
        "A name outside the name constraints of the root and the issuing CAs (APL-15 says how they"
        " are held against it)",
        checks.PRESENTED,
        apple_constraints.outside,
        error="Name constraints violated (errSecInvalidName, -67689)",
        fix=checks.PERMITTED_NAMES,
        source=f"{_SERVER} SecPolicyCheckBasicCertificateProcessing; trustd/nameconstraints.c;"
        " test testUserAnchorWithNameConstraintsFail",
        evidence=(_S,),
    ),
    Rule(
        "APL-01",
        "A leaf of more than 825 days (and an hour), made after June 2019, under a root that the"
        " user installed",
        (Tier.LEAF,),
        _lives_too_long,
        error="Certificate exceeds maximum temporal validity period"
        " (errSecCertificateValidityPeriodTooLong, -67901)",
        fix="have the leaf made for 825 days at most; 397 is what public CAs do",
        source=f"{_POLICY} set_ssl_validity_periods; {_SERVER}"
        " SecPolicyCheckOtherTrustValidityPeriod; test"
        " testUserTrustRoot_MoreThan825Days_AfterJul2019; Apple support 103769 (HT210176)",
        evidence=(_S, _D),
        since="iOS 13, macOS 10.15; leaves made from 2019-07-01",
    ),
    Rule(
        "APL-03",
        "A leaf of more than 398 days, made after August 2020, under a root that devices come with",
        (Tier.LEAF,),
        _lives_too_long_in_public,
        error="Certificate exceeds maximum temporal validity period"
        " (errSecCertificateValidityPeriodTooLong, -67901)",
        fix="let the CA give it a shorter life; renew more often",
        source=f"{_POLICY} set_ssl_validity_periods; test"
        " testSystemTrust_MoreThan398Days_AfterSep2020; Apple support 102028 (HT211025)",
        evidence=(_S, _D),
        since="iOS 14, macOS 11; leaves made from 2020-09-01",
    ),
    Rule(
        "APL-04",
        "The name is not in the SAN; the CN never counts",
        _LEAVES,
        _host,
        error="SSL hostname does not match name(s) in certificate (errSecHostNameMismatch, -67602)",
        fix=checks.NAME_IN_SAN,
        source=f"{_CALLBACKS} SecPolicyCheckCertSSLHostname",
        evidence=(_S,),
    ),
    Rule(
        "APL-05",
        "The address is not in the SAN as an address",
        _LEAVES,
        _address,
        error="SSL hostname does not match name(s) in certificate (errSecHostNameMismatch, -67602)",
        fix="have the leaf made with that address in its SAN, as an address",
        source=f"{_CALLBACKS} SecPolicyCheckCertSSLHostname; tests testIPAddressInDNSField,"
        " testIPAddressInCN",
        evidence=(_S,),
    ),
    Rule(
        "APL-20",
        "Before the beginning or after the end of any certificate, the root included",
        _EVERY,
        checks.times(_EVERY),
        error="Certificate is not temporally valid (errSecCertificateExpired, -67818)",
        fix=checks.RENEW,
        source=f"{_SERVER} SecPolicyCheckBasicCertificateProcessing",
        evidence=(_S,),
    ),
    Rule(
        "APL-23",
        "A self-signed leaf with CA:FALSE: trustd takes it, but iOS does not list it, so that"
        " nobody can turn it on",
        (Tier.SELF_SIGNED,),
        _no_root_of_its_own,
        error="Root is not trusted (errSecNotTrusted, -67843)",
        fix="make a root, let it sign the leaf, and install the root on the device",
        source="Apple SecTrustStore.c validateConstraint; mkcert #47 and #233; not verified on iOS",
        evidence=(_F,),
    ),
    Rule(
        "APL-07.home-arpa",
        "Only the wildcard *.home.arpa is for the name: a public registry, and so probably refused",
        _LEAVES,
        _home_arpa,
        error="SSL hostname does not match name(s) in certificate (errSecHostNameMismatch, -67602)",
        fix="name each host, or put a label between: *.house.home.arpa",
        source=f"{_CALLBACKS} SecDNSIsTLD asks CFNetwork, whose list is not public",
        evidence=(_F,),
    ),
    Rule(
        "APL-06",
        "A DNS entry that is no DNS name (a dot or a hyphen at the end, other characters) is"
        " passed over",
        _LEAVES,
        _passed_over,
        error=checks.NOTHING_SHOWN,
        fix="have the leaf made with names only that are in order",
        source="Apple SecCertificate.c SecFrameworkIsDNSName",
        evidence=(_S,),
        severity=Severity.WARNING,
    ),
    Rule(
        "APL-07",
        "A wildcard right under a registry or a single label (*.local, *.lan) covers nothing",
        _LEAVES,
        _vain_wildcards,
        error="SSL hostname does not match name(s) in certificate (errSecHostNameMismatch, -67602)",
        fix="name each host, or put a label between: *.house.lan",
        source=f"{_CALLBACKS} SecDNSMatch",
        evidence=(_S,),
        severity=Severity.WARNING,  # whether it rejects is APL-04's to say
    ),
    Rule(
        "APL-08",
        "A leaf without extendedKeyUsage: the source lets it pass under a user's root, while"
        " Apple's page demands serverAuth of all",
        (Tier.LEAF,),
        _no_usage,
        error=checks.NOTHING_SHOWN,
        fix=checks.SERVER_AUTH,
        source=f"{_SERVER} SecPolicyCheckServerAuthEKU; test"
        " testUserTrustRoot_MissingEKU_AfterJul2019; Apple support 103769 (HT210176)",
        evidence=(_S, _D),
        severity=Severity.WARNING,
    ),
    Rule(
        "APL-26",
        "A trusted leaf that App Transport Security refuses: RSA below 2048, EC below 256, SHA-1."
        " Safari and the Home Assistant app do not ask it",
        (Tier.SELF_SIGNED,),
        _app_transport,
        error=checks.NOTHING_SHOWN,
        fix=checks.NEW_KEY,
        source="Apple protocol/SecProtocolConfiguration.m",
        evidence=(_S,),
        severity=Severity.WARNING,
    ),
)

CLIENT = Client(
    Platform.APPLE,
    linking=Linking(names=Names.NORMALISED),
    rules=_RULES,
    known_from="Apple's sources Security-61901 (October 2025) and support pages",
)
