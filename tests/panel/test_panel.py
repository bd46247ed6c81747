"""The panel in a real Chromium, in front of a real Home Assistant.

What it shows comes from `stand_in.py`, so that a test can choose it.
"""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo.api import Api, CallError
from demo.release import small_configuration
from tests.browsers import chromium
from tests.browsers.chromium import Chromium
from tests.browsers.guise import PHONE
from tests.browsers.waiting import soon
from tests.inside.integration import complaints, packed
from tests.needs import require
from tests.panel.parts import read_json
from tests.panel.sight import Sight, give_panel
from tests.without_home_assistant import INTEGRATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewHome
    from tests.homes.home import Home

pytestmark = pytest.mark.engine
_STAND_IN = Path(__file__).parent / "stand_in.py"


def with_panel(new: NewHome) -> Home:
    """Start a Home Assistant with the panel in its sidebar."""
    home = new(start=False)
    give_panel(home, packed(), _STAND_IN)
    text = f"{small_configuration(home.installed.release, home.port)}housekey:\n"
    (home.config / "configuration.yaml").write_text(text)
    home.start()
    return home


@pytest.fixture
def browser() -> Iterator[Chromium]:
    """A fresh one."""
    missing = chromium.missing()
    require(missing is None, missing or "")
    with Chromium() as it:
        yield it


@pytest.fixture
def home(home_2026_11: NewHome) -> Home:
    """The newest Home Assistant with the panel."""
    return with_panel(home_2026_11)


def signed_in(browser: Chromium, home: Home) -> Sight:
    """Somebody who has signed in and looks at the panel."""
    sight = Sight(browser, home.url)
    sight.sign_in()
    browser.watch()
    sight.open_panel()
    return sight


def show(home: Home, scene: str) -> None:
    """Let the house be in another state."""
    home.api().post("/api/services/housekey/show_scene", {"scene": scene})


def shows(sight: Sight, text: str) -> bool:
    """Whether the panel says so before long."""
    return bool(soon(lambda: text in sight.text(), seconds=10))


def test_an_administrator_sees_the_house_at_a_glance(browser: Chromium, home: Home) -> None:
    sight = signed_in(browser, home)
    assert shows(sight, "Home Assistant speaks HTTPS")
    said = sight.text()
    for text in (
        "Renewed certificates are used at once",
        "312 days left",
        "3,611 days left",
        "homeassistant.fritz.box",
        "fd12:3456:789a::20",
        "iPad, Home Assistant app",
        "Windows, Firefox",
    ):
        assert text in said
    part = "getComputedStyle(root.querySelector('#certificates i')).getPropertyValue('--part')"
    assert float(sight.ask(part)) == pytest.approx(312 / 397, abs=0.01)
    # Everything came from this Home Assistant, and nobody complained.
    seen = browser.watched()
    elsewhere = [url for url in seen.requests if not url.startswith((home.url, "data:", "blob:"))]
    assert [url for url in elsewhere if not url.startswith(home.url.replace("http", "ws"))] == []
    assert [each for each in seen.said if "housekey" in each.text] == []
    assert [each for each in complaints(home) if "services.yaml" not in each] == []


def test_the_panel_speaks_german_to_a_german(browser: Chromium, home: Home) -> None:
    sight = signed_in(browser, home)
    browser.evaluate("localStorage.selectedLanguage = JSON.stringify('de')")
    sight.open_panel()
    assert shows(sight, "Home Assistant spricht HTTPS")
    assert "noch 3.611 Tage" in sight.text()
    for scene, title in read_json("translations/de.json")["config_panel"]["stage"].items():
        if scene != "reason":
            show(home, scene)
            assert shows(sight, title["title"])
    show(home, "troubled")
    for kind, issue in read_json("translations/de.json")["issues"].items():
        # Those two are left by an entry, and its panel, that are gone.
        if kind not in ("https_stays", "unattended"):
            assert shows(sight, issue["title"].replace("{port}", "8125"))
    assert "{" not in sight.text()
    assert "undefined" not in sight.text()


