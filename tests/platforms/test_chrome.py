"""Chrome's rules, each on both sides of its line; the engine itself is asked in tests/engines.

Of the entries of PLATFORMS.md that say that something is accepted (CHR-04, CHR-11, CHR-23) there
is a vector here and no rule.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.platforms.model import Platform, Severity, Verdict
from tests.platforms.making import (
    A_DAY,
    ANY_USAGE,
    CLIENT_ONLY,
    NOW,
    SERVER,
    Chain,
    Change,
    a_chain,
    a_root,
    a_self_signed,
    accepted,
    constrained,
    made,
    rejected,
)

CHROME = Platform.CHROME
AN_HOUR = timedelta(hours=1)
UNKNOWN = [("1.2.3.4", True, b"\x05\0")]


def by_chrome(chain: Chain, name: str = "ha.lan") -> Verdict:
    return chain.by(CHROME, name)


@pytest.mark.parametrize("tiers", [2, 3])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
def test_a_sound_chain_is_accepted(tiers: int, name: str) -> None:
    accepted(by_chrome(a_chain(tiers=tiers), name))


REJECTED: list[tuple[str, str, Change]] = [
    ("CHR-02", "ERR_CERT_COMMON_NAME_INVALID", {"leaf": {"san": None}}),
    ("CHR-02", "ERR_CERT_COMMON_NAME_INVALID", {"leaf": {"san": ["nas.lan"]}}),
    ("CHR-05", "ERR_CERT_DATE_INVALID", {"leaf": {"end": NOW - AN_HOUR}}),
    ("CHR-05", "ERR_CERT_DATE_INVALID", {"leaf": {"begin": NOW + A_DAY}}),
    ("CHR-05", "ERR_CERT_DATE_INVALID", {"issuing": {"end": NOW - AN_HOUR}}),
    ("CHR-05", "ERR_CERT_DATE_INVALID", {"root": {"end": NOW - AN_HOUR}}),
    ("CHR-07", "ERR_CERT_INVALID", {"root": {"constraints": constrained("local")}}),
    ("CHR-07", "ERR_CERT_INVALID", {"issuing": {"constraints": constrained("local")}}),
    ("CHR-07", "ERR_CERT_INVALID", {"root": {"constraints": constrained(excluded=["lan"])}}),
    ("CHR-07", "ERR_CERT_INVALID", {"root": {"constraints": constrained("10.0.0.0/8")}}),
    ("CHR-09", "ERR_CERT_INVALID", {"leaf": {"usages": CLIENT_ONLY}}),
    ("CHR-09", "ERR_CERT_INVALID", {"issuing": {"usages": CLIENT_ONLY}}),
    ("CHR-09", "ERR_CERT_INVALID", {"root": {"usages": CLIENT_ONLY}}),
    ("CHR-10", "ERR_SSL_KEY_USAGE_INCOMPATIBLE", {"leaf": {"uses": "key_agreement"}}),
    (
        "CHR-10",
        "ERR_SSL_KEY_USAGE_INCOMPATIBLE",
        {"leaf": {"uses": "key_encipherment", "key": "rsa2048"}},
    ),
    ("CHR-13", "ERR_CERT_INVALID", {"root": {"uses": "crl_sign"}}),
    ("CHR-13", "ERR_CERT_INVALID", {"root": {"ca": False}}),
    ("CHR-13.path-length", "ERR_CERT_INVALID", {"root": {"path_length": 0}}),
    ("CHR-13.issuing", "ERR_CERT_INVALID", {"issuing": {"ca": None}}),
    ("CHR-13.issuing", "ERR_CERT_INVALID", {"issuing": {"uses": "crl_sign"}}),
    ("CHR-22", "ERR_CERT_INVALID", {"root": {"more": UNKNOWN}}),
    ("CHR-22", "ERR_CERT_INVALID", {"leaf": {"more": UNKNOWN}}),
    ("CHR-22", "ERR_CERT_INVALID", {"leaf": {"aki_critical": True}}),
    ("CHR-22", "ERR_CERT_INVALID", {"leaf": {"ski_critical": True}}),
    (
        "CHR-22.policy",
        "ERR_CERT_INVALID",
        {"issuing": {"more": [("2.5.29.36", True, bytes.fromhex("3003800100"))]}},
    ),
    (
        "CHR-22.issuer",
        "ERR_CERT_AUTHORITY_INVALID",
        {"issuing": {"more": [("2.5.29.30", False, b"\x05\0")]}},
    ),
    (
        "CHR-22.leaf",
        "ERR_CERT_INVALID",
        {"leaf": {"more": [("2.5.29.30", False, b"\x05\0")]}},
    ),
    ("CHR-18", "ERR_CERT_INVALID", {"leaf": {"digest": hashes.SHA1()}}),
    ("CHR-18", "ERR_CERT_INVALID", {"issuing": {"digest": hashes.SHA1()}}),
    ("CHR-19", "ERR_CERT_WEAK_KEY", {"leaf": {"key": "rsa768"}}),
    ("CHR-20.tls", "ERR_SSL_VERSION_OR_CIPHER_MISMATCH", {"leaf": {"key": "p521"}}),
    ("CHR-20.tls", "ERR_SSL_VERSION_OR_CIPHER_MISMATCH", {"leaf": {"key": "ed25519"}}),
    ("CHR-20.tls", "ERR_SSL_VERSION_OR_CIPHER_MISMATCH", {"leaf": {"key": "k256"}}),
    ("CHR-20.path", "ERR_CERT_INVALID", {"root": {"key": "brainpool"}}),
    ("CHR-21", "ERR_CERT_INVALID", {"leaf": {"subject": None}}),
]
ACCEPTED: list[tuple[str, Change]] = [
    ("CHR-04: extra SANs", {"leaf": {"san": ["ha.lan", "HA.x.", "my_nas.lan", "*.lan"]}}),
    ("CHR-06: ten years", {"leaf": {"end": NOW + 3650 * A_DAY}}),
    ("CHR-07: permitted", {"root": {"constraints": constrained("lan", "192.168.0.0/16")}}),
    ("CHR-09: any usage", {"leaf": {"usages": ANY_USAGE}}),
    ("CHR-09: none", {"leaf": {"usages": None}}),
    (
        "CHR-09: OCSPSigning, too",
        {"leaf": {"usages": (*SERVER, ExtendedKeyUsageOID.OCSP_SIGNING)}},
    ),
    ("CHR-09: an issuing CA for any usage", {"issuing": {"usages": ANY_USAGE}}),
    ("CHR-10: no keyUsage", {"leaf": {"uses": None}}),
    ("CHR-11: a CA as leaf", {"leaf": {"ca": True}}),
    ("CHR-11: keyCertSign", {"leaf": {"uses": "digital_signature key_cert_sign"}}),
    ("CHR-12: no keyUsage", {"root": {"uses": None}}),
    ("CHR-12: no SKI", {"root": {"ski": False}}),
    ("CHR-12: no basicConstraints", {"root": {"ca": None}}),
    ("CHR-12: not critical", {"root": {"ca_critical": False}}),
    ("CHR-12: empty DN", {"root": {"subject": None}}),
    ("CHR-13: pathLen is enough", {"root": {"path_length": 1}}),
    ("CHR-18: the root's own", {"root": {"digest": hashes.SHA1()}}),
    ("CHR-19: RSA 1024", {"leaf": {"key": "rsa1024"}}),
    ("CHR-20: a root of P-521", {"root": {"key": "p521"}}),
    ("CHR-21: a critical SAN", {"leaf": {"subject": None, "san_critical": True}}),
    ("CHR-22: not critical", {"leaf": {"more": [("1.2.3.4", False, b"\x05\0")]}}),
    ("CHR-23: no AKI", {"leaf": {"aki": None}}),
    (
        "CHR-23: another AKI",
        {"leaf": {"aki": x509.AuthorityKeyIdentifier(b"another key", None, None)}},
    ),
    ("CHR-23: a long serial", {"leaf": {"serial": 1 << 158}}),
]


@pytest.mark.parametrize(("rule", "error", "change"), REJECTED)
def test_each_rule_speaks_on_the_one_side(rule: str, error: str, change: Change) -> None:
    verdict = by_chrome(a_chain(**change))
    rejected(verdict, rule)
    assert verdict.error == error


@pytest.mark.parametrize(
    "change", [each[1] for each in ACCEPTED], ids=[each[0] for each in ACCEPTED]
)
def test_and_is_silent_on_the_other(change: Change) -> None:
    accepted(by_chrome(a_chain(**change)))


WILDCARDS: list[tuple[str, str, bool]] = [
    ("*.local", "ha.local", False),
    ("*.lan", "ha.lan", False),
    ("*.internal", "ha.internal", False),
    ("*.home.arpa", "ha.home.arpa", False),
    ("*.co.uk", "ha.co.uk", False),
    ("*.home.lan", "ha.home.lan", True),
    ("*.house.home.arpa", "ha.house.home.arpa", True),
    ("*.duckdns.org", "ha.duckdns.org", True),
    ("*.x.ts.net", "ha.x.ts.net", True),
    ("*.home.lan", "a.b.home.lan", False),
    ("*.home.lan.", "ha.home.lan", True),
]


@pytest.mark.parametrize(("entry", "asked", "passes"), WILDCARDS)
def test_no_wildcard_right_under_a_registry(entry: str, asked: str, passes: bool) -> None:
    """CHR-03: the Public Suffix List's ICANN part, and every single label."""
    verdict = by_chrome(a_chain(leaf={"san": [entry]}), asked)
    accepted(verdict) if passes else rejected(verdict, "CHR-02")
    warned = [each.rule for each in verdict.findings if each.severity is Severity.WARNING]
    is_registry = not passes and asked.count(".") == entry.count(".")
    assert ("CHR-03" in warned) is is_registry


