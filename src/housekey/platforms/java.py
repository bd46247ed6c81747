"""Java's JSSE with its default trust manager: PKIXValidator, EndEntityChecker, HostnameChecker.

Of the root only name and key are used, and that it is a CA: its own constraints, end, pathLen
and usages are not looked at (JAV-01). A leaf in the trust store is accepted outright.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from housekey.platforms import checks
from housekey.platforms.facts import KeyKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing, LeadingDot

if TYPE_CHECKING:
    from collections.abc import Iterator

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_PKIX = "JDK sun/security/provider/certpath"
_PRESENTED = (Tier.LEAF, Tier.ISSUING)

_KNOWN = frozenset(
    {
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.KEY_USAGE,
        Oid.EXTENDED_KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_MAPPINGS,
        Oid.POLICY_CONSTRAINTS,
        Oid.INHIBIT_ANY_POLICY,
    }
)
# SNIHostName: STD 3 letters, no dot at the end.
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def _compares(entry: str, host: str) -> bool:
    """HostnameChecker.matchAllWildcards: a star anywhere, in any label, within its label."""
    if not _HOST.fullmatch(entry.replace("*", "z")) or not _HOST.fullmatch(host):
        return False
    patterns, labels = entry.split("."), host.split(".")
    return len(patterns) == len(labels) and all(
        re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), label) is not None
        for pattern, label in zip(patterns, labels, strict=True)
    )


def _subject_of_nobody(seen: Seen) -> Iterator[Said]:
    for each in (*seen.path, *([] if seen.root is None else [seen.root])):
        who = seen.called(each)
        if each.issuer.is_empty:
            yield Said(f"{who} has an empty issuer")
        elif each.subject.is_empty and not (each.san and each.critical(Oid.SUBJECT_ALT_NAME)):
            yield Said(f"{who} has an empty subject and no critical SAN")
        if seen.is_trusted_leaf:
            return


_RULES = (
    Rule(
        "JAV-04.subject",
        "An empty subject without a critical SAN, or an empty issuer",
        (*checks.ALL, Tier.SELF_SIGNED),
        _subject_of_nobody,
        error="java.security.cert.CertificateParsingException: X.509 Certificate is incomplete",
        fix=checks.A_SUBJECT,
        source="JDK sun/security/x509/X509CertInfo.java verifyCert; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-05.unreadable",
        "An extension that is there twice",
        (*checks.ALL, Tier.SELF_SIGNED),
        checks.duplicated(),
        error="java.security.cert.CertificateParsingException: Duplicate extensions not allowed",
        fix=checks.MADE_ANEW,
        source="JDK sun/security/x509/CertificateExtensions.java",
        evidence=(_S,),
    ),
    Rule(
        "JAV-06",
        "A leaf's key that is not negotiated: secp256k1, brainpool, P-224, DSA",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.keys_for_tls(
            checks.kinds_other_than(
                curves=("secp256r1", "secp384r1", "secp521r1"),
                kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519, KeyKind.ED448),
            )
        ),
        error="javax.net.ssl.SSLHandshakeException: Received fatal alert: handshake_failure",
        fix=checks.NEW_KEY,
        source="JDK sun/security/ssl/SignatureScheme.java, NamedGroup.java",
        evidence=(_S,),
    ),
    Rule(
        "JAV-04.path",
        "No path to the root: it or an issuing CA is missing, or the AKI of the certificate"
        " directly under the root does not match it",
        checks.ALL,
        checks.untrusted(),
        error="PKIX path building failed: unable to find valid certification path to requested"
        " target",
        fix="let the server send the leaf and every issuing CA, and trust the root that signed"
        " them; write only the key identifier into AKIs",
        source=f"{_PKIX}/PKIXCertPathValidator.java, AdaptableX509CertSelector.java; measured"
        " with Java 17",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-02",
        "A root of version 3 that is no CA, or whose keyUsage is without keyCertSign",
        (Tier.ROOT,),
        checks.no_ca((Tier.ROOT,), v1=True),
        error="TrustAnchor with subject is not a CA certificate",
        fix=checks.CA_AS_ROOT,
        source="JDK sun/security/validator/PKIXValidator.java verifyTrustAnchor; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-05.ca",
        "An issuing CA that is no CA, or whose keyUsage is without keyCertSign",
        (Tier.ISSUING,),
        checks.no_ca((Tier.ISSUING,)),
        error="basic constraints check failed: this is not a CA certificate",
        fix="have the issuing CA made with basicConstraints CA:TRUE and keyUsage keyCertSign",
        source=f"{_PKIX}/ConstraintsChecker.java, KeyChecker.java",
        evidence=(_S,),
    ),
    Rule(
        "JAV-05.path-length",
        "More issuing CAs than an issuing CA's pathLen allows; the root's is not looked at",
        (Tier.ISSUING,),
        checks.path_length(of_root=False),
        error="basic constraints check failed: pathLenConstraint violated - this cert must be the"
        " last cert in the certification path",
        fix="let the first issuing CA sign the leaf directly",
        source=f"{_PKIX}/ConstraintsChecker.java",
        evidence=(_S,),
    ),
    Rule(
        "JAV-05.time",
        "Before the beginning or after the end of the leaf or an issuing CA; not of the root, and"
        " not of a leaf that is trusted itself",
        _PRESENTED,
        checks.times(
            _PRESENTED,
            early="PKIX path validation failed: java.security.cert.CertPathValidator"
            "Exception: validity check failed: CertificateNotYetValidException",
        ),
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException:"
        " validity check failed: CertificateExpiredException",
        fix=checks.RENEW,
        source=f"{_PKIX}/BasicChecker.java",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-01",
        "A name outside the name constraints of an issuing CA; the root's are not looked at",
        _PRESENTED,
        checks.constraints(
            Enforcing(of_root=False, leading_dot=LeadingDot.NOTHING, families_apart=True)
        ),
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException: name"
        " constraints check failed",
        fix="ask only for names that the issuing CA permits",
        source="JDK sun/security/x509/NameConstraintsExtension.java; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-05.critical",
        "A critical extension that Java does not know, below the root",
        _PRESENTED,
        checks.unknown_critical(_KNOWN, _PRESENTED),
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException:"
        " unrecognized critical extension(s)",
        fix=checks.NOT_CRITICAL,
        source=f"{_PKIX}/PKIXMasterCertPathValidator.java",
        evidence=(_S,),
    ),
    Rule(
        "JAV-05.keys",
        "RSA below 1024 bits or EC below 224, on any certificate",
        checks.ALL,
        checks.keys(
            lambda key: (
                (key.kind in (KeyKind.RSA, KeyKind.DSA) and key.bits < 1024)
                or (key.kind is KeyKind.EC and key.bits < 224)
            ),
            checks.ALL,
        ),
        error="PKIX path validation failed: Algorithm constraints check failed on keysize limits",
        fix=checks.NEW_KEY,
        source="JDK conf/security/java.security jdk.certpath.disabledAlgorithms",
        evidence=(_S,),
    ),
    Rule(
        "JAV-05.hash",
        "A signature over MD5 or MD2, below the root",
        _PRESENTED,
        checks.hashes(("md5", "md2")),
        error="PKIX path validation failed: Algorithm constraints check failed on disabled"
        " algorithm",
        fix=checks.SIGN_AGAIN,
        source="JDK conf/security/java.security jdk.certpath.disabledAlgorithms",
        evidence=(_S,),
    ),
    Rule(
        "JAV-03",
        "A leaf whose keyUsage is without digitalSignature",
        (Tier.LEAF,),
        checks.leaf_usage(Usage.DIGITAL_SIGNATURE, tiers=(Tier.LEAF,)),
        error="KeyUsage does not allow digital signatures",
        fix=checks.DIGITAL_SIGNATURE,
        source="JDK sun/security/validator/EndEntityChecker.java checkTLSServer; measured",
        evidence=(_E,),
    ),
    Rule(
        "JAV-05.usage",
        "A leaf's extendedKeyUsage without serverAuth; any usage is enough, and the root's and the"
        " issuing CA's are not looked at",
        (Tier.LEAF,),
        checks.extended_usage(
            (Tier.LEAF,),
            enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE, Oid.NETSCAPE_SGC, Oid.MICROSOFT_SGC),
        ),
        error="Extended key usage does not permit use for TLS server authentication",
        fix=checks.SERVER_AUTH,
        source="JDK sun/security/validator/EndEntityChecker.java checkTLSServer",
        evidence=(_S,),
    ),
    Rule(
        "JAV-04.name",
        "The name is not in the SAN, or has an underscore or a dot at the end; the CN counts only"
        " where the SAN has no DNS name",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(common_name=CommonName.WITHOUT_DNS_NAMES, compares=_compares),
            address="No subject alternative names matching IP address {name} found",
        ),
        error="No subject alternative DNS name matching {name} found.",
        fix=checks.NAME_IN_SAN,
        source="JDK sun/security/util/HostnameChecker.java; measured",
        evidence=(_S, _E),
    ),
)

CLIENT = Client(
    Platform.JAVA,
    linking=Linking(names=Names.NORMALISED, key_id=True, serial=True, only_under_root=True),
    rules=_RULES,
    known_from="OpenJDK 17",
)
