"""What a start of Home Assistant waits for, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant

from housekey.house.ledger import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.usefixtures("house")
async def test_a_start_opens_the_house_once_and_looks_in_full_after_it(
    hass: HomeAssistant, set_up: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    jobs: list[str] = []
    really_opened, really_added = SqliteLedger.open, hass.async_add_executor_job

    def open_(path: Any, **more: Any) -> SqliteLedger:
        opened.append(path)
        return really_opened(path, **more)

    def add(job: Callable[..., Any], *args: Any) -> Any:
        inner = getattr(job, "func", job)
        if "housekey" in str(getattr(inner, "__module__", "")):
            jobs.append(inner.__qualname__)
        return really_added(job, *args)

    monkeypatch.setattr(SqliteLedger, "open", open_)
    monkeypatch.setattr(hass, "async_add_executor_job", add)
    hass.set_state(CoreState.starting)
    coordinator = await set_up()
    assert len(opened) == 1
    # Where Home Assistant keeps no time itself, the journal is read before, for a trial's end.
    assert jobs.count("HousekeyCoordinator._look") == 1
    assert set(jobs) <= {
        *("HousekeyCoordinator._look", "HouseAccess.last_change"),
        *("local_addresses", "_machine.<locals>.<lambda>", "_version"),
    }
    assert coordinator.last_update_success
    assert not coordinator.in_full

    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert coordinator.in_full
    assert len(opened) > 1
