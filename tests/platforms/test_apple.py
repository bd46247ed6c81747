"""Apple's rules, each with a vector taken from the source that it names, on both sides of its line.

Apple does not run here. Its own tests build a chain, install the root as a user's and evaluate;
the parametrize ids are the names of those tests, or of the functions whose line it is.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.pki import der
from housekey.platforms.model import Platform, Severity, Verdict
from tests.platforms.making import (
    A_DAY,
    ANY_USAGE,
    CLIENT_ONLY,
    NOW,
    Chain,
    Change,
    Made,
    a_chain,
    a_key,
    a_self_signed,
    accepted,
    constrained,
    named,
    rejected,
    rewritten,
    tlv,
)

if TYPE_CHECKING:
    from collections.abc import Callable

APPLE = Platform.APPLE
AN_HOUR = timedelta(hours=1)
BEGIN = NOW - A_DAY
CODE_SIGNING = (ExtendedKeyUsageOID.CODE_SIGNING,)
SGC = (x509.ObjectIdentifier("2.16.840.1.113730.4.1"),)


def by_apple(chain: Chain, name: str = "ha.lan", **at: datetime) -> Verdict:
    return chain.by(APPLE, name, **at)


def warned(verdict: Verdict, rule: str) -> None:
    spoke = {each.rule: each.severity for each in verdict.findings}
    assert spoke.get(rule) is Severity.WARNING, (rule, verdict.findings)


def test_its_verdicts_are_from_source() -> None:
    assert not APPLE.runs_here


@pytest.mark.parametrize("tiers", [2, 3])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
def test_a_sound_chain_is_accepted(tiers: int, name: str) -> None:
    accepted(by_apple(a_chain(tiers=tiers), name))


# --- how long a leaf may live: VerifyDateTests.m ---


def test_user_trust_root_more_than_825_days_after_jul_2019() -> None:
    """testUserTrustRoot_MoreThan825Days_AfterJul2019: rejected, and an hour's slip is allowed."""
    for life, passes in (
        (825 * A_DAY, True),
        (825 * A_DAY + AN_HOUR, True),
        (825 * A_DAY + AN_HOUR + timedelta(seconds=1), False),
        (826 * A_DAY, False),
        (3650 * A_DAY, False),
    ):
        verdict = by_apple(a_chain(leaf={"begin": BEGIN, "end": BEGIN + life}))
        accepted(verdict) if passes else rejected(verdict, "APL-01")
    assert "exceeds maximum temporal validity period" in verdict.error
    assert "-67901" in verdict.error


def test_user_trust_root_more_than_825_days_before_jul_2019() -> None:
    """testUserTrustRoot_MoreThan825Days_BeforeJul2019: accepted.

    The line in set_ssl_validity_periods is 583628400 s after 2001, 2019-06-30 23:00 UTC.
    """
    line = datetime(2019, 6, 30, 23, tzinfo=UTC)
    root: Change = {"begin": datetime(2018, 1, 1, tzinfo=UTC)}
    before = {"begin": line - timedelta(seconds=1), "end": line + 4000 * A_DAY}
    chain = a_chain(root=root, issuing=root, leaf=before)
    accepted(by_apple(chain))
    after = {"begin": line, "end": line + 4000 * A_DAY}
    rejected(by_apple(a_chain(root=root, issuing=root, leaf=after)), "APL-01")


def test_user_trust_leaf_more_than_825_days_after_jul_2019() -> None:
    """testUserTrustLeaf_MoreThan825Days_AfterJul2019 (APL-02): no cap on what is itself trusted."""
    accepted(by_apple(a_self_signed(end=NOW + 3650 * A_DAY, ca=True)))


def test_the_398_days_of_public_cas_are_not_those_of_a_users_root() -> None:
    """APL-03, testSystemTrust_MoreThan398Days_AfterSep2020 is of system roots only."""
    accepted(by_apple(a_chain(leaf={"begin": BEGIN, "end": BEGIN + 399 * A_DAY})))


