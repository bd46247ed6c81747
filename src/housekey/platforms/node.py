"""Node: OpenSSL with Node's own comparison of names (lib/tls.js, checkServerIdentity).

No PARTIAL_CHAIN: the root must be one that signed itself (OSL-09).
"""

from __future__ import annotations

from dataclasses import replace

from housekey.platforms import checks, openssl
from housekey.platforms.hostnames import CommonName, Matching
from housekey.platforms.model import Platform
from housekey.platforms.path import Linking, Names
from housekey.platforms.rule import Client, Evidence, Rule, Tier

_S, _E = Evidence.SOURCE, Evidence.EXECUTED


def _compares(entry: str, host: str) -> bool:
    """`check` in lib/tls.js: one star in the first label, which may have other letters."""
    pattern, labels = entry.removesuffix(".").split("."), host.split(".")
    if len(pattern) != len(labels) or "" in pattern or pattern[1:] != labels[1:]:
        return False
    if not all("!" <= character <= "\x7f" for character in entry):
        return False
    first = pattern[0]
    if "*" not in first or "xn--" in first:
        return first == labels[0]
    if first.count("*") > 1 or len(pattern) <= 2:
        return False
    before, _, after = first.partition("*")
    return (
        len(before) + len(after) <= len(labels[0])
        and labels[0].startswith(before)
        and labels[0].endswith(after)
    )


_ERRORS = {
    "OSL-01": "unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)",
    "OSL-02": "self-signed certificate (DEPTH_ZERO_SELF_SIGNED_CERT)",
    "OSL-04": "unsuitable certificate purpose (INVALID_PURPOSE)",
    "OSL-05": "unsuitable certificate purpose (INVALID_PURPOSE)",
    "OSL-11": "invalid CA certificate (INVALID_CA)",
    "OSL-12": "path length constraint exceeded (PATH_LENGTH_EXCEEDED)",
    "OSL-13": "certificate has expired (CERT_HAS_EXPIRED)",
}

_NAME = Rule(
    "OSL-07.node",
    "The name is not in the SAN; the CN counts only where the SAN has no DNS name",
    (Tier.LEAF, Tier.SELF_SIGNED),
    checks.name_asked(
        Matching(
            common_name=CommonName.WITHOUT_DNS_NAMES, host_without_dot=True, compares=_compares
        )
    ),
    error="Hostname/IP does not match certificate's altnames (ERR_TLS_CERT_ALTNAME_INVALID)",
    fix=checks.NAME_IN_SAN,
    source="Node lib/tls.js checkServerIdentity; measured with Node 20",
    evidence=(_S, _E),
)

CLIENT = Client(
    Platform.NODE,
    linking=Linking(
        names=Names.NORMALISED,
        key_id=True,
        issuer_and_serial=True,
        takes_the_first=True,
        root_must_be_self_issued=True,
    ),
    rules=(
        *(
            replace(rule, error=_ERRORS.get(rule.id, rule.error))
            for rule in (openssl.KEY_IN_TLS, *openssl.BEFORE_NAME, *openssl.AFTER_NAME)
        ),
        _NAME,
    ),
    known_from="Node 20.20.2",
)
