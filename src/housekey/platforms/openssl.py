"""OpenSSL as curl uses it: its defaults, and curl's own look at the name.

The rules that every program on OpenSSL shares are here, too; python.py and node.py take them
with their own way of comparing names. Order: crypto/x509/x509_vfy.c, x509_verify_x509 and
verify_chain. Level 2 of security is what Debian, Python and curl ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks, der
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import Facts, Key, KeyKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier
from housekey.platforms.subtrees import LIKE_A_HOST, CommonNameUnder, Enforcing

if TYPE_CHECKING:
    from collections.abc import Iterator

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_VERIFY = "OpenSSL crypto/x509/x509_vfy.c"
_MEASURED = "measured with OpenSSL 3.0.19"

LINKING = Linking(names=Names.NORMALISED, key_id=True, issuer_and_serial=True, takes_the_first=True)

# standard_exts in crypto/x509/v3_purp.c, X509_supported_extension, 3.0. AKI and SKI are not there.
KNOWN = frozenset(
    {
        Oid.NETSCAPE_CERT_TYPE,
        Oid.KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.BASIC_CONSTRAINTS,
        Oid.CERTIFICATE_POLICIES,
        Oid.CRL_DISTRIBUTION_POINTS,
        Oid.EXTENDED_KEY_USAGE,
        Oid.POLICY_CONSTRAINTS,
        Oid.NAME_CONSTRAINTS,
        Oid.POLICY_MAPPINGS,
        Oid.INHIBIT_ANY_POLICY,
        "1.3.6.1.5.5.7.1.7",  # sbgp-ipAddrBlock: RFC 3779
        "1.3.6.1.5.5.7.1.8",  # sbgp-autonomousSysNum
        "1.3.6.1.5.5.7.1.14",  # proxyCertInfo
    }
)
_SSL_SERVER = 1  # bit of nsCertType
# What x509v3_cache_extensions in v3_purp.c reads, once each; else the certificate is invalid.
_CACHED = frozenset(
    {
        Oid.BASIC_CONSTRAINTS,
        Oid.KEY_USAGE,
        Oid.EXTENDED_KEY_USAGE,
        Oid.NETSCAPE_CERT_TYPE,
        Oid.SUBJECT_KEY_IDENTIFIER,
        Oid.AUTHORITY_KEY_IDENTIFIER,
        Oid.SUBJECT_ALT_NAME,
        Oid.NAME_CONSTRAINTS,
        Oid.CRL_DISTRIBUTION_POINTS,
    }
)
# The groups that OpenSSL 3.0 offers by default, as curves of certificates (ssl/t1_lib.c).
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


def _bits(key: Key) -> int:
    """Bits of security: EVP_PKEY_get_security_bits, SP 800-57 part 1, table 2."""
    match key.kind:
        case KeyKind.RSA | KeyKind.DSA:
            steps = ((15360, 256), (7680, 192), (3072, 128), (2048, 112), (1024, 80))
            return next((bits for size, bits in steps if key.bits >= size), 0)
        case KeyKind.EC:
            return key.bits // 2
        case KeyKind.ED25519:
            return 128
        case KeyKind.ED448:
            return 224
        case KeyKind.OTHER:
            return 0


def is_weak(key: Key) -> bool:
    """Below level 2 of security: SSL_CTX_set_security_level(3)."""
    return _bits(key) < 112


def is_self_signed(facts: Facts) -> bool:
    """EXFLAG_SS: the same names, and no AKI that speaks against it."""
    said = facts.authority_key
    return facts.subject.normalised == facts.issuer.normalised and not (
        said is not None
        and (
            (
                said.key_id is not None
                and facts.subject_key_id is not None
                and said.key_id != facts.subject_key_id
            )
            or (said.serial is not None and said.serial != facts.serial)
            or (said.issuer is not None and said.issuer != facts.issuer.der)
        )
    )


def looks_self_signed(seen: Seen) -> Iterator[Said]:
    """What OpenSSL takes for a root, because nothing in it says that another one signed it."""
    for each in () if seen.is_trusted_leaf else seen.presented:
        if is_self_signed(each):
            yield Said(
                f"{seen.called(each)} has the same subject as its issuer, and no AKI that tells"
                " them apart",
                "" if each is seen.leaf else "self-signed certificate in certificate chain",
            )


def _not_for_servers(seen: Seen) -> Iterator[Said]:
    """ns_reject in v3_purp.c: an extension of Netscape's that some tools still write."""
    for extension in seen.leaf.extensions:
        if extension.oid == Oid.NETSCAPE_CERT_TYPE and _SSL_SERVER not in der.bits(
            der.only(extension.value, der.BIT_STRING).body
        ):
            yield Said("the leaf is not for servers (Netscape's certificate type)")


