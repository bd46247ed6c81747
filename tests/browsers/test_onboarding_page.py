"""The onboarding page in real browsers: what they ask for, show, say, and let be done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from housekey.homeassistant.names import local_addresses
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.names import IpName
from tests.browsers import nss
from tests.browsers.chromium import Chromium
from tests.browsers.conftest import HOME_ASSISTANT
from tests.browsers.firefox import Firefox
from tests.browsers.guise import ANDROID, DESKTOP, IPHONE, MAC, WINDOWS, Guise
from tests.browsers.waiting import soon
from tests.command import housekey
from tests.sharing import Share

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine
_REFUSED = {Chromium: "ERR_CERT_AUTHORITY_INVALID", Firefox: "SEC_ERROR_UNKNOWN_ISSUER"}
_KINDS = ("iphone", "ipad", "mac", "android", "windows", "linux", "chromeos", "other")
_STATE = "document.body.dataset.state"
_STATUS = "document.getElementById('status').innerText"
_NOW = "[...document.querySelectorAll('.step')].filter(it => it.checkVisibility()).length"


def is_of_the_refusal(text: str) -> bool:
    """Whether a line of the log only tells that the proof's certificate was refused."""
    return text == "Failed to load resource: net::ERR_CERT_AUTHORITY_INVALID" or (
        text.startswith("Cross-Origin Request Blocked:") and "/proof?nonce=" in text
    )


def test_no_state_asks_anybody_else_or_offends_the_policy(
    kind: Any, share: Share, house: Path
) -> None:
    """Waiting, in each language and for each device; trusted; and trusted once more."""
    with kind() as browser:
        browser.watch()
        for language in ("en-US", "de-DE"):
            for guise in (IPHONE, ANDROID, WINDOWS, DESKTOP):
                browser.wear(replace(guise, language=language))
                assert browser.navigate(share.url) == ""
                assert soon(lambda: browser.evaluate(_STATE) == "waiting")
                assert browser.evaluate("document.documentElement.lang") == language[:2]
                for button in ("next", "next", "back", "all", "all"):
                    browser.evaluate(f"document.getElementById('{button}').click()")
        for each in _KINDS:
            assert browser.navigate(f"{share.url}?kind={each}") == ""
            opened = "[...document.querySelectorAll('details')].map(it => it.open = true).length"
            assert browser.evaluate(opened) > 0
        waiting = browser.watched()
        nss.add(browser.database, "housekey", house / "root.pem")
        browser.restart()
        browser.watch()
        for _ in range(2):
            assert browser.navigate(share.url) == ""
            assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        trusted = browser.watched()
        assert browser.navigate(f"{share.proof}/trusted?nonce=x") == ""
        requests = [*waiting.requests, *browser.watched().requests]
    foreign = {url for url in requests if not url.startswith((share.url, share.proof, "data:"))}
    assert foreign == set()
    assert {it.text for it in waiting.said if not is_of_the_refusal(it.text)} == set()
    assert trusted.said == []


def test_without_javascript_a_link_is_the_proof(
    kind: Any, house: Path, root: bytes, tmp_path: Path
) -> None:
    with Share(house, "--once", "--home-assistant", HOME_ASSISTANT) as share:
        link = "document.querySelector('#status a').href"
        with kind() as browser:
            browser.wear(Guise(script=False))
            browser.navigate(share.url)
            assert "Not tested yet" in browser.evaluate(_STATUS)
            assert browser.evaluate(_NOW) >= 3  # all steps are there at once
            assert browser.evaluate("document.querySelector('.pager').checkVisibility()") is False
            assert browser.navigate(browser.evaluate(link)) == _REFUSED[kind]
        with kind(roots=[root]) as browser:
            browser.wear(Guise(script=False, language="de-DE"))
            browser.navigate(share.url)
            for each in _KINDS:  # by the links themselves
                find = f"document.querySelector('.tabs a[href*={each}]').href"
                assert browser.navigate(browser.evaluate(find)) == ""
                current = "document.querySelector('.tabs [aria-current]').href"
                assert f"kind={each}" in browser.evaluate(current)
                assert browser.evaluate("document.documentElement.lang") == "de"
            assert browser.navigate(browser.evaluate(link)) == ""
            assert browser.evaluate("document.querySelector('h1').innerText.length") > 0
            leads = "document.querySelector('main a.button').href"
            assert browser.evaluate(leads) == f"{HOME_ASSISTANT}/"
        ended = share.ended()
    assert ended.code == 0, ended
    assert [list(it["steps"]) for it in ended.json["devices"]][-1] == ["arrived", "trusts"]


