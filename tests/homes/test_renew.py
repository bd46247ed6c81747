"""`housekey renew` on real Home Assistants: while they run, or by a restart in its hours."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from demo.api import CallError, wait_for
from tests.command import Owner, housekey
from tests.homes.looks import contents, presented
from tests.inside.integration import added, complaints, give, secured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NOTIFICATION = "housekey_renewal"


def not_now() -> str:
    """Quiet hours that are far from now."""
    begin = datetime.now().astimezone() + timedelta(hours=6)
    return f"--quiet-hours={begin:%H:%M}-{begin + timedelta(minutes=5):%H:%M}"


def renewed(owner: Owner, *more: str) -> tuple[int, dict[str, Any]]:
    """Run `housekey renew`; return its exit code and what it says of Home Assistant."""
    done = owner.run("renew", not_now(), *more)
    assert done.out, done
    told: dict[str, Any] = done.json
    return done.code, next(each for each in told["certificates"] if "home" in each["label"])


def notifications(home: Home, root: Path) -> dict[str, str]:
    """What Home Assistant shows to everybody: messages by their ids."""
    shown = home.api(scheme="https", root=root).command("persistent_notification/get")
    return {each["notification_id"]: each["message"] for each in shown}


@contextmanager
def open_socket(home: Home, root: Path) -> Iterator[list[str]]:
    """Somebody who is signed in and stays; yields the messages that came, "closed" at the end."""
    came: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def stay() -> None:
        api = secured(home, root)
        assert api.tls is not None
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{api.url}/api/websocket", ssl=api.tls) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": api.token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            ready.set()
            turn = 0
            while not over.is_set():
                turn += 1
                await socket.send_json({"id": turn, "type": "ping"})
                message = await socket.receive(timeout=30)
                came.append(message.type.name)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(stay()))
    thread.start()
    try:
        assert ready.wait(60)
        yield came
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_a_home_assistant_with_the_integration_runs_on_with_every_socket_open(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    home.start()
    owner = Owner.of(home, tmp_path)
    first = owner.secure()
    assert first.code == 0, first
    root = owner.house / "root.pem"
    home.wait_until_running(scheme="https")
    # The integration, with a house of its own: it leads the server for this one as well.
    api = secured(home, root)
    added(api, port=home.port)
    starts, process = home.starts, home.pid
    key = (home.config / "privkey.pem").read_bytes()

    code, told = renewed(owner)
    assert (code, told["became"]) == (0, "good")
    assert told["sha256"] == first.json["certificate"]["sha256"]

    with open_socket(home, root) as came:
        code, told = renewed(owner, "--all")
        met = len(came)
        assert (code, told["became"], told["way"]) == (0, "renewed", "live"), told
        assert presented(home, root) == told["sha256"] != first.json["certificate"]["sha256"]
    assert set(came) == {"TEXT"}
    assert met > 0
    assert (home.starts, home.pid) == (starts, process)
    assert (home.config / "privkey.pem").read_bytes() == key
    assert (home.config / "certificate.pem").stat().st_mode & 0o777 == 0o644

    # It is presented after a restart as well.
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == starts + 1, timeout=60)
    home.wait_until_running(scheme="https")
    assert presented(home, root) == told["sha256"]
    assert [each for each in complaints(home) if "load_certificate" in each] == []


def test_the_action_of_the_integration_is_for_administrators_and_says_why_not(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    home = home_2026_11(start=False)
    give(home)
    home.start()
    added(home.api(), port=home.port)
    path = "/api/services/housekey/load_certificate?return_response"

    said = home.api().post(path, {"only_ask": True})["service_response"]
    assert said == {"presented": None, "reason": "the server does not speak TLS"}
    with pytest.raises(CallError, match="400"):
        home.api().post(path, {"root": "no root"})
    eve = home.make_user()
    with pytest.raises(CallError, match="401"):
        type(home.api())(home.url, eve).post(path, {})


def test_without_the_integration_it_waits_for_its_hours_and_is_told_loudly_when_it_fails(
    home_2026_7: NewHome, tmp_path: Path
) -> None:
    home = home_2026_7()
    owner = Owner.of(home, tmp_path)
    secured_ = owner.secure()
    assert secured_.code == 0, secured_
    first = secured_.json["certificate"]["sha256"]
    root = owner.house / "root.pem"
    home.wait_until_running(scheme="https")
    before, starts = contents(home), home.starts

    # Not in the quiet hours: nothing at all is done.
    code, told = renewed(owner, "--all")
    assert (code, told["became"], told["way"]) == (0, "waits", "restart"), told
    assert (contents(home), home.starts) == (before, starts)
    assert presented(home, root) == first

    # Home Assistant would refuse the restart: exit code 1, and everybody is told.
    yaml = home.config / "configuration.yaml"
    good = yaml.read_text()
    yaml.write_text(f"{good}\nautomation: !include there_is_none.yaml\n")
    code, told = renewed(owner, "--all", "--now")
    assert (code, told["became"]) == (1, "failed"), told
    assert "would refuse to restart" in told["error"]["message"]
    shown = notifications(home, root)
    assert "would refuse to restart" in shown[NOTIFICATION]
    assert presented(home, root) == first
    yaml.write_text(good)

    # In its hours (here: at once), by the proven switch; and the notification is gone.
    code, told = renewed(owner, "--all", "--now")
    assert (code, told["became"], told["way"]) == (0, "renewed", "restart"), told
    assert home.starts == starts + 1
    assert presented(home, root) == told["sha256"] != first
    home.wait_until_running(scheme="https")
    code, told_again = renewed(owner)
    assert (code, told_again["became"]) == (0, "good")
    assert NOTIFICATION not in notifications(home, root)

    # A revoked one does not wait: whoever has its key could be Home Assistant.
    revoked = housekey("cert", "revoke", "home-assistant", "--house", owner.house, "--json")
    assert revoked.code == 0, revoked
    code, last = renewed(owner)
    assert (code, last["became"]) == (0, "renewed"), last
    assert presented(home, root) == last["sha256"] != told["sha256"]

    assert owner.undo().code == 0
    assert home.scheme() == "http"
