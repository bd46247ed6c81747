"""Chrome, Edge and Chromium on Windows, macOS, Linux and ChromeOS, which verify alike.

Where they differ this says what Chromium on Linux does with a root that stands in its NSS
database as `C,,` (certutil's and every guide's way), because that is what the tests ask; what
another system does otherwise is a warning (CHR-12.macos).

The order is that of what is shown: the handshake fails before the certificate is looked at, then
the worst status wins (net/cert/cert_status_flags.cc MapCertStatusToNetError). "measured" is
Chromium 156 on Linux. The path is verified by BoringSSL: pki/verify_certificate_chain.cc.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from housekey.pki.shared_zones import is_registry
from housekey.platforms import boringssl, checks, policies
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import NameKind, Oid, Usage
from housekey.platforms.hostnames import Matching
from housekey.platforms.model import Platform, Severity
from housekey.platforms.path import LeafAsRoot, Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.rule import Check

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_LEAVES = (Tier.LEAF, Tier.SELF_SIGNED)
_EVERY = (*ALL, Tier.SELF_SIGNED)
_BORINGSSL = "BoringSSL pki/verify_certificate_chain.cc"
MEASURED = "measured with Chromium 156"

AUTHORITY = "ERR_CERT_AUTHORITY_INVALID"
INVALID = "ERR_CERT_INVALID"
_DATE = "ERR_CERT_DATE_INVALID"

# NSS finds the root by the bytes of its name; BoringSSL compares the rest normalised (CHR-24).
LINKING = Linking(
    names=Names.NORMALISED_NO_T61, names_under_root=Names.BYTES, leaf_as_root=LeafAsRoot.SELF_SIGNED
)

# IsHandledCriticalExtension. AKI and SKI are not there (CHR-22).
KNOWN = frozenset(
    {
        Oid.BASIC_CONSTRAINTS,
        Oid.KEY_USAGE,
        Oid.EXTENDED_KEY_USAGE,
        Oid.NAME_CONSTRAINTS,
        Oid.SUBJECT_ALT_NAME,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_MAPPINGS,
        Oid.POLICY_CONSTRAINTS,
        Oid.INHIBIT_ANY_POLICY,
    }
)
_PATH_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_TLS_CURVES = ("secp256r1", "secp384r1")
ENOUGH = (Oid.SERVER_AUTH, Oid.ANY_USAGE)


# --- checks of its own ---


def _unreadable_leaf(seen: Seen) -> Iterator[Said]:
    why = boringssl.unparsable(seen.leaf)
    if why:
        # Such a one is not even read as far as a certificate of any use.
        early = "ERR_SSL_SERVER_CERT_BAD_FORMAT" if seen.leaf.version != 3 else ""
        yield Said(f"the leaf {why}", early)


def _unreadable_issuer(seen: Seen) -> Iterator[Said]:
    for each in seen.issuers:
        why = boringssl.unparsable(each)
        if not why and boringssl.is_nameless(each):
            why = "has an empty subject and a SAN that is not critical"
        if why:
            yield Said(f"{seen.called(each)} {why}")


def _other_strings(seen: Seen) -> bool:
    """The path ends one step below the root, and only for the way in which names are written."""
    last, root = seen.path[-1], seen.root
    return (
        not seen.anchored
        and root is not None
        and last.der != root.der
        and last.issuer.der != root.subject.der
        and last.issuer.normalised == root.subject.normalised
        and seen.signatures.holds(last, root) is not False
    )


def _spelled_otherwise(seen: Seen) -> Iterator[Said]:
    if _other_strings(seen) and seen.root is not None:
        yield Said(
            f"{seen.called(seen.path[-1])} writes its issuer's name with other kinds of strings"
            f" or capitals than {seen.called(seen.root)} does"
        )


def _untrusted(seen: Seen) -> Iterator[Said]:
    if not _other_strings(seen):
        yield from checks.untrusted()(seen)


def _nameless_leaf(seen: Seen) -> Iterator[Said]:
    if boringssl.is_nameless(seen.leaf):
        yield Said("the leaf has an empty subject and a SAN that is not critical")


def _self_signed_as_root(seen: Seen) -> Iterator[Said]:
    """As a `C,,` root the leaf is its own issuer, and must be fit to be one."""
    if not seen.is_trusted_leaf:
        return
    leaf = seen.leaf
    if leaf.basic_constraints is not None and not leaf.is_ca:
        yield Said("the leaf is its own root, and says that it is no CA (basicConstraints)")
    if not leaf.may(Usage.KEY_CERT_SIGN):
        yield Said("the leaf is its own root, and its keyUsage is without keyCertSign")


def _self_signature(seen: Seen) -> Iterator[Said]:
    if seen.is_trusted_leaf and seen.signatures.holds(seen.leaf, seen.leaf) is False:
        yield Said("the leaf names itself as its issuer, but has not its own signature")


def _no_policy(seen: Seen) -> Iterator[Said]:
    if seen.anchored and policies.demanded_in_vain(seen.path):
        yield Said("a certificate demands a policy (policyConstraints) that the path does not have")


def _algorithms_differ(seen: Seen) -> Iterator[Said]:
    for each in seen.presented:
        if not each.signatures_agree:
            yield Said(f"{seen.called(each)} names two different signature algorithms")


def _macos(seen: Seen) -> Iterator[Said]:
    if not seen.anchored or seen.is_trusted_leaf:
        return
    root = seen.path[-1]
    if root.version >= 3 and root.basic_constraints is None:
        yield Said("the root does not say that it is a CA (basicConstraints)")


def _long_life(seen: Seen) -> Iterator[Said]:
    days = (seen.leaf.not_after - seen.leaf.not_before).days
    if days > 398 and not seen.known_root:
        yield Said(f"the leaf is valid for {days} days, which is fine under a root of your own")


_PUBLIC_LIMITS = (  # leaves made from then on, and for how many days at most; newest first
    (datetime(2029, 3, 15, tzinfo=UTC), 47),
    (datetime(2027, 3, 15, tzinfo=UTC), 100),
    (datetime(2026, 3, 15, tzinfo=UTC), 200),
    (datetime(2020, 9, 1, tzinfo=UTC), 398),
)


def _long_life_in_public(seen: Seen) -> Iterator[Said]:
    begin, life = seen.leaf.not_before, seen.leaf.not_after - seen.leaf.not_before
    most = next((days for since, days in _PUBLIC_LIMITS if begin >= since), 825)
    if seen.known_root and life > timedelta(days=most):
        yield Said(f"the leaf is valid for {life.days} days, and a public CA may give {most}")


def _or_date(check: Check) -> Check:
    """ERR_CERT_INVALID is shown only where nothing else is, and a wrong date is something."""

    def checked(seen: Seen) -> Iterator[Said]:
        dated = any(checks.times(_EVERY)(seen))
        for each in check(seen):
            yield Said(each.message, _DATE if dated else "")

    return checked


KEY_IN_TLS = Rule(
    "CHR-20.tls",
    "A leaf's key that is not negotiated: P-521, Ed25519, secp256k1, brainpool",
    _LEAVES,
    checks.keys_for_tls(checks.kinds_other_than(curves=_TLS_CURVES)),
    error="ERR_SSL_VERSION_OR_CIPHER_MISMATCH",
    fix=checks.NEW_KEY,
    source="BoringSSL ssl/extensions.cc kVerifySignatureAlgorithms; " + MEASURED,
    evidence=(_S, _E),
)
KEY_USAGE = Rule(
    "CHR-10",
    "A leaf whose keyUsage is without digitalSignature, RSA keys included",
    _LEAVES,
    checks.leaf_usage(Usage.DIGITAL_SIGNATURE),
    error="ERR_SSL_KEY_USAGE_INCOMPATIBLE",
    fix=checks.DIGITAL_SIGNATURE,
    source="BoringSSL ssl/ssl_cert.cc ssl_cert_check_key_usage; " + MEASURED,
    evidence=(_S, _E),
)
UNTRUSTED = Rule(
    "CHR-01",
    "No path to the root: it is not trusted, or an issuing CA was not sent; also a leaf of a CA"
    " that is itself imported as a root (CHR-15)",
    ALL,
    _untrusted,
    error=AUTHORITY,
    fix=checks.SEND_THE_PATH,
    source="Chromium net/base/net_error_list.h; net/cert/cert_verify_proc_builtin.cc; " + MEASURED,
    evidence=(_S, _E),
)
UNREADABLE_ISSUER = Rule(
    "CHR-22.issuer",
    "An issuing CA or root that BoringSSL cannot read to its end, which is as if it were missing",
    ABOVE,
    _unreadable_issuer,
    error=AUTHORITY,
    fix="have it made anew without that",
    source="BoringSSL pki/parsed_certificate.cc Create; " + MEASURED,
    evidence=(_S, _E),
)
UNREADABLE_LEAF = Rule(
    "CHR-22.leaf",
    "A leaf that BoringSSL cannot read to its end",
    _LEAVES,
    _unreadable_leaf,
    error=INVALID,
    fix="have it made anew without that",
    source="BoringSSL pki/parsed_certificate.cc Create; " + MEASURED,
    evidence=(_S, _E),
)
NAMELESS = Rule(
    "CHR-21",
    "A leaf with an empty subject and a SAN that is not critical",
    _LEAVES,
    _nameless_leaf,
    error=INVALID,
    fix=checks.A_SUBJECT,
    source="BoringSSL pki/parsed_certificate.cc kSubjectAltNameNotCritical; " + MEASURED,
    evidence=(_S, _E),
)
ALGORITHMS = Rule(
    "CHR-18.algorithm",
    "A certificate below the root that names two different signature algorithms",
    (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED),
    _algorithms_differ,
    error=INVALID,
    fix=checks.MADE_ANEW,
    source=f"{_BORINGSSL} VerifySignatureAlgorithmsMatch; {MEASURED}",
    evidence=(_S, _E),
)
WEAK_HASH = Rule(
    "CHR-18",
    "A signature over SHA-1 or MD5, below the root",
    (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED),
    checks.hashes(
        ("sha1", "sha224", "md5", "md2", "unknown"), (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED)
    ),
    error=INVALID,
    fix=checks.SIGN_AGAIN,
    source="Chromium net/cert/cert_verify_proc_builtin.cc DigestPolicy::kStrong; " + MEASURED,
    evidence=(_S, _E),
)
PATH_KEY = Rule(
    "CHR-20.path",
    "An issuer's key that cannot check a signature: Ed25519, secp256k1, brainpool",
    ABOVE,
    checks.keys(
        checks.kinds_other_than(curves=_PATH_CURVES),
        ABOVE,
        what="is of a kind that is not known here",
    ),
    error=INVALID,
    fix="make a new root with an ECDSA P-256 key, or RSA of 2048 bits or more",
    source="BoringSSL pki/verify_signed_data.cc ParsePublicKey; " + MEASURED,
    evidence=(_S, _E),
)


# kSupportedNameTypes of pki/name_constraints.cc.
_COMPARED = frozenset({NameKind.EMAIL, NameKind.DNS, NameKind.DIRECTORY, NameKind.IP})


def constraints(*, of_root: bool) -> Rule:
    """CHR-07, on Android without the root's own."""
    return Rule(
        "CHR-07" if of_root else "CHR-07.android",
        "A name outside the name constraints of "
        + ("the root or an issuing CA, critical or not" if of_root else "an issuing CA"),
        (Tier.LEAF, Tier.ISSUING),
        _or_date(
            checks.constraints(
                Enforcing(
                    of_root=of_root,
                    kinds=_COMPARED,
                    wildcard_reaches_excluded=True,
                    dots_at_end=True,
                )
            )
        ),
        error=INVALID,
        fix=checks.PERMITTED_NAMES,
        source=f"{_BORINGSSL}; pki/name_constraints.cc; {MEASURED}",
        evidence=(_S, _E) if of_root else (_S,),
    )


