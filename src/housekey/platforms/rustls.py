"""rustls with webpki, as programs written in Rust carry it.

Of the root only subject, key and name constraints are used. Order: webpki src/verify_cert.rs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from housekey.platforms import checks, subtrees
from housekey.platforms.facts import KeyKind, NameKind, Oid
from housekey.platforms.hostnames import Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import LeafAsRoot, Linking
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Key

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_VERIFY = "webpki src/verify_cert.rs"
_PRESENTED = (Tier.LEAF, Tier.ISSUING)
_BOTH = (*_PRESENTED, Tier.SELF_SIGNED)

# src/cert.rs remember_cert_extension: AKI and SKI are not among them.
_KNOWN = frozenset(
    {
        Oid.KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.EXTENDED_KEY_USAGE,
    }
)
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def is_no_dns_name(entry: str) -> bool:
    """src/subject_name/dns_name.rs is_valid_dns_id; also mozilla::pkix's, which it came from.

    No dot at the end, no number as the last label, two labels or more after a star.
    """
    labels = entry.removeprefix("*.").split(".")
    return (
        len(entry) > 253
        or not all(map(_LABEL.fullmatch, labels))
        or labels[-1].isdigit()
        or (entry.startswith("*.") and len(labels) < 2)
    )


def _old_version(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, _BOTH):
        if each.version < 3:
            yield Said(f"{seen.called(each)} is of version {each.version}")


def _unusable_root(seen: Seen) -> Iterator[Said]:
    """A root that cannot be read is passed over when the program loads its roots."""
    root = seen.root
    if root is None:
        return
    for wrong in (*checks.two_algorithms(root), *checks.extensions_before_version_3(root)):
        yield Said(f"{seen.called(root)} {wrong}")
    if root.version == 2:
        yield Said(f"{seen.called(root)} is of version 2")


def _broken_constraints(seen: Seen) -> Iterator[Said]:
    for each in seen.issuers:
        who = seen.called(each)
        if Oid.NAME_CONSTRAINTS in each.malformed:
            yield Said(f"{who} has name constraints that cannot be read")
        elif each.name_constraints is not None and any(
            subtree.minimum_written for subtree in subtrees.subtrees(each.name_constraints)
        ):
            yield Said(f"{who} has constraints with a minimum or maximum")


def _constraints(seen: Seen) -> Iterator[Said]:
    """A trusted leaf is to webpki a root and a leaf that it signed."""
    path = (seen.leaf, seen.leaf) if seen.is_trusted_leaf else seen.path
    yield from checks.constraints(_ENFORCING)(replace(seen, path=path))


def _signature(seen: Seen) -> Iterator[Said]:
    """What signs a certificate must be of a kind that webpki checks, the root's key included."""
    if seen.is_trusted_leaf and seen.signatures.holds(seen.leaf, seen.leaf) is False:
        yield Said("the leaf has its own name as its issuer, but not its signature")
    for child, issuer in zip(seen.path, (*seen.issuers, *seen.path[-1:]), strict=True):
        if child is issuer and not seen.is_trusted_leaf:
            continue
        if child.signature_hash not in ("sha256", "sha384", "sha512", ""):
            yield Said(
                f"{seen.called(child)} is signed with {child.signature_hash.upper()},"
                " which is broken"
            )
        elif _cannot_sign(issuer.key):
            yield Said(
                f"{seen.called(issuer)}'s key is too weak, or of an unknown kind: {issuer.key}"
            )


def _cannot_sign(key: Key) -> bool:
    match key.kind:
        case KeyKind.RSA:
            return key.bits < 2048
        case KeyKind.EC:
            return key.curve not in ("secp256r1", "secp384r1", "secp521r1")
        case KeyKind.ED25519:
            return False
        case _:
            return True