def _issued_by_nobody(seen: Seen) -> Iterator[Said]:
    if seen.leaf.issuer.is_empty:
        yield Said("the leaf has an empty issuer")


def _no_ca(seen: Seen) -> Iterator[Said]:
    """check_ca in v3_purp.c; only the root may do without basicConstraints."""
    for each in checks.those(seen, ABOVE):
        who = seen.called(each)
        is_root = seen.anchored and each is seen.path[-1]
        if not each.may(Usage.KEY_CERT_SIGN):
            yield Said(f"{who}'s keyUsage is without keyCertSign")
        elif each.basic_constraints is not None:
            if not each.basic_constraints.ca:
                yield Said(f"{who} says that it is no CA (basicConstraints)")
        elif not is_root or not (
            (each.version == 1 and is_self_signed(each)) or each.key_usage is not None
        ):
            yield Said(f"{who} does not say that it is a CA (basicConstraints)")


UNTRUSTED = Rule(
    "OSL-01",
    "No path to the root: it or an issuing CA is missing, or the AKI does not match its issuer",
    ALL,
    checks.untrusted(
        self_signed="self-signed certificate", missing="unable to get local issuer certificate"
    ),
    error="unable to get local issuer certificate",
    fix="let the server send the leaf and every issuing CA, and trust the root that signed them;"
    " write only the key identifier into AKIs",
    source=f"{_VERIFY} build_chain, X509_check_akid; {_MEASURED}",
    evidence=(_S, _E),
)
SAME_SUBJECT = Rule(
    "OSL-02",
    "The subject of the leaf or an issuing CA is its issuer's, and no AKI tells them apart",
    (Tier.LEAF, Tier.ISSUING),
    looks_self_signed,
    error="self-signed certificate",
    fix="give the leaf a subject of its own",
    source=_MEASURED,
    evidence=(_E,),
)
CONSTRAINTS = Rule(
    "OSL-03",
    "A name outside the name constraints of the root or an issuing CA; without a DNS name in the"
    " SAN a CN that looks like a host counts, too",
    (Tier.LEAF, Tier.ISSUING),
    checks.constraints(
        Enforcing(
            common_name=CommonNameUnder.WITHOUT_DNS_NAMES,
            common_name_counts=lambda text: LIKE_A_HOST.fullmatch(text) is not None,
        ),
        excluded="excluded subtree violation",
    ),
    error="permitted subtree violation",
    fix="ask only for names that the root permits; make the CN one of the DNS names",
    source="OpenSSL crypto/x509/v3_ncons.c NAME_CONSTRAINTS_check, cn2dnsid; " + _MEASURED,
    evidence=(_S, _E),
)
EXTENDED_USAGE = Rule(
    "OSL-04",
    "extendedKeyUsage without serverAuth, on any certificate of the path; any usage is not enough",
    (*ALL, Tier.SELF_SIGNED),
    checks.extended_usage(
        (*ALL, Tier.SELF_SIGNED),
        enough=(Oid.SERVER_AUTH, Oid.NETSCAPE_SGC, Oid.MICROSOFT_SGC),
    ),
    error="unsuitable certificate purpose",
    fix=checks.SERVER_AUTH,
    source="OpenSSL crypto/x509/v3_purp.c check_purpose_ssl_server; " + _MEASURED,
    evidence=(_S, _E),
)
KEY_USAGE = Rule(
    "OSL-05",
    "A leaf whose keyUsage allows no handshake",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.leaf_usage(Usage.DIGITAL_SIGNATURE, Usage.KEY_ENCIPHERMENT, Usage.KEY_AGREEMENT),
    error="unsuitable certificate purpose",
    fix=checks.DIGITAL_SIGNATURE,
    source="OpenSSL crypto/x509/v3_purp.c check_purpose_ssl_server; " + _MEASURED,
    evidence=(_E,),
)
WEAK_LEAF_KEY = Rule(
    "OSL-06.leaf-key",
    "A leaf's key of less than 112 bits of security: RSA below 2048",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.keys(is_weak, (Tier.LEAF, Tier.SELF_SIGNED)),
    error="EE certificate key too weak",
    fix=checks.NEW_KEY,
    source=f"{_VERIFY} check_key_level; {_MEASURED}",
    evidence=(_E,),
)
WEAK_CA_KEY = Rule(
    "OSL-06.ca-key",
    "A root's or issuing CA's key of less than 112 bits of security: RSA below 2048",
    ABOVE,
    checks.keys(is_weak, ABOVE),
    error="CA certificate key too weak",
    fix="make a new root with an ECDSA P-256 key, or RSA of 2048 bits or more",
    source=f"{_VERIFY} check_auth_level; {_MEASURED}",
    evidence=(_E,),
)
WEAK_HASH = Rule(
    "OSL-06.signature",
    "A signature over SHA-1 or MD5, below the root",
    (Tier.LEAF, Tier.ISSUING),
    checks.hashes(("sha1", "md5", "md2", "unknown")),
    error="CA signature digest algorithm too weak",
    fix=checks.SIGN_AGAIN,
    source=f"{_VERIFY} check_auth_level; {_MEASURED}",
    evidence=(_E,),
)
NO_CA = Rule(
    "OSL-11",
    "An issuer that is no CA: basicConstraints CA:FALSE, or keyUsage without keyCertSign",
    ABOVE,
    _no_ca,
    error="invalid CA certificate",
    fix=checks.CA_AS_ROOT,
    source="OpenSSL crypto/x509/v3_purp.c check_ca",
    evidence=(_S,),
)
PATH_LENGTH = Rule(
    "OSL-12",
    "More issuing CAs than a pathLen allows, the root's included",
    ABOVE,
    checks.path_length(),
    error="path length constraint exceeded",
    fix=checks.SHORTER_PATH,
    source=f"{_VERIFY} check_extensions",
    evidence=(_S,),
)
TIMES = Rule(
    "OSL-13",
    "Before the beginning or after the end of any certificate of the path",
    (*ALL, Tier.SELF_SIGNED),
    checks.times(
        (*ALL, Tier.SELF_SIGNED),
        expired="certificate has expired",
        early="certificate is not yet valid",
        to_the_last_second=False,  # X509_cmp_time never says equal
    ),
    error="certificate has expired",
    fix=checks.RENEW,
    source=f"{_VERIFY} internal_verify, ossl_x509_check_cert_time",
    evidence=(_S,),
)
UNKNOWN_CRITICAL = Rule(
    "OSL-14",
    "A critical extension that OpenSSL does not know, a critical AKI or SKI included",
    (*ALL, Tier.SELF_SIGNED),
    checks.unknown_critical(KNOWN),
    error="unhandled critical extension",
    fix=checks.NOT_CRITICAL,
    source="OpenSSL crypto/x509/v3_purp.c X509_supported_extension",
    evidence=(_S,),
)
KEY_IN_TLS = Rule(
    "OSL-15",
    "A leaf's key that TLS does not negotiate by default: secp256k1, brainpool, DSA",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.keys_for_tls(
        checks.kinds_other_than(
            curves=_CURVES,
            kinds=(KeyKind.RSA, KeyKind.EC, KeyKind.ED25519, KeyKind.ED448),
        )
    ),
    error="sslv3 alert handshake failure",
    fix=checks.NEW_KEY,
    source="OpenSSL ssl/t1_lib.c supported_groups_default, tls12_sigalgs",
    evidence=(_S,),
)

