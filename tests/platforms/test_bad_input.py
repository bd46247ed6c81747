"""Nothing raises out of `judge()`, no rule crashes, and nothing takes long: whatever the bytes."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housekey.platforms.clients import CLIENTS
from housekey.platforms.facts import facts_of
from housekey.platforms.judge import judge
from housekey.platforms.model import Question, Severity, Verdict
from tests.platforms.making import NOW, Chain, a_chain, a_root, constrained, made, names

_NAMES = st.sampled_from(names("ha.lan", "192.168.1.20", "fd12::20", "*.house.lan", "ha.lan."))
_EXAMPLES = settings(max_examples=200, deadline=None)


@cache
def sound() -> Chain:
    return a_chain(
        root={"constraints": constrained("lan", "192.168.0.0/16", "fd00::/8")},
        leaf={"san": ["ha.lan", "*.house.lan", "192.168.1.20"]},
    )


def told(question: Question) -> tuple[Verdict, ...]:
    """One verdict for each platform, and no rule that crashed."""
    verdicts = judge(question, CLIENTS)
    assert [each.platform for each in verdicts] == list(CLIENTS)
    for verdict in verdicts:
        crashed = [each for each in verdict.findings if each.rule == "ALL-02"]
        assert crashed == [], verdict.platform
        if verdict.accepts is False:
            assert verdict.error
            assert any(each.severity is Severity.ERROR for each in verdict.findings)
    return verdicts


@_EXAMPLES
@given(st.lists(st.binary(max_size=200), max_size=4), st.binary(max_size=200), _NAMES)
def test_random_bytes_are_findings(chain: list[bytes], root: bytes, name: object) -> None:
    question = Question(tuple(chain), root, name, NOW)  # type: ignore[arg-type]
    for verdict in told(question):
        assert verdict.accepts is False


@st.composite
def damaged(draw: st.DrawFn) -> Question:
    """A sound chain with bytes changed, taken out or put in, in one of its certificates."""
    chain = [*sound().sent, sound().root]
    which = draw(st.integers(0, len(chain) - 1))
    data = bytearray(chain[which] or b"")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.sampled_from(["change", "cut", "put", "end"])):
            case "change":
                data[at : at + 1] = bytes((draw(st.integers(0, 255)),))
            case "cut":
                del data[at : at + draw(st.integers(1, 4))]
            case "put":
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case "end":
                del data[max(at, 1) :]
    chain[which] = bytes(data)
    *sent, root = chain
    order = draw(st.permutations(range(1, len(sent))))
    kept = [sent[0], *(sent[each] for each in order if each < len(sent))]
    return Question(tuple(each for each in kept if each is not None), root, draw(_NAMES), NOW)


@_EXAMPLES
@given(damaged())
def test_a_damaged_chain_is_judged_all_the_same(question: Question) -> None:
    told(question)


@_EXAMPLES
@given(st.binary(max_size=400))
def test_any_bytes_are_facts(data: bytes) -> None:
    facts = facts_of(data)
    assert facts.der == data
    assert facts.unreadable


_EXTENSIONS = st.sampled_from(
    [
        "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.32", "2.5.29.35",
        "2.5.29.36", "2.5.29.37", "1.3.6.1.5.5.7.1.24", "2.16.840.1.113730.1.1",
    ]
)  # fmt: skip
_KNOWN_BY_OTHER_NAMES = {
    "ca": None, "uses": None, "usages": None, "san": None, "ski": False, "aki": None,
}  # fmt: skip


@_EXAMPLES
@given(_EXTENSIONS, st.booleans(), st.binary(max_size=40), st.sampled_from(["leaf", "root"]))
def test_an_extension_of_any_bytes_is_judged(
    oid: str, critical: bool, value: bytes, where: str
) -> None:
    more = {**_KNOWN_BY_OTHER_NAMES, "more": [(oid, critical, value)]}
    told((a_chain(leaf=more) if where == "leaf" else a_chain(root=more)).asked())


def test_a_certificate_without_any_extension_is_judged() -> None:
    told(a_chain(leaf=_KNOWN_BY_OTHER_NAMES, root=_KNOWN_BY_OTHER_NAMES).asked())


def test_a_hundred_cas_that_all_signed_each_other_take_no_time() -> None:
    """As many paths as there are orders of them, and none to the root."""
    first = a_root(subject="everybody", who="everybody")
    heap = [a_root(subject="everybody", who="everybody") for _ in range(100)]
    leaf = made(by=first)
    question = Question(
        (leaf.der, *(each.der for each in heap)), a_root(subject="nobody").der, names("ha.lan")[0],
        NOW,
    )  # fmt: skip
    began = time.monotonic()
    for verdict in told(question):
        assert verdict.accepts is False
    assert time.monotonic() - began < 20


def test_ten_mebibytes_are_one_finding() -> None:
    began = time.monotonic()
    data = b"\x30\x84\x00\xa0\x00\x00" + bytes(10 * 1024 * 1024)
    for verdict in told(Question((data,), data, names("ha.lan")[0], NOW)):
        assert verdict.accepts is False
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_a_certificate_cut_anywhere_is_a_finding(cut: int) -> None:
    leaf, issuing = sound().sent
    for chain in ((leaf[:cut], issuing), (leaf, issuing[:cut])):
        for verdict in told(Question(chain, sound().root, names("ha.lan")[0], NOW)):
            assert verdict.accepts is False