def _unenforceable(seen: Seen) -> Iterator[Said]:
    """Constraints on subjects are not implemented; whatever has a subject breaks them."""
    for holder in subtrees.holders(seen.path, anchored=seen.anchored):
        assert holder.name_constraints is not None  # noqa: S101 - holders have them
        kinds = {each.base.kind for each in subtrees.subtrees(holder.name_constraints)}
        if NameKind.DIRECTORY in kinds:
            yield Said(f"{seen.called(holder)} constrains subjects (directory names)")


def _odd_masks(seen: Seen) -> Iterator[Said]:
    for holder in subtrees.holders(seen.path, anchored=seen.anchored):
        assert holder.name_constraints is not None  # noqa: S101 - holders have them
        if not seen.leaf.addresses:
            continue
        for each in subtrees.subtrees(holder.name_constraints):
            if each.base.kind is NameKind.IP and not subtrees.has_plain_mask(each.base.value):
                yield Said(f"{seen.called(holder)} constrains addresses by a mask with holes")


_ENFORCING = Enforcing(directory=False, wildcard_reaches_excluded=True)

_RULES = (
    Rule(
        "RUS-01.tls",
        "A leaf's key that is not negotiated: RSA below 2048, secp256k1, brainpool, Ed448, DSA",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.keys_for_tls(_cannot_sign),
        error="invalid peer certificate: BadSignature",
        fix=checks.NEW_KEY,
        source="rustls src/crypto/aws_lc_rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.version",
        "A leaf or issuing CA of version 1 or 2",
        _BOTH,
        _old_version,
        error="invalid peer certificate: UnsupportedCertVersion",
        fix="ask for a certificate of version 3",
        source="webpki src/cert.rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-02.unreadable",
        "An extension that is there twice, or does not hold what it should",
        _BOTH,
        lambda seen: (
            *checks.duplicated(_BOTH, only=_KNOWN)(seen),
            *checks.malformed(_BOTH, only=_KNOWN)(seen),
        ),
        error="invalid peer certificate: BadEncoding",
        fix=checks.MADE_ANEW,
        source="webpki src/cert.rs",
        evidence=(_S,),
    ),
    Rule(
        "RUS-02.critical",
        "A critical extension that webpki does not know, a critical AKI or SKI included",
        _BOTH,
        checks.unknown_critical(_KNOWN, _BOTH),
        error="invalid peer certificate: UnhandledCriticalExtension",
        fix=checks.NOT_CRITICAL,
        source="webpki src/cert.rs remember_cert_extension",
        evidence=(_S,),
    ),
    Rule(
        "RUS-02.time",
        "Before the beginning or after the end of the leaf or an issuing CA; not of the root",
        _BOTH,
        checks.times(_BOTH, early="invalid peer certificate: certificate not valid yet"),
        error="invalid peer certificate: Expired",
        fix=checks.RENEW,
        source=f"{_VERIFY} check_validity",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.ca-as-leaf",
        "A leaf with basicConstraints CA:TRUE, even one that is trusted itself",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.ca_as_leaf(),
        error="invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
        fix="have the leaf made with basicConstraints CA:FALSE",
        source=f"{_VERIFY} check_basic_constraints; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.usage",
        "extendedKeyUsage without serverAuth on the leaf or an issuing CA; any usage is not enough",
        _BOTH,
        checks.extended_usage(_BOTH),
        error="invalid peer certificate: InvalidPurpose",
        fix=checks.SERVER_AUTH,
        source=f"{_VERIFY} ExtendedKeyUsage::check; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-02.root",
        "A root of version 2, or of version 1 with extensions, or with two different signature"
        " algorithms",
        (Tier.ROOT, Tier.SELF_SIGNED),
        _unusable_root,
        error="invalid peer certificate: UnknownIssuer",
        fix="make a new root",
        source="webpki src/trust_anchor.rs; measured with uv 0.13.9",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.path",
        "No path to the root: it or an issuing CA is missing, or its name has other bytes; a leaf"
        " can be trusted by itself only if it signed itself",
        checks.ALL,
        checks.untrusted(),
        error="invalid peer certificate: UnknownIssuer",
        fix=checks.SEND_THE_PATH,
        source=f"{_VERIFY} build_chain_inner; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.signature",
        "A signature over SHA-1, or by a key below RSA 2048 or of an unknown kind",
        checks.ALL,
        _signature,
        error="invalid peer certificate: BadSignature",
        fix="have it signed with SHA-256 by an ECDSA P-256 key",
        source="webpki src/signed_data.rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-02.ca",
        "An issuing CA without basicConstraints CA:TRUE; the root's are not looked at",
        (Tier.ISSUING,),
        checks.no_ca((Tier.ISSUING,), key_usage=False),
        error="invalid peer certificate: Other(OtherError(EndEntityUsedAsCa))",
        fix="have the issuing CA made with basicConstraints CA:TRUE",
        source=f"{_VERIFY} check_basic_constraints",
        evidence=(_S,),
    ),
    Rule(
        "RUS-02.path-length",
        "More issuing CAs than an issuing CA's pathLen allows; the root's is not looked at",
        (Tier.ISSUING,),
        checks.path_length(of_root=False, count_self_issued=True),
        error="invalid peer certificate: Other(OtherError(PathLenConstraintViolated))",
        fix="let the first issuing CA sign the leaf directly",
        source=f"{_VERIFY} check_basic_constraints",
        evidence=(_S,),
    ),
    Rule(
        "RUS-02.constraints",
        "Name constraints that cannot be read, or with a minimum, were it 0, or a maximum",
        checks.ABOVE,
        _broken_constraints,
        error="invalid peer certificate: BadEncoding",
        fix="make a new root with constraints that have neither",
        source="webpki src/subject_name/verify.rs; measured with uv 0.13.9",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.malformed",
        "A DNS entry that is no DNS name (`*.lan`, a dot at the end, an address), under"
        " constraints on DNS names",
        (Tier.LEAF,),
        checks.entries_under_constraints(is_no_dns_name, dns_only=True),
        error="invalid peer certificate: Other(OtherError(MalformedDnsIdentifier))",
        fix="have the leaf made without that name",
        source="webpki src/subject_name/dns_name.rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-01.directory",
        "Name constraints on subjects (directory names)",
        checks.ABOVE,
        _unenforceable,
        error="invalid peer certificate: Other(OtherError(NameConstraintViolation))",
        fix="make a new root with constraints on DNS names and addresses only",
        source="webpki src/subject_name/verify.rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-02.mask",
        "Name constraints on addresses by a mask that is not a prefix",
        checks.ABOVE,
        _odd_masks,
        error="invalid peer certificate: Other(OtherError(InvalidNetworkMaskConstraint))",
        fix="make a new root with whole networks in its constraints",
        source="webpki src/subject_name/ip_address.rs",
        evidence=(_S,),
    ),
    Rule(
        "RUS-01.constraints",
        "A name outside the name constraints of the root or an issuing CA",
        _PRESENTED,
        _constraints,
        error="invalid peer certificate: Other(OtherError(NameConstraintViolation))",
        fix=checks.PERMITTED_NAMES,
        source="webpki src/subject_name/verify.rs; measured",
        evidence=(_S, _E),
    ),
    Rule(
        "RUS-02.name",
        "The name is not in the SAN; the CN never counts",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(Matching(overlooks=is_no_dns_name, host_without_dot=True)),
        error='invalid peer certificate: certificate not valid for name "{name}"',
        fix=checks.NAME_IN_SAN,
        source="webpki src/subject_name/verify.rs; measured",
        evidence=(_S, _E),
    ),
)

CLIENT = Client(
    Platform.RUSTLS,
    linking=Linking(leaf_as_root=LeafAsRoot.SELF_SIGNED),
    rules=_RULES,
    known_from="rustls with webpki, as uv carries it",
)
