"""Home Assistant's own calls trust the house while it is set up, and not after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import DATA_CONNECTOR, async_get_clientsession
from homeassistant.helpers.httpx_client import get_async_client
from pytest_homeassistant_custom_component.common import MockConfigEntry

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
