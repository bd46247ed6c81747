"""What the proof's port says: trusted to whoever comes by a verified handshake, counted once."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.onboarding.answering import Answer, Asked, Refused
from housekey.onboarding.events import Event, Step
from housekey.onboarding.nonce import LIFE_SECONDS, Acceptor, Facts, Issuer
from housekey.onboarding.proof_server import ProofServer, proof_context
from housekey.onboarding.render import Page
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret
from tests.onboarding.sharing import a_pair, an_offer, trusting

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET = Secret(b"s" * 32)
OFFER = an_offer("homeassistant.local", "192.168.1.5")
PAGE = Page(OFFER)
A_MAC = Visitor(Kind.MAC, Browser.FIREFOX)
OURS = "http://homeassistant.local:8125"
TRUSTED = {"trusted": True, "home_assistant": "https://homeassistant.local:8123"}


class Desk:
    """The proof's port without a socket."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 1000.0
        self.server = ProofServer(
            PAGE,
            OFFER,
            Acceptor(SECRET),
            self.events.append,
            page_port=8125,
            clock=lambda: self.now,
        )

    def nonce(self, device: int = 3) -> str:
        return Issuer(SECRET).issue(Facts(device, A_MAC), now=self.now)

    def asked(
        self,
        target: str,
        *,
        origin: str | None = OURS,
        method: str = "GET",
        host: str = "homeassistant.local:8126",
    ) -> Answer | Refused:
        headers: dict[str, Sequence[str]] = {"host": [host], "user-agent": ["Firefox"]}
        if origin is not None:
            headers["origin"] = [origin]
        return self.server.answer(Asked(method, target, headers, False, "192.168.1.77"))

    def ask(self, target: str, **how: str | None) -> Answer:
        answer = self.asked(target, **how)  # type: ignore[arg-type]
        assert isinstance(answer, Answer), answer
        return answer


@pytest.fixture
def desk() -> Desk:
    return Desk()


def told(desk: Desk) -> list[tuple[Step, int, str]]:
    return [(event.step, event.device, event.reason) for event in desk.events]


def test_a_good_nonce_is_counted(desk: Desk) -> None:
    answer = desk.ask(f"/proof?nonce={desk.nonce()}")
    assert answer.status == 200
    assert json.loads(answer.body) == TRUSTED
    assert answer.headers["Access-Control-Allow-Origin"] == OURS
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Cache-Control"] == "no-store"
    (event,) = desk.events
    assert (event.step, event.device, event.visitor, event.again) == (Step.TRUSTS, 3, A_MAC, False)


def test_a_used_an_old_and_a_foreign_one_are_not(desk: Desk) -> None:
    nonce = desk.nonce()
    desk.ask(f"/proof?nonce={nonce}")
    desk.events.clear()
    foreign = Issuer(Secret(b"t" * 32)).issue(Facts(1, A_MAC), now=desk.now)
    old = desk.nonce()
    for target, reason in (
        (f"/proof?nonce={nonce}", "used"),
        (f"/proof?nonce={foreign}", "unknown"),
        ("/proof?nonce=x", "unknown"),
        ("/proof?nonce=", "unknown"),
        ("/proof", "unknown"),
    ):
        answer = desk.ask(target)
        assert answer.status == 403
        assert json.loads(answer.body) == {"trusted": True, "reason": reason}
        assert answer.headers["Access-Control-Allow-Origin"] == OURS  # so the page can read it
    desk.now += LIFE_SECONDS + 1
    assert json.loads(desk.ask(f"/proof?nonce={old}").body)["reason"] == "old"
    assert told(desk) == [(Step.REFUSED, 0, "bad-nonce")] * 6


@pytest.mark.parametrize(
    "origin",
    [
        "http://attacker.example",
        "http://homeassistant.local",
        "http://homeassistant.local:8123",
        "https://homeassistant.local:8125",
        "http://homeassistant.local:8125.attacker.example",
        "http://192.168.1.6:8125",
        "null",
        "*",
    ],
)
def test_a_page_of_another_origin_learns_nothing_and_spends_nothing(
    desk: Desk, origin: str
) -> None:
    nonce = desk.nonce()
    answer = desk.ask(f"/proof?nonce={nonce}", origin=origin)
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert desk.events == []
    assert desk.ask(f"/proof?nonce={nonce}").status == 200


