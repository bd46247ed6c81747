"""What the lane decides, request by request."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from custom_components.housekey.lane_openings import OPENINGS, Opening, Secret, opening_for
from custom_components.housekey.lane_rules import (
    Https,
    Refused,
    Through,
    ToHttps,
    asked,
    decide,
    decoded,
    is_of_the_house,
)
from housekey.pki.names import parse_name
from tests.lane.asking import CHROME, DEVICES, HTTPS, JAVA, PHONES_WEBHOOK, SONOS, say

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED = "authSig=eyJhbGciOiJIUzI1NiJ9.e30.x"
SPEECH = "/api/tts_proxy/AbC-_123.mp3"
WEBHOOK = "/api/webhook/" + "a" * 64


def sample(path: str) -> str:
    """A path that an opening or a route names, with its variables filled in."""
    return (
        path.replace("{sequence}.{part_num}", "1.2")
        .replace("*}", "}")
        .replace("{", "x")
        .replace("}", "x")
    )


def with_its_secret(path: str, secret: Secret) -> str:
    """A sample as a device asks for it."""
    query = {Secret.SIGNATURE: f"?{SIGNED}", Secret.TOKEN: "?token=0"}.get(secret, "")
    return sample(path) + query


# ---------------------------------------------------------------- what passes


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.path)
@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.get("User-Agent", "silent"))
def test_a_device_that_knows_the_secret_passes_by_each_of_an_openings_methods_and_no_other(
    opening: Opening, device: Mapping[str, str]
) -> None:
    target = with_its_secret(opening.path, opening.secret)

    passed = {
        method
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get")
        if isinstance(say(target, device, method=method), Through)
    }

    assert passed == set(opening.methods)


@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.path)
def test_without_its_token_or_signature_nothing_passes(opening: Opening) -> None:
    bare = say(sample(opening.path), SONOS)

    assert isinstance(bare, Through) == (opening.secret in {Secret.PATH, Secret.NONE})


def test_a_signature_alone_opens_nothing() -> None:
    for path in ("/api/states", "/api/backup/download/1", "/api/config", "/api/error_log"):
        assert isinstance(say(f"{path}?{SIGNED}", SONOS), ToHttps)
        assert isinstance(say(f"{path}?{SIGNED}", SONOS, method="POST"), Refused)
        assert isinstance(say(f"{path}?token=0", SONOS), Refused)


def test_a_camera_passes_by_its_token_or_by_a_signature() -> None:
    for query in ("token=ab", SIGNED, f"width=100&{SIGNED}"):
        assert isinstance(say(f"/api/camera_proxy_stream/camera.door?{query}"), Through)
    assert isinstance(say("/api/camera_proxy_stream/camera.door?tokens=ab"), Refused)


def test_a_browser_script_of_another_origin_may_ask_first() -> None:
    asks = {"Origin": "https://www.gstatic.com", "Access-Control-Request-Method": "GET"}

    assert isinstance(say("/api/hls/ab/playlist.m3u8", asks, method="OPTIONS"), Through)
    assert isinstance(say("/api/states", asks, method="OPTIONS"), Refused)
    for more in (
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "Content-Type, AUTHORIZATION"},
    ):
        assert isinstance(say(WEBHOOK, {**asks, **more}, method="OPTIONS"), Refused)


def test_webhooks_of_the_companion_app_go_to_https_whoever_asks() -> None:
    theirs = f"/api/webhook/{PHONES_WEBHOOK}"
    spelt_otherwise = f"/api/webhook/%30{PHONES_WEBHOOK[1:]}"

    for target in (theirs, spelt_otherwise):
        for method in ("POST", "GET", "PUT", "HEAD"):
            decision = say(target, SONOS, method=method)
            assert decision == ToHttps(f"https://192.168.1.5:8443{target}")


# ---------------------------------------------------------------- what never passes


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer x"),
        ("AUTHORIZATION", "Basic eDp5"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Cookie", "ingress_session=x"),
        ("X-HA-Access", "secret"),
        ("X-Supervisor-Token", "x"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "x"),
        ("Upgrade", "tls/1.2"),
        ("X-Forwarded-For", "192.168.1.9"),
        ("X-Forwarded-Port", "443"),
        ("Forwarded", "for=192.168.1.9"),
        ("X-Real-IP", "192.168.1.9"),
        ("Via", "1.1 proxy"),
    ],
    ids=": ".join,
)
@pytest.mark.parametrize("opening", OPENINGS, ids=lambda opening: opening.path)
def test_a_token_a_cookie_an_upgrade_or_a_proxy_never_passes(
    opening: Opening, header: tuple[str, str]
) -> None:
    target = with_its_secret(opening.path, opening.secret)

    for method in opening.methods:
        assert not isinstance(say(target, [header], method=method), Through)


@pytest.mark.parametrize("field", ["access_token", "Access_Token", "refresh_token", "api_password"])
def test_an_access_token_in_the_query_is_refused_everywhere_and_not_sent_on(field: str) -> None:
    for path in (SPEECH, WEBHOOK, "/api/states", "/"):
        for headers in (SONOS, CHROME):
            assert isinstance(say(f"{path}?a=b&{field}=secret", headers), Refused)


def test_a_token_in_a_header_is_not_sent_on_either() -> None:
    for path in ("/", "/api/", "/api/websocket", "/auth/token"):
        assert isinstance(say(path, {**CHROME, "Authorization": "Bearer x"}), Refused)


def test_nothing_from_outside_the_house_passes() -> None:
    for opening in OPENINGS:
        target = with_its_secret(opening.path, opening.secret)
        assert not isinstance(say(target, SONOS, local=False), Through)
    assert isinstance(say("/", CHROME, local=False), ToHttps)


def test_who_is_of_the_house() -> None:
    ours = [ip_network("2001:db8:1::/64"), ip_network("100.64.0.0/24")]

    for peer in ("192.168.1.9", "10.0.0.1", "127.0.0.1", "::1", "fe80::1%eth0", "fd00::9"):
        assert is_of_the_house(peer, [])
    for peer in ("::ffff:192.168.1.9", "2001:db8:1::9", "100.64.0.9"):
        assert is_of_the_house(peer, ours)
    for peer in ("8.8.8.8", "2600::1", "::ffff:8.8.8.8", "100.64.1.9", "", "unix"):
        assert not is_of_the_house(peer, ours)


# ---------------------------------------------------------------- one reading of the path

ATTACKS = [
    "/local/../api/states",
    "/local/%2e%2e/api/states",
    "/local/%2E%2e/api/states",
    "/local/.%2e/api/states",
    "/local/..%2fapi/states",
    "/local/x/../../api/states",
    "/local/./x",
    "/local/%2e/x",
    "//api/tts_proxy/x",
    "/api//tts_proxy/x",
    "/api/tts_proxy//x",
    "/api/tts_proxy/x/",
    "/local//etc/passwd",
    "/local/%2fetc/passwd",
    "/local/a%5c..%5cb",
    "/local/a\\b",
    "/local/a;b",
    "/local;x/a",
    "/local/a%00.mp3",
    "/local/a%0d%0aSet-Cookie:x",
    "/local/a%zz",
    "/local/%ff",
    "/local/a%7fb",
    "/LOCAL/x",
    "/Api/tts_proxy/x",
    "/api/tts_proxy/x%2f..%2f..%2fstates",
    "/api/tts_proxy",
    "/api/tts_proxy/",
    "/api%2ftts_proxy/x",
    "/api/tts_proxy/{token}",
    "/api/tts_proxy/%7btoken%7d",
    "/api/webhook/x/y",
    "/api/webhook/",
    "/local",
    "/local/",
    "/media/local/%2e%2e/secrets.yaml?" + SIGNED,
    "/media/local/a%2f..%2fb?" + SIGNED,
    "http://192.168.1.5:8123/local/x",
    "192.168.1.5:443",
    "*",
    "",
    "/local/x#y",
    "/local/x y",
    "/local/\xe9",
    "/local/" + "a" * 9000,
    "/local/x?" + "&" * 200,
]


@pytest.mark.parametrize("target", ATTACKS)
def test_a_path_with_another_reading_does_not_pass(target: str) -> None:
    for headers in (SONOS, {}):
        assert not isinstance(say(target, headers), Through)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/media/local/a%20song.mp3", "/media/local/a song.mp3"),
        ("/media/local/100%25.mp3", "/media/local/100%25.mp3"),
        ("/media/local/%25%32%65", "/media/local/%252e"),
        ("/media/local/%C3%A9t%C3%A9/x", "/media/local/été/x"),
        ("/%6c%6fcal/a.mp3", "/local/a.mp3"),
        ("/local/...", "/local/..."),
    ],
)
def test_a_path_is_read_as_home_assistants_router_reads_it(target: str, path: str) -> None:
    assert decoded(target) == path
    assert URL.build(path=target, encoded=True).path_safe == path


@given(st.text(st.sampled_from("/.%25eEfF2cC0aA;\\ab{}\xe9~+&=@:"), max_size=24))
def test_whatever_is_read_is_read_alike(text: str) -> None:
    target = "/" + text

    path = decoded(target)

    if path is not None and target.isascii():
        assert URL.build(path=target, encoded=True).path_safe == path
        assert "//" not in path
        assert ".." not in path.split("/")


@given(st.binary(max_size=40), st.sampled_from(["GET", "POST", "BREW"]))
def test_no_request_makes_it_fall_over(junk: bytes, method: str) -> None:
    text = junk.decode("latin-1")
    request = asked(method, text, [("Host", text), ("Accept", text), (text, text)])

    decision = decide(request, HTTPS, is_phones=lambda _: False)

    assert not isinstance(decision, Through) or opening_for(decoded(text.partition("?")[0]) or "")


# ---------------------------------------------------------------- who is sent to HTTPS

BROWSERS = {
    "Chrome": CHROME,
    "Firefox": {**CHROME, "User-Agent": "Mozilla/5.0 (X11; rv:140.0) Gecko/20100101 Firefox/140.0"},
    "Safari": {**CHROME, "User-Agent": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Safari/605.1"},
    "lynx": {"Accept": "text/html, text/plain", "User-Agent": "Lynx/2.9.0"},
    "a page's script": {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11) Firefox/140.0"},
}
# Android: HomeAssistantApis.kt, HAWebView.kt, ConnectionViewModel.kt (532638a, August 2026).
# iOS: HAAPI.swift, OnboardingAuthStepConnectivity.swift, OnboardingAuthLoginViewModel.swift
# (d722d78, August 2026).
APPS = {
    "Android's web view": {
        **CHROME,
        "User-Agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) Chrome/143.0 Mobile"
        " Home Assistant/2026.8.1-full (Android 15; Pixel 9)",
    },
    "Android": {"User-Agent": "Home Assistant/2026.8.1-full (Android 15; Pixel 9)"},
    "iOS's web view": {
        **CHROME,
        "User-Agent": "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Home Assistant/2026.8"
        " (io.robbie.HomeAssistant; build:1; iOS 26.0.0) Mobile/HomeAssistant, like Safari",
    },
    "iOS": {"User-Agent": "Home Assistant/2026.8 (io.robbie.HomeAssistant; build:1; iOS 26.0.0)"},
    "iOS before anything": {
        "Accept": "*/*",
        "User-Agent": "Home%20Assistant/1 CFNetwork/3860.100.1 Darwin/25.0.0",
    },
}


@pytest.mark.parametrize("who", [*BROWSERS, *APPS])
@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/lovelace/0?kiosk",
        "/auth/authorize?response_type=code&client_id=https://home-assistant.io/iOS",
        "/manifest.json",
        "/frontend_latest/app.js",
        "/api/",
        "/local/page.html?x=1",
    ],
)
def test_browsers_and_apps_are_sent_to_the_same_path_on_https(who: str, target: str) -> None:
    headers = {**BROWSERS, **APPS}[who]

    decision = say(target, headers)

    if target.startswith("/local/") and "Upgrade-Insecure-Requests" not in headers:
        assert isinstance(decision, Through)  # a picture, as far as can be told
    else:
        assert decision == ToHttps(f"https://192.168.1.5:8443{target}")


def test_an_app_is_sent_on_with_what_it_posts_and_a_page_script_is_not() -> None:
    for who in ("Android", "iOS"):
        assert isinstance(say("/auth/token", APPS[who], method="POST"), ToHttps)
    for who in ("Android's web view", "iOS's web view"):
        assert isinstance(say("/auth/token", APPS[who], method="POST"), Refused)
    assert isinstance(say("/auth/login_flow", CHROME, method="POST"), Refused)


def test_a_page_is_sent_on_even_with_another_servers_cookie() -> None:
    assert isinstance(say("/", {**CHROME, "Cookie": "router=1"}), ToHttps)


def test_a_player_that_merely_accepts_pages_is_no_browser() -> None:
    assert isinstance(say(SPEECH, JAVA), Through)
    assert isinstance(say(WEBHOOK, JAVA, method="POST"), Through)
    assert isinstance(say(SPEECH, CHROME), ToHttps)


def test_a_device_that_asks_for_anything_else_is_told_no() -> None:
    for target in ("/", "/api/", "/api/states", "/auth/token", "/api/websocket", "/device.xml"):
        for method in ("GET", "POST"):
            decision = say(target, SONOS, method=method)
            assert isinstance(decision, Refused)
            assert decision.status == 403


# ---------------------------------------------------------------- where to


@pytest.mark.parametrize(
    ("host", "there"),
    [
        ("192.168.1.5:8123", "https://192.168.1.5:8443"),
        ("homeassistant.local", "https://homeassistant.local:8443"),
        ("HomeAssistant.Local.:8123", "https://homeassistant.local:8443"),
        ("[fd00::5]:8123", "https://[fd00::5]:8443"),
        ("tv.house.lan:80", "https://tv.house.lan:8443"),
        # the certificate is not good for these, or they are no hosts
        ("evil.example", "https://homeassistant.local:8443"),
        ("192.168.1.6", "https://homeassistant.local:8443"),
        ("a.b.house.lan", "https://homeassistant.local:8443"),
        ("*.house.lan", "https://homeassistant.local:8443"),
        ("homeassistant.local@evil.example", "https://homeassistant.local:8443"),
        ("homeassistant.local/../evil", "https://homeassistant.local:8443"),
        ("homeassistant.local:8123:1", "https://homeassistant.local:8443"),
        ("homeassistant.local:x", "https://homeassistant.local:8443"),
        ("[fd00::5", "https://homeassistant.local:8443"),
        ("", "https://homeassistant.local:8443"),
        ("a" * 5000, "https://homeassistant.local:8443"),
    ],
)
def test_a_redirect_leads_to_a_host_that_the_certificate_covers(host: str, there: str) -> None:
    request = asked("GET", "/a?b=c", [("host", host), *CHROME.items()])

    assert decide(request, HTTPS, is_phones=lambda _: False) == ToHttps(f"{there}/a?b=c")


def test_two_hosts_are_refused() -> None:
    request = asked("GET", "/", [("Host", "homeassistant.local"), ("host", "evil.example")])

    assert decide(request, HTTPS, is_phones=lambda _: False) == Refused(
        400, "There is more than one Host header"
    )


def test_a_redirect_stays_on_the_host_whatever_the_path() -> None:
    for target in ("//evil.example/", "/\\evil.example", "/@evil.example", "/%2f%2fevil.example"):
        decision = say(target, CHROME)
        assert isinstance(decision, ToHttps)
        assert URL(decision.url).host == "192.168.1.5"


def test_the_usual_port_is_not_said() -> None:
    https = Https(443, frozenset(), parse_name("fd00::5"))

    assert https.url("anything", "/a") == "https://[fd00::5]/a"
