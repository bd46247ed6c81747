"""Firefox's rules, each on both sides of its line; the engine itself is asked in tests/engines.

Of the entry of PLATFORMS.md that says what is accepted (FFX-20) there are vectors and no rule.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from housekey.platforms.model import Platform, Verdict
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

FIREFOX = Platform.FIREFOX
AN_HOUR = timedelta(hours=1)
UNKNOWN = [("1.2.3.4", True, b"\x05\0")]
STAPLE = [("1.3.6.1.5.5.7.1.24", False, bytes.fromhex("3003020105"))]
OCSP = (*SERVER, ExtendedKeyUsageOID.OCSP_SIGNING)


def by_firefox(chain: Chain, name: str = "ha.lan") -> Verdict:
    return chain.by(FIREFOX, name)


@pytest.mark.parametrize("tiers", [2, 3])
@pytest.mark.parametrize("name", ["ha.lan", "192.168.1.20"])
def test_a_sound_chain_is_accepted(tiers: int, name: str) -> None:
    accepted(by_firefox(a_chain(tiers=tiers), name))


REJECTED: list[tuple[str, str, Change]] = [
    ("FFX-01", "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY", {"leaf": {"ca": True}}),
    ("FFX-05", "SSL_ERROR_BAD_CERT_DOMAIN", {"leaf": {"san": None}}),
    ("FFX-05", "SSL_ERROR_BAD_CERT_DOMAIN", {"leaf": {"san": ["ha.lan."]}}),
    ("FFX-05", "SSL_ERROR_BAD_CERT_DOMAIN", {"leaf": {"san": ["*.lan"]}}),
    ("FFX-06", "SEC_ERROR_INADEQUATE_CERT_TYPE", {"leaf": {"usages": CLIENT_ONLY}}),
    ("FFX-06", "SEC_ERROR_INADEQUATE_CERT_TYPE", {"leaf": {"usages": ANY_USAGE}}),
    ("FFX-06", "SEC_ERROR_INADEQUATE_CERT_TYPE", {"leaf": {"usages": OCSP}}),
    ("FFX-06.issuer", "SEC_ERROR_INADEQUATE_CERT_TYPE", {"issuing": {"usages": ANY_USAGE}}),
    ("FFX-06.issuer", "SEC_ERROR_INADEQUATE_CERT_TYPE", {"root": {"usages": ANY_USAGE}}),
    ("FFX-07", "SEC_ERROR_INADEQUATE_KEY_USAGE", {"leaf": {"uses": "content_commitment"}}),
    ("FFX-07.issuer", "SEC_ERROR_INADEQUATE_KEY_USAGE", {"root": {"uses": "crl_sign"}}),
    ("FFX-08", "SEC_ERROR_CERT_NOT_IN_NAME_SPACE", {"root": {"constraints": constrained("x")}}),
    ("FFX-08", "SEC_ERROR_CERT_NOT_IN_NAME_SPACE", {"issuing": {"constraints": constrained("x")}}),
    ("FFX-10", "SEC_ERROR_CA_CERT_INVALID", {"root": {"ca": None}}),
    ("FFX-10", "SEC_ERROR_CA_CERT_INVALID", {"issuing": {"ca": False}}),
    ("FFX-11", "MOZILLA_PKIX_ERROR_EMPTY_ISSUER_NAME", {"root": {"subject": None}}),
    ("FFX-12", "SEC_ERROR_PATH_LEN_CONSTRAINT_INVALID", {"root": {"path_length": 0}}),
    ("FFX-13", "SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION", {"leaf": {"more": UNKNOWN}}),
    ("FFX-13", "SEC_ERROR_UNKNOWN_CRITICAL_EXTENSION", {"root": {"ski_critical": True}}),
    ("FFX-14", "SEC_ERROR_EXPIRED_CERTIFICATE", {"leaf": {"end": NOW - AN_HOUR}}),
    ("FFX-14", "MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE", {"leaf": {"begin": NOW + A_DAY}}),
    ("FFX-14.issuer", "SEC_ERROR_EXPIRED_ISSUER_CERTIFICATE", {"root": {"end": NOW - AN_HOUR}}),
    (
        "FFX-14.issuer",
        "MOZILLA_PKIX_ERROR_NOT_YET_VALID_ISSUER_CERTIFICATE",
        {"root": {"begin": NOW + A_DAY}},
    ),
    ("FFX-16", "MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING", {"leaf": {"more": STAPLE}}),
    (
        "FFX-16.issuer",
        "MOZILLA_PKIX_ERROR_REQUIRED_TLS_FEATURE_MISSING",
        {"root": {"more": STAPLE}},
    ),
    (
        "FFX-17",
        "SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED",
        {"leaf": {"digest": hashes.SHA1()}},
    ),
    ("FFX-18", "MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE", {"leaf": {"key": "rsa768"}}),
    ("FFX-19.tls", "SSL_ERROR_NO_CYPHER_OVERLAP", {"leaf": {"key": "ed25519"}}),
    ("FFX-19.tls", "SSL_ERROR_NO_CYPHER_OVERLAP", {"leaf": {"key": "k256"}}),
    ("FFX-19.path", "SEC_ERROR_UNSUPPORTED_ELLIPTIC_CURVE", {"issuing": {"key": "brainpool"}}),
    ("FFX-19.path", "SEC_ERROR_UNSUPPORTED_KEYALG", {"issuing": {"key": "ed25519"}}),
]  # fmt: skip
ACCEPTED: list[tuple[str, Change]] = [
    ("FFX-05: an underscore", {"leaf": {"san": ["ha.lan", "my_nas.lan"]}}),
    ("FFX-06: none", {"leaf": {"usages": None}}),
    ("FFX-06: a CA with OCSPSigning", {"issuing": {"usages": OCSP}}),
    ("FFX-07: keyEncipherment", {"leaf": {"uses": "key_encipherment"}}),
    ("FFX-07: keyAgreement", {"leaf": {"uses": "key_agreement"}}),
    ("FFX-08: permitted", {"root": {"constraints": constrained("lan", "192.168.0.0/16")}}),
    ("FFX-12: enough", {"root": {"path_length": 1}}),
    ("FFX-17: the root's own", {"root": {"digest": hashes.SHA1()}}),
    ("FFX-18: RSA 1024", {"leaf": {"key": "rsa1024"}}),
    ("FFX-19: P-521", {"leaf": {"key": "p521"}}),
    ("FFX-20: ten years", {"leaf": {"end": NOW + 3650 * A_DAY}}),
    ("FFX-20: no AKI, no SKI", {"leaf": {"aki": None}, "root": {"ski": False}}),
    (
        "FFX-20: another AKI",
        {"leaf": {"aki": x509.AuthorityKeyIdentifier(b"another key", None, None)}},
    ),
    ("FFX-20: no keyUsage", {"root": {"uses": None}}),
    ("FFX-20: a long serial", {"leaf": {"serial": 1 << 158}}),
    ("FFX-20: an empty subject", {"leaf": {"subject": None}}),
]


@pytest.mark.parametrize(("rule", "error", "change"), REJECTED)
def test_each_rule_speaks_on_the_one_side(rule: str, error: str, change: Change) -> None:
    verdict = by_firefox(a_chain(**change))
    rejected(verdict, rule)
    assert verdict.error == error


@pytest.mark.parametrize(
    "change", [each[1] for each in ACCEPTED], ids=[each[0] for each in ACCEPTED]
)
def test_and_is_silent_on_the_other(change: Change) -> None:
    accepted(by_firefox(a_chain(**change)))


@pytest.mark.parametrize(
    ("entry", "asked", "passes"),
    [
        ("*.local", "ha.local", False),
        ("*.home.arpa", "ha.home.arpa", True),
        ("*.house.local", "ha.house.local", True),
        ("*.co.uk", "ha.co.uk", True),
        ("h*.house.lan", "ha.house.lan", False),
        ("ha.lan", "ha.lan.", True),
        ("dns:192.168.1.5", "192.168.1.5", False),
    ],
)
def test_names_as_mozilla_pkix_compares_them(entry: str, asked: str, passes: bool) -> None:
    """FFX-05: no list of registries, but two labels below the star."""
    verdict = by_firefox(a_chain(leaf={"san": [entry]}), asked)
    accepted(verdict) if passes else rejected(verdict, "FFX-05")


@pytest.mark.parametrize("bad", ["*.lan", "nas.lan.", "dns:192.168.1.5", "nas..lan", "-nas.lan"])
def test_one_odd_name_under_constraints_spoils_the_whole_certificate(bad: str) -> None:
    """FFX-09, and only where DNS names are constrained."""
    leaf: Change = {"san": ["ha.lan", bad]}
    house: Change = {"constraints": constrained("lan", "192.168.0.0/16")}
    verdict = by_firefox(a_chain(root=house, leaf=leaf))
    rejected(verdict, "FFX-09")
    assert verdict.error == "SEC_ERROR_BAD_DER"
    accepted(by_firefox(a_chain(leaf=leaf)))
    accepted(by_firefox(a_chain(root={"constraints": constrained("192.168.0.0/16")}, leaf=leaf)))


@pytest.mark.parametrize("base", ["lan.", "-lan", "l an"])
def test_a_base_that_is_no_dns_name_cannot_be_compared(base: str) -> None:
    verdict = by_firefox(a_chain(root={"constraints": constrained("lan", base)}))
    rejected(verdict, "FFX-09.constraints")
    assert verdict.error == "SEC_ERROR_BAD_DER"


def test_kinds_of_names_that_are_not_compared() -> None:
    """CheckPresentedIDConformsToNameConstraintsSubtrees; section 9, NC-07."""
    home = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Home")])
    excluded = x509.NameConstraints(None, [x509.DirectoryName(home)])
    rejected(by_firefox(a_chain(root={"constraints": (excluded, False)})), "FFX-08.kinds")


def test_a_self_signed_leaf() -> None:
    """FFX-01 to FFX-03: trusted it is accepted, unless it is a CA."""
    accepted(by_firefox(a_self_signed()))
    accepted(by_firefox(a_self_signed(ca=None)))
    rejected(by_firefox(a_self_signed(ca=True)), "FFX-01")
    untrusted = by_firefox(Chain(a_self_signed().sent, a_root().der))
    rejected(untrusted, "FFX-04")
    assert untrusted.error == "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT"


def test_a_leaf_of_a_ca_can_be_trusted_by_itself() -> None:
    """FFX-03."""
    leaf = made(by=a_root())
    accepted(by_firefox(Chain((leaf.der,), leaf.der)))


def test_why_there_is_no_path() -> None:
    """FFX-04: nobody sent it, its name has other bytes, its signature is another's."""
    whole = a_chain()
    capitals = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "THE ISSUING CA")])
    twin = a_root(who="twin")
    for chain, error in (
        (Chain(whole.sent[:1], whole.root), "SEC_ERROR_UNKNOWN_ISSUER"),
        (a_chain(leaf={"issuer": capitals}), "SEC_ERROR_UNKNOWN_ISSUER"),
        (Chain(whole.sent, twin.der), "SEC_ERROR_BAD_SIGNATURE"),
    ):
        verdict = by_firefox(chain)
        rejected(verdict, "FFX-04")
        assert verdict.error == error


def test_one_issuer_and_serial_number_for_two_certificates() -> None:
    """FFX-15: also when the other one is the root, which is not sent."""
    root = a_root(serial=4711)
    for serial, passes in ((4711, False), (4712, True)):
        leaf = made(by=root, serial=serial)
        verdict = by_firefox(Chain((leaf.der,), root.der))
        accepted(verdict) if passes else rejected(verdict, "FFX-15")
    assert by_firefox(Chain((made(by=root, serial=4711).der,), root.der)).error == (
        "SEC_ERROR_REUSED_ISSUER_AND_SERIAL"
    )
