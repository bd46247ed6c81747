"""The lane stands on the port to which people go back: it must not stand in their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.api import CallError
from tests.lane.asking import SONOS
from tests.lane.at_home import AtHome, at_home

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome


def goes_back(here: AtHome) -> None:
    """Undo the switch, and look whether plain HTTP is Home Assistant's own again."""
    done = here.owner.undo()

    assert done.code == 0, done
    here.home.port = here.port
    here.home.wait_until_running(scheme="http")
    assert here.home.api().get("/api/states/lane_probe.lane")["state"] == "plain"


def test_undo_leads_back_to_the_lanes_port_with_yaml(home_2026_7: NewHome, tmp_path: Path) -> None:
    goes_back(at_home(home_2026_7, tmp_path))


def test_undo_leads_back_to_the_lanes_port_where_home_assistant_tries_it_first(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    here = at_home(home_2026_11, tmp_path)
    stable = here.api().command("http/config")["stable"]
    notes = {"created_at", "error", "error_message"}
    wanted = {key: value for key, value in stable.items() if key not in notes and value is not None}
    # An address that this machine has not: Home Assistant may not have it, and the lane goes on.
    wanted |= {"server_port": here.port, "server_host": ["192.0.2.200"]}
    with pytest.raises(CallError) as refused:
        here.api().command("http/config/configure", config=wanted)
    assert refused.value.status == "bind_failed"
    assert here.ask("/local/bell.mp3", headers=SONOS).body == b"a bell"

    goes_back(here)
