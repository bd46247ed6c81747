"""Python from 3.13 on: OpenSSL with VERIFY_X509_STRICT and VERIFY_X509_PARTIAL_CHAIN.

Home Assistant as a client is this platform, too (HA-03). The strict rules are those of
check_extensions in crypto/x509/x509_vfy.c; they are not asked of a leaf that is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.platforms import checks, openssl
from housekey.platforms.checks import ABOVE, ALL
from housekey.platforms.facts import Facts, Oid, Usage
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.rule import Client, Evidence, Rule, Said, Seen, Tier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from housekey.platforms.rule import Check

_S, _E = Evidence.SOURCE, Evidence.EXECUTED
_SOURCE = "OpenSSL crypto/x509/x509_vfy.c check_extensions; measured with OpenSSL 3.0.19"
_SINCE = "Python 3.13"


def _strict(finds: Callable[[Facts], str], *, not_last: bool = False) -> Check:
    """Of every certificate of a path of two or more, what `finds` says is wrong with it."""

    def check(seen: Seen) -> Iterator[Said]:
        if len(seen.path) < 2:
            return
        for each in seen.path[:-1] if not_last else seen.path:
            wrong = finds(each)
            if wrong:
                yield Said(f"{seen.called(each)} {wrong}")

    return check


def _no_key_id_of_issuer(each: Facts) -> str:
    has = each.authority_key is not None and each.authority_key.key_id is not None
    return "" if has or each.version < 3 else "has no AKI with a key identifier"


def _no_own_key_id(each: Facts) -> str:
    wrong = each.is_ca and each.subject_key_id is None and each.version >= 3
    return "has no SKI" if wrong else ""


def _not_critical(each: Facts) -> str:
    wrong = each.is_ca and not each.critical(Oid.BASIC_CONSTRAINTS)
    return "has basicConstraints that are not critical" if wrong else ""


def _no_usage(each: Facts) -> str:
    return "is a CA without keyUsage" if each.is_ca and each.key_usage is None else ""


def _no_ca(seen: Seen) -> Iterator[Said]:
    """check_ca may say "perhaps" (v1, or keyUsage alone); strict mode takes yes or no only."""
    leaf = seen.leaf
    if leaf.basic_constraints is None and leaf.may(Usage.KEY_CERT_SIGN):
        if leaf.version == 1 and openssl.is_self_signed(leaf):
            yield Said(f"the leaf is of version {leaf.version} and looks like a root")
        elif leaf.key_usage is not None:
            yield Said("the leaf may sign certificates, and does not say whether it is a CA")
    for each in seen.issuers:
        if each.basic_constraints is None:
            yield Said(f"{seen.called(each)} does not say that it is a CA (basicConstraints)")


def _signs_without_being_ca(each: Facts) -> str:
    signs = each.key_usage is not None and Usage.KEY_CERT_SIGN in each.key_usage
    return "may sign certificates (keyUsage) and is no CA" if signs and not each.is_ca else ""


def _path_length_of_no_ca(each: Facts) -> str:
    found = each.basic_constraints
    wrong = found is not None and not found.ca and found.path_length is not None
    return "has a pathLen and is no CA" if wrong else ""


def _nameless(seen: Seen) -> Iterator[Said]:
    if len(seen.path) < 2:
        return
    for each in seen.path:
        who = seen.called(each)
        if each.issuer.is_empty:
            yield Said(f"{who} has an empty issuer", "Issuer name empty")
        if each.subject.is_empty:
            signs_lists = each.key_usage is not None and Usage.CRL_SIGN in each.key_usage
            if each.is_ca or signs_lists or each.san is None:
                yield Said(f"{who} has an empty subject", "Subject empty")
            elif not each.critical(Oid.SUBJECT_ALT_NAME):
                yield Said(
                    f"{who} has an empty subject and a SAN that is not critical",
                    "Subject empty and Subject Alt Name extension not critical",
                )
        if each.san == ():
            yield Said(f"{who} has an empty SAN", "Empty subject alternative name extension")


def _algorithms_differ(each: Facts) -> str:
    return "" if each.signatures_agree else "names two different signature algorithms"


def _extensions_before_v3(each: Facts) -> str:
    wrong = each.version < 3 and each.extensions
    return f"is of version {each.version} and has extensions" if wrong else ""


_STRICT = (
    Rule(
        "PY-05",
        "A root or issuing CA without basicConstraints, or a leaf that only looks like a CA",
        (*ALL, Tier.SELF_SIGNED),
        _no_ca,
        error="invalid CA certificate",
        fix="make a new root with basicConstraints CA:TRUE, critical",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-07",
        "A pathLen on a certificate that is no CA",
        ALL,
        _strict(_path_length_of_no_ca),
        error="Path length invalid for non-CA cert",
        fix="have it made without a pathLen",
        source=_SOURCE,
        evidence=(_S,),
        since=_SINCE,
    ),
    Rule(
        "PY-03",
        "A CA's basicConstraints that are not critical",
        ABOVE,
        _strict(_not_critical),
        error="Basic Constraints of CA cert not marked critical",
        fix="make a new root with basicConstraints critical",
        source=_SOURCE + "; dropped in OpenSSL's newest sources",
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-04",
        "A CA without keyUsage",
        ABOVE,
        _strict(_no_usage),
        error="CA cert does not include key usage extension",
        fix="make a new root with keyUsage keyCertSign and cRLSign",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-06",
        "keyUsage keyCertSign on a certificate that is no CA",
        ALL,
        _strict(_signs_without_being_ca),
        error="Key usage keyCertSign invalid for non-CA cert",
        fix="have the leaf made with keyUsage digitalSignature only",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-08",
        "An empty issuer, an empty subject without a critical SAN, or an empty SAN",
        ALL,
        _nameless,
        error="Subject empty and Subject Alt Name extension not critical",
        fix=checks.A_SUBJECT,
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-10.algorithm",
        "A certificate that names two different signature algorithms",
        ALL,
        _strict(_algorithms_differ),
        error="Subject signature algorithm and issuer public key algorithm mismatch",
        fix=checks.MADE_ANEW,
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-01",
        "A certificate below the root without the issuer's key identifier (AKI)",
        (Tier.LEAF, Tier.ISSUING),
        _strict(_no_key_id_of_issuer, not_last=True),
        error="Missing Authority Key Identifier",
        fix="have it made with an AKI that holds the issuer's key identifier",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-02",
        "A CA without its own key identifier (SKI)",
        ABOVE,
        _strict(_no_own_key_id),
        error="Missing Subject Key Identifier",
        fix="make a new root with an SKI",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
    Rule(
        "PY-10.version",
        "Extensions in a certificate of version 1 or 2",
        ALL,
        _strict(_extensions_before_v3),
        error="Extensions require version 3",
        fix="ask for a certificate of version 3",
        source=_SOURCE,
        evidence=(_S, _E),
        since=_SINCE,
    ),
)

_NAME = Rule(
    "OSL-07",
    "The name is not in the SAN; the CN counts only where the SAN has no DNS name",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.name_asked(
        # OSL-08: dots at the end are compared, both those of an entry and of the name asked.
        Matching(common_name=CommonName.WITHOUT_DNS_NAMES, wildcard_of_ldh=True),
        address="IP address mismatch, certificate is not valid for '{name}'.",
    ),
    error="Hostname mismatch, certificate is not valid for '{name}'.",
    fix=checks.NAME_IN_SAN,
    source="OpenSSL crypto/x509/v3_utl.c do_x509_check, valid_star; Python Modules/_ssl.c;"
    " measured with OpenSSL 3.0.19",
    evidence=(_S, _E),
)

CLIENT = Client(
    Platform.PYTHON,
    linking=openssl.LINKING,
    rules=(
        openssl.KEY_IN_TLS,
        *openssl.BUILDING,
        *_STRICT,
        *openssl.PURPOSE,
        _NAME,
        *openssl.AFTER_NAME,
    ),
    known_from="Python's ssl with 3.13's flags on OpenSSL 3.0.19",
)