def extended_usage(*, of_root: bool) -> Rule:
    """CHR-09, on Android without the root's own."""
    tiers = (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED, *((Tier.ROOT,) if of_root else ()))
    return Rule(
        "CHR-09" if of_root else "CHR-09.android",
        "extendedKeyUsage without serverAuth or any usage"
        + (", on any certificate of the path" if of_root else ", below the root"),
        tiers,
        _or_date(checks.extended_usage(tiers, enough=ENOUGH)),
        error=INVALID,
        fix=checks.SERVER_AUTH,
        source=f"{_BORINGSSL} VerifyExtendedKeyUsage; {MEASURED}",
        evidence=(_S, _E) if of_root else (_S,),
    )


def unknown_critical(*, of_root: bool) -> Rule:
    """CHR-22, on Android without the root's own."""
    tiers = (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED, *((Tier.ROOT,) if of_root else ()))
    return Rule(
        "CHR-22" if of_root else "CHR-22.android",
        "A critical extension that is not known, a critical AKI or SKI included",
        tiers,
        _or_date(checks.unknown_critical(KNOWN, tiers)),
        error=INVALID,
        fix=checks.NOT_CRITICAL,
        source=f"{_BORINGSSL} VerifyNoUnconsumedCriticalExtensions; {MEASURED}",
        evidence=(_S, _E) if of_root else (_S,),
    )


