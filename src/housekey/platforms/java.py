"""Java's JSSE with its default trust manager: PKIXValidator, EndEntityChecker, HostnameChecker.

Of the root only name and key are used, and that it is a CA: its own constraints, end, pathLen
and usages are not looked at (JAV-01). A leaf in the trust store is accepted outright.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from housekey.platforms import checks, subtrees
from housekey.platforms.facts import (
    BasicConstraints,
    KeyKind,
    NameConstraints,
    NameKind,
    Oid,
    Usage,
)
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking, Names, same_name
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import CommonNameUnder, Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Facts
    from housekey.platforms.path import Path

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


_CN_LIKE_A_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)*")
_ADDRESS = re.compile(r"[0-9.]+")
_CURVES = ("secp256r1", "secp384r1", "secp521r1")

# A chain in its order is validated as it is. Of any other one the certificates are a heap to
# build a path from (PKIXValidator.doBuild); then AKIs do not matter, but the root's own dates do,
# which the search for issuers looks at.
_IN_ORDER = Linking(
    names=Names.FOLDED_WITHOUT_BLANKS, key_id=True, serial=True, only_under_root=True
)
_BUILT = Linking(names=Names.FOLDED_WITHOUT_BLANKS)


def _links(chain: Path, root: Facts | None) -> Linking:
    """PKIXValidator.engineValidate."""
    for child, issuer in pairwise(chain):
        if not same_name(child, issuer, Names.FOLDED_WITHOUT_BLANKS):
            return _BUILT
        if root is not None and issuer.der == root.der:
            break
    return _IN_ORDER


def _root_looked_at(seen: Seen) -> Iterator[Said]:
    """ForwardBuilder's selector: once past the leaf, an issuer must be within its dates."""
    if seen.linking is not _BUILT or not seen.anchored or len(seen.path) < 3:
        return
    root = seen.path[-1]
    if not root.not_before <= seen.at <= root.not_after:
        yield Said(
            f"the root is valid from {root.not_before:%Y-%m-%d} to {root.not_after:%Y-%m-%d},"
            " which matters here because the chain is not in its order"
        )


_ENFORCING = Enforcing(
    of_root=False,
    common_name=CommonNameUnder.WITHOUT_DNS_NAMES,
    common_name_counts=lambda text: (
        _CN_LIKE_A_HOST.fullmatch(text) is not None and not _ADDRESS.fullmatch(text)
    ),
    empty_permits_all=False,
    others_by_bytes=True,
)


def _unenforceable(seen: Seen) -> Iterator[Said]:
    """What NameConstraintsExtension.verify throws an exception at."""
    for holder in subtrees.holders(seen.path, anchored=seen.anchored, of_root=False):
        who = seen.called(holder)
        for each in subtrees.subtrees(holder.name_constraints or NameConstraints()):
            if each.bounded:
                yield Said(f"{who} has constraints with a minimum or maximum")
            if each.base.kind is NameKind.DNS and not each.base.value and seen.leaf.dns_names:
                yield Said(f"{who} constrains DNS names by an empty one")
            if (
                each.base.kind is NameKind.IP
                and any(2 * len(own) == len(each.base.value) for own in seen.leaf.addresses)
                and _has_host_bits(each.base.value)
            ):
                yield Said(f"{who} constrains addresses by a network with bits beyond its mask")


def _has_host_bits(base: bytes) -> bool:
    half = len(base) // 2
    return any(own & ~mask & 0xFF for own, mask in zip(base[:half], base[half:], strict=True))


def _reads(facts: Facts) -> Facts:
    """Constraints on e-mail and URIs that are no such thing make the extension unreadable."""
    constraints = facts.name_constraints
    if constraints is not None and any(
        each.base.kind in (NameKind.EMAIL, NameKind.URI) and each.base.text in ("", ".")
        for each in subtrees.subtrees(constraints)
    ):
        malformed = (*facts.malformed, Oid.NAME_CONSTRAINTS)
        facts = replace(facts, name_constraints=None, malformed=malformed)
    found = facts.basic_constraints
    if found is not None and found.path_length is not None and found.path_length < 0:
        facts = replace(facts, basic_constraints=BasicConstraints(ca=False, path_length=None))
    return facts


