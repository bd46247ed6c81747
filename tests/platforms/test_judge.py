"""Verdicts as a whole: what housekey issues, and what nobody should have sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import to_der
from housekey.pki.issuing import issue_leaf, issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey
from housekey.platforms.clients import CLIENTS
from housekey.platforms.judge import judge, rules
from housekey.platforms.model import Platform, Question, Severity
from tests.pki.houses import NOW, a_house, names

_HOST = ("ha.lan", "homeassistant.local", "*.house.lan")
_ADDRESSES = ("192.168.1.20", "fd12::20")


def asked_of_the_house(
    *sans: str, name: str, key_type: KeyType = KeyType.ECDSA_P256, critical: bool = False
) -> Question:
    house = a_house(constraints=replace(DEFAULT_CONSTRAINTS, critical=critical))
    key = PrivateKey.generate(key_type)
    leaf = issue_leaf(public_key=key.public_key, names=names(*sans), issuer=house.issuing, now=NOW)
    chain = (to_der(leaf), to_der(house.issuing.certificate))
    return Question(chain, to_der(house.root.certificate), names(name)[0], NOW)


@pytest.mark.parametrize("name", _HOST)
@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.ECDSA_P384, KeyType.RSA_2048])
def test_every_platform_accepts_what_housekey_issues(name: str, key_type: KeyType) -> None:
    question = asked_of_the_house(*_HOST, *_ADDRESSES, name=name, key_type=key_type)
    said = {each.platform: each for each in judge(question, CLIENTS)}
    assert {platform: each.accepts for platform, each in said.items()} == dict.fromkeys(
        CLIENTS, True
    ), said


@pytest.mark.parametrize("name", _ADDRESSES)
@pytest.mark.parametrize("sans", [(*_HOST, *_ADDRESSES), _ADDRESSES])
def test_every_platform_but_mbed_tls_accepts_its_addresses(
    name: str, sans: tuple[str, ...]
) -> None:
    """MBD-02: Mbed TLS 2.28 compares no addresses."""
    for verdict in judge(asked_of_the_house(*sans, name=name), CLIENTS):
        assert verdict.accepts is (verdict.platform is not Platform.MBEDTLS), verdict


def test_critical_constraints_lose_mbed_tls_alone() -> None:
    """MBD-01, and the reason why a house's constraints are not critical (NC-13)."""
    question = asked_of_the_house("ha.lan", name="ha.lan", critical=True)
    for verdict in judge(question, CLIENTS):
        assert verdict.accepts is (verdict.platform is not Platform.MBEDTLS), verdict


def test_a_verdict_that_accepts_has_no_error_and_no_finding_of_error() -> None:
    for verdict in judge(asked_of_the_house("ha.lan", name="ha.lan"), CLIENTS):
        assert not verdict.error
        assert [each for each in verdict.findings if each.severity is Severity.ERROR] == []


def test_a_self_signed_leaf_for_its_own_root() -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    leaf = to_der(issue_self_signed(key=key, names=names("ha.lan"), now=NOW))
    question = Question((leaf,), leaf, names("ha.lan")[0], NOW)
    for platform in (Platform.OPENSSL, Platform.PYTHON, Platform.GO, Platform.RUSTLS):
        (verdict,) = judge(question, (platform,))
        assert verdict.accepts is True, verdict


def test_nothing_sent_is_a_finding() -> None:
    for verdict in judge(Question((), None, names("ha.lan")[0], NOW)):
        assert verdict.accepts is False
        assert verdict.findings


def test_platforms_answer_in_the_order_asked() -> None:
    question = asked_of_the_house("ha.lan", name="ha.lan")
    asked = (Platform.PYTHON, Platform.JAVA, Platform.OPENSSL)
    assert tuple(each.platform for each in judge(question, asked)) == asked


def test_every_rule_says_what_it_must() -> None:
    for listed in rules():
        rule = listed.rule
        assert rule.title, rule
        assert not rule.title.endswith("."), rule.title
        assert rule.applies, rule
        assert rule.source, rule
        assert rule.evidence, rule
        assert rule.fix, rule
        assert rule.fix[0].islower(), rule
        assert listed.platforms, rule
        assert all(error for _, error in listed.errors), rule


def test_one_id_is_one_rule() -> None:
    """Platforms that share an id share everything but the error that they show."""
    seen: dict[str, object] = {}
    for client in CLIENTS.values():
        ids = [rule.id for rule in client.rules]
        assert len(ids) == len(set(ids)), client.platform
        for rule in client.rules:
            assert seen.setdefault(rule.id, replace(rule, error="")) == replace(rule, error="")