INVALID = Rule(
    "OSL-16",
    "An extension that does not hold what it should, or is there twice",
    (*ALL, Tier.SELF_SIGNED),
    lambda seen: (
        *checks.malformed(only=_CACHED, trailing=False)(seen),
        *checks.duplicated(only=_CACHED)(seen),
    ),
    error="unable to get local issuer certificate",
    fix=checks.MADE_ANEW,
    source="OpenSSL crypto/x509/v3_purp.c ossl_x509v3_cache_extensions; " + _MEASURED,
    evidence=(_S, _E),
)
BOUNDED_CONSTRAINTS = Rule(
    "OSL-03.bounds",
    "Name constraints with a minimum or maximum",
    ABOVE,
    checks.bounded_constraints(),
    error="name constraints minimum and maximum not supported",
    fix="make a new root with constraints that have neither",
    source="OpenSSL crypto/x509/v3_ncons.c nc_minmax_valid; " + _MEASURED,
    evidence=(_S, _E),
)
SIGNATURE = Rule(
    "OSL-17",
    "A signature that does not hold; the first issuer by name is taken, and no other one is tried",
    (Tier.LEAF, Tier.ISSUING),
    checks.signed_otherwise,
    error="certificate signature failure",
    fix="send only the issuing CA that signed the leaf, and trust the root that signed that one",
    source=f"{_VERIFY} find_issuer, internal_verify; {_MEASURED}",
    evidence=(_S, _E),
)
NETSCAPE_TYPE = Rule(
    "OSL-18",
    "A leaf whose Netscape certificate type is without SSL server",
    (Tier.LEAF, Tier.SELF_SIGNED),
    _not_for_servers,
    error="unsuitable certificate purpose",
    fix="have it made without that extension",
    source="OpenSSL crypto/x509/v3_purp.c check_purpose_ssl_server; " + _MEASURED,
    evidence=(_S, _E),
)

