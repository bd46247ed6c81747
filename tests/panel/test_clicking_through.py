"""The whole integration, clicked through in a real Chromium as its user does."""

from __future__ import annotations

import re
import urllib.request
from typing import TYPE_CHECKING

import pytest

from demo.instance import free_port
from housekey.pki.encoding import certificates_from_pem, fingerprint, to_der
from tests.browsers import chromium
from tests.browsers.chromium import Chromium
from tests.browsers.guise import DESKTOP
from tests.browsers.waiting import soon
from tests.inside.integration import (
    OPTIONS,
    Flow,
    added,
    complaints,
    entry_of,
    give,
    presented,
)
from tests.needs import require
from tests.panel.parts import read_json
from tests.panel.sight import Sight

if TYPE_CHECKING:
    from tests.conftest import NewHome

pytestmark = pytest.mark.engine
_STEPS = read_json("strings.json")["config"]["step"]
_CODE = re.compile(r"\b[0-9A-Z]{5}(?:-[0-9A-Z]{5}){5}\b")


def test_a_house_is_made_by_clicking_and_stands_in_the_panel(home_2026_11: NewHome) -> None:
    missing = chromium.missing()
    require(missing is None, missing or "")
    home = home_2026_11(start=False)
    give(home)
    home.start()
    with Chromium() as browser:
        sight = Sight(browser, home.url)

        def is_at(step: str) -> None:
            title = _STEPS[step]["title"]
            assert soon(lambda: title in sight.dialog(), seconds=15), sight.dialog()

        browser.wear(DESKTOP)

        def lines() -> list[str]:
            return sight.dialog().splitlines()

        sight.sign_in()
        add = f"{home.url}/config/integrations/dashboard/add?domain=housekey"
        assert browser.navigate(add) == ""
        sight.press()  # do you want to set it up?
        is_at("user")
        sight.choose(_STEPS["user"]["menu_options"]["names"])
        is_at("names")
        assert sight.press() == "Next"
        is_at("no_impact")
        sight.press()
        is_at("house")
        [code] = _CODE.findall(sight.dialog())
        # Nothing is made before the code was noted.
        assert not (home.config / "housekey").exists()
        sight.fill_in("WRONG")
        sight.toggle_last()
        sight.press()
        wrong = read_json("strings.json")["config"]["error"]["wrong_group"]
        assert soon(lambda: wrong in sight.dialog(), seconds=10), sight.dialog()
        sight.fill_in(code[:5].lower())  # that it is noted stays said
        sight.press()
        ports = _STEPS["ports"]["title"]
        assert soon(lambda: {ports, _STEPS["onboarding"]["title"]} & set(lines()), seconds=15)
        if ports in lines():  # something on this machine has the usual ones
            sight.fill_in(str(free_port()), str(free_port()))
            sight.press()
        is_at("onboarding")
        root = certificates_from_pem((home.config / "housekey" / "root.pem").read_bytes())[0]
        compared = re.sub(r"[^0-9a-f]", "", sight.dialog().lower())
        assert fingerprint(root) in compared
        sight.toggle_last()  # without a device
        sight.press()
        is_at("switch")
        sight.toggle_last()  # not now
        assert sight.press() == "Finish"
        assert soon(lambda: "is ready" not in sight.dialog(), seconds=10)

        sight.open_panel()
        assert soon(lambda: "Home Assistant still speaks plain http" in sight.text())
        shown = sight.ask("root.querySelector('.fingerprint').textContent")
        assert shown.replace(":", "").lower() == fingerprint(root)
        page = sight.ask("root.querySelector('.urls a').href")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(page) as answer:
            assert b"housekey.crt" in answer.read()
        sight.click("stop")
        assert soon(lambda: "Turn on the page" in sight.text())
        assert sight.ask("root.querySelectorAll('.qr').length") == 0
    assert complaints(home) == []


def test_an_open_panel_leads_to_https_and_renews_there_without_a_restart(
    home_2026_11: NewHome,
) -> None:
    missing = chromium.missing()
    require(missing is None, missing or "")
    home = home_2026_11(start=False)
    give(home)
    home.start()
    added(home.api(), "homeassistant.local", "127.0.0.1", port=home.port)
    entry = entry_of(home.api())
    assert entry is not None
    root = home.config / "housekey" / "root.pem"
    der = to_der(certificates_from_pem(root.read_bytes())[0])
    with Chromium(roots=[der], hosts=["homeassistant.local"]) as browser:
        before = Sight(browser, f"http://homeassistant.local:{home.port}")
        before.sign_in()
        before.open_panel()
        options = Flow(home.api(), path=OPTIONS, handler=entry["entry_id"])
        options.send(next_step_id="switch")
        assert options.send()["reason"] == "restarting"
        # It is gone from here, and the panel says where to.
        there = f"https://homeassistant.local:{home.port}"
        assert soon(lambda: there in before.text()), before.text()
        home.wait_until_running(scheme="https")
        after = Sight(browser, there)
        after.sign_in()  # whereby HTTPS is proved
        after.open_panel()
        assert soon(lambda: "Home Assistant speaks HTTPS" in after.text()), after.text()
        assert "used at once: no restart" in after.text()
        assert f"You are using its https address: {there}" in after.text()
        shown, starts = presented(home.port), home.starts
        after.click("ask")
        after.click("renew")
        assert soon(lambda: "there is a new certificate" in after.text()), after.text()
        assert presented(home.port).serial_number != shown.serial_number
        assert home.starts == starts
