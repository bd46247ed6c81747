"""The page that is open through the restart keeps HTTPS, in real Home Assistants and browsers."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from demo.api import wait_for
from housekey.pki.encoding import certificates_from_pem, to_der
from tests.browsers import chromium
from tests.browsers.chromium import Chromium
from tests.browsers.guise import IPHONE
from tests.browsers.waiting import soon, told
from tests.inside.integration import (
    Flow,
    at_the_page,
    complaints,
    loaded,
    prove,
    secured,
    stage,
)
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NAME = "testhome.local"
HOMES = ["home_2026_7", "home_2026_11"]
_STATE = "document.body.dataset.state"


def on_http(new: NewHome) -> tuple[Home, Flow, str]:
    """A Home Assistant whose flow shows the page; and the page's address."""
    home, flow = at_the_page(new, "localhost", "127.0.0.1", NAME)
    return home, flow, flow.told["url"]


def switch(flow: Flow, home: Home) -> None:
    """Go through the rest of the flow: Home Assistant restarts into the trial."""
    flow.send(go_on=True)
    flow.send(https_port=home.port, switch=True)
    assert flow.shown["type"] == "create_entry", flow.shown
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")


@pytest.mark.parametrize("release", HOMES)
def test_the_pages_proof_keeps_https_and_nobody_signs_in(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, flow, page = on_http(request.getfixturevalue(release))
    root = tmp_path / "root.pem"
    said = prove(page, root)
    assert said["trusted"]
    assert "trial" not in said
    switch(flow, home)

    # Nothing but the page has been there: the house is on trial, its page open again.
    assert wait_for(lambda: answers(f"{page}/about.json"), timeout=30)
    said = prove(page, root)
    where = f"https://localhost:{home.port}/api/housekey/proof?nonce={said['trial']}"
    assert bring(where, root, origin="http://evil.example") == 404
    assert bring(where, root, origin=page) == 200
    assert wait_for(lambda: bring(where, root, origin=page) == 404, timeout=10)  # no trial any more
    if home.has_trials:
        assert wait_for(lambda: home.storage("http")["pending"] is None, timeout=10)
        assert home.storage("http")["stable"]["ssl_certificate"] == "/config/certificate.pem"
    api = secured(home, root)
    assert loaded(api)
    assert wait_for(lambda: stage(api) == "kept", timeout=10)
    assert complaints(home) == []
    assert home.starts == 2


def answers(url: str) -> bool:
    """Whether somebody does."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def bring(url: str, root: Path, *, origin: str) -> int:
    """Ask as the page's script does, trusting the root alone; return the status."""
    tls = ssl.create_default_context(cafile=str(root))
    asked = urllib.request.Request(url, headers={"Origin": origin})
    try:
        with urllib.request.urlopen(asked, context=tls, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def is_soon(browser: Chromium, expression: str, wanted: str) -> bool:
    """Whether the page comes to say so."""
    return soon(lambda: bool(told(browser, expression) == wanted), seconds=60)


@pytest.mark.engine
@pytest.mark.parametrize("release", HOMES)
def test_a_page_that_stays_open_in_chromium_keeps_https_by_itself(
    release: str, request: pytest.FixtureRequest
) -> None:
    missing = chromium.missing()
    require(missing is None, missing or "")
    home, flow, page = on_http(request.getfixturevalue(release))
    pem = home.config / "housekey" / "root.pem"
    der = to_der(certificates_from_pem(pem.read_bytes())[0])
    hosts = [urlsplit(page).hostname or "", NAME]
    with Chromium(roots=[der], hosts=hosts) as trusting, Chromium(hosts=hosts) as other:
        for browser, state in ((trusting, "trusted"), (other, "waiting")):
            browser.wear(IPHONE)
            assert browser.navigate(page) == ""
            assert is_soon(browser, _STATE, state)
        assert "Leave this page open" in trusting.evaluate("document.body.innerText")
        switch(flow, home)
        # Both pages are open all the while. The one that trusts the root comes by itself.
        link = f"https://{NAME}:{home.port}/"
        shown = "document.querySelector('#status a.button')?.href"
        assert is_soon(trusting, shown, link)
        assert is_soon(trusting, "document.body.dataset.trial ?? 'none'", "none")
        assert other.evaluate(_STATE) in ("waiting", "missing", "ended")
        assert trusting.navigate(link) == ""
    if home.has_trials:
        assert wait_for(lambda: home.storage("http")["pending"] is None, timeout=10)
    else:
        assert "ssl_certificate" in (home.config / "configuration.yaml").read_text()
    assert complaints(home, browser_left=True) == []
    assert home.starts == 2


@pytest.mark.engine
def test_a_page_in_a_browser_that_does_not_trust_the_root_keeps_nothing(
    home_2026_11: NewHome,
) -> None:
    missing = chromium.missing()
    require(missing is None, missing or "")
    home, flow, page = on_http(home_2026_11)
    with Chromium(hosts=[urlsplit(page).hostname or "", NAME]) as browser:
        assert browser.navigate(page) == ""
        assert is_soon(browser, _STATE, "waiting")
        switch(flow, home)
        assert wait_for(lambda: answers(f"{page}/about.json"), timeout=30)
        browser.watch()
        assert browser.navigate(page) == ""
        assert is_soon(browser, _STATE, "waiting")
        assert not any("/api/" in url for url in browser.watched().requests)
        # Even told where to ask, it gets nowhere.
        asked = browser.evaluate(
            f"fetch('https://{NAME}:{home.port}/api/housekey/proof?nonce=x')"
            ".then(() => 'answered', () => 'refused')"
        )
        assert asked == "refused"
    assert home.storage("http")["pending"] is not None
