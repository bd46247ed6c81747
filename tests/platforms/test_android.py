"""Android's rules, for the Home Assistant app and for Chrome, each with a vector from its source.

Android does not run here. The parametrize ids name the function or the test of Conscrypt,
BouncyCastle or Chromium whose line it is.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from housekey.platforms.model import Platform, Severity
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

ANDROID, CHROME = Platform.ANDROID, Platform.CHROME_ANDROID
BOTH = pytest.mark.parametrize("platform", [ANDROID, CHROME])
AN_HOUR = timedelta(hours=1)
UNKNOWN = [("1.2.3.4", True, b"\x05\0")]
SGC = (x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),)


@BOTH
def test_its_verdicts_are_from_source(platform: Platform) -> None:
    assert not platform.runs_here


@BOTH
@pytest.mark.parametrize("tiers", [2, 3])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
def test_a_sound_chain_is_accepted(platform: Platform, tiers: int, name: str) -> None:
    accepted(a_chain(tiers=tiers).by(platform, name))


# What a root says of itself counts nowhere on Android: TrustAnchor(cert, null) of Conscrypt,
# ForTrustAnchor() of trust_store_android.cc (AND-05, CHR-17).
OF_THE_ROOT: list[tuple[str, Change]] = [
    ("expiry", {"end": NOW - AN_HOUR}),
    ("name constraints", {"constraints": constrained("local")}),
    ("critical name constraints", {"constraints": constrained("local", critical=True)}),
    ("pathLen", {"path_length": 0}),
    ("extendedKeyUsage", {"usages": CLIENT_ONLY}),
    ("keyUsage", {"uses": "digital_signature"}),
    ("unknown critical extension", {"more": UNKNOWN}),
    ("SHA-1", {"digest": hashes.SHA1()}),
]


@BOTH
@pytest.mark.parametrize(
    "root", [each[1] for each in OF_THE_ROOT], ids=[each[0] for each in OF_THE_ROOT]
)
def test_nothing_that_a_root_says_of_itself_is_enforced(platform: Platform, root: Change) -> None:
    accepted(a_chain(root=root).by(platform))


# The same on an issuing CA, or on the leaf, does count: (id, rule of the app, rule of Chrome).
BELOW_THE_ROOT: list[tuple[str, str, str, Change]] = [
    ("CertificateExpiredException", "AND-05.times", "CHR-05.android",
     {"issuing": {"end": NOW - AN_HOUR}}),
    ("CertificateExpiredException: leaf", "AND-05.times", "CHR-05.android",
     {"leaf": {"end": NOW - AN_HOUR}}),
    ("CertificateNotYetValidException", "AND-05.times", "CHR-05.android",
     {"leaf": {"begin": NOW + A_DAY}}),
    ("PKIXNameConstraintValidator", "AND-05", "CHR-07.android",
     {"issuing": {"constraints": constrained("local")}}),
    ("PKIXNameConstraintValidator: excluded", "AND-05", "CHR-07.android",
     {"issuing": {"constraints": constrained(excluded=["lan"])}}),
    ("prepareNextCertK", "AND-05.issuing", "CHR-13.issuing", {"issuing": {"ca": None}}),
    ("prepareNextCertN", "AND-05.issuing", "CHR-13.issuing",
     {"issuing": {"uses": "digital_signature"}}),
    ("processCertBC could not be decoded", "AND-05.unreadable", "CHR-22.leaf",
     {"leaf": {"more": [("2.5.29.30", False, b"\x05\0")]}}),
    ("prepareNextCertG could not be decoded", "AND-05.unreadable", "CHR-22.issuer",
     {"issuing": {"more": [("2.5.29.30", False, b"\x05\0")]}}),
    ("RFC3280CertPathUtilities critical", "AND-05.critical", "CHR-22.android",
     {"leaf": {"more": UNKNOWN}}),
    ("RFC3280CertPathUtilities critical AKI", "AND-05.critical", "CHR-22.android",
     {"leaf": {"aki_critical": True}}),
    ("ChainStrengthAnalyzer SHA-1", "AND-07.signature", "CHR-18",
     {"leaf": {"digest": hashes.SHA1()}}),
    ("ChainStrengthAnalyzer SHA-1 of an issuing CA", "AND-07.signature", "CHR-18",
     {"issuing": {"digest": hashes.SHA1()}}),
    ("RSA modulus is < 1024 bits", "AND-07", "CHR-19", {"leaf": {"key": "rsa768"}}),
    ("Rejecting unknown key class", "AND-07.kind", "CHR-20.tls", {"leaf": {"key": "ed25519"}}),
    ("kVerifySignatureAlgorithms", "AND-07.tls", "CHR-20.tls", {"leaf": {"key": "p521"}}),
    ("ssl_cert_check_key_usage", "AND-07.key-usage", "CHR-10",
     {"leaf": {"uses": "key_agreement"}}),
    ("ExtendedKeyUsagePKIXCertPathChecker", "AND-08", "CHR-09.android",
     {"leaf": {"usages": CLIENT_ONLY}}),
    ("OkHostnameVerifier: no CN", "AND-09", "CHR-02", {"leaf": {"san": None}}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("app", "chrome", "change"),
    [each[1:] for each in BELOW_THE_ROOT],
    ids=[each[0] for each in BELOW_THE_ROOT],
)
def test_what_stands_below_the_root_is_enforced(app: str, chrome: str, change: Change) -> None:
    chain = a_chain(**change)
    rejected(chain.by(ANDROID), app)
    rejected(chain.by(CHROME), chrome)


ACCEPTED: list[tuple[str, Change]] = [
    ("no extendedKeyUsage", {"leaf": {"usages": None}}),
    ("any usage", {"leaf": {"usages": ANY_USAGE}}),
    ("ten years (AND-10)", {"leaf": {"end": NOW + 3650 * A_DAY}}),
    ("AKI of another key", {"leaf": {"aki": x509.AuthorityKeyIdentifier(b"?", None, None)}}),
    ("no key identifiers", {"leaf": {"aki": None, "ski": False}, "root": {"ski": False}}),
    ("P-384", {"leaf": {"key": "p384"}}),
    ("RSA 1024 is enough", {"leaf": {"key": "rsa1024"}}),
    ("pathLen of the issuing CA", {"issuing": {"path_length": 0}}),
    ("constraints that permit", {"issuing": {"constraints": constrained("lan", "192.168.0.0/16")}}),
]


@BOTH
@pytest.mark.parametrize(
    "change", [each[1] for each in ACCEPTED], ids=[each[0] for each in ACCEPTED]
)
def test_and_the_other_side_of_each_line(platform: Platform, change: Change) -> None:
    accepted(a_chain(**change).by(platform))


def test_an_issuing_cas_usages_are_asked_by_chrome_alone() -> None:
    """ExtendedKeyUsagePKIXCertPathChecker looks at the leaf only."""
    chain = a_chain(issuing={"usages": (ExtendedKeyUsageOID.CODE_SIGNING,)})
    accepted(chain.by(ANDROID))
    rejected(chain.by(CHROME), "CHR-09.android")


def test_server_gated_cryptography_is_enough_for_the_app_alone() -> None:
    """EKU_nsSGC and EKU_msSGC of TrustManagerImpl."""
    chain = a_chain(leaf={"usages": SGC})
    accepted(chain.by(ANDROID))
    rejected(chain.by(CHROME), "CHR-09.android")


def test_two_issuing_cas_under_a_path_length_of_none() -> None:
    """prepareNextCertL, PrepareForNextCertificate."""
    for length, passes in ((0, False), (1, True)):
        root = a_root()
        first = made(
            by=root, ca=True, uses="key_cert_sign", usages=None, san=None,
            subject="first", who="first", path_length=length,
        )  # fmt: skip
        second = made(
            by=first, ca=True, uses="key_cert_sign", usages=None, san=None,
            subject="second", who="second",
        )  # fmt: skip
        chain = Chain((made(by=second).der, second.der, first.der), root.der)
        for platform, rule in ((ANDROID, "AND-05.path-length"), (CHROME, "CHR-13.android")):
            verdict = chain.by(platform)
            accepted(verdict) if passes else rejected(verdict, rule)


def test_only_a_ca_can_be_installed() -> None:
    """AND-01: CredentialHelper.isCa."""
    rejected(a_chain(root={"ca": None}).by(ANDROID), "AND-01")
    rejected(a_self_signed().by(ANDROID), "AND-01")


def test_a_leaf_that_is_a_ca_and_installed_is_accepted_by_the_app() -> None:
    """AND-06: findTrustAnchorBySubjectAndPublicKey; the chain is then not validated at all."""
    accepted(a_self_signed(ca=True, end=NOW - AN_HOUR).by(ANDROID))
    rejected(a_self_signed(ca=True).by(ANDROID, "nas.lan"), "AND-09")


def test_chrome_never_trusts_a_leaf_by_itself() -> None:
    """CHR-17: ForTrustAnchor() of trust_store_android.cc."""
    for change in ({}, {"ca": True}):
        verdict = a_self_signed(**change).by(CHROME)
        rejected(verdict, "CHR-17")
        assert verdict.error == "ERR_CERT_AUTHORITY_INVALID"


def test_a_leaf_named_as_its_issuer_ends_the_path_of_the_app() -> None:
    """checkTrustedRecursive, step 1: issuer and subject are equal."""
    chain = a_chain(tiers=2, leaf={"subject": "The root"})
    rejected(chain.by(ANDROID), "AND-06.same-name")
    accepted(chain.by(CHROME))


def test_a_missing_issuing_ca_has_androids_own_words() -> None:
    whole = a_chain()
    verdict = Chain(whole.sent[:1], whole.root).by(ANDROID)
    rejected(verdict, "AND-03")
    assert verdict.error == "Trust anchor for certification path not found."
    assert Chain(whole.sent[:1], whole.root).by(CHROME).error == "ERR_CERT_AUTHORITY_INVALID"


NAMES: list[tuple[str, list[str], str, bool]] = [
    ("subjectAlt", ["ha.lan"], "ha.lan", True),
    ("verifyIpAddress", ["192.168.1.5"], "192.168.1.5", True),
    ("verifyIpAddress: as a DNS name", ["dns:192.168.1.5"], "192.168.1.5", False),
    ("absolute names: the entry", ["ha.lan."], "ha.lan", True),
    ("absolute names: the host", ["ha.lan"], "ha.lan.", True),
    ("wildcard", ["*.house.lan"], "ha.house.lan", True),
    ("strict: top level", ["*.lan"], "ha.lan", False),
    ("strict: two labels", ["*.home.arpa"], "ha.home.arpa", True),
    ("not across labels", ["*.house.lan"], "x.ha.house.lan", False),
    ("underscore", ["my_ha.lan"], "my_ha.lan", True),
]


@pytest.mark.parametrize(
    ("san", "asked", "passes"), [each[1:] for each in NAMES], ids=[each[0] for each in NAMES]
)
def test_names_as_ok_hostname_verifier_compares_them(
    san: list[str], asked: str, passes: bool
) -> None:
    verdict = a_chain(leaf={"san": san}).by(ANDROID, asked)
    accepted(verdict) if passes else rejected(verdict, "AND-09")
    assert passes or verdict.error == f"SSLPeerUnverifiedException: Hostname {asked} not verified"


def test_constraints_on_the_root_alone_are_warned_of() -> None:
    """Section 9: enforced on issuing CAs, and not on the root."""
    house: Change = {"constraints": constrained("lan", "192.168.0.0/16")}
    for platform in (ANDROID, CHROME):
        alone = a_chain(root=house).by(platform)
        assert ("CHR-17.constraints", Severity.WARNING) in {
            (each.rule, each.severity) for each in alone.findings
        }
        both = a_chain(root=house, issuing=house).by(platform)
        assert not both.findings