def _unparsable(each: Facts) -> Iterator[str]:
    yield from checks.version_above_3(each)
    yield from checks.doubled(each)
    yield from checks.two_algorithms(each)
    yield from checks.extensions_before_version_3(each)
    # One that cannot be read and is not critical is passed over (UnparseableExtension).
    yield from checks.broken(each, only=[oid for oid in each.malformed if each.critical(oid)])


def _policy_wanted(seen: Seen) -> Iterator[Said]:
    """requireExplicitPolicy, and no policy: RFC 5280 6.1.5."""
    if any(each.has(Oid.CERTIFICATE_POLICIES) for each in seen.presented):
        return
    for each in checks.those(seen, _PRESENTED):
        if each.has(Oid.POLICY_CONSTRAINTS):
            yield Said(f"{seen.called(each)} demands a certificate policy, and there is none")


def _compares(entry: str, host: str) -> bool:
    """HostnameChecker.matchAllWildcards: a star anywhere, in any label, within its label."""
    if entry == "*":
        return False
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
        "An extension that is there twice or before version 3, or is critical and does not hold"
        " what it should; two different signature algorithms",
        (*checks.ALL, Tier.SELF_SIGNED),
        checks.unreadable(_unparsable),
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
        "A name outside the name constraints of an issuing CA, also a CN like a host where the SAN"
        " has no DNS name; the root's are not looked at",
        _PRESENTED,
        checks.constraints(_ENFORCING),
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException: name"
        " constraints check failed",
        fix="ask only for names that the issuing CA permits",
        source="JDK sun/security/x509/NameConstraintsExtension.java; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "JAV-05.constraints",
        "Constraints of an issuing CA that Java does not understand: empty, with host bits, with a"
        " minimum or maximum",
        (Tier.ISSUING,),
        _unenforceable,
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException",
        fix="make a new issuing CA with constraints on DNS names and whole networks only",
        source="JDK sun/security/x509/NameConstraintsExtension.java; measured with Java 17",
        evidence=(_E,),
    ),
    Rule(
        "JAV-05.policy",
        "A certificate that demands a policy where there is none (policyConstraints)",
        _PRESENTED,
        _policy_wanted,
        error="PKIX path validation failed: java.security.cert.CertPathValidatorException:"
        " non-null policy tree required and policy tree is null",
        fix="have it made without policyConstraints",
        source=f"{_PKIX}/PolicyChecker.java; measured with Java 17",
        evidence=(_E,),
    ),
    Rule(
        "JAV-05.order",
        "A chain that is not in its order, and a root outside its dates",
        (Tier.ROOT,),
        _root_looked_at,
        error="PKIX path building failed: unable to find valid certification path to requested"
        " target",
        fix="let the server send the leaf first, then the issuing CA, and not the root",
        source="JDK sun/security/validator/PKIXValidator.java doBuild; measured with Java 17",
        evidence=(_E,),
    ),
    Rule(
        "JAV-05.netscape",
        "A leaf whose Netscape certificate type is without SSL server",
        (Tier.LEAF,),
        lambda seen: () if seen.is_trusted_leaf else checks.netscape_type(seen),
        error="Netscape cert type does not permit use for SSL server",
        fix="have it made without that extension",
        source="JDK sun/security/validator/EndEntityChecker.java; measured with Java 17",
        evidence=(_E,),
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
        "RSA below 1024 bits on any certificate, or a root or issuing CA on another curve than"
        " P-256, P-384 and P-521",
        checks.ALL,
        lambda seen: (
            *checks.keys(
                lambda key: key.kind in (KeyKind.RSA, KeyKind.DSA) and key.bits < 1024, checks.ALL
            )(seen),
            *checks.keys(
                lambda key: key.kind is KeyKind.EC and key.curve not in _CURVES, checks.ABOVE
            )(seen),
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
        "The name is not in the SAN, or has an underscore, or there a dot at the end; the CN counts"
        " only where the SAN has no DNS name",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(
                common_name=CommonName.WITHOUT_DNS_NAMES,
                every_common_name=False,
                host_without_dot=True,
                mapped=True,
                compares=_compares,
            ),
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
    linking=_IN_ORDER,
    rules=_RULES,
    known_from="OpenJDK 17",
    reads=_reads,
    links=_links,
)
