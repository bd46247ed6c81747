"""Go's crypto/x509 and crypto/tls, with the root in RootCAs.

On Windows and macOS a Go program without RootCAs asks the system's verifier instead (GO-04).
Order: Certificate.Verify in crypto/x509/verify.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from housekey.platforms import checks, reading, subtrees
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import KeyKind, NameKind, Oid
from housekey.platforms.hostnames import Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Facts

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_VERIFY = "Go crypto/x509/verify.go"
_PARSE = "Go crypto/x509/parser.go"
_EVERYWHERE = (*ALL, Tier.SELF_SIGNED)

_KNOWN = frozenset(
    {
        Oid.KEY_USAGE,
        Oid.BASIC_CONSTRAINTS,
        Oid.SUBJECT_ALT_NAME,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.AUTHORITY_KEY_IDENTIFIER,
        Oid.EXTENDED_KEY_USAGE,
        Oid.SUBJECT_KEY_IDENTIFIER,
        Oid.CERTIFICATE_POLICIES,
        Oid.AUTHORITY_INFORMATION,
    }
)
_PARSED = _KNOWN - {Oid.AUTHORITY_INFORMATION} | {"extensions"}
_CURVES = ("secp224r1", "secp256r1", "secp384r1", "secp521r1")
_PATTERN_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_CONSTRAINED = (NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI)


def _compares(entry: str, host: str) -> bool:
    """validHostname, matchHostnames and matchExactly."""
    labels = entry.split(".")
    is_pattern = all(
        _PATTERN_LABEL.fullmatch(label) or (at == 0 and label == "*")
        for at, label in enumerate(labels)
    )
    is_host = all(map(_PATTERN_LABEL.fullmatch, host.removesuffix(".").split(".")))
    if not (is_pattern and is_host):
        return bool(entry) and entry == host
    asked = host.removesuffix(".").split(".")
    return len(asked) == len(labels) and all(
        ours == theirs or (at == 0 and ours == "*")
        for at, (ours, theirs) in enumerate(zip(labels, asked, strict=True))
    )


def is_no_dns_name(entry: str) -> bool:
    """domainToReverseLabels: an empty label, or a character beyond printable ASCII.

    Go 1.19 overlooks an empty label in the first place, and no name at all.
    """
    labels = entry.removeprefix(".").split(".")
    return "" in labels[1:] or not all("!" <= each <= "~" for each in entry)


def _no_curve(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, _EVERYWHERE):
        if each.key.kind is KeyKind.EC and each.key.curve not in _CURVES:
            yield Said(f"{seen.called(each)}'s key is on a curve that is unknown here: {each.key}")


def _unhandled_constraints(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, _EVERYWHERE):
        if each.name_constraints is None or not each.critical(Oid.NAME_CONSTRAINTS):
            continue
        if any(
            subtree.base.kind not in _CONSTRAINED
            for subtree in subtrees.subtrees(each.name_constraints)
        ):
            who = seen.called(each)
            yield Said(f"{who} has critical constraints on names of a kind that is unknown here")


def _unparsable(each: Facts) -> Iterator[str]:
    """What parser.go refuses. Bytes after a SAN are not among it."""
    yield from checks.version_above_3(each)
    yield from checks.doubled(each)
    yield from checks.broken(each, only=_PARSED, trailing=False)
    yield from checks.two_algorithms(each)
    yield from checks.odd_networks(each)
    for name in each.san or ():
        if name.kind is NameKind.IP and len(name.value) not in (4, 16):
            yield f"has an address of {len(name.value)} bytes in its SAN"
        if name.kind in (NameKind.DNS, NameKind.EMAIL, NameKind.URI) and not name.value.isascii():
            yield f"has letters outside ASCII in its SAN: {name.text!r}"
    constraints = each.name_constraints
    if constraints is not None and not subtrees.subtrees(constraints):
        yield "has name constraints that constrain nothing"


def _reads(facts: Facts) -> Facts:
    """Go takes what is empty for what is absent."""
    for read in (
        reading.without_extensions_before_version_3,
        reading.empty_extended_usage_is_none,
        reading.empty_key_usage_is_none,
        reading.negative_path_length_is_none,
    ):
        facts = read(facts)
    return facts


_RULES = (
    Rule(
        "GO-03.curve",
        "A key on a curve other than P-224, P-256, P-384 and P-521, on any certificate",
        _EVERYWHERE,
        _no_curve,
        error="x509: unsupported elliptic curve",
        fix=checks.NEW_KEY,
        source=_PARSE,
        evidence=(_E,),
    ),
    Rule(
        "GO-05.unreadable",
        "An extension that is there twice, or does not hold what it should; two different"
        " signature algorithms; constraints by a mask with holes, or of nothing",
        _EVERYWHERE,
        checks.unreadable(_unparsable),
        error="tls: failed to parse certificate from server",
        fix=checks.MADE_ANEW,
        source=f"{_PARSE}; measured with Go 1.19",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-06",
        "A leaf's key that is not negotiated: P-224, Ed448, DSA",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.keys_for_tls(
            checks.kinds_other_than(
                curves=("secp256r1", "secp384r1", "secp521r1"),
                kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519),
            )
        ),
        error="remote error: tls: handshake failure",
        fix=checks.NEW_KEY,
        source="Go crypto/tls/common.go supportedSignatureAlgorithms",
        evidence=(_S,),
    ),
    Rule(
        "GO-05.critical",
        "A critical extension that Go does not know",
        _EVERYWHERE,
        checks.unknown_critical(_KNOWN),
        error="x509: unhandled critical extension",
        fix=checks.NOT_CRITICAL,
        source=f"{_VERIFY} isValid",
        evidence=(_S,),
    ),
    Rule(
        "GO-02.kinds",
        "Critical name constraints of a kind that Go does not enforce, such as directory names",
        ABOVE,
        _unhandled_constraints,
        error="x509: unhandled critical extension",
        fix="make a new root with constraints on DNS names and addresses only",
        source=f"{_PARSE} parseNameConstraintsExtension; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-05.time",
        "Before the beginning or after the end of any certificate of the path",
        _EVERYWHERE,
        checks.times(
            _EVERYWHERE,
            early="x509: certificate has expired or is not yet valid: current time is before"
            " its beginning",
        ),
        error="x509: certificate has expired or is not yet valid: current time is after its end",
        fix=checks.RENEW,
        source=f"{_VERIFY} isValid",
        evidence=(_S,),
    ),
    Rule(
        "GO-01",
        "The name is not in the SAN; the CN never counts",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(compares=_compares, mapped=True),
            none="x509: certificate relies on legacy Common Name field, use SANs instead",
            address="x509: cannot validate certificate for {name} because it doesn't contain any"
            " IP SANs",
        ),
        error="x509: certificate is valid for other names, not {name}",
        fix=checks.NAME_IN_SAN,
        source=f"{_VERIFY} VerifyHostname",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-03.issuer",
        "No path to the root: it or an issuing CA is missing, or the issuer's name has other bytes",
        ALL,
        checks.untrusted(),
        error="x509: certificate signed by unknown authority",
        fix=checks.SEND_THE_PATH,
        source=f"{_VERIFY} buildChains; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-03.ca",
        "An issuer that is no CA: version 3 without basicConstraints CA:TRUE, or keyUsage without"
        " keyCertSign",
        ABOVE,
        lambda seen: (
            *checks.no_ca((Tier.ISSUING,))(seen),
            *checks.no_ca((Tier.ROOT,), v1=True)(seen),
        ),
        error="x509: certificate signed by unknown authority (x509: invalid signature: parent"
        " certificate cannot sign this kind of certificate)",
        fix=checks.CA_AS_ROOT,
        source=f"{_VERIFY}, x509.go CheckSignatureFrom; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-03.hash",
        "A signature over SHA-1, SHA-224 or MD5, below the root",
        (Tier.LEAF, Tier.ISSUING),
        checks.hashes(("sha1", "sha224", "md5", "md2", "unknown")),
        error="x509: cannot verify signature: insecure algorithm",
        fix=checks.SIGN_AGAIN,
        source="Go crypto/x509/x509.go checkSignature; measured",
        evidence=(_S, _E),
        since="Go 1.18",
    ),
    Rule(
        "GO-03.kind",
        "A root or issuing CA with a key that Go checks no signatures of: Ed448, DSA",
        ABOVE,
        checks.keys(
            checks.kinds_other_than(
                curves=_CURVES, kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519)
            ),
            ABOVE,
            what="is of a kind that is not known here",
        ),
        error="x509: certificate signed by unknown authority (x509: cannot verify signature:"
        " algorithm unimplemented)",
        fix=checks.NEW_KEY,
        source="Go crypto/x509/x509.go checkSignature; measured with Go 1.19",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-05.path-length",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        checks.path_length(count_self_issued=True),
        error="x509: too many intermediates for path length constraint",
        fix=checks.SHORTER_PATH,
        source=f"{_VERIFY} isValid",
        evidence=(_S,),
    ),
    Rule(
        "GO-02.malformed",
        "A DNS entry that ends with a dot or has an empty label, under any name constraints",
        (Tier.LEAF,),
        checks.entries_under_constraints(is_no_dns_name),
        error="x509: cannot parse dnsName",
        fix="have the leaf made without that name",
        source=f"{_VERIFY} domainToReverseLabels; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-02",
        "A name outside the name constraints of the root or an issuing CA",
        (Tier.LEAF, Tier.ISSUING),
        checks.constraints(Enforcing(ignores=frozenset(NameKind).difference(_CONSTRAINED))),
        error="x509: a root or intermediate certificate is not authorized to sign for this name",
        fix=checks.PERMITTED_NAMES,
        source=f"{_VERIFY} checkNameConstraints; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "GO-05.usage",
        "extendedKeyUsage without serverAuth, on any certificate of the path; any usage is enough",
        _EVERYWHERE,
        checks.extended_usage(_EVERYWHERE, enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE)),
        error="x509: certificate specifies an incompatible key usage",
        fix=checks.SERVER_AUTH,
        source=f"{_VERIFY} checkChainForKeyUsage",
        evidence=(_S,),
    ),
)

CLIENT = Client(Platform.GO, linking=Linking(), rules=_RULES, known_from="Go 1.19", reads=_reads)
