"""GnuTLS with its defaults, as wget and many programs of GNOME use it.

Order: gnutls_x509_trust_list_verify_crt2 and _gnutls_verify_crt_status in lib/x509/verify*.c.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from housekey.platforms import checks, reading, subtrees
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import KeyKind, NameConstraints, NameKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import LeafAsRoot, Linking, Names, looks_self_signed
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import CommonNameUnder, Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Facts
    from housekey.platforms.path import Path

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_VERIFY = "GnuTLS lib/x509/verify.c"
_MEASURED = "measured with GnuTLS 3.7.9"
_EVERYWHERE = (*ALL, Tier.SELF_SIGNED)

_KNOWN = frozenset(
    {
        Oid.SUBJECT_KEY_IDENTIFIER,
        Oid.KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.BASIC_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.CERTIFICATE_POLICIES,
        Oid.AUTHORITY_KEY_IDENTIFIER,
        Oid.EXTENDED_KEY_USAGE,
        Oid.INHIBIT_ANY_POLICY,
        Oid.AUTHORITY_INFORMATION,
        Oid.TLS_FEATURE,
        "2.5.29.18",  # issuerAltName
    }
)


_KINDS = (NameKind.DNS, NameKind.IP, NameKind.EMAIL, NameKind.URI, NameKind.DIRECTORY)


# In what was sent kinds of strings do not matter; the root is looked up by bytes.
_LINKING = Linking(
    names=Names.CHARACTERS,
    names_under_root=Names.BYTES,
    key_id=True,
    takes_the_first=True,
    leaf_as_root=LeafAsRoot.SELF_SIGNED,
)


def _links(chain: Path, root: Facts | None) -> Linking:  # noqa: ARG001 - one of two that do
    """A leaf of a CA can be trusted by itself only where it is sent alone."""
    return replace(_LINKING, leaf_as_root=LeafAsRoot.ANY) if len(chain) == 1 else _LINKING


def _compares(entry: str, host: str) -> bool:
    """A star stands for some letters at the beginning of the first label, or for none."""
    if entry == host:
        return bool(entry)
    if not entry.startswith("*") or entry.count(".") < 2:
        return False
    rest = entry[1:]
    return host.endswith(rest) and "." not in host[: -len(rest)]


def _unparsable(each: Facts) -> Iterator[str]:
    yield from checks.doubled(each)
    yield from checks.broken(each, only=(Oid.SUBJECT_ALT_NAME,))
    yield from checks.two_algorithms(each)
    yield from checks.extensions_before_version_3(each)
    if "" in each.dns_names:
        yield "has an empty DNS name in its SAN"


def _odd_constraints(seen: Seen) -> Iterator[Said]:
    """What name_constraints.c refuses to take up; it then counts as broken."""
    for each in seen.issuers:
        who = seen.called(each)
        if Oid.NAME_CONSTRAINTS in (*each.malformed, *each.trailing):
            yield Said(f"{who} has name constraints that cannot be read")
        for wrong in checks.odd_networks(each):
            yield Said(f"{who} {wrong}")
        constraints = each.name_constraints or NameConstraints()
        for subtree in subtrees.subtrees(constraints):
            if subtree.base.kind not in _KINDS:
                yield Said(f"{who} constrains names of a kind that is not known here")
            elif subtree.base.kind is NameKind.EMAIL and subtree.base.text == ".":
                yield Said(f"{who} constrains e-mail by a dot alone")
        if any(subtree.base.kind is NameKind.DIRECTORY for subtree in constraints.excluded):
            yield Said(f"{who} excludes subjects (directory names), which is not known here")


def _taken_for_root(seen: Seen) -> Iterator[Said]:
    for each in seen.issuing:
        if looks_self_signed(each):
            yield Said(
                f"{seen.called(each)} has the same subject as its issuer, and no AKI that tells"
                " them apart"
            )


def _features(seen: Seen) -> Iterator[Said]:
    """RFC 7633 4.2.2: what a CA promises must be promised by what it signs."""
    for child, issuer in zip(seen.path, seen.issuers, strict=False):
        if issuer.must_staple and not child.must_staple:
            yield Said(
                f"{seen.called(issuer)} has must-staple, and {seen.called(child)} does not"
                " repeat it"
            )


def _reads(facts: Facts) -> Facts:
    for read in (reading.empty_extended_usage_is_none, reading.negative_path_length_is_none):
        facts = read(facts)
    return facts


def _no_ca(seen: Seen) -> Iterator[Said]:
    """check_if_ca: a root without basicConstraints will do, of whatever version."""
    for each in checks.those(seen, ABOVE):
        who = seen.called(each)
        is_root = seen.anchored and each is seen.path[-1]
        if each.basic_constraints is not None:
            if not each.basic_constraints.ca:
                yield Said(f"{who} says that it is no CA (basicConstraints)")
        elif not (is_root and each.is_self_issued):
            yield Said(f"{who} does not say that it is a CA (basicConstraints)")
        if not each.may(Usage.KEY_CERT_SIGN):
            yield Said(f"{who}'s keyUsage is without keyCertSign")


_odd_key = checks.kinds_other_than(
    curves=("secp224r1", "secp256r1", "secp384r1", "secp521r1"),
    kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519, KeyKind.ED448, KeyKind.DSA),
)

_RULES = (
    Rule(
        "GTL-02.key",
        "A leaf's key that is not negotiated: secp256k1, brainpool, DSA",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.keys_for_tls(
            checks.kinds_other_than(
                curves=("secp256r1", "secp384r1", "secp521r1"),
                kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519, KeyKind.ED448),
            )
        ),
        error="A TLS fatal alert has been received: Handshake failed",
        fix=checks.NEW_KEY,
        source="GnuTLS lib/algorithms/ecc.c, groups.c",
        evidence=(_S,),
    ),
    Rule(
        "GTL-01.key-usage",
        "A leaf whose keyUsage is without digitalSignature",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.leaf_usage(Usage.DIGITAL_SIGNATURE),
        error="Key usage violation in certificate has been detected.",
        fix=checks.DIGITAL_SIGNATURE,
        source=f"GnuTLS lib/cert-session.c; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-02.unreadable",
        "An extension that is there twice or before version 3, a SAN that does not hold what it"
        " should, or two different signature algorithms",
        _EVERYWHERE,
        checks.unreadable(_unparsable),
        error="Error in the certificate.",
        fix=checks.MADE_ANEW,
        source=f"GnuTLS lib/x509/x509.c; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "GTL-01.path",
        "No path to the root: it or an issuing CA is missing, its name has other bytes, or the"
        " AKI does not match",
        ALL,
        checks.untrusted(),
        error="The certificate is NOT trusted. The certificate issuer is unknown.",
        fix=checks.SEND_THE_PATH,
        source=f"{_VERIFY} is_issuer; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-02.signature",
        "A signature that does not hold; the first issuer by name is taken, and no other one is"
        " tried",
        (Tier.LEAF, Tier.ISSUING),
        checks.signed_otherwise,
        error="The certificate is NOT trusted. The signature in the certificate is invalid.",
        fix=checks.SEND_THE_SIGNER,
        source=f"{_VERIFY}; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "GTL-02.same-subject",
        "An issuing CA whose subject is its issuer's, and no AKI tells them apart",
        (Tier.ISSUING,),
        _taken_for_root,
        error="The certificate is NOT trusted. The certificate issuer is unknown.",
        fix="give the issuing CA a subject of its own",
        source=f"{_VERIFY}; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "GTL-02.ca",
        "An issuer that is no CA: basicConstraints CA:FALSE, or keyUsage without keyCertSign",
        ABOVE,
        _no_ca,
        error="The certificate is NOT trusted. The certificate issuer is not a CA.",
        fix=checks.CA_AS_ROOT,
        source=f"{_VERIFY} check_if_ca; {_MEASURED}: a root without basicConstraints is accepted",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-02.path-length",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        checks.path_length(count_self_issued=True),
        error="The certificate is NOT trusted. The certificate chain violates the signer's"
        " constraints.",
        fix=checks.SHORTER_PATH,
        source=f"{_VERIFY} check_if_ca",
        evidence=(_S,),
    ),
    Rule(
        "GTL-02.constraints",
        "Name constraints that GnuTLS does not take up: no network, a kind it does not know,"
        " excluded subjects",
        ABOVE,
        _odd_constraints,
        error="The certificate is NOT trusted. The certificate chain violates the signer's"
        " constraints.",
        fix="make a new root with constraints on DNS names and whole networks only",
        source=f"GnuTLS lib/x509/name_constraints.c; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "GTL-02.features",
        "A root or issuing CA with must-staple that what it signs does not repeat",
        ABOVE,
        _features,
        error="The certificate is NOT trusted. The certificate chain violates the signer's"
        " constraints.",
        fix="make a new root without must-staple (tlsfeature)",
        source=f"GnuTLS lib/x509/tls_features.c; {_MEASURED}",
        evidence=(_E,),
    ),
    Rule(
        "GTL-01.constraints",
        "A name outside the name constraints of the root or an issuing CA; without a DNS name in"
        " the SAN any CN counts, even free text",
        (Tier.LEAF, Tier.ISSUING),
        checks.constraints(
            Enforcing(
                common_name=CommonNameUnder.WITHOUT_DNS_NAMES,
                families_apart=True,
                dots_at_end=True,
                ignores=frozenset(NameKind) - {NameKind.DNS, NameKind.IP, NameKind.EMAIL},
            )
        ),
        error="The certificate is NOT trusted. The certificate chain violates the signer's"
        " constraints.",
        fix="ask only for names that the root permits; make the CN one of the DNS names, or leave"
        " it out",
        source=f"GnuTLS lib/x509/name_constraints.c; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-02.hash",
        "A signature over SHA-1 or MD5, below the root",
        (Tier.LEAF, Tier.ISSUING),
        checks.hashes(("sha1", "md5", "md2", "unknown")),
        error="The certificate is NOT trusted. The certificate chain uses insecure algorithm.",
        fix=checks.SIGN_AGAIN,
        source=f"{_VERIFY} is_level_acceptable",
        evidence=(_S,),
    ),
    Rule(
        "GTL-02.weak",
        "RSA below 1024 bits on any certificate, or a root or issuing CA on another curve than"
        " P-256, P-384 and P-521",
        ALL,
        lambda seen: (
            *checks.keys(checks.rsa_below(1024), ALL)(seen),
            *checks.keys(_odd_key, ABOVE)(seen),
        ),
        error="The certificate is NOT trusted. The certificate chain uses insecure algorithm.",
        fix=checks.NEW_KEY,
        source=f"{_VERIFY} is_level_acceptable",
        evidence=(_S,),
    ),
    Rule(
        "GTL-02.critical",
        "A critical extension that GnuTLS does not know",
        ALL,
        checks.unknown_critical(_KNOWN, ALL),
        error="The certificate is NOT trusted. The certificate contains an unknown critical"
        " extension.",
        fix=checks.NOT_CRITICAL,
        source=_VERIFY,
        evidence=(_S,),
    ),
    Rule(
        "GTL-02.time",
        "Before the beginning or after the end of any certificate of the path",
        _EVERYWHERE,
        checks.times(
            _EVERYWHERE,
            early="The certificate is NOT trusted. The certificate chain uses not yet valid"
            " certificate.",
        ),
        error="The certificate is NOT trusted. The certificate chain uses expired certificate.",
        fix=checks.RENEW,
        source=f"{_VERIFY} check_time_status",
        evidence=(_S,),
    ),
    Rule(
        "GTL-01.usage",
        "extendedKeyUsage without serverAuth on the leaf, where any usage is enough, or on an"
        " issuing CA, where it is not; the root's is not looked at",
        (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED),
        lambda seen: (
            *checks.extended_usage(
                (Tier.LEAF, Tier.SELF_SIGNED), enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE)
            )(seen),
            *checks.extended_usage((Tier.ISSUING,), enough=(Oid.SERVER_AUTH, Oid.NETSCAPE_SGC))(
                seen
            ),
        ),
        error="The certificate is NOT trusted. The certificate chain does not match the intended"
        " purpose.",
        fix=checks.SERVER_AUTH,
        source=f"{_VERIFY} _gnutls_check_key_purpose; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-01.must-staple",
        "A leaf with must-staple, whose server sends no OCSP answer",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.must_staple,
        error="The certificate is NOT trusted. The certificate requires the server to include an"
        " OCSP status in its response, but the OCSP status is missing.",
        fix="have the leaf made without must-staple (tlsfeature)",
        source=f"GnuTLS lib/cert-session.c; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "GTL-02.name",
        "The name is not in the SAN; a single CN counts where the SAN has no name, address or URI",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(
                common_name=CommonName.WITHOUT_NAMES_AND_URIS,
                single_common_name=True,
                compares=_compares,
            )
        ),
        error="The certificate is NOT trusted. The name in the certificate does not match the"
        " expected.",
        fix=checks.NAME_IN_SAN,
        source=f"GnuTLS lib/x509/hostname-verify.c; {_MEASURED}",
        evidence=(_S, _E),
    ),
)

CLIENT = Client(
    Platform.GNUTLS,
    linking=_LINKING,
    links=_links,
    rules=_RULES,
    known_from="GnuTLS 3.7.9",
    reads=_reads,
)
