"""Android apps that trust the roots of the user store, as the Home Assistant app does (HA-01).

From source, not from a run: Conscrypt's TrustManagerImpl builds the path and lets BouncyCastle's
PKIXCertPathValidatorSpi validate what lies below the root; of the root only its name and key
count (AND-05). The name is OkHostnameVerifier's to compare. The handshake is BoringSSL's, as in
Chrome. The app's WebView asks the same trust manager and shows no way past an error (AND-04).
An app that does not ask for user roots trusts none of them, whatever the chain (AND-03).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from housekey.pki.shared_zones import is_registry
from housekey.platforms import checks, chrome
from housekey.platforms.checks import PRESENTED
from housekey.platforms.chrome_android import UNENFORCED
from housekey.platforms.facts import Key, KeyKind, Oid
from housekey.platforms.hostnames import Matching
from housekey.platforms.model import Platform, Severity
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

_S, _D = Evidence.SOURCE, Evidence.DOCUMENTED
_LEAVES = (Tier.LEAF, Tier.SELF_SIGNED)
_CONSCRYPT = "Conscrypt TrustManagerImpl"
_STRENGTH = "Conscrypt ChainStrengthAnalyzer"
_PKIX = "BouncyCastle PKIXCertPathValidatorSpi"
_NO_ANCHOR = "Trust anchor for certification path not found."

# What RFC3280CertPathUtilities resolves; the checker for extendedKeyUsage is Conscrypt's.
_KNOWN = frozenset(
    {
        Oid.KEY_USAGE,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_MAPPINGS,
        Oid.INHIBIT_ANY_POLICY,
        "2.5.29.28",  # issuingDistributionPoint
        "2.5.29.27",  # deltaCRLIndicator
        Oid.POLICY_CONSTRAINTS,
        Oid.BASIC_CONSTRAINTS,
        Oid.SUBJECT_ALT_NAME,
        Oid.NAME_CONSTRAINTS,
    }
)
_ENOUGH = (Oid.SERVER_AUTH, Oid.ANY_USAGE, Oid.NETSCAPE_SGC, Oid.MICROSOFT_SGC)


def _not_installable(seen: Seen) -> Iterator[Said]:
    root = seen.root
    if seen.anchored and root is not None and not root.is_ca:
        who = "the leaf is its own root, and" if seen.is_trusted_leaf else "the root"
        yield Said(f"{who} does not say that it is a CA (basicConstraints)")


def _names_itself(seen: Seen) -> Iterator[Said]:
    """Step 1 of checkTrustedRecursive: who names itself as issuer ends the path."""
    for each in seen.presented if not seen.is_trusted_leaf else ():
        if each.subject.normalised == each.issuer.normalised:
            yield Said(f"{seen.called(each)} has the same subject as its issuer")


def _weak(key: Key) -> bool:
    return (key.kind is KeyKind.RSA and key.bits < 1024) or (
        key.kind is KeyKind.EC and 0 < key.bits < 160
    )


def _unknown(key: Key) -> bool:
    return key.kind not in {KeyKind.RSA, KeyKind.EC, KeyKind.DSA}


def _unknown_critical(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, PRESENTED):
        at_leaf = (Oid.EXTENDED_KEY_USAGE,) if each is seen.leaf else ()
        for extension in each.extensions:
            if extension.critical and extension.oid not in _KNOWN.union(at_leaf):
                yield Said(
                    f"{seen.called(each)} has a critical extension that is not known here:"
                    f" {checks.extension_name(extension.oid)}"
                )


def _webview_wildcards(seen: Seen) -> Iterator[Said]:
    for entry in seen.leaf.dns_names:
        star, _, parent = entry.lower().removesuffix(".").partition(".")
        if star == "*" and "." in parent and is_registry(parent):
            yield Said(f"the leaf's wildcard {entry} stands right under a public registry")


_RULES = (
    replace(
        chrome.KEY_IN_TLS,
        id="AND-07.tls",
        error="SSLHandshakeException: SSLV3_ALERT_HANDSHAKE_FAILURE",
        source="BoringSSL ssl/extensions.cc kVerifySignatureAlgorithms, as Conscrypt uses it",
        evidence=(_S,),
    ),
    replace(
        chrome.KEY_USAGE,
        id="AND-07.key-usage",
        error="SSLHandshakeException: KEY_USAGE_BIT_INCORRECT",
        source="BoringSSL ssl/ssl_cert.cc ssl_cert_check_key_usage, as Conscrypt uses it",
        evidence=(_S,),
    ),
    Rule(
        "AND-03",
        "No path to a root of the user store: it is not installed, or an issuing CA was not sent",
        (Tier.LEAF, Tier.ISSUING, Tier.ROOT),
        checks.untrusted(),
        error=_NO_ANCHOR,
        fix=checks.SEND_THE_PATH,
        source=f"{_CONSCRYPT} checkTrustedRecursive; Android NetworkSecurityConfig",
        evidence=(_S, _D),
    ),
    Rule(
        "AND-01",
        "A root, or a leaf that is its own, that does not say it is a CA cannot be installed",
        (Tier.ROOT, Tier.SELF_SIGNED),
        _not_installable,
        error=_NO_ANCHOR,
        fix="make a root with basicConstraints CA:TRUE, and let it sign the leaf",
        source="Android CertInstaller CredentialHelper.isCa",
        evidence=(_S,),
    ),
    Rule(
        "AND-06.same-name",
        "A leaf or issuing CA that has the same subject as its issuer and is not trusted itself",
        PRESENTED,
        _names_itself,
        error=_NO_ANCHOR,
        fix="give it a subject of its own",
        source=f"{_CONSCRYPT} checkTrustedRecursive, step 1",
        evidence=(_S,),
    ),
    Rule(
        "AND-07",
        "An RSA key below 1024 bits or an EC key below 160, below the root",
        PRESENTED,
        checks.keys(_weak, PRESENTED),
        error="CertificateException: Unacceptable certificate: RSA modulus is < 1024 bits",
        fix=checks.NEW_KEY,
        source=f"{_STRENGTH} checkKeyLength",
        evidence=(_S,),
    ),
    Rule(
        "AND-07.kind",
        "A key that is neither RSA nor EC, such as Ed25519, below the root",
        PRESENTED,
        checks.keys(_unknown, PRESENTED, what="is of a kind that is not known here"),
        error="CertificateException: Rejecting unknown key class",
        fix=checks.NEW_KEY,
        source=f"{_STRENGTH} checkKeyLength",
        evidence=(_S,),
    ),
    Rule(
        "AND-07.signature",
        "A signature over SHA-1 or MD5, below the root",
        PRESENTED,
        checks.hashes(("sha1", "md5", "md2"), PRESENTED),
        error="CertificateException: Signature uses an insecure hash function",
        fix=checks.SIGN_AGAIN,
        source=f"{_STRENGTH} checkSignatureAlgorithm",
        evidence=(_S,),
    ),
    Rule(
        "AND-08",
        "A leaf's extendedKeyUsage without serverAuth, any usage or server gated cryptography",
        (Tier.LEAF,),
        checks.extended_usage((Tier.LEAF,), enough=_ENOUGH),
        error="End-entity certificate does not have a valid extendedKeyUsage.",
        fix=checks.SERVER_AUTH,
        source=f"{_CONSCRYPT} ExtendedKeyUsagePKIXCertPathChecker",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.issuing",
        "An issuing CA that is none: no basicConstraints CA:TRUE, or keyUsage without keyCertSign",
        (Tier.ISSUING,),
        checks.no_ca((Tier.ISSUING,)),
        error="CertPathValidatorException: Not a CA certificate",
        fix="make a new issuing CA with basicConstraints CA:TRUE and keyUsage keyCertSign",
        source=f"{_PKIX} prepareNextCertK, prepareNextCertN",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.path-length",
        "More issuing CAs than an issuing CA's pathLen allows; the root's is not asked",
        (Tier.ISSUING,),
        checks.path_length(of_root=False),
        error="CertPathValidatorException: Max path length not greater than zero",
        fix="let the issuing CA sign the leaf directly",
        source=f"{_PKIX} prepareNextCertL",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.unreadable",
        "An extension that cannot be read, below the root",
        PRESENTED,
        checks.malformed(PRESENTED),
        error="CertPathValidatorException: extension could not be decoded",
        fix=checks.MADE_ANEW,
        source=f"{_PKIX} processCertBC, prepareNextCertG",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.version",
        "A certificate of a version above 3",
        (*PRESENTED, Tier.ROOT, Tier.SELF_SIGNED),
        checks.unknown_version,
        error="CertificateException: the certificate cannot be read",
        fix=checks.MADE_ANEW,
        source="BoringSSL crypto/x509/x_x509.cc x509_parse, as Conscrypt uses it",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.critical",
        "A critical extension that is not known, below the root",
        PRESENTED,
        _unknown_critical,
        error="CertPathValidatorException: Certificate has unsupported critical extension",
        fix=checks.NOT_CRITICAL,
        source=f"{_PKIX} RFC3280CertPathUtilities",
        evidence=(_S,),
    ),
    Rule(
        "AND-05",
        "A name outside the name constraints of an issuing CA",
        PRESENTED,
        checks.constraints(Enforcing(of_root=False)),
        error="CertPathValidatorException: Subtree check for certificate subject failed.",
        fix=checks.PERMITTED_NAMES,
        source=f"{_PKIX}; PKIXNameConstraintValidator",
        evidence=(_S,),
    ),
    Rule(
        "AND-05.times",
        "Before the beginning or after the end of the leaf or an issuing CA; the root's end is"
        " not asked",
        PRESENTED,
        checks.times(
            PRESENTED,
            expired="CertificateExpiredException: Certificate expired",
            early="CertificateNotYetValidException: Certificate not valid until later",
        ),
        error="CertificateExpiredException: Certificate expired",
        fix=checks.RENEW,
        source=f"{_CONSCRYPT} checkTrustedRecursive; {_PKIX}",
        evidence=(_S,),
    ),
    Rule(
        "AND-09",
        "The name is not in the SAN; the CN never counts, nor does a wildcard of one label (*.lan)",
        _LEAVES,
        checks.name_asked(
            Matching(
                entry_without_dot=True,
                host_without_dot=True,
                overlooks=lambda entry: entry.startswith(".") or entry.endswith(".."),
            )
        ),
        error="SSLPeerUnverifiedException: Hostname {name} not verified",
        fix=checks.NAME_IN_SAN,
        source="Conscrypt OkHostnameVerifier, strict",
        evidence=(_S,),
    ),
    Rule(
        "AND-04.wildcard",
        "A wildcard right under a public registry, such as *.home.arpa: the app takes it, and its"
        " WebView, which compares names as Chrome does (CHR-03), may not",
        _LEAVES,
        _webview_wildcards,
        error=checks.NOTHING_SHOWN,
        fix="name each host, or put a label between: *.house.home.arpa",
        source="Chromium net/cert/x509_certificate.cc VerifyHostname, which a WebView uses, too",
        evidence=(_S,),
        severity=Severity.WARNING,
    ),
    UNENFORCED,
)

CLIENT = Client(
    Platform.ANDROID,
    linking=Linking(names=Names.NORMALISED),
    rules=_RULES,
    known_from="the sources of Conscrypt, Android and the Home Assistant app",
)