def times(*, of_root: bool) -> Rule:
    """CHR-05, on Android without the root's own."""
    tiers = (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED, *((Tier.ROOT,) if of_root else ()))
    return Rule(
        "CHR-05" if of_root else "CHR-05.android",
        "Before the beginning or after the end of "
        + ("any certificate of the path" if of_root else "the leaf or an issuing CA"),
        tiers,
        checks.times(tiers),
        error=_DATE,
        fix=checks.RENEW,
        source=f"{_BORINGSSL} VerifyTimeValidity; {MEASURED}",
        evidence=(_S, _E) if of_root else (_S,),
    )


def path_length(*, of_root: bool) -> Rule:
    """CHR-13's pathLen, on Android without the root's own."""
    return Rule(
        "CHR-13.path-length" if of_root else "CHR-13.android",
        "More issuing CAs than a pathLen allows" + (", the root's included" if of_root else ""),
        ABOVE if of_root else (Tier.ISSUING,),
        _or_date(checks.path_length(of_root=of_root)),
        error=INVALID,
        fix=checks.SHORTER_PATH,
        source=f"{_BORINGSSL} PrepareForNextCertificate; {MEASURED}",
        evidence=(_S, _E) if of_root else (_S,),
    )


ISSUING_IS_CA = Rule(
    "CHR-13.issuing",
    "An issuing CA that is none: no basicConstraints CA:TRUE, or keyUsage without keyCertSign",
    (Tier.ISSUING,),
    _or_date(checks.no_ca((Tier.ISSUING,))),
    error=INVALID,
    fix="make a new issuing CA with basicConstraints CA:TRUE and keyUsage keyCertSign",
    source=f"{_BORINGSSL} PrepareForNextCertificate; {MEASURED}",
    evidence=(_S, _E),
)
_ROOT_IS_CA = Rule(
    "CHR-13",
    "A root that says it is no CA: basicConstraints CA:FALSE, or keyUsage without keyCertSign",
    (Tier.ROOT,),
    _or_date(checks.no_ca((Tier.ROOT,), v1=True, without_extension=True)),
    error=INVALID,
    fix="make a new root with basicConstraints CA:TRUE and keyUsage keyCertSign",
    source=f"{_BORINGSSL} ApplyTrustAnchorConstraints; {MEASURED}",
    evidence=(_S, _E),
)
POLICY = Rule(
    "CHR-22.policy",
    "policyConstraints that demand a policy which the path does not have",
    ALL,
    _or_date(_no_policy),
    error=INVALID,
    fix="have it made without policyConstraints",
    source=f"{_BORINGSSL} VerifyPolicies; {MEASURED}",
    evidence=(_S, _E),
)
MATCHING = Matching(
    wildcard_over=lambda parent: not is_registry(parent),
    entry_without_dot=True,
    host_without_dot=True,
)
NAME = Rule(
    "CHR-02",
    "The name is not in the SAN; the CN never counts",
    _LEAVES,
    checks.name_asked(MATCHING),
    error="ERR_CERT_COMMON_NAME_INVALID",
    fix=checks.NAME_IN_SAN,
    source="Chromium net/cert/x509_certificate.cc VerifyHostname; " + MEASURED,
    evidence=(_S, _E),
)


