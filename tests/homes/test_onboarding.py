"""A device is led from a warning to Home Assistant's login page: real browsers, the real thing.

Nothing here reloads the page that waits: it has to notice by itself. Only where the browser
reads its roots at its start, as the page says, it is started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from housekey.pki.encoding import certificate_from_der, fingerprint
from tests.browsers import chromium, firefox, nss
from tests.browsers.chromium import Chromium
from tests.browsers.firefox import Firefox
from tests.browsers.waiting import soon
from tests.command import Owner, housekey
from tests.needs import require
from tests.sharing import Share

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome

pytestmark = pytest.mark.engine
_REFUSED = {Chromium: "ERR_CERT_AUTHORITY_INVALID", Firefox: "SEC_ERROR_UNKNOWN_ISSUER"}
_STATE = "document.body.dataset.state"
_FINGERPRINT = "document.querySelector('.fingerprint').innerText"
_HOME_ASSISTANT = "document.querySelector('.step .address-line a').href"
_VISIBLE_DOWNLOAD = (
    "[...document.querySelectorAll('.steps a[data-root]')].find(it => it.checkVisibility())"
)


def taken_to_https(new: NewHome, folder: Path) -> Owner:
    """Return somebody whose Home Assistant was taken to https."""
    for missing in (chromium.missing(), firefox.missing()):
        require(missing is None, missing or "")
    owner = Owner.of(new(), folder)
    done = owner.secure()
    assert done.code == 0, done
    owner.home.wait_until_running(scheme="https")
    return owner


def devices(owner: Owner) -> list[dict[str, str]]:
    """Return the devices that `housekey status` lists, without the time."""
    listed: list[dict[str, str]] = housekey("status", "--house", owner.house, "--json").json[
        "devices"
    ]
    return [{name: value for name, value in each.items() if name != "at"} for each in listed]


def wait_at_the_page(browser: Any, share: Share) -> str:
    """Open the page as a device that trusts nothing yet; return Home Assistant's address."""
    assert browser.navigate(share.url) == ""
    home_assistant: str = browser.evaluate(_HOME_ASSISTANT)
    assert browser.navigate(home_assistant) == _REFUSED[type(browser)]
    assert browser.navigate(share.url) == ""
    assert soon(lambda: browser.evaluate(_STATE)) == "waiting"
    assert "Not trusted yet" in browser.evaluate("document.getElementById('status').innerText")
    # A page that is loaded anew has lost it.
    browser.evaluate("window.waiting = true")
    return home_assistant


def download_the_root(browser: Any) -> Path:
    """Follow the steps to the download, with the keyboard; return the file."""
    for _ in range(10):
        if browser.evaluate(f"!!{_VISIBLE_DOWNLOAD}"):
            break
        browser.evaluate("document.getElementById('next').focus()")
        browser.press("Enter")
    name: str = browser.evaluate(f"{_VISIBLE_DOWNLOAD}.pathname.slice(1)")
    browser.evaluate(f"{_VISIBLE_DOWNLOAD}.focus()")
    browser.press("Enter")
    file: Path = browser.downloads / name
    assert soon(lambda: file.exists() and file.stat().st_size)
    shown = browser.evaluate(_FINGERPRINT).replace("\n", "").replace(":", "").lower()
    assert fingerprint(certificate_from_der(file.read_bytes())) == shown
    return file


def open_home_assistant(browser: Any, home_assistant: str) -> None:
    """Follow the page's link, and see the login page that Home Assistant shows everybody."""
    assert browser.evaluate("document.querySelector('#status a.button').href") == home_assistant
    browser.evaluate("document.querySelector('#status a.button').focus()")
    browser.press("Enter")
    form = "!!document.querySelector('ha-authorize') && document.title"
    assert soon(lambda: browser.evaluate(form)) == "Home Assistant"
    assert browser.evaluate("[location.protocol, isSecureContext]") == ["https:", True]
    assert browser.evaluate("location.href").startswith(f"{home_assistant}auth/authorize")


