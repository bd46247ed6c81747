"""Mbed TLS with its default profile, as ESP32 devices use it.

A critical extension that it does not know cannot even be read, and name constraints are such
a one (MBD-01). Not critical ones it passes over. Order: mbedtls_x509_crt_verify_restartable
in library/x509_crt.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import KeyKind, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import LeafAsRoot, Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.platforms.facts import Key

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_CRT = "Mbed TLS library/x509_crt.c"
_MEASURED = "measured with Mbed TLS 2.28.8"
_EVERYWHERE = (*ALL, Tier.SELF_SIGNED)

_KNOWN = frozenset(
    {
        Oid.BASIC_CONSTRAINTS,
        Oid.KEY_USAGE,
        Oid.EXTENDED_KEY_USAGE,
        Oid.SUBJECT_ALT_NAME,
        Oid.NETSCAPE_CERT_TYPE,
        Oid.CERTIFICATE_POLICIES,
    }
)


def _unreadable_key(key: Key) -> bool:
    return key.kind not in (KeyKind.RSA, KeyKind.EC) or (key.kind is KeyKind.EC and not key.bits)


def _everything_read(seen: Seen) -> Iterator[Said]:
    """The root and all that was sent are read before anything is judged."""
    for each in dict.fromkeys((*seen.chain, *([] if seen.root is None else [seen.root]))):
        who = seen.called(each)
        for extension in each.extensions:
            if extension.critical and extension.oid not in _KNOWN:
                yield Said(
                    f"{who} has a critical extension that is not known here:"
                    f" {checks.extension_name(extension.oid)}"
                )


_RULES = (
    Rule(
        "MBD-01",
        "A critical extension that Mbed TLS does not know: name constraints, AKI and SKI included",
        _EVERYWHERE,
        _everything_read,
        error="-0x2562: X509 - The extension tag or value is invalid : ASN1 - ASN1 tag was of an"
        " unexpected value",
        fix="make the constraints of root and issuing CA not critical; all others enforce them"
        " all the same",
        source=f"{_CRT} x509_get_crt_ext; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-03.unreadable",
        "An extension that is there twice, or does not hold what it should",
        _EVERYWHERE,
        lambda seen: (*checks.duplicated()(seen), *checks.malformed(only=_KNOWN)(seen)),
        error="-0x2500: X509 - The extension tag or value is invalid",
        fix=checks.MADE_ANEW,
        source=f"{_CRT} x509_get_crt_ext",
        evidence=(_S,),
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
        "MBD-02.ca",
        "An issuer of version 3 that is no CA, or whose keyUsage is without keyCertSign",
        ABOVE,
        checks.no_ca(ABOVE, v1=True),
        error="The certificate is not correctly signed by the trusted CA",
        fix=checks.CA_AS_ROOT,
        source=f"{_CRT} x509_crt_check_parent; {_MEASURED}",
        evidence=(_S, _E),
    ),
    Rule(
        "MBD-02.path-length",
        "More issuing CAs than a pathLen allows, the root's included",
        ABOVE,
        checks.path_length(),
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
    linking=Linking(names=Names.NORMALISED, leaf_as_root=LeafAsRoot.SELF_SIGNED),
    rules=_RULES,
    known_from="Mbed TLS 2.28.8",
)
