"""A nonce is good once, for ten minutes, for the proof of the page that gave it out."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.onboarding.nonce import (
    LIFE_SECONDS,
    NONCE_LENGTH,
    Acceptor,
    Facts,
    Issuer,
    Refusal,
)
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret

SECRET = Secret(b"s" * 32)
FACTS = Facts(7, Visitor(Kind.IPHONE, Browser.SAFARI), again=True)
NOW = 5000.0


def a_nonce(*, now: float = NOW, secret: Secret = SECRET) -> str:
    return Issuer(secret).issue(FACTS, now=now)


@given(
    device=st.integers(1, 2**32 - 1),
    kind=st.sampled_from(Kind),
    browser=st.sampled_from(Browser),
    again=st.booleans(),
    now=st.floats(0, 1e9),
    later=st.floats(0, LIFE_SECONDS - 1),
)
def test_it_carries_what_the_page_knew(
    device: int, kind: Kind, browser: Browser, again: bool, now: float, later: float
) -> None:
    facts = Facts(device, Visitor(kind, browser), again)
    nonce = Issuer(SECRET).issue(facts, now=now)
    assert len(nonce) == NONCE_LENGTH
    assert Acceptor(SECRET).accept(nonce, now=now + later) == facts


def test_it_is_accepted_once() -> None:
    acceptor, nonce = Acceptor(SECRET), a_nonce()
    assert acceptor.accept(nonce, now=NOW) == FACTS
    for later in (0, 1, LIFE_SECONDS):
        assert acceptor.accept(nonce, now=NOW + later) is Refusal.USED
    assert acceptor.accept(nonce, now=NOW + LIFE_SECONDS + 1) is Refusal.OLD


def test_it_ends_after_ten_minutes() -> None:
    nonce = a_nonce()
    assert Acceptor(SECRET).accept(nonce, now=NOW + LIFE_SECONDS) == FACTS
    assert Acceptor(SECRET).accept(nonce, now=NOW + LIFE_SECONDS + 0.1) is Refusal.OLD


def test_used_late_it_is_remembered_until_its_end() -> None:
    acceptor, nonce = Acceptor(SECRET), a_nonce()
    assert acceptor.accept(nonce, now=NOW + LIFE_SECONDS) == FACTS
    assert acceptor.accept(nonce, now=NOW + LIFE_SECONDS) is Refusal.USED


def test_two_are_never_the_same() -> None:
    assert len({a_nonce() for _ in range(1000)}) == 1000


def test_one_of_another_run_is_unknown() -> None:
    assert Acceptor(Secret(b"t" * 32)).accept(a_nonce(), now=NOW) is Refusal.UNKNOWN


@given(st.integers(0, NONCE_LENGTH * 6 - 1))
def test_one_bit_changed_makes_it_unknown(bit: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(a_nonce()))
    raw[bit // 8] ^= 1 << bit % 8
    assert len(raw) * 8 == NONCE_LENGTH * 6
    forged = base64.urlsafe_b64encode(raw).decode()
    assert Acceptor(SECRET).accept(forged, now=NOW) is Refusal.UNKNOWN


@given(st.text(max_size=200) | st.text("AZaz09-_+/=", min_size=84, max_size=84))
def test_anything_else_is_unknown(text: str) -> None:
    assert Acceptor(SECRET).accept(text, now=NOW) is Refusal.UNKNOWN


@pytest.mark.parametrize(
    "other",
    [
        lambda nonce: nonce + "=",
        lambda nonce: nonce + " ",
        lambda nonce: " " + nonce,
        lambda nonce: nonce[:-1],
        lambda nonce: nonce.replace("-", "+").replace("_", "/") if set("-_") & set(nonce) else "",
    ],
)
def test_another_way_to_write_it_is_no_second_chance(other) -> None:  # type: ignore[no-untyped-def]
    acceptor, nonce = Acceptor(SECRET), a_nonce()
    assert acceptor.accept(other(nonce), now=NOW) is Refusal.UNKNOWN
    assert acceptor.accept(nonce, now=NOW) == FACTS


def test_what_was_used_is_bounded_and_never_forgotten_within_its_life() -> None:
    acceptor = Acceptor(SECRET, most_used=3)
    nonces = [a_nonce() for _ in range(4)]
    assert [acceptor.accept(each, now=NOW) for each in nonces] == [FACTS] * 3 + [Refusal.FULL]
    for each in nonces[:3]:
        assert acceptor.accept(each, now=NOW + LIFE_SECONDS) is Refusal.USED
    assert len(acceptor._used) == 3
    # Later there is room again, and the old ones are old.
    later = NOW + LIFE_SECONDS + 1
    assert acceptor.accept(a_nonce(now=later), now=later) == FACTS
    assert len(acceptor._used) == 1
    assert acceptor.accept(nonces[0], now=later) is Refusal.OLD


def test_what_is_refused_takes_no_room() -> None:
    acceptor = Acceptor(SECRET)
    old = a_nonce(now=NOW - LIFE_SECONDS - 1)
    foreign = a_nonce(secret=Secret(b"t" * 32))
    for each in (old, foreign, "", "x" * NONCE_LENGTH):
        assert isinstance(acceptor.accept(each, now=NOW), Refusal)
    assert len(acceptor._used) == 0
