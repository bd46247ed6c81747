"""After unload nothing is left, whatever was under way."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import network
from homeassistant.util import ssl as ssl_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.inprocess.parts import Kept, free_port


async def answers(port: int) -> bool:
    """Whether anybody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_page_and_lane_are_closed_though_something_still_looks(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    theirs = network.get_url
    lane, page, proof = free_port(), free_port(), free_port()
    ports = {"lane": True, "lane_port": lane, "page_port": page, "proof_port": proof}
    hass.config_entries.async_update_entry(entry, options=ports)
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    await coordinator.async_start_onboarding()
    assert await answers(lane)
    assert await answers(page)
    assert network.get_url is not theirs
    assert await hass.config_entries.async_unload(entry.entry_id)
    # As a look that was under way would do at its end.
    await coordinator.lane.async_sync()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert [await answers(port) for port in (lane, page, proof)] == [False] * 3
    assert network.get_url is theirs


async def test_what_a_reload_finds_under_way_is_waited_for(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    before = await set_up()
    async with before.work:
        assert await hass.config_entries.async_reload(entry.entry_id)
        after = entry.runtime_data.coordinator
        assert after is not before
        renewing = hass.async_create_task(after.async_renew(force=True))
        await asyncio.sleep(0.2)
        assert not renewing.done()
    await renewing


async def test_an_entry_that_is_set_up_again_and_again_leaves_nothing_behind(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    page, proof = free_port(), free_port()
    ports = {"lane": True, "lane_port": free_port(), "page_port": page, "proof_port": proof}
    hass.config_entries.async_update_entry(entry, options=ports)
    theirs = ssl_util._client_context
    gone: list[weakref.ref[Any]] = []
    left: list[dict[str, int]] = []
    for _ in range(3):
        coordinator = await set_up()
        await hass.async_block_till_done(wait_background_tasks=True)
        await coordinator.async_start_onboarding()
        await coordinator.async_renew(force=True)
        await hass.async_block_till_done()
        assert ssl_util._client_context is not theirs
        parts = (coordinator, coordinator.lane, coordinator.renewal, coordinator.switch)
        gone += map(weakref.ref, parts)
        del coordinator, parts
        assert await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        assert ssl_util._client_context is theirs
        # What a store has still to write is waited for; that comes and goes.
        counted = dict(hass.bus.async_listeners())
        counted.pop(EVENT_HOMEASSISTANT_FINAL_WRITE, None)
        left.append(counted)
    assert left[0] == left[-1]
    for _ in range(100):  # a thread may still hold what it has just done
        gc.collect()
        if not any(each() for each in gone):
            break
        await asyncio.sleep(0.1)
    assert [at for at, each in enumerate(gone) if each() is not None] == []