# --- names: SecPolicyLeafCallbacks.c, SSLPolicyTests.m ---

NAMES: list[tuple[str, list[str] | None, str, str]] = [
    ("SecPolicyCheckCertSSLHostname", ["ha.lan"], "ha.lan", ""),
    ("no SAN, the CN is not asked", None, "ha.lan", "APL-04"),
    ("another name", ["nas.lan"], "ha.lan", "APL-04"),
    ("testIPAddressInSAN_Match", ["192.168.1.5"], "192.168.1.5", ""),
    ("testIPAddressInSAN_Mismatch", ["192.168.1.6"], "192.168.1.5", "APL-05"),
    ("testIPAddressInDNSField", ["dns:192.168.1.5"], "192.168.1.5", "APL-05"),
    ("testIPAddressInCN", None, "192.168.1.20", "APL-05"),
    ("binary compare", ["fd00:0::20"], "fd00::20", ""),
    ("a dot at the end of what is asked", ["ha.lan"], "ha.lan.", ""),
    ("SecFrameworkIsDNSName: a dot at the end", ["ha.lan."], "ha.lan", "APL-04"),
    ("SecFrameworkIsDNSName: a hyphen at the end", ["ha-.lan"], "ha-.lan", "APL-04"),
    ("SecFrameworkIsDNSName: an underscore", ["my_ha.lan"], "my_ha.lan", ""),
    ("SecFrameworkIsDNSName: a bare label", ["homeassistant"], "homeassistant", ""),
    ("SecFrameworkIsDNSName: digits at the end", ["dns:ha.123"], "ha.123", "APL-04"),
    ("SecDNSMatch: case", ["HA.Lan"], "ha.lan", ""),
    ("SecDNSMatch: whole left label", ["*.house.lan"], "ha.house.lan", ""),
    ("SecDNSMatch: a part of a label", ["h*.house.lan"], "ha.house.lan", "APL-04"),
    ("SecDNSMatch: one label only", ["*.house.lan"], "x.ha.house.lan", "APL-04"),
    ("SecDNSMatch: fewer than three labels", ["*.lan"], "ha.lan", "APL-04"),
    ("SecDNSMatch: *.local", ["*.local"], "ha.local", "APL-04"),
    ("SecDNSIsTLD: a registry", ["*.co.uk"], "ha.co.uk", "APL-04"),
    ("SecDNSIsTLD: below a registry", ["*.example.co.uk"], "ha.example.co.uk", ""),
    ("a shared zone is none", ["*.duckdns.org"], "ha.duckdns.org", ""),
    ("another entry matches", ["*.lan", "ha.lan"], "ha.lan", ""),
]


@pytest.mark.parametrize(
    ("san", "asked", "rule"), [each[1:] for each in NAMES], ids=[each[0] for each in NAMES]
)
def test_names_as_the_leaf_callbacks_compare_them(
    san: list[str] | None, asked: str, rule: str
) -> None:
    verdict = by_apple(a_chain(leaf={"san": san, "subject": "192.168.1.20"}), asked)
    rejected(verdict, rule) if rule else accepted(verdict)
    assert not rule or "-67602" in verdict.error


def test_whether_home_arpa_is_a_registry_is_not_known() -> None:
    """APL-07: CFNetwork's list is not public, so that the verdict is neither yes nor no."""
    verdict = by_apple(a_chain(leaf={"san": ["*.home.arpa"]}), "ha.home.arpa")
    assert verdict.accepts is None
    assert verdict.error
    accepted(by_apple(a_chain(leaf={"san": ["*.home.arpa", "ha.home.arpa"]}), "ha.home.arpa"))


def test_what_is_passed_over_is_told() -> None:
    verdict = by_apple(a_chain(leaf={"san": ["ha.lan", "*.lan", "nas.lan."]}))
    accepted(verdict)
    warned(verdict, "APL-06")
    warned(verdict, "APL-07")


# --- everything else ---

