"""The packed integration in real Home Assistants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.api import wait_for
from tests.inside.integration import (
    Flow,
    complaints,
    entry_of,
    give,
    loaded,
    stage,
    to_the_page,
)

if TYPE_CHECKING:
    from tests.conftest import NewHome

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_it_is_set_up_and_says_nothing_in_the_log(
    release: str, request: pytest.FixtureRequest
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    home.start()
    api = home.api()
    flow = Flow(api)
    to_the_page(flow)
    flow.send(go_on=True)
    flow.send(https_port=home.port, switch=False)
    assert flow.shown["type"] == "create_entry", flow.shown
    assert loaded(api), entry_of(api)
    assert stage(api) == "plain"
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="http")
    assert loaded(api), entry_of(api)
    entry = entry_of(api)
    assert entry is not None
    api.post(f"/api/config/config_entries/entry/{entry['entry_id']}/reload")
    assert loaded(api), entry_of(api)
    removed = api._send("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}", None)
    assert removed == {"require_restart": False}
    assert (home.config / "housekey" / "root.pem").exists()
    assert complaints(home) == []