def test_an_ipad_that_calls_itself_a_mac_is_led_as_an_ipad(kind: Any, share: Share) -> None:
    current = "document.querySelector('.tabs [aria-current]').innerText.split('\\n')[0]"
    with kind() as browser:
        browser.wear(replace(MAC, width=820, height=1180))
        browser.navigate(share.url)
        assert browser.evaluate(current) == "Mac"
        browser.wear(replace(MAC, width=820, height=1180, touch=True))
        browser.navigate(share.url)
        assert soon(lambda: browser.evaluate(current) == "iPad")


def test_a_device_that_comes_again_is_not_counted_twice(
    kind: Any, house: Path, root: bytes
) -> None:
    before = len(housekey("status", "--house", house, "--json").json["devices"])
    with Share(house) as share, kind(roots=[root]) as browser:
        for _ in range(2):
            browser.navigate(share.url)
            assert soon(lambda: browser.evaluate(_STATE) == "trusted")
            browser.restart()
        ended = share.end()
    assert ended.json["proofs"] == 1
    assert len(ended.json["devices"]) == 1
    after = housekey("status", "--house", house, "--json").json["devices"]
    assert len(after) == before + 1


def test_the_page_says_when_it_has_ended(kind: Any, house: Path) -> None:
    with Share(house) as share, kind() as browser:
        browser.navigate(share.url)
        assert soon(lambda: browser.evaluate(_STATE) == "waiting")
        share.end()
        # The proof is refused as before, so the page has to notice by itself that it is alone.
        assert soon(lambda: browser.evaluate(_STATE) == "ended", seconds=90)


@pytest.mark.parametrize(
    ("guise", "missing"),
    [
        (IPHONE, "Certificate Trust Settings"),
        (replace(IPHONE, language="de-DE"), "Zertifikatsvertrauenseinstellungen"),
        (ANDROID, "CA certificate"),
    ],
    ids=["iphone", "iphone-de", "android"],
)
def test_a_device_that_comes_back_without_trust_is_told_what_is_missing(
    kind: Any, share: Share, guise: Guise, missing: str
) -> None:
    with kind() as browser:
        browser.wear(guise)
        browser.navigate(share.url)
        browser.evaluate("document.querySelector('.step [data-root]').click()")
        file = browser.downloads
        assert soon(lambda: file.exists() and any(file.iterdir()))
        browser.navigate(share.url)  # its owner comes back from the settings
        assert soon(lambda: browser.evaluate(_STATE) == "missing", seconds=60)
        assert missing in browser.evaluate(_STATUS)


def test_a_device_that_cannot_reach_the_proof_is_told_so(kind: Any, house: Path) -> None:
    with Share(house) as share, kind() as browser:
        share.stop_the_proof()
        browser.navigate(share.url)
        assert soon(lambda: browser.evaluate(_STATE) == "unreachable", seconds=60)
        assert str(share.proof_port) in browser.evaluate(_STATUS)


def test_a_device_of_the_network_proves_it_by_an_address(
    kind: Any, house: Path, root: bytes
) -> None:
    """The browsers have rules of their own for addresses of a home, which 127.0.0.1 is not."""
    of_a_home = (
        str(each)
        for each in local_addresses()
        if DEFAULT_CONSTRAINTS.permits(IpName(each)) and not each.is_link_local
    )
    address = next(of_a_home, None)
    if address is None:  # what a machine is connected to is no engine that is missing
        pytest.skip("this machine has no private address")
    assert address is not None
    with Share(house, host=address) as share, kind(roots=[root], hosts=[address]) as browser:
        browser.watch()
        assert browser.navigate(share.url) == ""
        assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        assert browser.watched().said == []
