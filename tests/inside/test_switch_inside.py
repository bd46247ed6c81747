"""The whole way over REST and WebSocket, as a browser takes it, in real Home Assistants."""

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
    prove,
    secured,
    sign_in,
    to_the_page,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome

HOMES = ["home_2026_7", "home_2026_11"]


@pytest.mark.parametrize("release", HOMES)
def test_from_the_first_step_to_https_that_is_kept(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    home.start()
    flow = Flow(home.api())
    to_the_page(flow, "localhost", "127.0.0.1", "testhome.local")
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