@pytest.mark.parametrize("release", ["home_2024", "home_2026_7", "home_2026_11"])
def test_firefox_is_led_to_the_login_page_and_need_not_be_started_again(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    owner = taken_to_https(request.getfixturevalue(release), tmp_path)
    with Share(owner.house) as share, Firefox(hosts=["localhost"]) as browser:
        home_assistant = wait_at_the_page(browser, share)
        assert devices(owner) == []
        file = download_the_root(browser)
        assert browser.import_root(file) == "Trust this CA to identify websites."
        assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        assert browser.evaluate("window.waiting") is True
        assert devices(owner) == [{"device": "linux", "browser": "firefox"}]
        open_home_assistant(browser, home_assistant)
        ended = share.end()
    assert ended.code == 0, ended
    assert "error" not in ended.err  # the story of --json alone
    assert ended.json["proofs"] == 1
    [device] = ended.json["devices"]
    assert list(device["steps"]) == ["arrived", "fetched", "trusts"]


def test_chromium_is_led_to_the_login_page_and_is_started_again_on_the_way(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = taken_to_https(home_2026_11, tmp_path)
    with Share(owner.house, "--once") as share, Chromium(hosts=["localhost"]) as browser:
        home_assistant = wait_at_the_page(browser, share)
        file = download_the_root(browser)
        nss.add(browser.database, "housekey", file)
        # What it said of the proof's leaf and of Home Assistant's, it says until its next start.
        assert browser.navigate(home_assistant) == _REFUSED[Chromium]
        browser.restart()
        assert browser.navigate(share.url) == ""
        assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        ended = share.ended()
        assert ended.code == 0, ended
        assert ended.json["proofs"] == 1
        assert devices(owner) == [{"device": "linux", "browser": "chrome"}]
        open_home_assistant(browser, home_assistant)


def test_a_firefox_of_an_enterprise_gets_the_root_by_its_policy(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = taken_to_https(home_2026_11, tmp_path)
    with Share(owner.house, "--once") as share, Firefox(hosts=["localhost"]) as browser:
        home_assistant = wait_at_the_page(browser, share)
        file = download_the_root(browser)
        browser.enforce({"Certificates": {"Install": [str(file)]}})
        browser.restart()
        assert browser.navigate(share.url) == ""
        assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        assert share.ended().json["proofs"] == 1
        assert devices(owner) == [{"device": "linux", "browser": "firefox"}]
        open_home_assistant(browser, home_assistant)


@pytest.mark.parametrize(("kind", "store"), [(Chromium, "nss-chrome"), (Firefox, "nss-firefox")])
def test_one_command_lets_a_computer_trust_the_home_and_another_takes_it_back(
    kind: Any, store: str, home_2026_11: NewHome, tmp_path: Path
) -> None:
    """As the steps for a computer with housekey say it, with the address of the page."""
    owner = taken_to_https(home_2026_11, tmp_path)
    with Share(owner.house) as share, kind(hosts=["localhost"]) as browser:
        home_assistant = wait_at_the_page(browser, share)
        shown = browser.evaluate(_FINGERPRINT).replace("\n", "")
        here = {"HOME": str(browser.home)}
        said = ("--store", store, "--json")
        trusted = housekey("trust", "--from", share.url, "--fingerprint", shown, *said, env=here)
        assert trusted.code == 0, trusted
        assert [it["state"] for it in trusted.json["stores"]] == ["installed"]
        if kind is Chromium:
            browser.restart()
            assert browser.navigate(share.url) == ""
        assert soon(lambda: browser.evaluate(_STATE) == "trusted")
        open_home_assistant(browser, home_assistant)
        house = ("--house", str(owner.house), "--yes")
        removed = housekey("untrust", *house, *said, env=here)
        assert removed.code == 0, removed
        browser.restart()
        assert browser.navigate(home_assistant) == _REFUSED[kind]
