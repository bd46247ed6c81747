"""Firefox on computers, with the root in its own certificate store, trusted as `C,,`.

The verifier is mozilla::pkix (NSS lib/mozpkix), which asks the same of a root as of an issuing
CA. Firefox on iOS is Apple's; on Android it knows only its own roots until it is told otherwise
(FFX-21). What is wrong with the leaf itself is told last: BuildForward in pkixbuild.cpp puts it off
until the path is known. "measured" is Firefox ESR 153.7 on Linux.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks, mozpkix
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import Facts, KeyKind, Oid, Usage
from housekey.platforms.hostnames import Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import CommonNameUnder, Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_LEAVES = (Tier.LEAF, Tier.SELF_SIGNED)
_EVERY = (*ALL, Tier.SELF_SIGNED)
_CHECK = "NSS lib/mozpkix/lib/pkixcheck.cpp"
_NAMES = "NSS lib/mozpkix/lib/pkixnames.cpp"
_MEASURED = "measured with Firefox ESR 153.7"

# BackCert::RememberExtension; the two below the line only if they are critical.
_KNOWN = frozenset(
    {
        Oid.KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_CONSTRAINTS,
        Oid.EXTENDED_KEY_USAGE,
        Oid.INHIBIT_ANY_POLICY,
        Oid.AUTHORITY_INFORMATION,
        Oid.TLS_FEATURE,
        "1.3.6.1.4.1.11129.2.4.2",  # embedded SCTs: RFC 6962
        "1.3.6.1.5.5.7.1.3",  # qcStatements
        "1.3.6.1.5.5.7.48.1.5",  # ocsp-nocheck
        Oid.NETSCAPE_CERT_TYPE,
    }
)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_DIGESTS = frozenset({"sha256", "sha384", "sha512", ""})  # empty: it has none of its own
# --- checks of its own ---


def _broken_signature(seen: Seen) -> str:
    """Where the path ends for want of a signature only, and not of an issuer of that name."""
    if seen.anchored or seen.root is None:
        return ""
    last = seen.path[-1]
    for issuer in (seen.root, *seen.chain[1:]):
        named = last.issuer.der == issuer.subject.der
        if issuer is not last and named and seen.signatures.holds(last, issuer) is False:
            return (
                f"{seen.called(last)} has the name of {seen.called(issuer)} as its issuer,"
                " but not its signature"
            )
    return ""


def _unknown_issuer(seen: Seen) -> Iterator[Said]:
    broken = _broken_signature(seen)
    if broken:
        yield Said(broken, "SEC_ERROR_BAD_SIGNATURE")
        return
    alone = seen.leaf.is_self_issued
    for each in checks.untrusted()(seen):
        yield Said(each.message, "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT" if alone else "")


def _reused(seen: Seen) -> Iterator[Said]:
    """NSS files certificates by issuer and serial number, and has one place for each."""
    known: dict[tuple[bytes, int], Facts] = {}
    for each in (*seen.chain, *((seen.root,) if seen.root is not None else ())):
        first = known.setdefault((each.issuer.der, each.serial), each)
        if first.der != each.der:
            yield Said(
                f"{seen.called(each)} and {seen.called(first)} have the same issuer and serial"
                f" number {each.serial:x}"
            )


def _for_no_server(seen: Seen) -> Iterator[Said]:
    yield from checks.extended_usage(_LEAVES)(seen)
    usages = seen.leaf.extended_key_usage
    if usages is not None and Oid.SERVER_AUTH in usages and Oid.OCSP_SIGNING in usages:
        yield Said("the leaf is for signing OCSP answers, too (extendedKeyUsage)")


def _issuer_usage(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, ABOVE):
        if not each.may(Usage.KEY_CERT_SIGN):
            yield Said(f"{seen.called(each)}'s keyUsage is without keyCertSign")


def _no_ca(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, ABOVE):
        is_root = seen.anchored and each is seen.path[-1]
        who = seen.called(each)
        if each.basic_constraints is not None:
            if not each.basic_constraints.ca:
                yield Said(f"{who} says that it is no CA (basicConstraints)")
        elif each.version > 1:
            yield Said(f"{who} does not say that it is a CA (basicConstraints)")
        elif not is_root:
            yield Said(
                f"{who} is of version 1, which cannot say it is a CA",
                "MOZILLA_PKIX_ERROR_V1_CERT_USED_AS_CA",
            )


def _empty_issuer(seen: Seen) -> Iterator[Said]:
    for each in seen.path:
        if each.issuer.is_empty:
            error = "" if seen.anchored else "SEC_ERROR_BAD_DER"
            yield Said(f"{seen.called(each)} has an empty issuer", error)


def _unusable(seen: Seen, each: Facts) -> str:
    """A sent issuing CA that cannot be read is passed over, so its issuer is unknown."""
    return "SEC_ERROR_UNKNOWN_ISSUER" if each in seen.issuing else ""


def _unknown_critical(seen: Seen) -> Iterator[Said]:
    for each in seen.path:
        for extension in each.extensions:
            if extension.critical and extension.oid not in _KNOWN:
                yield Said(
                    f"{seen.called(each)} has a critical extension that is not known here:"
                    f" {checks.extension_name(extension.oid)}",
                    _unusable(seen, each),
                )
        told_elsewhere = each.has(Oid.BASIC_CONSTRAINTS) and each.has(Oid.EXTENDED_KEY_USAGE)
        if each.critical(Oid.NETSCAPE_CERT_TYPE) and not told_elsewhere:
            yield Said(
                f"{seen.called(each)} has a critical extension that is not known here:"
                f" {checks.extension_name(Oid.NETSCAPE_CERT_TYPE)}",
                _unusable(seen, each),
            )


def _unreadable(seen: Seen) -> Iterator[Said]:
    read_early = frozenset({Oid.BASIC_CONSTRAINTS, Oid.KEY_USAGE, Oid.EXTENDED_KEY_USAGE})
    yield from checks.malformed(_EVERY, only=read_early)(seen)
    for each in seen.path:
        constraints = each.basic_constraints
        if constraints is not None and (constraints.path_length or 0) < 0:
            yield Said(f"{seen.called(each)} has a pathLen of {constraints.path_length}")
        for oid in each.duplicated:
            if oid in _KNOWN:
                yield Said(
                    f"{seen.called(each)} has an extension twice: {checks.extension_name(oid)}",
                    _unusable(seen, each),
                )


def _hashes(seen: Seen) -> Iterator[Said]:
    for each in seen.presented:
        if not seen.is_trusted_leaf and each.signature_hash not in _DIGESTS:
            yield Said(
                f"{seen.called(each)} is signed with {each.signature_hash.upper()},"
                " which is not accepted here"
            )


def _algorithms_differ(seen: Seen) -> Iterator[Said]:
    for each in seen.presented:
        if not seen.is_trusted_leaf and not each.signatures_agree:
            at_leaf = "SEC_ERROR_BAD_SIGNATURE" if each is seen.leaf else ""
            yield Said(f"{seen.called(each)} names two different signature algorithms", at_leaf)


def _keys(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, ABOVE):
        kind = "is of a kind that is not known here"
        if each.key.kind is KeyKind.EC and each.key.curve not in _CURVES:
            curve = "SEC_ERROR_UNSUPPORTED_ELLIPTIC_CURVE"
            yield Said(f"{seen.called(each)}'s key {kind}: {each.key}", curve)
        elif each.key.kind not in {KeyKind.EC, KeyKind.RSA}:
            yield Said(f"{seen.called(each)}'s key {kind}: {each.key}")


def _ca_as_leaf(seen: Seen) -> Iterator[Said]:
    unknown = not seen.anchored and seen.leaf.is_self_issued
    error = "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT" if unknown else ""
    yield from (Said(each.message, error) for each in checks.ca_as_leaf()(seen))


def _backwards(seen: Seen) -> Iterator[Said]:
    for each in seen.path:
        if each.not_after < each.not_before:
            yield Said(f"{seen.called(each)} ends before it begins")


def _features_of_issuers(seen: Seen) -> Iterator[Said]:
    """RFC 7633 4.2.2: what an issuer has, whoever it signs must have, too."""
    for child, issuer in zip(seen.path, seen.path[1:], strict=False):
        promised = mozpkix.value_of(issuer, Oid.TLS_FEATURE)
        if promised is not None and promised != mozpkix.value_of(child, Oid.TLS_FEATURE):
            yield Said(
                f"{seen.called(issuer)} promises an OCSP answer with every connection"
                f" (must-staple), and {seen.called(child)} does not"
            )


_MATCHING = Matching(overlooks=lambda entry: not mozpkix.is_dns_id(entry), host_without_dot=True)


def _name_asked(seen: Seen) -> Iterator[Said]:
    if Oid.SUBJECT_ALT_NAME in seen.leaf.trailing:
        yield Said("the leaf's SAN has more bytes after its end, and is not read")
        return
    yield from checks.name_asked(_MATCHING)(seen)


_RULES = (
    Rule(
        "FFX-19.tls",
        "A leaf's key that is not negotiated: Ed25519, secp256k1, brainpool",
        _LEAVES,
        checks.keys_for_tls(checks.kinds_other_than(curves=_CURVES)),
        error="SSL_ERROR_NO_CYPHER_OVERLAP",
        fix=checks.NEW_KEY,
        source=f"{_CHECK} CheckSubjectPublicKeyInfo; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-15",
        "Two certificates with the same issuer and serial number, the root included",
        _EVERY,
        _reused,
        error="SEC_ERROR_REUSED_ISSUER_AND_SERIAL",
        fix="have one of them made anew, with a serial number of its own; nobody can click past"
        " this",
        source=_MEASURED,
        evidence=(_E,),
    ),
    Rule(
        "FFX-13",
        "A critical extension that is not known, a critical AKI or SKI included",
        _EVERY,
        _unknown_critical,
        error="SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION",
        fix=checks.NOT_CRITICAL,
        source=f"NSS lib/mozpkix/lib/pkixcert.cpp BackCert::RememberExtension; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-09.extension",
        "An extension that cannot be read, or is there twice",
        _EVERY,
        _unreadable,
        error="SEC_ERROR_EXTENSION_VALUE_INVALID",
        fix=checks.MADE_ANEW,
        source=f"NSS lib/mozpkix/lib/pkixcert.cpp; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-11",
        "An empty issuer",
        _EVERY,
        _empty_issuer,
        error="MOZILLA_PKIX_ERROR_EMPTY_ISSUER_NAME",
        fix="make a new root with a subject, such as a CN",
        source=_MEASURED,
        evidence=(_E,),
    ),
    Rule(
        "FFX-14.backwards",
        "A certificate that ends before it begins",
        _EVERY,
        _backwards,
        error="SEC_ERROR_INVALID_TIME",
        fix=checks.MADE_ANEW,
        source=f"{_CHECK} ParseValidity; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-17.algorithm",
        "A certificate below the root that names two different signature algorithms",
        checks.PRESENTED,
        _algorithms_differ,
        error="MOZILLA_PKIX_ERROR_SIGNATURE_ALGORITHM_MISMATCH",
        fix=checks.MADE_ANEW,
        source=f"{_CHECK} CheckSignatureAlgorithm; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-04",
        "No path to the root: it is not trusted, an issuing CA was not sent, or a name is written"
        " with other bytes than its issuer's",
        _EVERY,
        _unknown_issuer,
        error="SEC_ERROR_UNKNOWN_ISSUER",
        fix=checks.SEND_THE_PATH,
        source=f"NSS lib/mozpkix/lib/pkixbuild.cpp PathBuildingStep::Check; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-09.constraints",
        "Name constraints that cannot be read: a minimum, a base that is no DNS name, no mask",
        ABOVE,
        mozpkix.bad_constraints,
        error="SEC_ERROR_BAD_DER",
        fix="make a root whose name constraints are in order",
        source=f"{_NAMES} MatchPresentedDNSIDWithReferenceDNSID; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-08",
        "A name outside the name constraints of the root or an issuing CA, critical or not; without"
        " names in the SAN a CN that is a DNS name counts, too",
        checks.PRESENTED,
        checks.constraints(
            Enforcing(
                self_issued=True,
                common_name=CommonNameUnder.WITHOUT_NAMES,
                common_name_counts=mozpkix.is_dns_id,
                overlooks_entry=lambda entry: not mozpkix.is_dns_id(entry),
                wildcard_reaches_excluded=True,
                kinds=mozpkix.COMPARED,
            )
        ),
        error="SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
        fix=checks.PERMITTED_NAMES,
        source=f"NSS lib/mozpkix/lib/pkixbuild.cpp; {_NAMES}; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-08.kinds",
        "Name constraints of a kind that is not compared: URIs, excluded directory names",
        ALL,
        mozpkix.incomparable,
        error="SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
        fix="make a root that constrains DNS names and addresses only",
        source=f"{_NAMES} CheckPresentedIDConformsToNameConstraintsSubtrees; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-09",
        "Name constraints beside a DNS entry that is no DNS name: *.lan, a dot at the end, an"
        " address",
        ALL,
        mozpkix.bad_names,
        error="SEC_ERROR_BAD_DER",
        fix="have the leaf made with names only that are in order; name each host instead of *.lan",
        source=f"{_NAMES} MatchPresentedDNSIDWithReferenceDNSID; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-19.path",
        "A key of a kind that is not known: Ed25519, secp256k1, brainpool",
        ABOVE,
        _keys,
        error="SEC_ERROR_UNSUPPORTED_KEYALG",
        fix=checks.NEW_KEY,
        source=f"{_CHECK} CheckSubjectPublicKeyInfo; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-07.issuer",
        "A root or issuing CA whose keyUsage is without keyCertSign",
        ABOVE,
        _issuer_usage,
        error="SEC_ERROR_INADEQUATE_KEY_USAGE",
        fix=checks.CA_AS_ROOT,
        source=f"{_CHECK} CheckKeyUsage; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-10",
        "An issuer that does not say it is a CA; only a root of version 1 need not",
        ABOVE,
        _no_ca,
        error="SEC_ERROR_CA_CERT_INVALID",
        fix=checks.CA_AS_ROOT,
        source=f"{_CHECK} CheckBasicConstraints; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-12",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        checks.path_length(count_self_issued=True),
        error="SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID",
        fix=checks.SHORTER_PATH,
        source=f"{_CHECK} CheckBasicConstraints; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-06.issuer",
        "A root's or issuing CA's extendedKeyUsage without serverAuth; any usage is not enough",
        ABOVE,
        checks.extended_usage(ABOVE),
        error="SEC_ERROR_INADEQUATE_CERT_TYPE",
        fix=checks.SERVER_AUTH,
        source=f"{_CHECK} CheckExtendedKeyUsage; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-16.issuer",
        "A root or issuing CA with must-staple, which the certificate below it does not have",
        ABOVE,
        _features_of_issuers,
        error="MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING",
        fix="make a new root without the TLS feature extension",
        source=f"{_CHECK} CheckTLSFeatures; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-14.issuer",
        "Before the beginning or after the end of the root or an issuing CA",
        ABOVE,
        checks.times(
            ABOVE,
            expired="SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE",
            early="MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE",
        ),
        error="SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE",
        fix="make a new root, and let it sign a new leaf",
        source=f"{_CHECK} CheckValidity; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "FFX-17",
        "A signature over SHA-1, MD5 or SHA-224, below the root",
        checks.PRESENTED,
        _hashes,
        error="SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
        fix=checks.SIGN_AGAIN,
        source=f"{_CHECK} CheckSignatureAlgorithm; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-18",
        "An RSA key below 1024 bits",
        _EVERY,
        checks.keys(checks.rsa_below(1024), _EVERY),
        error="MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE",
        fix=checks.NEW_KEY,
        source=f"{_CHECK} CheckRSAPublicKeyModulusSizeInBits; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-07",
        "A leaf whose keyUsage allows no handshake",
        _LEAVES,
        checks.leaf_usage(Usage.DIGITAL_SIGNATURE, Usage.KEY_ENCIPHERMENT, Usage.KEY_AGREEMENT),
        error="SEC_ERROR_INADEQUATE_KEY_USAGE",
        fix=checks.DIGITAL_SIGNATURE,
        source=f"{_CHECK} CheckKeyUsage; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-01",
        "A leaf that says it is a CA, even a trusted one",
        _LEAVES,
        _ca_as_leaf,
        error="MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY",
        fix="have the leaf made with basicConstraints CA:FALSE, by a root of its own",
        source=f"{_CHECK} CheckBasicConstraints; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-06",
        "A leaf's extendedKeyUsage without serverAuth (any usage is not enough), or with"
        " OCSPSigning",
        _LEAVES,
        _for_no_server,
        error="SEC_ERROR_INADEQUATE_CERT_TYPE",
        fix=checks.SERVER_AUTH,
        source=f"{_CHECK} CheckExtendedKeyUsage; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-16",
        "A leaf with must-staple; no home's server has the answer",
        _LEAVES,
        checks.must_staple,
        error="MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING",
        fix="have it made without the TLS feature extension; nobody can click past this",
        source=f"{_CHECK} CheckTLSFeaturesAreSatisfied; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "FFX-05",
        "The name is not in the SAN; the CN never counts, nor does *.lan or an entry with a dot at"
        " the end",
        _LEAVES,
        _name_asked,
        error="SSL_ERROR_BAD_CERT_DOMAIN",
        fix=checks.NAME_IN_SAN,
        source=f"{_NAMES} CheckCertHostname; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "FFX-14",
        "Before the beginning or after the end of the leaf",
        _LEAVES,
        checks.times(
            _LEAVES,
            expired="SEC_ERROR_EXPIRED_CERTIFICATE",
            early="MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE",
        ),
        error="SEC_ERROR_EXPIRED_CERTIFICATE",
        fix=checks.RENEW,
        source=f"{_CHECK} CheckValidity; {_MEASURED}",
        evidence=(_E,),
    ),
)

CLIENT = Client(
    Platform.FIREFOX,
    linking=Linking(),
    rules=_RULES,
    known_from="Firefox ESR 153.7 on Linux, and the sources of NSS",
)
