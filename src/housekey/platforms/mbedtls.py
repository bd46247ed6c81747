"""Mbed TLS with its default profile, as ESP32 devices use it.

A critical extension that it does not know cannot even be read, and name constraints are such
a one (MBD-01). Not critical ones it passes over. Order: mbedtls_x509_crt_verify_restartable
in library/x509_crt.c.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from housekey.pki import der
from housekey.platforms import checks
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import BasicConstraints, KeyKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import LeafAsRoot, Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Facts, Key

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_CRT = "Mbed TLS library/x509_crt.c"
_MEASURED = "measured with Mbed TLS 2.28.8"
_EVERYWHERE = (*ALL, Tier.SELF_SIGNED)

_ANY_POLICY = "2.5.29.32.0"
_KNOWN = frozenset(
    {
        Oid.BASIC_CONSTRAINTS,
        Oid.KEY_USAGE,
        Oid.EXTENDED_KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.NETSCAPE_CERT_TYPE,
        Oid.CERTIFICATE_POLICIES,  # if none but "any policy" is in it
    }
)


def _unreadable_key(key: Key) -> bool:
    return key.kind not in (KeyKind.RSA, KeyKind.EC) or (key.kind is KeyKind.EC and not key.bits)


def _unknown_critical(each: Facts) -> Iterator[str]:
    for extension in each.extensions:
        if extension.critical and (
            extension.oid not in _KNOWN
            or (extension.oid == Oid.CERTIFICATE_POLICIES and _names_a_policy(extension.value))
        ):
            what = checks.extension_name(extension.oid)
            yield f"has a critical extension that is not known here: {what}"


def _names_a_policy(value: bytes) -> bool:
    try:
        policies = der.only(value, der.SEQUENCE).parts()
        return any(der.dotted(each.parts()[0].body) != _ANY_POLICY for each in policies)
    except (ValueError, IndexError):
        return True  # what cannot be read is refused, too


def _unparsable(each: Facts) -> Iterator[str]:
    yield from checks.version_above_3(each)
    yield from checks.doubled(each, only=_KNOWN)
    yield from checks.broken(each, only=_KNOWN)
    yield from checks.two_algorithms(each)
    yield from checks.extensions_before_version_3(each)
    if each.issuer.is_empty:
        yield "has an empty issuer"
    if each.extended_key_usage == ():
        yield "has an empty extendedKeyUsage"


def _reads(facts: Facts) -> Facts:
    """x509_get_basic_constraints takes a pathLen without CA:TRUE for an old way to say CA."""
    found = facts.basic_constraints
    if found is None or found.ca or not found.path_length:
        return facts
    return replace(facts, basic_constraints=BasicConstraints(ca=True, path_length=None))


def _path_length(seen: Seen) -> Iterator[Said]:
    """Of CAs that signed themselves all but the last before this one are not counted."""
    for at, each in enumerate(seen.issuers):
        limit = each.basic_constraints.path_length if each.basic_constraints else None
        below = at - sum(each.is_self_issued for each in seen.issuers[: max(at - 1, 0)])
        if limit is not None and limit < below:
            yield Said(
                f"{seen.called(each)} allows {limit} issuing CAs below it (pathLen),"
                f" and there are {below}"
            )


_RULES = (
    Rule(
        "MBD-01",
        "A critical extension that Mbed TLS does not know: name constraints, AKI and SKI included",
        _EVERYWHERE,
        checks.unreadable(_unknown_critical),
        error="-0x2562: X509 - The extension tag or value is invalid : ASN1 - ASN1 tag was of an"
        " unexpected value",
        fix="make the constraints of root and issuing CA not critical; all others enforce them"
        " all the same",
        source=f"{_CRT} x509_get_crt_ext; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-03.unreadable",
        "An extension that is there twice or before version 3, or does not hold what it should; two"
        " different signature algorithms; an empty issuer",
        _EVERYWHERE,
        checks.unreadable(_unparsable),
        error="-0x2500: X509 - The extension tag or value is invalid",
        fix=checks.MADE_ANEW,
        source=f"{_CRT} x509_crt_parse_der_core; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.kind",
        "A key that is neither RSA nor EC on a known curve: Ed25519",
        _EVERYWHERE,
        checks.keys(_unreadable_key, _EVERYWHERE, what="is of a kind that is not known here"),
        error="-0x262E: X509 - Signature algorithm (oid) is unsupported",
        fix=checks.NEW_KEY,
        source=f"Mbed TLS library/pkparse.c; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.weak",
        "RSA below 2048 bits, on any certificate",
        _EVERYWHERE,
        checks.keys(checks.rsa_below(2048), _EVERYWHERE),
        error="The certificate is signed with an unacceptable key (eg bad curve, RSA too short).",
        fix=checks.NEW_KEY,
        source=f"{_CRT} mbedtls_x509_crt_profile_default; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.hash",
        "A signature over SHA-1 or MD5, below the root",
        (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED),
        checks.hashes(
            ("sha1", "md5", "md2", "unknown"), (Tier.LEAF, Tier.ISSUING, Tier.SELF_SIGNED)
        ),
        error="The certificate is signed with an unacceptable hash.",
        fix=checks.SIGN_AGAIN,
        source=f"{_CRT} mbedtls_x509_crt_profile_default; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-03.path",
        "No path to the root: it or an issuing CA is missing; a leaf can be trusted by itself only"
        " if it signed itself",
        ALL,
        checks.untrusted(),
        error="The certificate is not correctly signed by the trusted CA",
        fix=checks.SEND_THE_PATH,
        source=f"{_CRT} x509_crt_find_parent, x509_crt_check_ee_locally_trusted",
        evidence=(_S,),
    ),
    Rule(
        "MBD-03.signature",
        "A signature that does not hold; of what was sent the first issuer by name is taken, and"
        " no other one is tried",
        (Tier.LEAF, Tier.ISSUING),
        checks.signed_otherwise,
        error="The certificate is not correctly signed by the trusted CA",
        fix=checks.SEND_THE_SIGNER,
        source=f"{_CRT} x509_crt_find_parent_in; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.ca",
        "An issuer of version 3 that is no CA, or whose keyUsage is without keyCertSign",
        ABOVE,
        lambda seen: (
            *checks.no_ca((Tier.ISSUING,))(seen),
            *checks.no_ca((Tier.ROOT,), v1=True)(seen),
        ),
        error="The certificate is not correctly signed by the trusted CA",
        fix=checks.CA_AS_ROOT,
        source=f"{_CRT} x509_crt_check_parent; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.path-length",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        _path_length,
        error="The certificate is not correctly signed by the trusted CA",
        fix=checks.SHORTER_PATH,
        source=f"{_CRT} x509_crt_find_parent_in; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-03.time",
        "Before the beginning or after the end of any certificate of the path",
        _EVERYWHERE,
        checks.times(_EVERYWHERE, early="The certificate validity starts in the future"),
        error="The certificate validity has expired",
        fix=checks.RENEW,
        source=f"{_CRT} x509_crt_verify_chain",
        evidence=(_S,),
    ),
    Rule(
        "MBD-03.key-usage",
        "A leaf whose keyUsage is without digitalSignature",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.leaf_usage(Usage.DIGITAL_SIGNATURE),
        error="Usage does not match the keyUsage extension",
        fix=checks.DIGITAL_SIGNATURE,
        source="Mbed TLS library/ssl_tls.c mbedtls_ssl_check_cert_usage",
        evidence=(_S,),
    ),
    Rule(
        "MBD-02.usage",
        "A leaf's extendedKeyUsage without serverAuth; any usage is enough, and the root's and the"
        " issuing CA's are not looked at",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.extended_usage(
            (Tier.LEAF, Tier.SELF_SIGNED), enough=(Oid.SERVER_AUTH, Oid.ANY_USAGE)
        ),
        error="Usage does not match the extendedKeyUsage extension",
        fix=checks.SERVER_AUTH,
        source=f"Mbed TLS library/ssl_tls.c mbedtls_ssl_check_cert_usage; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.name",
        "The name is not among the SAN's DNS names, and the CN counts only without a SAN; an"
        " address is compared as text, iPAddress entries only from Mbed TLS 3 on",
        (Tier.LEAF, Tier.SELF_SIGNED),
        checks.name_asked(
            Matching(
                common_name=CommonName.WITHOUT_SAN,
                address_in_common_name=True,
                address_as_text=True,
                addresses=False,
                wildcard_dots=1,
            )
        ),
        error="The certificate Common Name (CN) does not match with the expected CN",
        fix="let the device connect to a DNS name that is in the leaf's SAN",
        source=f"{_CRT} x509_crt_verify_name; {_MEASURED}",
        evidence=(_S, _E),
    ),
)

CLIENT = Client(
    Platform.MBEDTLS,
    linking=Linking(
        names=Names.FOLDED,
        leaf_as_root=LeafAsRoot.SELF_SIGNED,
        takes_the_first=True,
        root_by_signature=True,
        later_only=True,
    ),
    rules=_RULES,
    reads=_reads,
    known_from="Mbed TLS 2.28.8",
)
