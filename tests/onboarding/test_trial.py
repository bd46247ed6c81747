"""What the page says while Home Assistant goes to https; without that, nothing is different."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from housekey.onboarding.answering import Answer, Asked
from housekey.onboarding.nonce import Acceptor, Facts, Issuer, Refusal
from housekey.onboarding.page_server import PageServer
from housekey.onboarding.proof_server import ProofServer
from housekey.onboarding.render import Page
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret
from tests.onboarding.sharing import an_offer

if TYPE_CHECKING:
    from housekey.onboarding.offer import Offer

PATH = "/api/housekey/proof"
SHARED = an_offer("homeassistant.local", "192.168.1.5", "fd00::5")
WAITS = replace(SHARED, awaits_https=True, home_assistant=None, home_assistant_hosts=())
TRIES = replace(
    SHARED,
    awaits_https=True,
    trial_path=PATH,
    home_assistant_hosts=("homeassistant.local", "fd00::5"),
)
PAGES, TRIAL = Secret(b"s" * 32), Secret(b"t" * 32)
A_MAC = Visitor(Kind.MAC, Browser.FIREFOX)


def answer(
    offer: Offer, target: str, host: str = "homeassistant.local", *, proof: bool = False
) -> Answer:
    """What the page's port, or the proof's, says to `target`."""
    page = Page(offer)
    server: PageServer | ProofServer
    if proof:
        server = ProofServer(
            page,
            offer,
            Acceptor(PAGES),
            lambda _: None,
            page_port=8125,
            trial=Issuer(TRIAL) if offer.trial_path else None,
            clock=lambda: 1000.0,
        )
    else:
        server = PageServer(
            page, offer, Issuer(PAGES), lambda _: None, port=8125, clock=lambda: 1000.0
        )
    at = f"[{host}]" if ":" in host else host
    headers = {"host": [f"{at}:{8126 if proof else 8125}"], "user-agent": ["Firefox"]}
    said = server.answer(Asked("GET", target, headers, False, "192.168.1.77"))
    assert isinstance(said, Answer), said
    return said


def connects(offer: Offer, host: str = "homeassistant.local") -> list[str]:
    """Whom the page may ask."""
    policy = answer(offer, "/", host).headers["Content-Security-Policy"]
    (part,) = (each for each in policy.split("; ") if each.startswith("connect-src "))
    return part.split()[1:]


def test_only_in_a_trial_the_page_may_ask_home_assistant() -> None:
    proof = "https://homeassistant.local:8126"
    assert connects(SHARED) == connects(WAITS) == ["'self'", proof]
    assert connects(TRIES) == ["'self'", proof, "https://homeassistant.local:8123"]


@pytest.mark.parametrize(
    ("host", "asked", "named"),
    [
        ("homeassistant.local", "https://homeassistant.local:8123", ""),
        # A name that Home Assistant's leaf has not: by the one that it has.
        ("192.168.1.5", "https://homeassistant.local:8123", ""),
        ("fd00::5", "https://[fd00::5]:8123", "https://*:8123"),
    ],
)
def test_it_asks_at_a_name_that_the_leaf_has(host: str, asked: str, named: str) -> None:
    body = answer(TRIES, "/", host).body.decode()
    assert f'data-trial="{asked}{PATH}"' in body
    assert connects(TRIES, host)[-1] == (named or asked)


def test_what_is_shared_by_the_command_knows_of_no_trial() -> None:
    assert b"data-trial" not in answer(SHARED, "/").body
    assert "trial" not in json.loads(answer(SHARED, "/about.json").body)


def test_a_page_that_waits_hears_when_the_trial_begins() -> None:
    for offer, begun in ((WAITS, False), (TRIES, True)):
        assert json.loads(answer(offer, "/about.json").body)["trial"] is begun
    body = answer(WAITS, "/").body.decode()
    assert 'data-trial=""' in body
    assert "Leave this page open" in body


def test_who_proves_trust_gets_what_the_trial_takes_once() -> None:
    nonce = Issuer(PAGES).issue(Facts(3, A_MAC), now=1000.0)
    trial = json.loads(answer(TRIES, f"/proof?nonce={nonce}", proof=True).body)["trial"]
    accepts = Acceptor(TRIAL)
    assert accepts.accept(trial, now=1000.0) == Facts(3, A_MAC)
    assert accepts.accept(trial, now=1000.0) is Refusal.USED
    # It proves nothing at the proof listener, nor does the page's own at Home Assistant.
    assert Acceptor(PAGES).accept(trial, now=1000.0) is Refusal.UNKNOWN
    assert accepts.accept(nonce, now=1000.0) is Refusal.UNKNOWN


def test_who_proves_nothing_gets_nothing() -> None:
    refused = answer(TRIES, "/proof?nonce=x", proof=True)
    assert (refused.status, json.loads(refused.body)) == (
        403,
        {"trusted": True, "reason": "unknown"},
    )
    nonce = Issuer(PAGES).issue(Facts(3, A_MAC), now=1000.0)
    shared = json.loads(answer(SHARED, f"/proof?nonce={nonce}", proof=True).body)
    assert set(shared) == {"trusted", "home_assistant"}