def test_the_page_is_turned_on_and_off_and_shows_what_to_scan_and_to_compare(
    browser: Chromium, home: Home
) -> None:
    sight = signed_in(browser, home)
    sight.click("start")
    assert shows(sight, "http://192.168.1.20:8125/")
    assert sight.ask("root.querySelector('.qr path').getAttribute('d').startsWith('M4 4h7')")
    compared = sight.ask("root.querySelector('.fingerprint').textContent")
    assert compared.startswith("3F:9A:C1:D27B:E0:58:64")
    assert len(compared.replace(":", "")) == 64
    # Who cannot see it hears it, and the focus stays where it was.
    roles = {(each.role, each.name) for each in browser.accessible()}
    assert ("image", "QR code of http://192.168.1.20:8125/") in roles
    assert ("status", "") in {(each.role, "") for each in browser.accessible() if each.live}
    sight.click("stop")
    assert shows(sight, "Turn on the page")
    assert "8125" not in sight.text()


def test_nothing_is_renewed_before_it_was_confirmed(browser: Chromium, home: Home) -> None:
    sight = signed_in(browser, home)
    sight.click("ask")
    assert soon(lambda: sight.ask("root.querySelector('dialog').open"))
    assert "Nothing restarts" in sight.ask("root.querySelector('dialog').innerText")
    browser.press("Escape")
    assert soon(lambda: not sight.ask("root.querySelector('dialog').open"))
    assert "312 days left" in sight.text()
    sight.click("ask")
    sight.click("renew")
    assert shows(sight, "397 days left")
    assert "there is a new certificate" in sight.text()


def test_what_went_wrong_is_told_in_the_words_of_the_one_who_refused(
    browser: Chromium, home: Home
) -> None:
    sight = signed_in(browser, home)
    show(home, "troubled")
    assert shows(sight, "1 day left")
    sight.click("ask")
    sight.click("renew")
    assert shows(sight, "That did not work: the disk is full")


def test_a_panel_that_is_open_goes_on_when_housekey_comes_back(
    browser: Chromium, home: Home
) -> None:
    sight = signed_in(browser, home)
    show(home, "gone")
    assert shows(sight, "housekey is not running")
    with pytest.raises(CallError, match="housekey is not running"):
        home.api().command("housekey/renew")
    show(home, "trial")
    assert shows(sight, "HTTPS is on trial")


def test_a_phone_has_the_menu_and_nothing_that_runs_over_the_edge(
    browser: Chromium, home: Home
) -> None:
    browser.wear(PHONE)
    sight = signed_in(browser, home)
    sight.click("start")
    assert shows(sight, "http://192.168.1.20:8125/")
    assert sight.ask("root.querySelector('ha-menu-button').getBoundingClientRect().width") > 40
    assert sight.ask("root.host.scrollWidth <= innerWidth")
    narrow = "[...root.querySelectorAll('button, a.button')].map(b => b.offsetHeight)"
    assert min(sight.ask(narrow)) >= 44


def test_nobody_else_gets_to_see_or_to_do_anything(home: Home) -> None:
    eve = Api(home.url, home.make_user())
    assert "housekey" not in eve.command("get_panels")
    assert "housekey" in home.api().command("get_panels")
    for command in ("overview", "onboarding/start", "onboarding/stop", "renew"):
        with pytest.raises(CallError) as refused:
            eve.command(f"housekey/{command}")
        assert refused.value.status == "unauthorized"


def test_home_assistant_shows_the_icon_of_the_integration(home: Home) -> None:
    request = urllib.request.Request(f"{home.url}/api/brands/integration/housekey/icon.png")
    request.add_header("Authorization", f"Bearer {home.token}")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        shown: Any = answer.read()
    assert shown == (INTEGRATION / "brand" / "icon.png").read_bytes()


def test_the_panel_runs_in_the_last_release_with_yaml_too(
    browser: Chromium, home_2026_7: NewHome
) -> None:
    sight = signed_in(browser, with_panel(home_2026_7))
    assert shows(sight, "Home Assistant speaks HTTPS")
