"""What the browsers can be made to do and to tell: guises, keys, downloads, roots, policies."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.browsers import chromium, firefox, nss
from tests.browsers.guise import ANDROID, DESKTOP, IPHONE, WINDOWS, Guise
from tests.browsers.pages import Document, pages
from tests.browsers.waiting import soon
from tests.command import housekey
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine
_REFUSED = {
    chromium.Chromium: "ERR_CERT_AUTHORITY_INVALID",
    firefox.Firefox: "SEC_ERROR_UNKNOWN_ISSUER",
}
_FACTS = """[navigator.userAgent, navigator.language, devicePixelRatio, innerWidth, innerHeight,
    navigator.maxTouchPoints, matchMedia('(prefers-color-scheme: dark)').matches,
    matchMedia('(pointer: coarse)').matches]"""


def size_of(png: bytes) -> tuple[int, ...]:
    return struct.unpack(">II", png[16:24])


_PAGE = (
    b"<!doctype html><meta name=viewport content='width=device-width'><title>plain</title>"
    b"<noscript>no script</noscript><script>document.title = 'script'</script>"
    b"<p style='height: 3000px'>long</p>"
)


def test_each_guise_is_what_page_and_server_see_and_another_can_follow(kind: Any) -> None:
    with pages({"/": Document(_PAGE)}) as server, kind() as browser:
        browser.navigate(server.url)
        own = browser.evaluate("navigator.userAgent")
        for guise in (replace(IPHONE, dark=True, language="de-DE"), ANDROID, DESKTOP):
            browser.wear(guise)
            assert browser.navigate(server.url) == ""
            assert browser.evaluate(_FACTS) == [
                guise.user_agent or own.replace("Headless", ""),
                *(guise.language, guise.scale, guise.width, guise.height),
                *(5 if guise.touch else 0, guise.dark, guise.touch),
            ]
            assert server.header("User-Agent") == browser.evaluate("navigator.userAgent")
            assert server.header("Accept-Language").startswith(guise.language)
            window = (guise.width * guise.scale, guise.height * guise.scale)
            assert size_of(browser.screenshot()) == window
            width, height = size_of(browser.screenshot(whole=True))
            assert width == window[0]
            assert height > 3000 * guise.scale


def test_without_javascript_the_page_can_still_be_looked_at(kind: Any) -> None:
    with pages({"/": Document(_PAGE)}) as server, kind() as browser:
        browser.wear(Guise(script=False))
        assert browser.navigate(server.url) == ""
        looked = browser.evaluate("[document.title, document.body.innerText.split('\\n')[0]]")
        assert looked == ["plain", "no script"]
        browser.wear(Guise())
        assert browser.navigate(server.url) == ""
        assert browser.evaluate("document.title") == "script"


def test_keys_go_where_the_keyboard_is(kind: Any) -> None:
    page = b"<a href='#there'>link</a><button onclick='document.title = 7'>press</button><input>"
    focused = "document.activeElement.tagName"
    with pages({"/": Document(page)}) as server, kind() as browser:
        browser.navigate(server.url)
        seen = []
        for _ in range(3):
            browser.press("Tab")
            seen.append(browser.evaluate(focused))
        assert seen == ["A", "BUTTON", "INPUT"]
        browser.press("Space")
        assert browser.evaluate("document.querySelector('input').value") == " "
        browser.press("Tab", shift=True)
        browser.press("Enter")
        assert soon(lambda: browser.evaluate("document.title") == "7")
        browser.press("Tab", shift=True)
        browser.press("Enter")
        assert soon(lambda: browser.evaluate("location.hash")) == "#there"


def test_a_screen_reader_finds_roles_names_levels_and_what_speaks(kind: Any) -> None:
    page = (
        b"<main><h1>Hello</h1><h2>Again</h2><button>press</button>"
        b"<a href='/'></a><p role=status>waiting</p><p aria-hidden=true>hidden</p></main>"
    )
    with pages({"/": Document(page)}) as server, kind() as browser:
        browser.navigate(server.url)
        found = browser.accessible()
    assert [(it.name, it.level) for it in found if it.level] == [("Hello", 1), ("Again", 2)]
    assert [(it.role, it.name) for it in found if it.focusable][-2:] == [
        ({chromium.Chromium: "button", firefox.Firefox: "pushbutton"}[kind], "press"),
        ("link", ""),
    ]
    assert [it.live for it in found if it.role == "status"] == ["polite"]
    assert not [it for it in found if "hidden" in it.name]


def test_what_a_page_asks_for_and_what_is_wrong_with_it_is_told(kind: Any) -> None:
    strict = {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'none'"}
    page = b"<link rel=icon href='data:,'><title>x</title><p style='color: red'><img src=/seen>"
    loud = b"<link rel=icon href='data:,'><img src=/got><script>console.log('hi'); oops()</script>"
    documents = {"/": Document(page, strict), "/loud": Document(loud)}
    with pages(documents) as server, kind() as browser:
        browser.watch()
        browser.navigate(server.url)
        soon(lambda: any("img-src" in it.text for it in browser.watched().said))
        violated = [it.text for it in browser.watched().said if it.text.startswith("CSP: ")]
        assert any("style-src-attr blocked inline" in it for it in violated)
        assert any(f"img-src blocked {server.url}seen" in it for it in violated)
        browser.navigate(f"{server.url}loud")
        soon(lambda: any("oops" in it.text for it in browser.watched().said))
        watched = browser.watched()
        assert ("console-api", "hi") in [(it.source, it.text) for it in watched.said]
        assert [it for it in watched.said if it.source == "javascript" and "oops" in it.text]
        assert {server.url, f"{server.url}loud", f"{server.url}got"} <= set(watched.requests)
    assert "/seen" not in [path for path, _ in server.asked]


def test_a_download_is_a_file(kind: Any) -> None:
    documents = {
        "/": Document(b"<a href=/root.crt>root</a>"),
        "/root.crt": Document(b"bytes", {"Content-Type": "application/x-x509-ca-cert"}),
    }
    with pages(documents) as server, kind() as browser:
        browser.navigate(server.url)
        browser.press("Tab")
        browser.press("Enter")
        file = browser.downloads / "root.crt"
        assert soon(file.exists)
        assert soon(file.read_bytes) == b"bytes"


def test_names_of_this_machine_lead_here_and_no_others(kind: Any) -> None:
    with (
        pages({"/": Document(_PAGE)}) as server,
        kind(hosts=["homeassistant.local"]) as browser,
    ):
        assert browser.navigate(f"http://homeassistant.local:{server.port}/") == ""
        assert browser.navigate(f"http://other.local:{server.port}/")
        assert server.header("Host") == f"homeassistant.local:{server.port}"


def test_a_browser_that_is_started_again_remembers(kind: Any) -> None:
    with pages({"/": Document(_PAGE)}) as server, kind() as browser:
        browser.navigate(server.url)
        browser.evaluate("localStorage.setItem('kept', 'yes')")
        for _ in range(2):
            browser.restart()
            assert browser.navigate(server.url) == ""
            assert browser.evaluate("localStorage.getItem('kept')") == "yes"


def test_when_a_running_browser_notices_a_root(kind: Any, house: Path) -> None:
    """Firefox at once. Chromium remembers what it said of a leaf until it is started again.

    It judges a leaf that it has not seen by the root at once. The onboarding page says so.
    """
    secret = {"/": Document(b"<title>in</title>")}
    other = housekey(
        *("cert", "new", "127.0.0.1", "--yes", "--house", house, "--out", house.parent / "other")
    )
    assert other.code == 0, other
    with (
        pages(secret, leaf=house.parent / "leaf") as server,
        pages(secret, leaf=house.parent / "other") as unseen,
        kind() as browser,
    ):
        url = f"https://127.0.0.1:{server.port}/"
        assert browser.navigate(url) == _REFUSED[kind]
        nss.add(browser.database, "house", house / "root.pem")
        assert browser.navigate(f"https://127.0.0.1:{unseen.port}/") == ""
        if kind is chromium.Chromium:
            assert browser.navigate(url) == _REFUSED[kind]
            browser.restart()
        assert browser.navigate(url) == ""
        assert browser.evaluate("document.title") == "in"


def test_a_root_that_an_enterprise_installs_is_trusted_from_the_next_start_on(house: Path) -> None:
    require(firefox.missing() is None, firefox.missing() or "")
    with (
        pages({"/": Document(b"<title>in</title>")}, leaf=house.parent / "leaf") as server,
        firefox.Firefox() as browser,
    ):
        url = f"https://127.0.0.1:{server.port}/"
        assert browser.navigate(url) == "SEC_ERROR_UNKNOWN_ISSUER"
        browser.enforce({"Certificates": {"Install": [str(house / "root.pem")]}})
        browser.restart()
        assert browser.navigate(url) == ""
        assert browser.evaluate("document.title") == "in"


def test_a_root_that_is_imported_in_the_settings_is_trusted_at_once(house: Path) -> None:
    require(firefox.missing() is None, firefox.missing() or "")
    with (
        pages({"/": Document(b"<title>in</title>")}, leaf=house.parent / "leaf") as server,
        firefox.Firefox() as browser,
    ):
        url = f"https://127.0.0.1:{server.port}/"
        assert browser.navigate(url) == "SEC_ERROR_UNKNOWN_ISSUER"
        assert browser.import_root(house / "root.pem") == "Trust this CA to identify websites."
        assert soon(lambda: browser.navigate(url) == "")
        browser.restart()
        assert browser.navigate(url) == ""


def test_a_guise_of_a_desktop_has_no_touch_and_says_what_it_runs_on(kind: Any) -> None:
    with pages({"/": Document(_PAGE)}) as server, kind() as browser:
        browser.wear(WINDOWS)
        browser.navigate(server.url)
        assert "Windows NT 10.0" in server.header("User-Agent")
        assert browser.evaluate("navigator.maxTouchPoints") == 0