def test_every_address_of_the_page_is_an_origin(desk: Desk) -> None:
    answer = desk.ask(f"/proof?nonce={desk.nonce()}", origin="http://192.168.1.5:8125")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://192.168.1.5:8125"


def test_a_program_without_an_origin_is_counted_too(desk: Desk) -> None:
    answer = desk.ask(f"/proof?nonce={desk.nonce()}", origin=None)
    assert json.loads(answer.body) == TRUSTED
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert told(desk) == [(Step.TRUSTS, 3, "")]


def test_the_link_shows_the_trusted_page_and_counts_once(desk: Desk) -> None:
    nonce = desk.nonce()
    for _ in range(2):
        answer = desk.ask(f"/trusted?nonce={nonce}", origin=None)
        assert answer.status == 200
        assert answer.body == PAGE.trusted_html(A_MAC, host="homeassistant.local", language="en")
    assert told(desk) == [(Step.TRUSTS, 3, ""), (Step.REFUSED, 0, "bad-nonce")]
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert "connect-src" not in policy


def test_a_visit_without_a_nonce_and_a_head_count_nothing(desk: Desk) -> None:
    nonce = desk.nonce()
    assert desk.ask("/trusted", origin=None).status == 200
    assert desk.ask(f"/trusted?nonce={nonce}", origin=None, method="HEAD").status == 200
    assert desk.ask(f"/proof?nonce={nonce}", method="HEAD").status == 200
    assert desk.events == []
    assert desk.ask(f"/proof?nonce={nonce}").status == 200


def test_there_is_nothing_else(desk: Desk) -> None:
    assert desk.ask("/style.css").body == PAGE.assets["/style.css"].body
    for path in ("/", "/page.js", "/housekey.crt", "/nonce", "/about.json"):
        met = desk.asked(path)
        assert isinstance(met, Refused)
        assert met.status == 404


def test_the_hosts_are_held_here_too(desk: Desk) -> None:
    for host in ("attacker.example:8126", "homeassistant.local:8125", "homeassistant.local"):
        met = desk.asked(f"/proof?nonce={desk.nonce()}", host=host)
        assert isinstance(met, Refused)
        assert met.status == 421
    assert desk.events == []


# TLS


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Shake hands in memory; return the client's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="homeassistant.local")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    ours.version()
    return ours


def test_the_pair_is_taken_without_a_file_and_leaves_nothing_open() -> None:
    chain, key = a_pair()
    before = set(os.listdir("/dev/fd"))
    context = proof_context(chain, key)
    assert set(os.listdir("/dev/fd")) == before
    assert threading.active_count() == 1
    assert handshake(context, trusting()).version() == "TLSv1.3"


def test_a_chain_larger_than_a_pipe_is_taken() -> None:
    chain, key = a_pair()
    long = chain + b"\n".join([b"# and a comment that OpenSSL leaps over"] * 5000)
    assert len(long) > 65536
    handshake(proof_context(long, key), trusting())


def test_a_key_of_another_leaf_and_a_chain_that_is_none_are_told() -> None:
    (chain, _), (_, other) = a_pair(), a_pair()
    with pytest.raises(ValueError, match="the key and the chain are no pair"):
        proof_context(chain, other)
    with pytest.raises(ValueError, match="the key and the chain are no pair"):
        proof_context(b"no chain", other)
    assert threading.active_count() == 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_is_resumed(version: ssl.TLSVersion) -> None:
    """A browser that once clicked a warning away would resume it, and verify nothing."""
    context = proof_context(*a_pair())
    client = trusting()
    client.minimum_version = client.maximum_version = version
    session = handshake(context, client).session
    assert session is None or not session.has_ticket


def test_old_versions_of_tls_are_refused() -> None:
    assert proof_context(*a_pair()).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_device_that_does_not_trust_the_root_gets_no_answer() -> None:
    context = proof_context(*a_pair())
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(context, ssl.create_default_context())
