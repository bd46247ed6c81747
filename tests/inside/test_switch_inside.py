"""The whole way over REST and WebSocket, as a browser takes it, in real Home Assistants."""

from __future__ import annotations

import http.client
import stat
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from demo.api import CallError, wait_for
from demo.instance import free_port
from tests.inside.integration import (
    OPTIONS,
    Flow,
    at_the_page,
    complaints,
    defaults,
    entry_of,
    late_at_start,
    loaded,
    on_https,
    ours_at_start,
    overview,
    pem_of,
    presented,
    prove,
    secured,
    sign_in,
    stage,
    to_the_page,
)

if TYPE_CHECKING:
    from demo.api import Api
    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SOMEBODY = 4711  # a uid without a name
HOMES = ["home_2026_7", "home_2026_11"]


@pytest.mark.parametrize("release", HOMES)
def test_from_the_first_step_to_https_that_is_kept(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, flow = at_the_page(request.getfixturevalue(release))
    page = flow.told["url"]
    assert flow.shown["data_schema"][0]["selector"]["qr_code"]["data"] == page
    flow.send(go_on=False)
    assert (flow.step, flow.shown["type"]) == ("wait", "progress")
    root = tmp_path / "root.pem"
    assert prove(page, root)["trusted"]
    flow.until("switch")
    assert flow.told["devices"] == "1"
    flow.send(https_port=home.port, switch=True)
    assert flow.shown["type"] == "create_entry", flow.shown

    # Home Assistant restarts by itself, and is on trial until somebody signs in.
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")
    api = secured(home, root)
    assert loaded(api), entry_of(api)
    if home.has_trials:
        assert home.storage("http")["pending"]["error"] is None
    sign_in(home, root)
    if home.has_trials:
        assert wait_for(lambda: home.storage("http")["pending"] is None, timeout=10)
        stable = home.storage("http")["stable"]
        assert stable["ssl_certificate"] == "/config/certificate.pem"
    assert wait_for(
        lambda: api.get("/api/config")["internal_url"] == f"https://testhome.local:{home.port}",
        timeout=10,
    )
    assert (home.config / "privkey.pem").stat().st_mode & 0o777 == 0o600
    assert complaints(home) == []
    assert home.starts == 2


@pytest.mark.parametrize("release", HOMES)
def test_it_is_renewed_live_and_trusted_from_inside_and_goes_back_to_http(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, root = on_https(request.getfixturevalue(release), tmp_path, besides="housekey_starts")
    api = secured(home, root)
    entry = entry_of(api)
    assert entry is not None

    # Renewed for no reason, with the same key: one file changes, nobody restarts.
    first = presented(home.port)
    api.command("housekey/renew")
    second = presented(home.port)
    assert second.serial_number != first.serial_number
    assert second.public_key() == first.public_key()
    assert (home.config / "certificate.pem").read_bytes().startswith(pem_of(second))

    # Another kind of key, by the options: other files, and the settings follow.
    options = Flow(api, path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="settings")
    options.send(**{**defaults(options), "key_type": "rsa-2048", "days": 90})
    assert options.shown["type"] == "create_entry", options.shown
    assert wait_for(lambda: isinstance(presented(home.port).public_key(), RSAPublicKey), timeout=30)
    assert (home.config / "certificate-2.pem").read_bytes().startswith(pem_of(presented(home.port)))
    assert home.starts == 2
    if home.has_trials:
        assert wait_for(
            lambda: _stable(home).get("ssl_certificate") == "/config/certificate-2.pem", timeout=10
        )
        assert home.storage("http")["pending"] is None
    else:
        assert "/config/certificate-2.pem" in (home.config / "configuration.yaml").read_text()

    # After a restart it is the same. The start has waited for nothing that it does not need.
    (home.config / "start.json").unlink()
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 3, timeout=60)
    home.wait_until_running(scheme="https")
    assert isinstance(presented(home.port).public_key(), RSAPublicKey)
    assert loaded(api)
    assert wait_for((home.config / "start.json").exists, timeout=10)
    assert {"housekey.house.house", "custom_components.housekey.renewal"} <= ours_at_start(home)
    assert late_at_start(home) == []

    # And back to http.
    assert wait_for(lambda: stage(api) == "kept", timeout=10)
    options = Flow(api, path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="back")
    options.send()
    assert options.shown["reason"] == "restarting", options.shown
    assert wait_for(lambda: home.starts == 4, timeout=60)
    home.wait_until_running(scheme="http")
    assert loaded(home.api())
    if home.has_trials:
        assert wait_for(lambda: home.storage("http")["pending"] is None, timeout=10)
        assert home.storage("http")["stable"].get("ssl_certificate") is None
    assert wait_for(lambda: home.api().get("/api/config")["internal_url"] is None, timeout=10)
    assert not (home.config / "certificate-2.pem").exists()
    assert (home.config / "housekey" / "root.pem").exists()
    assert complaints(home) == []


def _stable(home: Home) -> dict[str, object]:
    stable: dict[str, object] = home.storage("http")["stable"]
    return stable


def test_as_another_user_all_files_are_that_users_and_closed_to_others(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    home, root = on_https(home_2026_11, tmp_path, user=SOMEBODY)
    running = Path(f"/proc/{home.pid}/status").read_text()
    assert f"\nUid:\t{SOMEBODY}\t{SOMEBODY}\t" in running
    api = secured(home, root)
    first = presented(home.port)
    api.command("housekey/renew")
    assert presented(home.port).serial_number != first.serial_number
    house = home.config / "housekey"
    pair = [home.config / name for name in ("certificate.pem", "privkey.pem")]
    made = [house, *house.rglob("*"), *pair]
    assert len(made) > 15
    looked = {path: path.lstat() for path in made}
    assert [path for path, found in looked.items() if found.st_uid != SOMEBODY] == []
    assert [path for path, found in looked.items() if found.st_gid != SOMEBODY] == []
    # The house is closed as a whole; of the pair the key is.
    inside = {path: found for path, found in looked.items() if path not in pair}
    assert [path for path, found in inside.items() if found.st_mode & 0o077] == []
    assert [stat.S_IMODE(looked[path].st_mode) for path in pair] == [0o644, 0o600]
    assert home.starts == 2
    assert complaints(home) == []


@pytest.mark.parametrize("release", HOMES)
def test_with_the_lane_https_gets_a_port_of_its_own_and_old_addresses_lead_there(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, flow = at_the_page(request.getfixturevalue(release), "localhost", "127.0.0.1", lane=True)
    (home.config / "www").mkdir(exist_ok=True)
    (home.config / "www" / "bell.mp3").write_bytes(b"a bell")
    root = tmp_path / "root.pem"
    prove(flow.told["url"], root)
    flow.send(go_on=True)
    assert flow.default("https_port") != home.port
    port = free_port()
    flow.send(https_port=port, switch=True)
    assert wait_for(lambda: home.starts == 2, timeout=60)
    api = secured(home, root, port=port)
    sign_in(home, root, port=port)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    assert wait_for(
        lambda: redirected(home.port) == f"https://localhost:{port}/lovelace", timeout=10
    )
    # A speaker gets its sound. Nothing is let in there that could sign in.
    with urllib.request.urlopen(f"http://127.0.0.1:{home.port}/local/bell.mp3") as answer:
        assert answer.read() == b"a bell"
    with pytest.raises(CallError):
        home.api().get("/api/config")
    # HTTPS moves to another port by a trial; the old addresses lead there.
    entry = entry_of(api)
    assert entry is not None
    port = free_port()
    _set(api, entry, https_port=port)
    assert loaded(api)
    options = Flow(api, path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="move")
    options.send()
    assert wait_for(lambda: home.starts == 3, timeout=60)
    api = secured(home, root, port=port)
    sign_in(home, root, port=port)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    assert wait_for(
        lambda: redirected(home.port) == f"https://localhost:{port}/lovelace", timeout=10
    )
    if home.has_trials:
        # Home Assistant's own settings, and `housekey undo`, go back to the port that the lane has.
        settings = {**_stable(home), "server_port": home.port}
        for ours in ("ssl_certificate", "ssl_key", "created_at", "error", "error_message"):
            settings.pop(ours, None)
        assert api.command("http/config/configure", config=settings) == {"restart": True}
        assert wait_for(lambda: home.starts == 4, timeout=60)
        home.wait_until_running(scheme="http")
        assert loaded(home.api())
    assert complaints(home) == []


def redirected(port: int) -> str | None:
    """Where a browser with an old bookmark is led."""
    connection = http.client.HTTPConnection("localhost", port, timeout=5)
    try:
        connection.request("GET", "/lovelace", headers={"Accept": "text/html"})
        return connection.getresponse().getheader("Location")
    finally:
        connection.close()


@pytest.mark.parametrize("release", HOMES)
def test_where_the_server_cannot_be_led_a_renewal_comes_by_a_restart_in_the_quiet_hours(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, root = on_https(request.getfixturevalue(release), tmp_path, besides="housekey_moments")
    api = secured(home, root)
    (home.config / "taken").touch()
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 3, timeout=60)
    home.wait_until_running(scheme="https")
    assert loaded(api)
    assert overview(api)["delivery"] == "restart"
    first = presented(home.port)

    # Outside the quiet hours it waits.
    entry = entry_of(api)
    assert entry is not None
    now = datetime.fromisoformat(_local_time(api))
    later = [f"{now + timedelta(hours=hours):%H}:00:00" for hours in (3, 4)]
    _set(api, entry, quiet_from=later[0], quiet_until=later[1])
    assert loaded(api)
    api.command("housekey/renew")
    waiting = presented(home.port)
    assert waiting.serial_number == first.serial_number
    assert not (home.config / "certificate.pem").read_bytes().startswith(pem_of(first))
    # Within them it comes, also when they are other ones now.
    _set(api, entry, quiet_from="00:00:00", quiet_until="00:00:00")
    assert wait_for(lambda: home.starts == 4, timeout=60)
    home.wait_until_running(scheme="https")
    renewed = pem_of(presented(home.port))
    assert (home.config / "certificate.pem").read_bytes().startswith(renewed)
    assert loaded(api)
    # And with another kind of key as well, which is on trial then.
    _set(api, entry, key_type="rsa-2048", days=90)
    assert wait_for(lambda: home.starts == 5, timeout=60)
    home.wait_until_running(scheme="https")
    assert isinstance(presented(home.port).public_key(), RSAPublicKey)
    assert loaded(api)
    sign_in(home, root)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    if home.has_trials:
        assert _stable(home)["ssl_certificate"] == "/config/certificate-2.pem"
    assert complaints(home) == []


def _set(api: Api, entry: dict[str, Any], **changes: object) -> None:
    options = Flow(api, path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="settings")
    options.send(**{**defaults(options), **changes})
    assert options.shown["type"] == "create_entry", options.shown


def _local_time(api: Api) -> str:
    """The time on the wall of the home."""
    zone = ZoneInfo(api.get("/api/config")["time_zone"])
    return datetime.now(zone).isoformat()


@pytest.mark.parametrize("release", HOMES)
def test_an_entry_that_is_removed_leaves_https_and_one_that_is_added_again_takes_it_over(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, root = on_https(request.getfixturevalue(release), tmp_path)
    api = secured(home, root)
    entry = entry_of(api)
    assert entry is not None
    api._send("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}", None)
    assert wait_for(lambda: issues_of(api) == {"https_stays", "unattended"}, timeout=10)
    assert wait_for(lambda: '"unattended"' in stored_issues(home), timeout=30)
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 3, timeout=60)
    home.wait_until_running(scheme="https")
    assert entry_of(api) is None
    # No flow of ours could be reached any more; that nobody renews is still said.
    assert issues_of(api) == {"unattended"}

    flow = Flow(api)
    to_the_page(flow, "localhost", "127.0.0.1", "testhome.local")
    flow.send(go_on=True)
    assert flow.shown["type"] == "create_entry", flow.shown
    assert loaded(api)
    assert stage(api) == "kept"
    assert issues_of(api) == set()
    api.command("housekey/renew")
    assert home.starts == 3
    assert complaints(home) == []


def issues_of(api: Api) -> set[str]:
    """The repairs that are shown."""
    found: list[dict[str, Any]] = api.command("repairs/list_issues")["issues"]
    return {each["issue_id"] for each in found if each["domain"] == "housekey"}


def stored_issues(home: Home) -> str:
    """What is on disk of the repairs; Home Assistant writes them some seconds later."""
    path = home.config / ".storage" / "repairs.issue_registry"
    return path.read_text() if path.exists() else ""