# Without the names, which every program on OpenSSL compares in its own way, and without KEY_IN_TLS,
# which comes before everything.
BUILDING = (WEAK_LEAF_KEY, INVALID, UNTRUSTED, SAME_SUBJECT, UNKNOWN_CRITICAL, NO_CA)
PURPOSE = (EXTENDED_USAGE, KEY_USAGE, NETSCAPE_TYPE, PATH_LENGTH, WEAK_CA_KEY, WEAK_HASH)
BEFORE_NAME = (*BUILDING, *PURPOSE)
AFTER_NAME = (SIGNATURE, TIMES, BOUNDED_CONSTRAINTS, CONSTRAINTS)

_NO_ISSUER = Rule(
    "OSL-19",
    "A leaf with an empty issuer; curl alone looks at it",
    (Tier.LEAF, Tier.SELF_SIGNED),
    _issued_by_nobody,
    error="SSL: couldn't get X509-issuer name",
    fix="give the root and the issuing CA a subject, such as a CN",
    source="curl lib/vtls/openssl.c servercert; measured with curl 7.88.1",
    evidence=(_S, _E),
)
_NAME = Rule(
    "OSL-07.curl",
    "The name is not in the SAN; the CN counts only where the SAN has neither name nor address",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.name_asked(
        Matching(
            common_name=CommonName.WITHOUT_NAMES,
            address_in_common_name=True,
            every_common_name=False,
            entry_without_dot=True,
            host_without_dot=True,
        )
    ),
    error="SSL: no alternative certificate subject name matches target host name '{name}'",
    fix=checks.NAME_IN_SAN,
    source="curl lib/vtls/openssl.c verifyhost, lib/vtls/hostcheck.c; " + _MEASURED,
    evidence=(_S, _E),
)

CLIENT = Client(
    Platform.OPENSSL,
    linking=LINKING,
    rules=(KEY_IN_TLS, *BEFORE_NAME, *AFTER_NAME, _NAME, _NO_ISSUER),
    known_from="OpenSSL 3.0.19 with curl 7.88.1",
)