REJECTED: list[tuple[str, str, Change]] = [
    ("set_ssl_ekus", "APL-09", {"leaf": {"usages": CLIENT_ONLY}}),
    ("SecPolicyCheckExtendedKeyUsage", "APL-10", {"issuing": {"usages": CODE_SIGNING}}),
    ("SecPolicyCheckKeySize: leaf", "APL-11", {"leaf": {"key": "rsa1024"}}),
    ("SecPolicyCheckKeySize: root", "APL-11", {"root": {"key": "rsa1024"}}),
    ("SecPolicyCheckKeySize: EC", "APL-11", {"leaf": {"key": "p224"}}),
    ("testEdDSA: leaf", "APL-12", {"leaf": {"key": "ed25519"}}),
    ("testEdDSA: root", "APL-12", {"root": {"key": "ed25519"}}),
    ("ccec_cp_for_oid: secp256k1", "APL-12.curve", {"leaf": {"key": "k256"}}),
    ("ccec_cp_for_oid: brainpool", "APL-12.curve", {"root": {"key": "brainpool"}}),
    (
        "SecPolicyCheckSignatureHashAlgorithms: leaf",
        "APL-13",
        {"leaf": {"digest": hashes.SHA1()}},
    ),
    (
        "SecPolicyCheckSignatureHashAlgorithms: issuing CA",
        "APL-13",
        {"issuing": {"digest": hashes.SHA1()}},
    ),
    (
        "testUserAnchorWithNameConstraintsFail",
        "APL-14",
        {"root": {"constraints": constrained("local")}},
    ),
    (
        "constraints of an issuing CA",
        "APL-14",
        {"issuing": {"constraints": constrained("local", critical=True)}},
    ),
    ("excluded", "APL-14", {"root": {"constraints": constrained(excluded=["lan"])}}),
    (
        "SecDNSNameConstraintsMatch: a dot at the start",
        "APL-14",
        {"root": {"constraints": constrained(".ha.lan")}},
    ),
    (
        "nc_compare_IPAddresses: IPv4 only",
        "APL-14",
        {
            "root": {"constraints": constrained("192.168.0.0/16")},
            "leaf": {"san": ["ha.lan", "fd00::20"]},
        },
    ),
    ("SecPVCParentCertificateChecks: no CA", "APL-16", {"issuing": {"ca": None}}),
    ("SecPVCParentCertificateChecks: anchor", "APL-16", {"root": {"ca": None}}),
    ("SecPVCParentCertificateChecks: CA:FALSE", "APL-16", {"issuing": {"ca": False}}),
    (
        "SecPVCParentCertificateChecks: keyUsage",
        "APL-16.key-usage",
        {"issuing": {"uses": "digital_signature"}},
    ),
    (
        "anchor_bc->pathLenConstraint",
        "APL-16.path-length",
        {"root": {"path_length": 0}},
    ),
    (
        "SecPolicyCheckIdLinkage",
        "APL-17",
        {"leaf": {"aki": x509.AuthorityKeyIdentifier(b"another key", None, None)}},
    ),
    ("SecPolicyCheckNonEmptySubject", "APL-18", {"leaf": {"subject": None}}),
    (
        "SecCertificateHasUnknownCriticalExtension",
        "APL-19",
        {"leaf": {"more": [("1.2.3.4", True, b"\x05\0")]}},
    ),
    (
        "SecPolicyCheckUnparseableExtension",
        "APL-19.unreadable",
        {"leaf": {"more": [("2.5.29.30", False, b"\x05\0")]}},
    ),
    (
        "VerifyPolicyTree",
        "APL-19.policy",
        {"issuing": {"more": [("2.5.29.36", True, bytes.fromhex("3003800100"))]}},
    ),
    ("testAfterNotAfter", "APL-20", {"leaf": {"end": NOW - AN_HOUR}}),
    ("testPriorToNotBefore", "APL-20", {"leaf": {"begin": NOW + AN_HOUR}}),
    ("an anchor that ended", "APL-20", {"root": {"end": NOW - AN_HOUR}}),
]
ACCEPTED: list[tuple[str, Change]] = [
    ("testUserTrustRoot_AnyEKU_AfterJul2019", {"leaf": {"usages": ANY_USAGE}}),
    ("set_ssl_ekus: server gated cryptography", {"leaf": {"usages": SGC}}),
    ("an issuing CA for any usage", {"issuing": {"usages": ANY_USAGE}}),
    ("a root's usages are not asked", {"root": {"usages": CLIENT_ONLY}}),
    ("RSA 2048", {"leaf": {"key": "rsa2048"}}),
    ("P-521", {"root": {"key": "p521"}}),
    ("a root's own signature", {"root": {"digest": hashes.SHA1()}}),
    ("constraints that permit", {"root": {"constraints": constrained("lan", "192.168.0.0/16")}}),
    ("a dot at the start", {"root": {"constraints": constrained(".lan", "192.168.0.0/16")}}),
    ("pathLen is enough", {"root": {"path_length": 1}}),
    ("no AKI", {"leaf": {"aki": None}}),
    ("a critical SAN", {"leaf": {"subject": None, "san_critical": True}}),
    ("the anchor's critical extension", {"root": {"more": [("1.2.3.4", True, b"\x05\0")]}}),
    ("a critical AKI", {"leaf": {"aki_critical": True}}),
    ("testKeyUsage: the leaf's is not asked (APL-21)", {"leaf": {"uses": "key_agreement"}}),
    ("a CA as leaf (APL-21)", {"leaf": {"ca": True}}),
    ("a long serial (APL-22)", {"leaf": {"serial": 1 << 158}}),
]


