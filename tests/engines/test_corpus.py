"""The corpus is what it says: many chains, the same ones every time, each rule among them."""

from __future__ import annotations

import time

from cryptography import x509

from tests.engines import corpus
from tests.engines.making import Maker

# Rules about chains that an engine which runs here can decide: PLATFORMS.md 2, 3, 6, 8 and 9.
# What is not here is about stores, dialogs, policies and the network, or about engines that do
# not run here (wolfSSL), and no chain has two sides of it.
DECIDABLE = (
    *(f"CHR-{n:02}" for n in (*range(1, 8), *range(8, 16), *range(18, 25), 26)),
    *(f"FFX-{n:02}" for n in range(1, 21)),
    *(f"PY-{n:02}" for n in range(1, 12)),
    *(f"OSL-{n:02}" for n in range(1, 11)),
    "GO-01", "GO-02", "GO-03", "GO-04", "JAV-01", "JAV-02", "JAV-03", "JAV-04",
    "GTL-01", "RUS-01", "MBD-01", "MBD-02",
    *(f"BR-{n:02}" for n in range(1, 14)),
    "RFC-01", "RFC-02", "RFC-03",
    *(f"NC-{n:02}" for n in range(1, 17)),
)  # fmt: skip


def test_the_corpus_is_large_and_made_in_seconds() -> None:
    corpus.cases.cache_clear()
    begun = time.monotonic()
    found = corpus.cases()
    seconds = time.monotonic() - begun
    print(f"{len(found)} chains in {seconds:.1f} s")  # noqa: T201 - told by `make engines`
    assert len(found) >= 300
    assert seconds < 30  # 2 on an idle machine; RSA keys are a matter of luck


def test_every_rule_that_an_engine_here_can_decide_has_cases() -> None:
    rules = {rule for case in corpus.cases() for rule in case.rules}
    assert [rule for rule in DECIDABLE if rule not in rules] == []


def test_the_sample_still_has_every_rule() -> None:
    found = corpus.cases()
    kept = corpus.sample(found)
    assert len(kept) < len(found) / 4
    assert {rule for case in kept for rule in case.rules} == {
        rule for case in found for rule in case.rules
    }


def test_the_same_chains_come_every_time() -> None:
    at = corpus.this_hour()
    ids = [case.id for case in corpus.cases()]
    assert ids == [case.id for case in corpus.cases(at)]
    assert len(set(ids)) == len(ids)
    first, second = (corpus.random_cases(40, seed=7, at=at) for _ in range(2))
    # Keys are shared in a process; an ECDSA signature is never twice the same.
    assert [_shape(case.question.chain) for case in first] == [
        _shape(case.question.chain) for case in second
    ]


def test_a_case_without_changes_is_a_chain_that_holds() -> None:
    """root → issuing CA → leaf; cryptography's own signature check says so."""
    case = Maker(corpus.this_hour())("plain")
    leaf, issuing = map(x509.load_der_x509_certificate, case.question.chain)
    assert case.question.root is not None
    root = x509.load_der_x509_certificate(case.question.root)
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


def _shape(chain: tuple[bytes, ...]) -> list[bytes]:
    """The signed part of each certificate: two octets of length each, as every one here has."""
    return [each[4 : 8 + int.from_bytes(each[6:8], "big")] for each in chain]
