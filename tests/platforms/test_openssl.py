"""OpenSSL's and Python's rules, each on both sides of its line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from housekey.platforms.model import Platform
from tests.platforms.making import (
    A_DAY,
    ANY_USAGE,
    CLIENT_ONLY,
    NOW,
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

OPENSSL, PYTHON = Platform.OPENSSL, Platform.PYTHON
BOTH = pytest.mark.parametrize("platform", [OPENSSL, PYTHON])


@BOTH
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
@pytest.mark.parametrize("tiers", [2, 3])
def test_a_sound_chain_is_accepted(platform: Platform, name: str, tiers: int) -> None:
    accepted(a_chain(tiers=tiers).by(platform, name))


@BOTH
def test_a_trusted_self_signed_leaf_is_accepted(platform: Platform) -> None:
    accepted(a_self_signed().by(platform))


@BOTH
def test_a_missing_issuing_ca_is_told_by_its_name(platform: Platform) -> None:
    whole = a_chain()
    verdict = Chain(whole.sent[:1], whole.root).by(platform)
    rejected(verdict, "OSL-01")
    assert verdict.error == "unable to get local issuer certificate"
    assert any("The issuing CA" in each.message for each in verdict.findings)


@BOTH
def test_the_order_of_the_chain_does_not_matter(platform: Platform) -> None:
    """The rest of what is sent may stand in any order, and stand there twice."""
    whole = a_chain(issuing={})
    leaf, issuing = whole.sent
    assert whole.root is not None
    accepted(Chain((leaf, whole.root, issuing, issuing), whole.root).by(platform))


@BOTH
@pytest.mark.parametrize(
    "aki",
    [
        x509.AuthorityKeyIdentifier(b"another key", None, None),
        x509.AuthorityKeyIdentifier(
            None, [x509.DirectoryName(x509.Name([]))], 12345678901234567890
        ),
    ],
    ids=["key id", "issuer and serial"],
)
def test_an_aki_of_another_issuer_breaks_the_path(
    platform: Platform, aki: x509.AuthorityKeyIdentifier
) -> None:
    rejected(a_chain(leaf={"aki": aki}).by(platform), "OSL-01")


REJECTED: list[tuple[str, Change]] = [
    ("OSL-04", {"leaf": {"usages": CLIENT_ONLY}}),
    ("OSL-04", {"leaf": {"usages": ANY_USAGE}}),
    ("OSL-04", {"issuing": {"usages": CLIENT_ONLY}}),
    ("OSL-04", {"root": {"usages": ANY_USAGE}}),
    ("OSL-05", {"leaf": {"uses": "content_commitment"}}),
    ("OSL-06.leaf-key", {"leaf": {"key": "rsa1024"}}),
    ("OSL-06.ca-key", {"root": {"key": "rsa1024"}}),
    ("OSL-06.signature", {"leaf": {"digest": hashes.SHA1()}}),
    ("OSL-11", {"root": {"ca": False, "uses": None}}),
    ("OSL-11", {"root": {"uses": "digital_signature crl_sign"}}),
    ("OSL-12", {"root": {"path_length": 0}}),
    ("OSL-13", {"leaf": {"end": NOW - timedelta(hours=1)}}),
    ("OSL-13", {"root": {"end": NOW - timedelta(hours=1)}}),
    ("OSL-13", {"leaf": {"begin": NOW + A_DAY}}),
    ("OSL-14", {"leaf": {"more": [("1.2.3.4", True, b"\x05\0")]}}),
    ("OSL-14", {"leaf": {"aki_critical": True}}),
    ("OSL-15", {"leaf": {"key": "k256"}}),
    ("OSL-15", {"leaf": {"key": "brainpool"}}),
    ("OSL-03", {"root": {"constraints": constrained("home.arpa")}}),
    ("OSL-03", {"issuing": {"constraints": constrained("10.0.0.0/8")}}),
    ("OSL-03", {"root": {"constraints": constrained(excluded=["lan"])}}),
]
ACCEPTED: list[Change] = [
    {"leaf": {"usages": None}},
    {"leaf": {"uses": "key_agreement"}},
    {"leaf": {"uses": None}},
    {"leaf": {"key": "rsa2048"}},
    {"leaf": {"key": "p521"}},
    {"leaf": {"key": "ed25519"}},
    {"root": {"key": "rsa2048"}},
    {"root": {"digest": hashes.SHA1()}},
    {"root": {"path_length": 1}},
    {"leaf": {"more": [("1.2.3.4", False, b"\x05\0")]}},
    {"leaf": {"ski": False}},
    {"leaf": {"end": NOW + 4000 * A_DAY}},
    {"root": {"constraints": constrained("lan", "192.168.0.0/16")}},
    {"root": {"constraints": constrained("lan", "192.168.0.0/16", critical=True)}},
]


@BOTH
@pytest.mark.parametrize(("rule", "change"), REJECTED)
def test_each_rule_speaks_on_the_one_side(platform: Platform, rule: str, change: Change) -> None:
    rejected(a_chain(**change).by(platform), rule)


@BOTH
@pytest.mark.parametrize("change", ACCEPTED)
def test_and_is_silent_on_the_other(platform: Platform, change: Change) -> None:
    accepted(a_chain(**change).by(platform))


@BOTH
def test_the_end_is_the_second_of_the_end(platform: Platform) -> None:
    chain = a_chain(leaf={"end": NOW})
    accepted(chain.by(platform, at=NOW - timedelta(seconds=1)))
    rejected(chain.by(platform, at=NOW), "OSL-13")


@BOTH
def test_a_leaf_named_as_its_issuer_without_an_aki_looks_self_signed(platform: Platform) -> None:
    same: Change = {"subject": "The issuing CA", "aki": None, "ski": False}
    rejected(a_chain(leaf=same).by(platform), "OSL-02")
    accepted(a_chain(leaf={"subject": "The issuing CA"}).by(platform))


@BOTH
@pytest.mark.parametrize(
    ("common_name", "passes"),
    [("192.168.1.20", False), ("ha.example.org", False), ("Home Assistant", True), ("ha", True)],
)
def test_a_cn_like_a_host_is_held_against_the_constraints(
    platform: Platform, common_name: str, passes: bool
) -> None:
    """Only where the SAN has no DNS name (NC-10)."""
    under: Change = {"constraints": constrained("lan", "192.168.0.0/16")}
    chain = a_chain(root=under, leaf={"subject": common_name, "san": ["192.168.1.20"]})
    verdict = chain.by(platform, "192.168.1.20")
    accepted(verdict) if passes else rejected(verdict, "OSL-03")
    beside = a_chain(root=under, leaf={"subject": common_name, "san": ["ha.lan"]})
    accepted(beside.by(platform))


STRICT: list[tuple[str, Change, str]] = [
    ("PY-01", {"leaf": {"aki": None}}, "Missing Authority Key Identifier"),
    ("PY-02", {"root": {"ski": False}}, "Missing Subject Key Identifier"),
    ("PY-02", {"issuing": {"ski": False}}, "Missing Subject Key Identifier"),
    ("PY-03", {"root": {"ca_critical": False}}, "Basic Constraints of CA cert not marked critical"),
    ("PY-04", {"root": {"uses": None}}, "CA cert does not include key usage extension"),
    ("PY-05", {"root": {"ca": None}}, "invalid CA certificate"),
    (
        "PY-06",
        {"leaf": {"uses": "digital_signature key_cert_sign"}},
        "Key usage keyCertSign invalid for non-CA cert",
    ),
    (
        "PY-08",
        {"leaf": {"subject": None}},
        "Subject empty and Subject Alt Name extension not critical",
    ),
]


@pytest.mark.parametrize(("rule", "change", "error"), STRICT)
def test_what_only_strict_mode_asks_for(rule: str, change: Change, error: str) -> None:
    chain = a_chain(**change)
    verdict = chain.by(PYTHON)
    rejected(verdict, rule)
    assert verdict.error == error
    accepted(chain.by(OPENSSL))


def test_an_empty_subject_with_a_critical_san_is_fine() -> None:
    accepted(a_chain(leaf={"subject": None, "san_critical": True}).by(PYTHON))


def test_strict_mode_does_not_look_at_a_leaf_that_is_alone() -> None:
    accepted(a_self_signed(aki=None, ski=False, ca=True, ca_critical=False).by(PYTHON))


def test_a_leaf_of_a_ca_can_be_trusted_by_itself() -> None:
    """OSL-09: PARTIAL_CHAIN, which curl and Python 3.13 set."""
    leaf = made(by=a_root())
    for platform in (OPENSSL, PYTHON):
        accepted(Chain((leaf.der,), leaf.der).by(platform))


@pytest.mark.parametrize(
    ("san", "asked", "python", "curl"),
    [
        (["ha.lan."], "ha.lan", False, True),
        (["ha.lan"], "ha.lan.", False, True),
        (["*.lan"], "ha.lan", False, False),
        (["*.home.arpa"], "ha.home.arpa", True, True),
        (["*.house.lan"], "a.b.house.lan", False, False),
        (["*.house.lan"], "house.lan", False, False),
        (["*.house.lan"], "my_pc.house.lan", False, True),
        (["my_pc.lan"], "my_pc.lan", True, True),
        (["dns:192.168.1.20"], "192.168.1.20", False, False),
        (["HA.LAN"], "ha.lan", True, True),
        (["*.house.lan"], "*.house.lan", True, True),
    ],
)
def test_names_are_compared_as_python_and_curl_do(
    san: list[str], asked: str, python: bool, curl: bool
) -> None:
    chain = a_chain(leaf={"san": san, "subject": "x"})
    for platform, passes in ((PYTHON, python), (OPENSSL, curl)):
        verdict = chain.by(platform, asked)
        assert verdict.accepts is passes, verdict


def test_the_error_of_an_address_is_another_one() -> None:
    chain = a_chain()
    assert chain.by(PYTHON, "hb.lan").error.startswith("Hostname mismatch")
    assert chain.by(PYTHON, "10.0.0.1").error.startswith("IP address mismatch")


def test_the_cn_counts_where_python_and_curl_let_it() -> None:
    alone: Change = {"subject": "ha.lan", "san": None}
    beside: Change = {"subject": "ha.lan", "san": ["192.168.1.20"]}
    accepted(a_chain(leaf=alone).by(PYTHON))
    accepted(a_chain(leaf=alone).by(OPENSSL))
    accepted(a_chain(leaf=beside).by(PYTHON))
    rejected(a_chain(leaf=beside).by(OPENSSL), "OSL-07.curl")