@pytest.mark.parametrize(
    ("rule", "change"), [each[1:] for each in REJECTED], ids=[each[0] for each in REJECTED]
)
def test_each_rule_speaks_on_the_one_side(rule: str, change: Change) -> None:
    rejected(by_apple(a_chain(**change)), rule)


@pytest.mark.parametrize(
    "change", [each[1] for each in ACCEPTED], ids=[each[0] for each in ACCEPTED]
)
def test_and_is_silent_on_the_other(change: Change) -> None:
    accepted(by_apple(a_chain(**change)))


def test_user_trust_root_missing_eku_after_jul_2019() -> None:
    """testUserTrustRoot_MissingEKU_AfterJul2019 passes, against the page HT210176 (APL-08)."""
    verdict = by_apple(a_chain(leaf={"usages": None}))
    accepted(verdict)
    warned(verdict, "APL-08")


@pytest.mark.parametrize("critical", [False, True])
def test_the_constraints_of_an_issuing_ca_are_added_unless_they_are_narrower(
    critical: bool,
) -> None:
    """SecNameConstraintsIntersectSubtrees; RFC 5280 6.1.4 would intersect them."""
    wide, narrow = constrained("lan", critical=critical), constrained("nas.lan", critical=critical)
    other = constrained("local", critical=critical)
    rejected(
        by_apple(a_chain(root={"constraints": wide}, issuing={"constraints": narrow})), "APL-14"
    )
    rejected(
        by_apple(a_chain(root={"constraints": narrow}, issuing={"constraints": wide})), "APL-14"
    )
    accepted(by_apple(a_chain(root={"constraints": wide}, issuing={"constraints": other})))


def test_a_directory_constraint_must_be_strictly_shorter() -> None:
    """nc_compare_directoryNames."""

    def under(*parts: str) -> x509.Name:
        oids = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        return x509.Name(
            [x509.NameAttribute(oid, part) for oid, part in zip(oids, parts, strict=False)]
        )

    home = x509.NameConstraints([x509.DirectoryName(under("Home"))], None)
    for subject, passes in (
        (under("Home", "ha.lan"), True),
        (under("Home"), False),
        (under("Office", "ha.lan"), False),
    ):
        chain = a_chain(tiers=2, root={"constraints": (home, False)}, leaf={"subject": subject})
        verdict = by_apple(chain)
        accepted(verdict) if passes else rejected(verdict, "APL-14")


