"""Home Assistant's own calls trust the house while it is set up, and not after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import DATA_CONNECTOR, async_get_clientsession
from homeassistant.helpers.httpx_client import get_async_client
from homeassistant.util import ssl as ssl_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.outgoing import _TWINS, OutgoingTrust
from tests.inprocess.parts import Kept, Server


async def test_a_client_of_before_trusts_the_house_until_the_entry_is_unloaded(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    server: Server,
    entry: MockConfigEntry,
) -> None:
    async_get_clientsession(hass)
    client = get_async_client(hass)
    (connector,) = hass.data[DATA_CONNECTOR].values()
    before = connector._ssl
    await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert connector._ssl is not before
    with kept.access.opened() as house:
        serial = house.root.serial_number
    trusted = {int(each["serialNumber"], 16) for each in connector._ssl.get_ca_certs()}
    assert serial in trusted
    await hass.config_entries.async_unload(entry.entry_id)
    assert connector._ssl is before
    assert client is get_async_client(hass)


async def test_an_unload_while_it_is_made_leaves_nothing_and_a_reload_makes_nothing_anew(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    theirs = ssl_util._client_context
    reached, go_on = threading.Event(), threading.Event()
    made = OutgoingTrust._made

    def slowly(self: OutgoingTrust) -> Any:
        reached.set()
        assert go_on.wait(30)
        return made(self)

    monkeypatch.setattr(OutgoingTrust, "_made", slowly)
    await set_up()
    assert await hass.async_add_executor_job(reached.wait, 10)
    await hass.config_entries.async_unload(entry.entry_id)
    go_on.set()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert ssl_util._client_context is theirs

    # Each time anew would be some MiB each time, from another thread's memory.
    handed_out = []
    for _ in range(3):
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done(wait_background_tasks=True)
        handed_out.append(ssl_util.client_context())
        await hass.config_entries.async_unload(entry.entry_id)
        assert ssl_util._client_context is theirs
    assert handed_out[0] is not ssl_util.client_context()
    assert handed_out[0] is handed_out[1] is handed_out[2]
    hass.config_entries.async_update_entry(entry, options={"trust_outgoing": False})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert _TWINS not in hass.data