def _wildcard_over_registry(seen: Seen) -> Iterator[Said]:
    for entry in seen.leaf.dns_names:
        star, _, parent = entry.lower().removesuffix(".").partition(".")
        if star == "*" and parent and is_registry(parent):
            yield Said(
                f"the leaf's wildcard {entry} covers nothing here: {parent} is a registry to"
                " browsers, or a single label"
            )


WILDCARD = Rule(
    "CHR-03",
    "A wildcard right under a registry or a single label: *.local, *.lan, *.internal, *.home.arpa",
    _LEAVES,
    _wildcard_over_registry,
    error="ERR_CERT_COMMON_NAME_INVALID",
    fix="name each host, or put a label between: *.house.lan",
    source="Chromium net/cert/x509_certificate.cc VerifyHostname with the Public Suffix List; "
    + MEASURED,
    evidence=(_S, _E),
    severity=Severity.WARNING,  # whether it rejects is CHR-02's to say: another entry may match
)
WEAK_KEY = Rule(
    "CHR-19",
    "An RSA key below 1024 bits",
    (*ALL, Tier.SELF_SIGNED),
    checks.keys(checks.rsa_below(1024), (*ALL, Tier.SELF_SIGNED)),
    error="ERR_CERT_WEAK_KEY",
    fix=checks.NEW_KEY,
    source="Chromium net/cert/cert_verify_proc_builtin.cc IsPublicKeyAcceptable; " + MEASURED,
    evidence=(_S, _E),
)
LIFETIME = Rule(
    "CHR-06",
    "A leaf of more than 398 days: the limit of public CAs is not one of a root of your own",
    _LEAVES,
    _long_life,
    error="ERR_CERT_VALIDITY_TOO_LONG",
    fix="nothing is to be done for this platform",
    source="Chromium net/cert/cert_verify_proc.cc HasTooLongValidity; " + MEASURED,
    evidence=(_S, _E),
    severity=Severity.INFO,
)
LIFETIME_IN_PUBLIC = Rule(
    "CHR-06.public",
    "A leaf that lives longer than a public CA may give (398 days; 200 from March 2026, 100 from"
    " March 2027, 47 from March 2029), under a root that devices come with",
    _LEAVES,
    _long_life_in_public,
    error="ERR_CERT_VALIDITY_TOO_LONG",
    fix="let the CA give it a shorter life; renew more often",
    source="Chromium net/cert/cert_verify_proc.cc HasTooLongValidity; BR-02: CA/Browser Forum"
    " Baseline Requirements 6.3.2",
    evidence=(_S,),
)
_MACOS = Rule(
    "CHR-12.macos",
    "Chrome on macOS refuses a root of version 3 without basicConstraints; elsewhere it is fine",
    (Tier.ROOT,),
    _macos,
    error=INVALID,
    fix="make a new root with basicConstraints CA:TRUE, critical",
    source="Chromium net/cert/internal/trust_store_mac.cc WithRequireAnchorBasicConstraints",
    evidence=(_S,),
    severity=Severity.WARNING,
)
_SPELLING = Rule(
    "CHR-24",
    "The root's name is written with other kinds of strings or capitals than below it",
    (Tier.LEAF, Tier.ISSUING),
    _spelled_otherwise,
    error=AUTHORITY,
    fix="have it signed anew, with the issuer's name copied byte by byte",
    source="Chromium net/cert/internal/trust_store_nss.cc SyncGetIssuersOf; " + MEASURED,
    evidence=(_E,),
)
_SELF_SIGNED = Rule(
    "CHR-14",
    "A self-signed leaf, trusted as a root, that says it is no CA (on Linux)",
    (Tier.SELF_SIGNED,),
    _or_date(_self_signed_as_root),
    error=INVALID,
    fix="on Linux import it as a peer (certutil -t P,,); better, make a root that signs leaves",
    source="Chromium net/cert/internal/trust_store_nss.cc; " + MEASURED,
    evidence=(_S, _E),
)
_SELF_SIGNATURE = Rule(
    "CHR-14.signature",
    "A self-signed leaf whose signature does not hold",
    (Tier.SELF_SIGNED,),
    _self_signature,
    error=AUTHORITY,
    fix="make it anew",
    source=f"{_BORINGSSL} BasicCertificateProcessing; {MEASURED}",
    evidence=(_S, _E),
)

CLIENT = Client(
    Platform.CHROME,
    linking=LINKING,
    rules=(
        KEY_IN_TLS,
        KEY_USAGE,
        ALGORITHMS,
        UNREADABLE_LEAF,
        NAMELESS,
        _SPELLING,
        UNTRUSTED,
        WEAK_HASH,
        _SELF_SIGNATURE,
        UNREADABLE_ISSUER,
        PATH_KEY,
        _SELF_SIGNED,
        constraints(of_root=True),
        extended_usage(of_root=True),
        ISSUING_IS_CA,
        _ROOT_IS_CA,
        path_length(of_root=True),
        unknown_critical(of_root=True),
        POLICY,
        NAME,
        WILDCARD,
        WEAK_KEY,
        times(of_root=True),
        LIFETIME,
        LIFETIME_IN_PUBLIC,
        _MACOS,
    ),
    known_from="Chromium 156 on Linux, and the sources of Chromium 153 and BoringSSL",
)