def test_a_missing_issuing_ca_and_no_root_are_told_alike() -> None:
    whole = a_chain()
    for chain in (Chain(whole.sent[:1], whole.root), Chain(whole.sent, None)):
        verdict = by_chrome(chain)
        rejected(verdict, "CHR-01")
        assert verdict.error == "ERR_CERT_AUTHORITY_INVALID"


def test_a_self_signed_leaf_must_be_fit_to_be_a_root() -> None:
    """CHR-14: as `C,,`, which is how guides import it."""
    rejected(by_chrome(a_self_signed()), "CHR-14")
    rejected(by_chrome(a_self_signed(ca=True)), "CHR-14")  # keyUsage without keyCertSign
    accepted(by_chrome(a_self_signed(ca=True, uses="digital_signature key_cert_sign")))
    accepted(by_chrome(a_self_signed(ca=True, uses=None)))


def test_a_leaf_of_a_ca_is_no_root() -> None:
    """CHR-15."""
    leaf = made(by=a_root())
    rejected(by_chrome(Chain((leaf.der,), leaf.der)), "CHR-01")


def test_names_written_otherwise_matter_under_the_root_only() -> None:
    """CHR-24: NSS looks for bytes, BoringSSL compares normalised."""
    capitals = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "THE ROOT")])
    verdict = by_chrome(a_chain(issuing={"issuer": capitals}))
    rejected(verdict, "CHR-24")
    assert verdict.error == "ERR_CERT_AUTHORITY_INVALID"
    below = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "THE ISSUING CA")])
    accepted(by_chrome(a_chain(leaf={"issuer": below})))


