"""Windows' own verifier, CryptoAPI and Schannel, with the root in the ROOT store.

From Microsoft's documentation and the sources of programs that call it, not from a run. Edge,
Chrome and Firefox do not use it (WIN-08). Where the documents say nothing the verdict does not,
either: such rules are unverified, and what they find makes it unknown.

curl alone asks for revocation and fails where there is no list of revoked certificates, as in
every home (WIN-04); that is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import KeyKind, Oid
from housekey.platforms.hostnames import Matching, matches
from housekey.platforms.model import Platform, Severity
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import Enforcing

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
_STATUS = "Microsoft CERT_TRUST_STATUS"
_ENFORCING = Enforcing(of_root=False)
# RFC 5280 4.2: what a conforming verifier must know.
_KNOWN = frozenset(
    {
        Oid.SUBJECT_KEY_IDENTIFIER,
        Oid.AUTHORITY_KEY_IDENTIFIER,
        Oid.KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.CERTIFICATE_POLICIES,
        Oid.POLICY_MAPPINGS,
        Oid.POLICY_CONSTRAINTS,
        Oid.EXTENDED_KEY_USAGE,
        Oid.INHIBIT_ANY_POLICY,
    }
)


def _no_server(seen: Seen) -> Iterator[Said]:
    yield from checks.extended_usage(_EVERY, enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE))(seen)


def _any_usage(seen: Seen) -> Iterator[Said]:
    for each in checks.those(seen, _EVERY):
        usages = each.extended_key_usage
        if usages is not None and Oid.ANY_USAGE in usages and Oid.SERVER_AUTH not in usages:
            yield Said(f"{seen.called(each)} is for any usage, which may not count as a server's")


def _constraints_of_root(seen: Seen) -> Iterator[Said]:
    if not seen.anchored or seen.is_trusted_leaf or seen.path[-1].name_constraints is None:
        return
    # What an issuing CA does not permit is rejected for sure, and not told twice.
    if any(checks.constraints(_ENFORCING)(seen)):
        return
    yield from checks.constraints(Enforcing())(seen)


def _only_on_root(seen: Seen) -> Iterator[Said]:
    if not seen.anchored or seen.is_trusted_leaf:
        return
    if seen.path[-1].name_constraints is not None and not any(
        each.name_constraints is not None for each in seen.issuing
    ):
        yield Said("the root has name constraints, and no CA repeats them")


def _spelled_otherwise(seen: Seen) -> Iterator[Said]:
    for child, issuer in zip(seen.path, seen.path[1:], strict=False):
        if child.issuer.der != issuer.subject.der:
            yield Said(
                f"{seen.called(child)} writes its issuer's name with other kinds of strings or"
                f" capitals than {seen.called(issuer)} does"
            )


# All that any verifier takes; what not every one does is WIN-02.unsure's to tell.
_MATCHING = Matching(wildcard_dots=1, entry_without_dot=True, host_without_dot=True)


def _matches_perhaps(seen: Seen) -> Iterator[Said]:
    if matches(seen.leaf, seen.name, _MATCHING) and not matches(seen.leaf, seen.name, Matching()):
        yield Said(
            "the leaf is for the name only by a wildcard over a single label, or but for a dot at"
            " the end"
        )


def _no_revocation(seen: Seen) -> Iterator[Said]:
    for each in seen.presented if not seen.is_trusted_leaf else ():
        if not each.has(Oid.CRL_DISTRIBUTION_POINTS) and not each.has(Oid.AUTHORITY_INFORMATION):
            yield Said(f"{seen.called(each)} says nowhere how to learn that it was revoked")


_RULES = (
    Rule(
        "WIN-01",
        "No path to a root in the ROOT store",
        ALL,
        checks.untrusted(missing="CERT_E_CHAINING (0x800B010A)"),
        error="CERT_E_UNTRUSTEDROOT (0x800B0109)",
        fix=checks.SEND_THE_PATH,
        source="curl lib/vtls/schannel_verify.c",
        evidence=(_S,),
    ),
    Rule(
        "WIN-07",
        "An RSA key below 1024 bits",
        _EVERY,
        checks.keys(checks.rsa_below(1024), _EVERY),
        error="CERT_TRUST_IS_NOT_SIGNATURE_VALID",
        fix=checks.NEW_KEY,
        source="Microsoft KB2661254; Microsoft PKI blog",
        evidence=(_D,),
        since="KB2661254, October 2012",
    ),
    Rule(
        "WIN-03",
        "extendedKeyUsage without serverAuth, on any certificate of the path",
        _EVERY,
        _no_server,
        error="CERT_E_WRONG_USAGE (0x800B0110)",
        fix=checks.SERVER_AUTH,
        source=f"{_STATUS}: CERT_TRUST_IS_NOT_VALID_FOR_USAGE",
        evidence=(_D,),
    ),
    Rule(
        "WIN-06.basic-constraints",
        "An issuing CA that is none, or more of them than a pathLen allows",
        ABOVE,
        checks.no_ca((Tier.ISSUING,)),
        error="CERT_TRUST_INVALID_BASIC_CONSTRAINTS",
        fix="make a new issuing CA with basicConstraints CA:TRUE and keyUsage keyCertSign",
        source=_STATUS,
        evidence=(_D,),
    ),
    Rule(
        "WIN-06.path-length",
        "More issuing CAs than an issuing CA's pathLen allows",
        (Tier.ISSUING,),
        checks.path_length(of_root=False),
        error="CERT_TRUST_INVALID_BASIC_CONSTRAINTS",
        fix=checks.SHORTER_PATH,
        source=_STATUS,
        evidence=(_D,),
    ),
    Rule(
        "WIN-06.unreadable",
        "An extension that cannot be read",
        (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED),
        checks.malformed((Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED)),
        error="CERT_TRUST_INVALID_EXTENSION",
        fix=checks.MADE_ANEW,
        source=_STATUS,
        evidence=(_D,),
    ),
    Rule(
        "WIN-06.critical",
        "A critical extension that is not known",
        (Tier.LEAF, Tier.ISSUING),
        checks.unknown_critical(_KNOWN, (Tier.LEAF, Tier.ISSUING)),
        error="CERT_TRUST_HAS_NOT_SUPPORTED_CRITICAL_EXT",
        fix=checks.NOT_CRITICAL,
        source=_STATUS,
        evidence=(_D,),
    ),
    Rule(
        "WIN-06",
        "A name outside the name constraints of an issuing CA",
        (Tier.LEAF, Tier.ISSUING),
        checks.constraints(
            _ENFORCING, excluded="CERT_TRUST_HAS_EXCLUDED_NAME_CONSTRAINT (0x800B0114)"
        ),
        error="CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT (0x800B0114)",
        fix=checks.PERMITTED_NAMES,
        source=f"{_STATUS}; dotnet #115308",
        evidence=(_D,),
    ),
    Rule(
        "WIN-06.time",
        "Before the beginning or after the end of any certificate of the path",
        _EVERY,
        checks.times(_EVERY),
        error="CERT_E_EXPIRED (0x800B0101)",
        fix=checks.RENEW,
        source=f"{_STATUS}: CERT_TRUST_IS_NOT_TIME_VALID",
        evidence=(_D,),
    ),
    Rule(
        "WIN-02",
        "The name is not in the SAN",
        _LEAVES,
        checks.name_asked(_MATCHING),
        error="CERT_E_CN_NO_MATCH (0x800B010F)",
        fix=checks.NAME_IN_SAN,
        source="truststore _windows.py; curl lib/vtls/schannel_verify.c",
        evidence=(_S,),
    ),
    Rule(
        "WIN-07.kind",
        "A key that is neither RSA nor EC on P-256, P-384 or P-521",
        _EVERY,
        checks.keys(
            checks.kinds_other_than(
                curves=("secp256r1", "secp384r1", "secp521r1"), kinds=(KeyKind.RSA, KeyKind.EC)
            ),
            _EVERY,
            what="is of a kind that is hardly known here",
        ),
        error="CERT_TRUST_IS_NOT_SIGNATURE_VALID",
        fix=checks.NEW_KEY,
        source="Microsoft's documents name no others for TLS; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-01.name",
        "A name that is written with other kinds of strings or capitals than its issuer's",
        (Tier.LEAF, Tier.ISSUING),
        _spelled_otherwise,
        error="CERT_E_CHAINING (0x800B010A)",
        fix="have it signed anew, with the issuer's name copied byte by byte",
        source="no document says how names are compared; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-03.any",
        "extendedKeyUsage with any usage and without serverAuth",
        _EVERY,
        _any_usage,
        error="CERT_E_WRONG_USAGE (0x800B0110)",
        fix=checks.SERVER_AUTH,
        source=f"{_STATUS} does not say; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-06.root",
        "A root that says it is no CA, or whose pathLen is too small",
        (Tier.ROOT,),
        lambda seen: (
            *checks.no_ca((Tier.ROOT,), v1=True, without_extension=True)(seen),
            *(() if any(checks.path_length(of_root=False)(seen)) else checks.path_length()(seen)),
        ),
        error="CERT_TRUST_INVALID_BASIC_CONSTRAINTS",
        fix=checks.CA_AS_ROOT,
        source=f"{_STATUS} does not say whether a root is asked; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-06.root-constraints",
        "A name outside the name constraints that only the root has",
        (Tier.LEAF, Tier.ISSUING),
        _constraints_of_root,
        error="CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT (0x800B0114)",
        fix=checks.PERMITTED_NAMES,
        source=f"{_STATUS} does not say whether a root's own are enforced; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-02.unsure",
        "Only a wildcard over a single label (*.lan), or an entry that differs by a dot at the end,"
        " is for the name",
        _LEAVES,
        _matches_perhaps,
        error="CERT_E_CN_NO_MATCH (0x800B010F)",
        fix=checks.NAME_IN_SAN,
        source="no document says how wildcards and dots are compared; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-06.version",
        "A certificate of a version above 3",
        _EVERY,
        checks.unknown_version,
        error="CERT_TRUST_INVALID_EXTENSION",
        fix=checks.MADE_ANEW,
        source="no document says what becomes of it; not verified",
        evidence=(_F,),
    ),
    Rule(
        "WIN-04",
        "No CRL distribution point and no OCSP: curl with Schannel fails, other programs do not",
        (Tier.LEAF, Tier.ISSUING),
        _no_revocation,
        error="CRYPT_E_NO_REVOCATION_CHECK (0x80092012)",
        fix="call curl with --ssl-no-revoke or --ssl-revoke-best-effort",
        source="curl lib/vtls/schannel_verify.c; curl #12239",
        evidence=(_S, _I),
        severity=Severity.WARNING,
    ),
    Rule(
        "WIN-06.unsure",
        "Name constraints on the root only, which may not be enforced",
        (Tier.ROOT,),
        _only_on_root,
        error=checks.NOTHING_SHOWN,
        fix="sign leaves with an issuing CA that carries the same constraints",
        source=f"{_STATUS} does not say whether a root's own are enforced; not verified",
        evidence=(_F,),
        severity=Severity.WARNING,
    ),
)

CLIENT = Client(
    Platform.WINDOWS,
    linking=Linking(names=Names.NORMALISED),
    rules=_RULES,
    known_from="Microsoft's documentation, and the sources of curl and truststore",
)
