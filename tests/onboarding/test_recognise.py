"""What browsers call themselves, as they sent it, and what strangers may send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.onboarding.recognise import recognise
from housekey.onboarding.visitor import Browser, Kind, Visitor

_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
_IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) {_APPLE}"
_IPAD = f"Mozilla/5.0 (iPad; CPU OS 18_7 like Mac OS X) {_APPLE}"
_MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE}"
_MAC_CHROMIUM = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROMIUM}"
_ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {_CHROMIUM} Mobile Safari/537.36"
_WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROMIUM} Safari/537.36"
_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {_CHROMIUM} Safari/537.36"

VECTORS = [
    # iPhone and iPad: every browser is Safari underneath, but only Safari installs profiles.
    (f"{_IPHONE} Version/26.1 Mobile/15E148 Safari/604.1", Kind.IPHONE, Browser.SAFARI),
    (f"{_IPHONE} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1", Kind.IPHONE, Browser.CHROME),
    (f"{_IPHONE} FxiOS/145.0 Mobile/15E148 Safari/604.1", Kind.IPHONE, Browser.FIREFOX),
    (
        f"{_IPHONE} Version/18.0 EdgiOS/142.0.3595.66 Mobile/15E148 Safari/604.1",
        Kind.IPHONE,
        Browser.EDGE,
    ),
    (f"{_IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/520.0.0]", Kind.IPHONE, Browser.OTHER),
    (f"{_IPAD} Version/26.1 Mobile/15E148 Safari/604.1", Kind.IPAD, Browser.SAFARI),
    (f"{_IPAD} CriOS/142.0.7444.77 Mobile/15E148 Safari/604.1", Kind.IPAD, Browser.CHROME),
    # An iPad as it comes: only its touch screen tells it from a Mac, and the script sees that.
    (f"{_MAC} Version/26.1 Safari/605.1.15", Kind.MAC, Browser.SAFARI),
    (f"{_MAC} CriOS/142 Version/11.1.1 Safari/605.1.15", Kind.IPAD, Browser.CHROME),
    (f"{_MAC} FxiOS/145.0 Safari/605.1.15", Kind.IPAD, Browser.FIREFOX),
    # Mac
    (f"{_MAC_CHROMIUM} Safari/537.36", Kind.MAC, Browser.CHROME),
    (f"{_MAC_CHROMIUM} Safari/537.36 Edg/142.0.0.0", Kind.MAC, Browser.EDGE),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
        Kind.MAC,
        Browser.FIREFOX,
    ),
    # Android
    (_ANDROID, Kind.ANDROID, Browser.CHROME),
    (
        "Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
        Kind.ANDROID,
        Browser.FIREFOX,
    ),
    (f"{_ANDROID} EdgA/142.0.0.0", Kind.ANDROID, Browser.EDGE),
    (
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36"
        ),
        Kind.ANDROID,
        Browser.SAMSUNG,
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36"
        ),
        Kind.ANDROID,
        Browser.OTHER,
    ),
    # Windows, Linux, ChromeOS
    (_WINDOWS, Kind.WINDOWS, Browser.CHROME),
    (f"{_WINDOWS} Edg/142.0.0.0", Kind.WINDOWS, Browser.EDGE),
    (f"{_WINDOWS} OPR/124.0.0.0", Kind.WINDOWS, Browser.OTHER),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        Kind.WINDOWS,
        Browser.FIREFOX,
    ),
    (_LINUX, Kind.LINUX, Browser.CHROME),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        Kind.LINUX,
        Browser.FIREFOX,
    ),
    (
        f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROMIUM} Safari/537.36",
        Kind.CHROMEOS,
        Browser.CHROME,
    ),
    # Home Assistant's apps: HAAPI.swift, HomeAssistantApis.kt
    (
        (
            f"{_IPHONE} Home Assistant/2026.8.1 (io.robbie.HomeAssistant; build:2026.1290; "
            "iOS 26.1.0) Mobile/HomeAssistant, like Safari"
        ),
        Kind.IPHONE,
        Browser.HOME_ASSISTANT,
    ),
    (
        "Home Assistant/2026.8.1 (io.robbie.HomeAssistant; build:2026.1290; iOS 26.1.0)",
        Kind.IPHONE,
        Browser.HOME_ASSISTANT,
    ),
    (
        (
            f"{_MAC} Home Assistant/2026.8.1 (io.robbie.HomeAssistant; build:2026.1290; "
            "iPadOS 26.1.0) Mobile/HomeAssistant, like Safari"
        ),
        Kind.IPAD,
        Browser.HOME_ASSISTANT,
    ),
    (
        (
            "Mozilla/5.0 (Linux; Android 16; Pixel 9 Build/BP3A; wv) AppleWebKit/537.36 "
            "(KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36 "
            "Home Assistant/2026.11.1-full (Android 16; Pixel 9)"
        ),
        Kind.ANDROID,
        Browser.HOME_ASSISTANT,
    ),
    # What looks like something else
    (
        (
            "Mozilla/5.0 (SMART-TV; LINUX; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Version/8.0 TV Safari/537.36"
        ),
        Kind.OTHER,
        Browser.SAFARI,
    ),
    (
        (
            "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/120.0.0.0 Safari/537.36"
        ),
        Kind.OTHER,
        Browser.CHROME,
    ),
    ("curl/8.14.1", Kind.OTHER, Browser.OTHER),
    ("", Kind.OTHER, Browser.OTHER),
]


@pytest.mark.parametrize(("user_agent", "kind", "browser"), VECTORS)
def test_a_browser_is_recognised(user_agent: str, kind: Kind, browser: Browser) -> None:
    assert recognise(user_agent) == Visitor(kind, browser)


@pytest.mark.parametrize(
    "user_agent",
    [
        "x" * 100_000,
        "iPhone " * 20_000,
        "\x00\x01\r\nSet-Cookie: a=b\x7f",
        "<script>alert(1)</script>",
        "\ud800\udfff",
        "İIıi" * 500,  # letters that change their number when they are made small
    ],
)
def test_a_hostile_name_is_only_looked_at(user_agent: str) -> None:
    assert recognise(user_agent).browser is Browser.OTHER


def test_what_lies_far_behind_is_not_looked_at() -> None:
    assert recognise(" " * 1024 + "iPhone") == Visitor(Kind.OTHER, Browser.OTHER)


@given(st.text(st.characters()))
def test_nothing_makes_it_raise(user_agent: str) -> None:
    assert isinstance(recognise(user_agent), Visitor)
