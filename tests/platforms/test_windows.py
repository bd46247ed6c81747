"""Windows' rules, with vectors from Microsoft's documents, curl's schannel_verify.c and truststore.

Windows does not run here. What no document says makes the verdict None, and not a guess.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from housekey.platforms.model import Platform, Severity, Verdict
from tests.platforms.making import (
    A_DAY,
    ANY_USAGE,
    CLIENT_ONLY,
    NOW,
    Chain,
    Change,
    a_chain,
    a_self_signed,
    accepted,
    constrained,
    rejected,
)

WINDOWS = Platform.WINDOWS
AN_HOUR = timedelta(hours=1)


def unknown(verdict: Verdict, rule: str) -> None:
    assert verdict.accepts is None, verdict
    assert verdict.error
    assert rule in [each.rule for each in verdict.findings], verdict


def test_its_verdicts_are_from_source() -> None:
    assert not WINDOWS.runs_here


@pytest.mark.parametrize("tiers", [2, 3])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
def test_a_sound_chain_is_accepted(tiers: int, name: str) -> None:
    accepted(a_chain(tiers=tiers).by(WINDOWS, name))


REJECTED: list[tuple[str, str, Change]] = [
    ("CERT_E_CN_NO_MATCH (truststore)", "WIN-02", {"leaf": {"san": ["nas.lan"]}}),
    ("CERT_E_CN_NO_MATCH: no SAN", "WIN-02", {"leaf": {"san": None}}),
    ("KB2661254", "WIN-07", {"leaf": {"key": "rsa768"}}),
    ("CERT_TRUST_IS_NOT_VALID_FOR_USAGE", "WIN-03", {"leaf": {"usages": CLIENT_ONLY}}),
    ("CERT_TRUST_IS_NOT_VALID_FOR_USAGE: CA", "WIN-03", {"issuing": {"usages": CLIENT_ONLY}}),
    ("CERT_TRUST_IS_NOT_VALID_FOR_USAGE: root", "WIN-03", {"root": {"usages": CLIENT_ONLY}}),
    (
        "CERT_TRUST_HAS_NOT_PERMITTED_NAME_CONSTRAINT",
        "WIN-06",
        {"issuing": {"constraints": constrained("local")}},
    ),
    (
        "CERT_TRUST_HAS_EXCLUDED_NAME_CONSTRAINT",
        "WIN-06",
        {"issuing": {"constraints": constrained(excluded=["lan"])}},
    ),
    ("CERT_TRUST_INVALID_BASIC_CONSTRAINTS", "WIN-06.basic-constraints", {"issuing": {"ca": None}}),
    (
        "CERT_TRUST_INVALID_EXTENSION",
        "WIN-06.unreadable",
        {"leaf": {"more": [("2.5.29.30", False, b"\x05\0")]}},
    ),
    (
        "CERT_TRUST_HAS_NOT_SUPPORTED_CRITICAL_EXT",
        "WIN-06.critical",
        {"leaf": {"more": [("1.2.3.4", True, b"\x05\0")]}},
    ),
    ("CERT_TRUST_IS_NOT_TIME_VALID", "WIN-06.time", {"leaf": {"end": NOW - AN_HOUR}}),
    ("CERT_TRUST_IS_NOT_TIME_VALID: root", "WIN-06.time", {"root": {"end": NOW - AN_HOUR}}),
]
ACCEPTED: list[tuple[str, Change]] = [
    ("no extendedKeyUsage", {"leaf": {"usages": None}}),
    ("SHA-1 under a private root (KB, WIN-07)", {"leaf": {"digest": hashes.SHA1()}}),
    ("RSA 1024 (KB2661254 blocks less)", {"leaf": {"key": "rsa1024"}}),
    ("ten years", {"leaf": {"end": NOW + 3650 * A_DAY}}),
    ("constraints that permit", {"issuing": {"constraints": constrained("lan", "192.168.0.0/16")}}),
]
UNKNOWN: list[tuple[str, str, Change]] = [
    ("the root's own constraints", "WIN-06.root-constraints",
     {"root": {"constraints": constrained("local")}}),
    ("the root's pathLen", "WIN-06.root", {"root": {"path_length": 0}}),
    ("any usage", "WIN-03.any", {"leaf": {"usages": ANY_USAGE}}),
    ("Ed25519", "WIN-07.kind", {"leaf": {"key": "ed25519"}}),
    ("*.lan", "WIN-02.unsure", {"leaf": {"san": ["*.lan"]}}),
    ("a dot at the end", "WIN-02.unsure", {"leaf": {"san": ["ha.lan."]}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "change"), [each[1:] for each in REJECTED], ids=[each[0] for each in REJECTED]
)
def test_each_rule_speaks_on_the_one_side(rule: str, change: Change) -> None:
    rejected(a_chain(**change).by(WINDOWS), rule)


@pytest.mark.parametrize(
    "change", [each[1] for each in ACCEPTED], ids=[each[0] for each in ACCEPTED]
)
def test_and_is_silent_on_the_other(change: Change) -> None:
    accepted(a_chain(**change).by(WINDOWS))


@pytest.mark.parametrize(
    ("rule", "change"), [each[1:] for each in UNKNOWN], ids=[each[0] for each in UNKNOWN]
)
def test_what_no_document_says_is_unknown(rule: str, change: Change) -> None:
    unknown(a_chain(**change).by(WINDOWS), rule)


def test_what_another_entry_settles_is_not_unknown() -> None:
    accepted(a_chain(leaf={"san": ["*.lan", "ha.lan"]}).by(WINDOWS))


def test_what_is_rejected_for_sure_is_not_unknown() -> None:
    house: Change = {"constraints": constrained("local")}
    rejected(a_chain(root=house, issuing=house).by(WINDOWS), "WIN-06")


def test_a_missing_issuing_ca_is_cert_e_chaining() -> None:
    """curl schannel_verify.c: CERT_TRUST_IS_PARTIAL_CHAIN, CERT_TRUST_IS_UNTRUSTED_ROOT."""
    whole, other = a_chain(), a_chain(root={"who": "other", "subject": "Another root"})
    missing = Chain(whole.sent[:1], whole.root).by(WINDOWS)
    rejected(missing, "WIN-01")
    assert "0x800B010A" in missing.error
    stranger = Chain((*whole.sent, whole.root or b""), other.root).by(WINDOWS)
    rejected(stranger, "WIN-01")
    assert "0x800B0109" in stranger.error


def test_a_trusted_self_signed_leaf_is_accepted() -> None:
    accepted(a_self_signed().by(WINDOWS))


def test_curl_alone_is_warned_of_for_want_of_revocation() -> None:
    """WIN-04: curl #12239, CRYPT_E_NO_REVOCATION_CHECK."""
    verdict = a_chain().by(WINDOWS)
    accepted(verdict)
    assert {(each.rule, each.severity) for each in verdict.findings} == {
        ("WIN-04", Severity.WARNING)
    }
    place = x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://x/")], None, None, None)]
    )
    told = [("2.5.29.31", False, place.public_bytes())]
    assert not a_chain(leaf={"more": told}, issuing={"more": told}).by(WINDOWS).findings