@pytest.mark.parametrize(
    ("san", "passes"),
    [
        (["ha.lan", "dns:192.168.1.5"], False),
        (["ha.lan", "nas.lan."], True),
        (["ha.lan", "*.lan"], True),
        (["ha.lan", "my_nas.lan"], True),
    ],
)
def test_which_odd_names_pass_under_constraints(san: list[str], passes: bool) -> None:
    """CHR-08: an address written as a DNS name is outside of every DNS constraint."""
    house: Change = {"constraints": constrained("lan", "192.168.0.0/16")}
    verdict = by_chrome(a_chain(root=house, leaf={"san": san}))
    accepted(verdict) if passes else rejected(verdict, "CHR-07")


def test_a_wildcard_is_excluded_where_a_name_that_it_stands_for_is() -> None:
    """WILDCARD_PARTIAL_MATCH of pki/name_constraints.cc, measured."""
    chain = a_chain(
        root={"constraints": constrained(excluded=["ha.house.lan"])},
        leaf={"san": ["*.house.lan"]},
    )
    rejected(by_chrome(chain, "nas.house.lan"), "CHR-07")


def test_a_wrong_date_is_told_before_what_only_makes_it_invalid() -> None:
    """MapPathBuilderErrorsToCertStatus sets ERR_CERT_INVALID only where nothing else is set."""
    dated = {"usages": CLIENT_ONLY, "end": NOW - AN_HOUR}
    assert by_chrome(a_chain(leaf=dated)).error == "ERR_CERT_DATE_INVALID"


def test_what_macos_does_otherwise_is_a_warning() -> None:
    """CHR-12: WithRequireAnchorBasicConstraints of trust_store_mac.cc."""
    verdict = by_chrome(a_chain(root={"ca": None}))
    accepted(verdict)
    spoke = {each.rule: each.severity for each in verdict.findings}
    assert spoke == {"CHR-12.macos": Severity.WARNING}


def test_a_long_life_is_told_to_be_fine() -> None:
    """CHR-06: HasTooLongValidity is of known roots only."""
    for days, speaks in ((398, False), (400, True)):
        verdict = by_chrome(a_chain(leaf={"begin": NOW, "end": NOW + days * A_DAY}))
        accepted(verdict)
        assert [each.rule for each in verdict.findings] == (["CHR-06"] if speaks else [])
