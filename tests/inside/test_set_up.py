"""The packed integration in real Home Assistants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from demo.api import wait_for
from tests.inside.integration import (
    added,
    complaints,
    entry_of,
    give,
    give_besides,
    late_at_start,
    loaded,
    ours_at_start,
    stage,
)

if TYPE_CHECKING:
    from demo.api import Api
    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

# Of the library and the integration, of which there are some 150. A start that loads more waits
# longer: think of `loading.py` before this is raised. Five are about which road a house is on
# (house/road.py, homeassistant/authority.py, signing.py, public_steps.py, and what these need).
MOST_MODULES = 90
_CODE = (".py", ".pyc", ".whl")  # has the words of a key's first line, and no key


def seconds_of(api: Api) -> float:
    """What the set-up took at the last start, by Home Assistant's own count."""
    told: list[dict[str, Any]] = api.command("integration/setup_info")
    return next(float(each["seconds"]) for each in told if each["domain"] == "housekey")


def restarted(home: Home) -> Api:
    """Restart it once, with the entry."""
    api, before = home.api(), home.starts
    told = home.config / "start.json"
    told.unlink()
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts > before, timeout=60)
    home.wait_until_running(scheme="http")
    assert loaded(api), entry_of(api)
    assert wait_for(told.exists, timeout=10)
    return api


def issued_key(api: Api) -> str:
    """The key of a certificate for another device, as the action hands it out."""
    said = api.post("/api/services/housekey/issue?return_response", {"names": ["localhost"]})
    return str(said["service_response"]["key"])


def where_it_stands(home: Home, code: str, key: str) -> list[str]:
    """The files in which a secret stands where it must not: the code anywhere, keys outside."""
    assert len(code) > 20
    plain = "".join(c for c in code if c.isalnum()).encode()
    line = key.splitlines()[1].encode()
    found = []
    for path in sorted(each for each in home.config.rglob("*") if each.is_file()):
        data = path.read_bytes()
        inside = path.relative_to(home.config)
        if code.encode() in data or plain in data:
            found.append(f"the code in {inside}")
        if inside.parts[0] == "housekey":
            if data.startswith(b"-----BEGIN") and b"PRIVATE" in data and path.stat().st_mode & 0o77:
                found.append(f"{inside} is open")
        elif line in data or (b"PRIVATE KEY" in data and path.suffix not in _CODE):
            found.append(f"a key in {inside}")
    return found


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_it_is_set_up_and_says_nothing_in_the_log(
    release: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    give_besides(home, "housekey_starts")
    home.start()
    api = home.api()
    code = added(api, port=home.port)
    assert stage(api) == "plain"
    # A start with the entry, once. What it waits for is counted, not timed: how long it takes is
    # shown by `make bench`, against the same start without the integration.
    api = restarted(home)
    modules = ours_at_start(home)
    with capfd.disabled():
        by_its_own_count = f"{seconds_of(api) * 1000:.0f} ms by Home Assistant's own count"
        print(  # noqa: T201 - the figures
            f"\nHome Assistant {home.version}: a start loads {len(modules)} modules of housekey,"
            f" and sets it up in {by_its_own_count}"
        )
    assert {"housekey.house.house", "custom_components.housekey.coordinator"} <= modules
    assert late_at_start(home) == []
    assert len(modules) <= MOST_MODULES, sorted(modules)
    # Nothing at all in a fresh log: neither a warning of ours, nor one of Home Assistant's about
    # us (a set-up that is slow, a call that holds everybody up).
    fresh = (home.config / "home-assistant.log").read_text().splitlines()
    about_us = [line for line in fresh if "housekey" in line]
    assert [line for line in about_us if "We found a custom integration" not in line] == []
    assert complaints(home) == []
    entry = entry_of(api)
    assert entry is not None
    key = issued_key(api)
    assert where_it_stands(home, code, key) == []
    api.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
    assert loaded(api), entry_of(api)
    removed = api._send("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}", None)
    assert removed == {"require_restart": False}
    assert (home.config / "housekey" / "root.pem").exists()
    assert complaints(home) == []
