"""What the page's port says, and what it tells of its visitors."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from typing import TYPE_CHECKING

import pytest

from housekey.onboarding.answering import Answer, Asked, Refused
from housekey.onboarding.events import Event, Step
from housekey.onboarding.nonce import Acceptor, Facts, Issuer
from housekey.onboarding.page_server import MOST_DEVICES, Devices, PageServer
from housekey.onboarding.render import Page
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret
from tests.onboarding.sharing import an_offer

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET = Secret(b"s" * 32)
OFFER = an_offer("homeassistant.local", "192.168.1.5", "fd00::5")
PAGE = Page(OFFER)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
AN_IPHONE = Visitor(Kind.IPHONE, Browser.SAFARI)


class Desk:
    """The page's port without a socket."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 1000.0
        self.server = PageServer(
            PAGE, OFFER, Issuer(SECRET), self.events.append, port=8125, clock=lambda: self.now
        )

    def ask(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        host: str = "homeassistant.local:8125",
        agent: str = IPHONE,
        address: str = "192.168.1.77",
        **headers: str,
    ) -> Answer:
        answer = self.asked(target, method, host, agent, address, headers.items())
        assert isinstance(answer, Answer), answer
        return answer

    def asked(  # noqa: PLR0917 - as `ask` gives them
        self,
        target: str,
        method: str = "GET",
        host: str = "homeassistant.local:8125",
        agent: str = IPHONE,
        address: str = "192.168.1.77",
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer | Refused:
        given = {name.replace("_", "-"): [value] for name, value in headers}
        return self.server.answer(
            Asked(method, target, {"host": [host], "user-agent": [agent]} | given, False, address)
        )

    def facts(self, nonce: str) -> object:
        return Acceptor(SECRET).accept(nonce, now=self.now)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def nonce_in(answer: Answer) -> str:
    (nonce,) = re.findall(rb'data-nonce="([^"]*)"', answer.body)
    return str(nonce, "ascii")


# The page


def test_the_page_carries_a_nonce_of_its_visitor(desk: Desk) -> None:
    answer = desk.ask()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert desk.facts(nonce_in(answer)) == Facts(1, AN_IPHONE)
    assert f"/trusted?nonce={nonce_in(answer)}".encode() in answer.body


def test_a_kept_page_is_the_same_but_for_the_nonce(desk: Desk) -> None:
    first, second = desk.ask(), desk.ask()
    one, two = nonce_in(first), nonce_in(second)
    assert one != two
    assert first.body.replace(one.encode(), two.encode()) == second.body
    assert first.body.replace(one.encode(), b"") == PAGE.html(
        AN_IPHONE, host="homeassistant.local", language="en", nonce="", shown=None
    )
    assert desk.facts(two) == Facts(1, AN_IPHONE)


def test_pages_that_differ_are_not_mixed_up(desk: Desk) -> None:
    def asked_for(**how: str) -> bytes:
        answer = desk.ask(**how)
        return answer.body.replace(nonce_in(answer).encode(), b"")

    ways = [
        {},
        {"target": "/?lang=de"},
        {"target": "/?kind=windows"},
        {"agent": FIREFOX},
        {"host": "192.168.1.5:8125"},
    ]
    once = [asked_for(**way) for way in ways]
    assert len(set(once)) == len(ways)
    assert [asked_for(**way) for way in ways] == once


def test_what_is_kept_is_bounded(desk: Desk) -> None:
    asked = 0
    for kind in Kind:
        for host in ("homeassistant.local:8125", "192.168.1.5:8125", "[fd00::5]:8125"):
            for agent in (IPHONE, FIREFOX, "x", "Windows", "Macintosh", "Android", "Linux"):
                desk.ask(f"/?kind={kind.value}", host=host, agent=agent)
                asked += 1
    assert len(desk.server._kept) == 128 < asked


@pytest.mark.parametrize(
    ("host", "proof", "allowed"),
    [
        ("homeassistant.local:8125", "https://homeassistant.local:8126", None),
        ("192.168.1.5:8125", "https://192.168.1.5:8126", None),
        # A policy knows no IPv6 address.
        ("[fd00::5]:8125", "https://[fd00::5]:8126", "https://*:8126"),
    ],
)
def test_the_page_may_ask_the_proof_under_the_same_host_and_nobody_else(
    desk: Desk, host: str, proof: str, allowed: str | None
) -> None:
    answer = desk.ask(host=host)
    policy = dict(
        part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; ")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {allowed or proof}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert f'data-proof="{proof}"'.encode() in answer.body


def test_the_language_is_the_one_asked_for_or_preferred(desk: Desk) -> None:
    assert desk.ask(accept_language="de-AT,en;q=0.5").headers["Content-Language"] == "de"
    assert desk.ask("/?lang=en", accept_language="de").headers["Content-Language"] == "en"
    assert b'lang="de"' in desk.ask(accept_language="de").body


# Its files


def test_every_file_is_served_with_its_type_and_again_only_when_it_changed(desk: Desk) -> None:
    for path, asset in PAGE.assets.items():
        answer = desk.ask(path)
        assert answer.status == 200
        assert answer.body == asset.body
        assert answer.headers["Content-Type"] == asset.media_type
        assert answer.headers["Cache-Control"] == "no-cache"
        known = desk.ask(path, if_none_match=f'"other", {answer.headers["ETag"]}')
        assert (known.status, known.body) == (304, b"")
        assert known.headers["ETag"] == answer.headers["ETag"]
        assert desk.ask(path, if_none_match='"other"').status == 200


def test_downloads_have_names_and_the_profile_opens_by_itself(desk: Desk) -> None:
    assert desk.ask("/housekey.crt").headers["Content-Disposition"] == (
        'attachment; filename="housekey.crt"'
    )
    profile = desk.ask("/housekey.mobileconfig").headers
    assert profile["Content-Type"] == "application/x-apple-aspen-config"
    assert profile["Content-Disposition"] == 'inline; filename="housekey.mobileconfig"'
    assert "Content-Disposition" not in desk.ask("/style.css").headers


def test_every_answer_is_locked_down(desk: Desk) -> None:
    paths = ["/", "/nonce", "/about.json", "/no", *PAGE.assets]
    for path in paths:
        met = desk.asked(path)
        answer = met.answer() if isinstance(met, Refused) else met
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Server"] == "housekey"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Strict-Transport-Security" not in answer.headers
        assert "Set-Cookie" not in answer.headers


# The small answers


def test_a_fresh_nonce_says_what_the_page_says_of_the_device(desk: Desk) -> None:
    def fresh(query: str) -> object:
        answer = desk.ask(f"/nonce{query}")
        assert answer.headers["Cache-Control"] == "no-store"
        told = json.loads(answer.body)
        assert told["seconds"] == 600
        return desk.facts(told["nonce"])

    ipad = Visitor(Kind.IPAD, Browser.SAFARI)
    assert fresh("") == Facts(1, AN_IPHONE, again=False)
    assert fresh("?kind=ipad&again=1") == Facts(1, ipad, again=True)
    assert fresh("?kind=ipad&again=0") == Facts(1, ipad, again=False)
    assert fresh("?kind=toaster&again=yes") == Facts(1, AN_IPHONE, again=False)
    assert desk.events == []


def test_it_tells_a_program_where_the_proof_is_and_which_root(desk: Desk) -> None:
    assert json.loads(desk.ask("/about.json").body) == {
        "housekey": 1,
        "sha256": hashlib.sha256(OFFER.root_der).hexdigest(),
        "proof": {"hosts": ["homeassistant.local", "192.168.1.5", "fd00::5"], "port": 8126},
        "home_assistant": "https://homeassistant.local:8123",
    }


@pytest.mark.parametrize(
    "path",
    ["/index.html", "/proof", "/trusted", "/favicon.ico", "//", "/./", "/style.css/", "/STYLE.CSS"],
)
def test_there_is_nothing_else(desk: Desk, path: str) -> None:
    met = desk.asked(path)
    assert isinstance(met, Refused)
    assert (met.status, met.reason) == (404, "no-such-page")


# What is told


def test_a_visit_and_a_download_are_told_and_nothing_else(desk: Desk) -> None:
    desk.ask("/")
    for path, asset in PAGE.assets.items():
        if not asset.is_root:
            desk.ask(path)
    desk.ask("/nonce")
    desk.ask("/about.json")
    desk.ask("/", method="HEAD")
    desk.ask("/housekey.crt", method="HEAD")
    assert [(event.step, event.device) for event in desk.events] == [(Step.ARRIVED, 1)]
    desk.ask("/housekey.mobileconfig")
    assert [(event.step, event.device, event.visitor) for event in desk.events] == [
        (Step.ARRIVED, 1, AN_IPHONE),
        (Step.FETCHED, 1, AN_IPHONE),
    ]


def test_steps_of_one_device_have_one_number(desk: Desk) -> None:
    desk.ask(address="192.168.1.77")
    desk.ask(address="192.168.1.78")
    desk.ask(address="192.168.1.77", agent=FIREFOX)
    desk.ask("/housekey.crt", address="192.168.1.78")
    desk.ask("/housekey.crt", address="192.168.1.77")
    assert [event.device for event in desk.events] == [1, 2, 3, 2, 1]


def test_devices_are_told_apart_up_to_a_bound() -> None:
    devices = Devices(most=2)
    visitors = [Visitor(Kind.MAC, browser) for browser in list(Browser)[:3]]
    assert [devices.number("a", visitor) for visitor in visitors[:2]] == [1, 2]
    assert devices.number("a", visitors[0]) == 1
    assert devices.number("a", visitors[2]) == 3  # the second was not seen for longest
    assert devices.number("a", visitors[0]) == 1
    assert devices.number("a", visitors[1]) == 4
    assert len(devices._numbers) == 2


def test_a_stranger_of_many_addresses_does_not_make_it_grow(desk: Desk) -> None:
    for number in range(MOST_DEVICES + 100):
        desk.ask("/nonce", address=f"fd00::{number:x}")
    assert len(desk.server._devices._numbers) == MOST_DEVICES


def test_an_event_has_no_personal_data(desk: Desk) -> None:
    desk.ask(agent=IPHONE + " Jane's phone", address="192.168.1.77")
    (event,) = desk.events
    told = json.dumps(dataclasses.asdict(event), default=str)
    assert "192.168" not in told
    assert "Jane" not in told
    assert "18_0" not in told