@pytest.mark.parametrize("critical", [False, True])
def test_constraints_of_an_unknown_kind_break_a_critical_one(critical: bool) -> None:
    """SecNameConstraintsAreSubtreesSupported, of all below the anchor."""
    odd = x509.NameConstraints(None, [x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))])
    verdict = by_apple(a_chain(issuing={"constraints": (odd, critical)}))
    rejected(verdict, "APL-14") if critical else accepted(verdict)


def test_a_missing_issuing_ca_and_an_untrusted_root_have_two_errors() -> None:
    """kSecPolicyCheckMissingIntermediate, kSecPolicyCheckAnchorTrusted."""
    whole, other = a_chain(), a_chain(root={"who": "other", "subject": "Another root"})
    missing = by_apple(Chain(whole.sent[:1], whole.root))
    rejected(missing, "APL-25")
    assert "missing intermediate" in missing.error
    stranger = by_apple(Chain((*whole.sent, whole.root or b""), other.root))
    rejected(stranger, "APL-25")
    assert "Root is not trusted" in stranger.error


def test_ios_lists_no_root_without_cn() -> None:
    """APL-24: mkcert #47, davidalger/warden #85."""
    nameless = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Home")])
    rejected(by_apple(a_chain(root={"subject": nameless})), "APL-24")
    accepted(by_apple(a_chain(root={"subject": named("Home")})))


def test_whether_a_self_signed_leaf_can_be_turned_on_is_not_verified() -> None:
    """APL-23: SecTrustStore.c takes it, Certificate Trust Settings do not list it."""
    assert by_apple(a_self_signed()).accepts is None
    accepted(by_apple(a_self_signed(ca=True)))
    other_name = by_apple(a_self_signed(), "nas.lan")
    rejected(other_name, "APL-04")
    assert "-67602" in other_name.error


def test_what_is_not_asked_of_a_leaf_that_the_user_trusts() -> None:
    """SecPolicyCheckKeySize returns for it; App Transport Security does not (APL-26)."""
    verdict = by_apple(a_self_signed(ca=True, key="rsa1024"))
    accepted(verdict)
    warned(verdict, "APL-26")
    rejected(by_apple(a_self_signed(ca=True, key="rsa768")), "APL-11.broken")
    rejected(by_apple(a_self_signed(ca=True, key="k256")), "APL-12.curve")
    rejected(by_apple(a_self_signed(ca=True, usages=CLIENT_ONLY)), "APL-09")
    rejected(by_apple(a_self_signed(ca=True, end=NOW - AN_HOUR)), "APL-20")


def rewritten_leaf(edit: Callable[[list[bytes]], None]) -> Chain:
    def rewrite(leaf: Made) -> bytes:
        return rewritten(leaf.der, a_key("p256", "issuing"), edit)

    return a_chain(edit=rewrite)


@pytest.mark.parametrize(("octets", "passes"), [(20, True), (21, True), (37, True), (38, False)])
def test_a_serial_number_may_have_37_bytes(octets: int, passes: bool) -> None:
    """SecCertificateParse (APL-22); RFC 5280 4.1.2.2 allows 20."""

    def edit(fields: list[bytes]) -> None:
        fields[1] = tlv(der.INTEGER, b"\x11" * octets)

    verdict = by_apple(rewritten_leaf(edit))
    accepted(verdict) if passes else rejected(verdict, "APL-22")


def test_an_extension_may_stand_there_once() -> None:
    """SecPolicyCheckDuplicateExtension."""

    def edit(fields: list[bytes]) -> None:
        listed = der.only(fields[-1], 0xA3).parts()[0].parts()
        wholes = [each.whole for each in listed]
        fields[-1] = tlv(0xA3, tlv(der.SEQUENCE, *wholes, wholes[-1]))

    rejected(by_apple(rewritten_leaf(edit)), "APL-19.twice")
    accepted(by_apple(rewritten_leaf(lambda _: None)))
