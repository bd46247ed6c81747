"""Every rule of the platforms that run here, on both sides of its line.

The chains are those that the engines answer (tests/engines): where a rule speaks, its engine
refused, and where all are silent, it accepted. Beside them, in words, what surprised us.
"""

from __future__ import annotations

from functools import cache

import pytest
from cryptography import x509

from housekey.platforms.clients import CLIENTS
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Severity, Verdict
from tests.engines.corpus import cases
from tests.platforms.making import (
    A_DAY,
    ANY_USAGE,
    NOW,
    Chain,
    Change,
    a_chain,
    a_self_signed,
    accepted,
    an_issuing_ca,
    constrained,
    made,
    rejected,
)

HERE = (
    Platform.OPENSSL, Platform.PYTHON, Platform.NODE, Platform.GO, Platform.JAVA,
    Platform.GNUTLS, Platform.RUSTLS, Platform.MBEDTLS,
)  # fmt: skip
# No chain of the corpus is about it; below is one.
_APART = {(Platform.JAVA, "JAV-05.order")}


@cache
def verdicts(platform: Platform) -> tuple[Verdict, ...]:
    return tuple(judge(case.question, (platform,))[0] for case in cases())


@pytest.mark.parametrize(
    ("platform", "rule"),
    [
        (platform, rule.id)
        for platform in HERE
        for rule in CLIENTS[platform].rules
        if (platform, rule.id) not in _APART
    ],
)
def test_a_rule_speaks_on_the_one_side_and_not_on_the_other(platform: Platform, rule: str) -> None:
    speaking = [
        verdict
        for verdict in verdicts(platform)
        if any(each.rule == rule for each in verdict.findings)
    ]
    assert speaking
    assert {verdict.accepts for verdict in speaking} == {False}
    assert all(verdict.error for verdict in speaking)


@pytest.mark.parametrize("platform", HERE)
def test_what_is_accepted_has_no_error_and_what_is_not_has_one(platform: Platform) -> None:
    for verdict in verdicts(platform):
        spoke = any(each.severity is Severity.ERROR for each in verdict.findings)
        assert verdict.accepts is not spoke
        assert bool(verdict.error) is spoke
        assert not any(each.rule == "ALL-02" for each in verdict.findings)


def said(chain: Chain, name: str = "ha.lan") -> set[Platform]:
    """Those of the platforms here that accept."""
    return {each.platform for each in judge(chain.asked(name), HERE) if each.accepts}


ALL = set(HERE)


@pytest.mark.parametrize("name", ["ha.lan", "*.house.lan"])
def test_a_sound_chain_is_accepted_by_all(name: str) -> None:
    assert said(a_chain(leaf={"san": ["ha.lan", "*.house.lan"]}), name) == ALL


def test_mbed_tls_compares_no_addresses() -> None:
    assert said(a_chain(), "192.168.1.20") == ALL - {Platform.MBEDTLS}


def test_what_is_wrong_with_a_root_alone_matters_to_some() -> None:
    """Java and rustls take a name and a key from a root, and hardly more."""
    some: list[tuple[Change, set[Platform]]] = [
        ({"end": NOW - A_DAY}, {Platform.JAVA, Platform.RUSTLS}),
        ({"path_length": 0}, {Platform.JAVA, Platform.RUSTLS}),
        ({"constraints": constrained("local")}, {Platform.JAVA, Platform.MBEDTLS}),
        (
            {"usages": ANY_USAGE},
            {Platform.JAVA, Platform.RUSTLS, Platform.GO, Platform.GNUTLS, Platform.MBEDTLS},
        ),
        # Without basicConstraints, but with keyUsage keyCertSign.
        ({"ca": None}, {Platform.OPENSSL, Platform.NODE, Platform.GNUTLS, Platform.RUSTLS}),
    ]
    for change, accepts in some:
        assert said(a_chain(root=change)) == accepts, change


def test_a_ca_as_its_own_leaf_is_refused_by_rustls_alone() -> None:
    uses = "digital_signature key_cert_sign"
    assert said(a_self_signed(ca=True, uses=uses)) == ALL - {Platform.RUSTLS}


def test_a_leaf_of_a_ca_can_be_trusted_by_itself_by_some() -> None:
    """OSL-09, JAV-02; GnuTLS only where it is sent alone, as here."""
    leaf = made(by=an_issuing_ca(made(subject="root", ca=True)))
    assert said(Chain((leaf.der,), leaf.der)) == {
        Platform.OPENSSL, Platform.PYTHON, Platform.GO, Platform.JAVA, Platform.GNUTLS,
    }  # fmt: skip


def test_java_looks_at_the_end_of_a_root_when_the_chain_is_out_of_order() -> None:
    """Measured with OpenJDK 17.0.15: leaf, root, issuing CA."""
    for end, passes in ((NOW - A_DAY, False), (NOW + A_DAY, True)):
        whole = a_chain(root={"end": end})
        leaf, issuing = whole.sent
        assert whole.root is not None
        accepted(whole.by(Platform.JAVA))
        turned = Chain((leaf, whole.root, issuing), whole.root).by(Platform.JAVA)
        accepted(turned) if passes else rejected(turned, "JAV-05.order")


def test_an_aki_matters_to_java_only_directly_under_the_root() -> None:
    wrong = x509.AuthorityKeyIdentifier(b"another key", None, None)
    assert Platform.JAVA in said(a_chain(leaf={"aki": wrong}))
    assert Platform.JAVA not in said(a_chain(issuing={"aki": wrong}))


@pytest.mark.parametrize(
    ("san", "asked", "accepts"),
    [
        ("*.lan", "ha.lan", {Platform.GO, Platform.JAVA, Platform.MBEDTLS}),
        ("*.home.arpa", "ha.home.arpa", ALL),
        ("h*.house.lan", "ha.house.lan", {Platform.NODE, Platform.JAVA}),
        ("*a.house.lan", "ha.house.lan", {Platform.NODE, Platform.JAVA, Platform.GNUTLS}),
        ("my_ha.lan", "my_ha.lan", ALL - {Platform.JAVA}),
        ("ha.lan.", "ha.lan", {Platform.OPENSSL, Platform.NODE}),
        (
            "ha.lan",
            "ha.lan.",
            {Platform.OPENSSL, Platform.NODE, Platform.GO, Platform.JAVA, Platform.RUSTLS},
        ),
        ("dns:192.168.1.20", "192.168.1.20", {Platform.MBEDTLS}),
    ],
)
def test_names_are_compared_in_eight_ways(san: str, asked: str, accepts: set[Platform]) -> None:
    assert said(a_chain(leaf={"san": [san], "subject": "x"}), asked) == accepts
