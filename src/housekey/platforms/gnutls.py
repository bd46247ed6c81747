"""GnuTLS with its defaults, as wget and many programs of GNOME use it.

Order: gnutls_x509_trust_list_verify_crt2 and _gnutls_verify_crt_status in lib/x509/verify*.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import KeyKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import CommonNameUnder, Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    }
)


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
        "GTL-01.constraints",
        "A name outside the name constraints of the root or an issuing CA; without a DNS name in"
        " the SAN any CN counts, even free text",
        (Tier.LEAF, Tier.ISSUING),
        checks.constraints(
            Enforcing(common_name=CommonNameUnder.WITHOUT_DNS_NAMES, families_apart=True)
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
        "RSA below 1024 bits on any certificate",
        ALL,
        checks.keys(checks.rsa_below(1024), ALL),
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
        (Tier.LEAF, Tier.ISSUING),
        lambda seen: (
            *checks.extended_usage((Tier.LEAF,), enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE))(seen),
            *checks.extended_usage((Tier.ISSUING,))(seen),
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
        "The name is not in the SAN; a single CN counts where the SAN has no DNS name, and an"
        " address also as text",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(
                common_name=CommonName.WITHOUT_DNS_NAMES,
                address_in_common_name=True,
                single_common_name=True,
                address_as_text=True,
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
    linking=Linking(key_id=True),
    rules=_RULES,
    known_from="GnuTLS 3.7.9",
)
