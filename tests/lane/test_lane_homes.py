"""The device lane in real Home Assistants: HTTPS on one port, the lane on the old one.

One Home Assistant a release, taken to HTTPS by `housekey secure --port`, with a component of the
tests that opens the lane (`lane_probe`).
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from custom_components.housekey.lane_openings import OPENINGS, Secret
from demo.api import wait_for
from tests.lane.asking import CAST, CHROME, ESPHOME, SONOS
from tests.lane.at_home import AtHome, at_home
from tests.lane.test_rules import APPS, ATTACKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome

BELL, SONG, SPEECH = b"a bell", b"a song", b"a speech"


@pytest.fixture(scope="module", params=["2026.7.4", "2026.11.0"])
def here(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AtHome]:
    """A home with its lane."""
    from tests.conftest import _homes  # noqa: PLC0415

    folder: Path = tmp_path_factory.mktemp("lane")
    homes = _homes(request.param, folder)
    new: NewHome = next(homes)
    try:
        yield at_home(new, folder)
    finally:
        homes.close()  # type: ignore[attr-defined]


# Login, API, WebSocket and frontend.
NEVER = (
    *("/auth", "/.well-known", "/api/websocket", "/api/config", "/api/states", "/api/services"),
    *("/api/onboarding", "/api/backup", "/api/events", "/api/template", "/api/error_log"),
    *("/api/mobile_app", "/frontend", "/static", "/manifest.json", "/service_worker.js"),
)


def path_of(url: str) -> str:
    """The path and query of a URL."""
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


# ---------------------------------------------------------------- what devices fetch


def test_a_player_is_given_an_address_by_ip_that_works_without_the_root(here: AtHome) -> None:
    for media, sound in (
        ("media-source://media_source/local/a song.mp3", SONG),
        ("/local/bell.mp3", BELL),
        ("media-source://tts/lane_probe?message=hello", SPEECH),
    ):
        url = here.played(media)

        parts = urlsplit(url)
        assert (parts.scheme, parts.port) == ("http", here.port), url
        assert parts.hostname is not None
        assert parts.hostname.replace(".", "").isdigit(), "devices resolve no .local"
        answer = here.ask(path_of(url), headers=SONOS, host=parts.hostname)
        assert (answer.status, answer.body) == (200, sound)
        assert here.ask(path_of(url), "HEAD", SONOS).status == 200


def test_a_lane_address_that_an_automation_plays_is_signed_as_home_assistants_own(
    here: AtHome,
) -> None:
    for host in ("127.0.0.1", "localhost"):
        url = here.played(f"http://{host}:{here.port}/media/local/a%20song.mp3")

        assert "authSig=" in url
        assert here.ask(path_of(url), headers=SONOS).body == SONG


def test_a_signature_is_good_for_its_path_alone(here: AtHome) -> None:
    signed = path_of(here.played("media-source://media_source/local/a song.mp3"))
    signature = signed.partition("?")[2]

    assert here.ask("/media/local/a%20song.mp3", headers=SONOS).what == "refused"
    assert here.ask(f"/media/local/other.mp3?{signature}", headers=SONOS).status == 401
    stated = here.api().command("auth/sign_path", path="/api/states")["path"]
    answer = here.ask(stated, headers=SONOS)
    assert answer.what == "to https"
    assert b"lane_probe" not in answer.body


def test_a_speech_asked_for_over_rest_is_on_the_lane(here: AtHome) -> None:
    given = here.api().post(
        "/api/tts_get_url", {"engine_id": "lane_probe", "message": "something else"}
    )

    assert given["url"].startswith("http://")
    assert here.ask(path_of(given["url"]), headers=ESPHOME).body == SPEECH


def test_a_camera_streams_picture_after_picture(here: AtHome) -> None:
    token = here.state("camera.probe")["attributes"]["access_token"]
    path = f"/api/camera_proxy_stream/camera.probe?token={token}"

    with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
        device.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        seen = b""
        while seen.count(b"a picture") < 4:
            got = device.recv(4096)
            assert got, seen
            seen += got

    assert b"200 OK" in seen
    assert here.ask("/api/camera_proxy_stream/camera.probe?token=0").status == 403
    assert here.ask("/api/camera_proxy_stream/camera.probe").what == "refused"


def test_pictures_are_served_by_their_tokens(here: AtHome) -> None:
    for entity, content in (
        ("camera.probe", b"a picture"),
        ("image.probe", b"an image"),
        ("media_player.probe", b"a cover"),
    ):
        path = here.state(entity)["attributes"]["entity_picture"]
        answer = here.ask(path, headers=ESPHOME)
        assert answer.status == 200, (entity, path)
        assert content in answer.body


def test_a_webhook_works_and_home_assistant_sees_who_called(here: AtHome) -> None:
    url = here.state("lane_probe.lane")["attributes"]["webhook"]
    assert url.startswith("http://")

    answer = here.ask(path_of(url), "POST", body=b"ding")

    assert answer.status == 200
    assert here.state("lane_probe.webhook")["state"] == "POST from 127.0.0.1"


def test_a_page_of_another_origin_gets_home_assistants_own_answers(here: AtHome) -> None:
    origin = {"Origin": "https://www.gstatic.com"}
    path = path_of(here.state("lane_probe.lane")["attributes"]["webhook"])

    may = here.ask(path, "OPTIONS", {**origin, "Access-Control-Request-Method": "POST"})
    did = here.ask(path, "POST", origin, body=b"")

    assert may.status == did.status == 200
    assert may.headers["access-control-allow-methods"] == "POST"
    assert did.headers["access-control-allow-origin"] == origin["Origin"]


def test_a_player_may_skip_within_a_song(here: AtHome) -> None:
    path = path_of(here.played("media-source://media_source/local/a song.mp3"))

    part = here.ask(path, headers={**SONOS, "Range": "bytes=2-"})

    assert (part.status, part.body) == (206, SONG[2:])


def test_a_caller_cannot_lie_about_its_address(here: AtHome) -> None:
    path = path_of(here.state("lane_probe.lane")["attributes"]["webhook"])
    here.ask(path, "POST", body=b"")

    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        answer = here.ask(path, "POST", {header: "192.168.1.77"}, body=b"")
        assert answer.what == "refused"
        assert b"reverse proxy" in answer.body

    assert here.state("lane_probe.webhook")["state"] == "POST from 127.0.0.1"


def test_a_body_has_home_assistants_limits(here: AtHome) -> None:
    path = path_of(here.state("lane_probe.lane")["attributes"]["webhook"])

    assert here.ask(path, "POST", body=b"x" * 2_000_000).status == 200


# ---------------------------------------------------------------- every route there is


def table(version: str, shown: list[tuple[str, str, str, list[str]]]) -> str:
    """What became of each route, to be read."""
    lines = [f"\nRoutes of Home Assistant {version}: bare | with ?token= | with ?authSig="]
    lines += [
        f"  {method:7} {path or '/':76} {' | '.join(answers)}" for method, path, _, answers in shown
    ]
    return "\n".join(lines) + "\n"


def test_every_registered_route_is_let_through_or_not_as_the_table_says(
    here: AtHome,
) -> None:
    here.call("lane_probe.walk")
    routes = json.loads((here.home.config / "lane_routes.json").read_text())
    assert len(routes) > 120, "the application is not all there"

    def show(route: tuple[str, str, str]) -> tuple[str, str, str, list[str]]:
        method, path, kind = route
        method = "GET" if method == "*" else method
        target = path.replace("{", "x").replace("}", "x")
        if kind.endswith("StaticResource"):
            target += "/x"
        if "?" in target:
            target = target.partition("?")[0]
        asked = [target, f"{target}?token=0", f"{target}?authSig=0.0.0"]
        body = b"" if method in {"POST", "PUT", "PATCH"} else None
        answers = [here.ask(one, method, SONOS, body=body).what for one in asked]
        return method, path, kind, answers

    with ThreadPoolExecutor(4) as several:
        shown = list(several.map(show, routes))

    through = {
        (method, path): answers.index("through")
        for method, path, _, answers in shown
        if method != "OPTIONS" and "through" in answers
    }
    sys.stdout.write(table(here.home.version, shown))  # pytest -s shows it
    registered = {(method, path) for method, path, *_ in routes}
    expected = {
        (method, opening.route): {Secret.TOKEN: 1, Secret.SIGNATURE: 2}.get(opening.secret, 0)
        for opening in OPENINGS
        for method in opening.methods
        if (method, opening.route) in registered
    }
    assert through == expected
    assert len(expected) >= 15
    for method, path, _, answers in shown:
        if method == "OPTIONS" or path.startswith(NEVER):
            assert "through" not in answers, (method, path)
    for path in ("/", "/auth/token", "/auth/login_flow", "/api/websocket", "/api/states"):
        assert any(route == path for _, route, _ in routes), path


def test_no_attack_on_the_path_reaches_anything(here: AtHome) -> None:
    def attack(target: str) -> tuple[str, bytes]:
        raw = target.encode("latin-1")
        with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
            device.sendall(b"GET " + raw + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return target, device.makefile("rb").read()

    answers = [attack(target) for target in ATTACKS]

    refused = {b"400", b"403", b"414"}
    assert [answer for answer in answers if answer[1].split(b" ")[1] not in refused] == []
    assert [answer for answer in answers if BELL in answer[1] or b"root:" in answer[1]] == []


# ---------------------------------------------------------------- who goes to HTTPS


def test_a_browser_gets_the_same_page_over_https(here: AtHome) -> None:
    for path in ("/", "/lovelace/0?x=1", "/local/page.html", "/api/webhook/x"):
        answer = here.ask(path, headers={"Host": f"localhost:{here.port}", **CHROME})
        assert answer.status == 307
        assert answer.where == f"https://localhost:{here.https_port}{path}"
        assert "strict-transport-security" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
    tls = ssl.create_default_context(cafile=str(here.root))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    asked = urllib.request.Request(f"http://localhost:{here.port}/", headers=CHROME)
    with opener.open(asked, timeout=15) as page:
        assert page.url == f"https://localhost:{here.https_port}/"
        assert b"<title>Home Assistant</title>" in page.read()


def test_the_companion_apps_first_requests_end_on_https(here: AtHome) -> None:
    tls = ssl.create_default_context(cafile=str(here.root))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )

    for who, headers in APPS.items():
        app = "iOS" if who.startswith("iOS") else "android"
        first = (
            f"/auth/authorize?response_type=code&client_id=https://home-assistant.io/{app}"
            "&redirect_uri=homeassistant://auth-callback"
        )
        for path in (first, "/", "/manifest.json"):
            asked = urllib.request.Request(f"http://localhost:{here.port}{path}", headers=headers)
            with opener.open(asked, timeout=15) as answer:
                assert answer.url == f"https://localhost:{here.https_port}{path}", who
                assert answer.status == 200, who


def test_the_companion_apps_webhook_is_not_served_in_plain(here: AtHome) -> None:
    phone = here.api().post(
        "/api/mobile_app/registrations",
        {
            "app_id": "io.homeassistant.companion.android",
            "app_name": "Home Assistant",
            "app_version": "2026.8",
            "device_name": "Phone",
            "manufacturer": "x",
            "model": "y",
            "os_name": "Android",
            "os_version": "15",
            "supports_encryption": False,
            "device_id": "1",
        },
    )
    path = f"/api/webhook/{phone['webhook_id']}"
    asks = json.dumps({"type": "get_config"}).encode()

    for headers in (APPS["Android"], SONOS):
        answer = here.ask(path, "POST", {"Content-Type": "application/json", **headers}, body=asks)
        assert answer.what == "to https"
        assert b"version" not in answer.body
    assert here.api().post(path, {"type": "get_config"})["version"] == here.home.version


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {token}"},
        {"Cookie": "a=b"},
        {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": "eA=="},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_credentials_are_refused_even_where_devices_are_let_through(
    here: AtHome, headers: dict[str, str]
) -> None:
    sent = {name: value.format(token=here.home.token) for name, value in headers.items()}

    for path in ("/local/bell.mp3", "/api/states", "/api/websocket", "/api/webhook/x", "/"):
        answer = here.ask(path, headers=sent)
        assert answer.what == "refused"
        assert (answer.status, answer.body.count(b"\n")) == (403, 2)
        assert BELL not in answer.body


def test_a_token_in_the_query_is_refused(here: AtHome) -> None:
    answer = here.ask(f"/api/states?access_token={here.home.token}", headers=CHROME)

    assert answer.what == "refused"
    assert here.home.token.encode() not in answer.body


def test_the_answer_to_a_banned_method_says_where_to_go_in_two_lines(here: AtHome) -> None:
    answer = here.ask("/api/states", "DELETE", {"Host": "evil.example", **CAST})

    lines = answer.body.decode().splitlines()
    assert len(lines) == 2
    assert "evil.example" not in lines[1]
    assert f":{here.https_port}/" in lines[1]


# ---------------------------------------------------------------- opening and closing


def test_closed_the_port_is_free_and_everything_is_told_https_again(here: AtHome) -> None:
    before = here.state("lane_probe.lane")["attributes"]
    assert before["others"].startswith("https://")

    here.call("lane_probe.close")
    try:
        with pytest.raises(ConnectionRefusedError):
            here.ask("/local/bell.mp3")
        told = here.state("lane_probe.lane")
        assert told["state"] == "closed"
        assert told["attributes"]["webhook"].startswith("https://")
        assert here.played("/local/bell.mp3").startswith("https://")
    finally:
        here.call("lane_probe.open")

    assert here.played("/local/bell.mp3").startswith("http://")
    assert here.ask("/local/bell.mp3").body == BELL


def test_a_module_that_is_loaded_later_is_told_the_lane_and_forgets_it(here: AtHome) -> None:
    def late(module: str, *, anew: bool = False) -> tuple[str, bool]:
        name = f"homeassistant.components.google_assistant.{module}"
        here.call("lane_probe.late", module=name, anew=anew)
        state = here.state("lane_probe.late")
        return state["state"].partition("://")[0], state["attributes"]["original"]

    assert late("trait", anew=True) == ("http", False)  # gives displays a camera's stream
    assert late("helpers", anew=True) == ("https", False)  # tells a cloud

    here.call("lane_probe.close")
    try:
        assert late("trait") == late("helpers") == ("https", True)
    finally:
        here.call("lane_probe.open")


def test_a_port_that_is_taken_is_told_and_https_goes_on(here: AtHome) -> None:
    here.call("lane_probe.close")
    try:
        with socket.create_server(("0.0.0.0", 0)) as other:
            here.call("lane_probe.open", port=other.getsockname()[1])
            told = here.state("lane_probe.lane")
    finally:
        here.call("lane_probe.open")

    assert told["state"] == "failed"
    assert "cannot be opened" in told["attributes"]["message"]


def test_closing_ends_streams_that_are_open(here: AtHome) -> None:
    token = here.state("camera.probe")["attributes"]["access_token"]
    path = f"/api/camera_proxy_stream/camera.probe?token={token}"
    with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
        device.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b"200 OK" in device.recv(4096)

        here.call("lane_probe.close")
        try:
            while device.recv(65536):
                pass
        except ConnectionResetError:
            pass  # as good an end as any
        finally:
            here.call("lane_probe.open")

    assert here.ask("/local/bell.mp3").body == BELL


def test_each_request_of_a_connection_is_decided_on_by_itself(here: AtHome) -> None:
    with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
        for path, status in (("/local/bell.mp3", b"200"), ("/local/bell.mp3", b"200")):
            device.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            seen = b""
            while BELL not in seen:
                seen += device.recv(4096)
            assert seen.split(b" ")[1] == status
        device.sendall(b"GET /api/states HTTP/1.1\r\nHost: x\r\n\r\n")
        last = device.makefile("rb").read()

    assert last.split(b" ")[1] == b"403"
    assert b"connection: close" in last.lower()


def test_a_device_that_speaks_http_1_0_is_served(here: AtHome) -> None:
    with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
        device.sendall(b"GET /local/bell.mp3 HTTP/1.0\r\n\r\n")
        assert device.makefile("rb").read().endswith(BELL)
    with socket.create_connection(("127.0.0.1", here.port), timeout=15) as device:
        device.sendall(b"GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n")
        assert f":{here.https_port}/\r\n".encode() in device.makefile("rb").read()


def test_where_home_assistants_application_cannot_be_had_the_lane_redirects(here: AtHome) -> None:
    here.call("lane_probe.blind", blind=True)
    try:
        answer = here.ask("/local/bell.mp3", headers=SONOS)
        played = here.played("/local/bell.mp3")
        page = here.ask("/", headers=CHROME)
    finally:
        here.call("lane_probe.blind", blind=False)

    assert answer.what == page.what == "to https"
    assert played.startswith("https://")
    assert here.ask("/local/bell.mp3", headers=SONOS).body == BELL


def test_home_assistants_own_port_is_never_taken_from_it(here: AtHome) -> None:
    here.call("lane_probe.close")
    try:
        here.call("lane_probe.open", port=here.https_port)
        assert "is Home Assistant's own" in here.state("lane_probe.lane")["attributes"]["message"]
    finally:
        here.call("lane_probe.open")


def test_many_silent_connections_take_nothing_from_https(here: AtHome) -> None:
    lane = ("127.0.0.1", here.port)
    held: list[socket.socket] = []
    try:
        held += [socket.create_connection(lane, timeout=5) for _ in range(400)]
        assert here.api().get("/api/config")["state"] == "RUNNING"
        # The lane itself is free again once they have been silent for long enough.
        assert wait_for(lambda: here.ask("/local/bell.mp3").body == BELL, timeout=40)
    finally:
        for connection in held:
            connection.close()


def test_nothing_of_the_lane_is_in_the_log(here: AtHome) -> None:
    log = here.home.log

    assert "custom_components.housekey" not in log
    assert "[aiohttp.server]" not in log
