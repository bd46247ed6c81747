"""The panel's commands, over a WebSocket of the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
from homeassistant.components import frontend
from homeassistant.config_entries import ConfigEntryDisabler

from tests.inprocess.parts import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.housekey.house_access import HouseAccess
    from tests.inprocess.parts import Server


async def test_the_panel_follows_the_entry_over_unloading_and_back(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
    hass_access_token: str,
) -> None:
    await set_up()
    assert "housekey" in hass.data[frontend.DATA_PANELS]
    async with signed_in(server, hass_access_token) as socket:
        assert (await socket.ask("housekey/overview"))["success"]
        shown = await socket.event()
        assert (shown["running"], shown["stage"]) == (True, "plain")
        await hass.config_entries.async_unload(entry.entry_id)
        while (shown := await socket.event())["running"]:
            pass
        for command in ("onboarding/start", "onboarding/stop", "renew"):
            answer = await socket.ask(f"housekey/{command}")
            assert answer["error"]["translation_key"] == "not_running", answer
        await hass.config_entries.async_setup(entry.entry_id)
        while not (shown := await socket.event())["running"]:
            pass
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert "housekey" not in hass.data[frontend.DATA_PANELS]


async def test_the_onboarding_page_is_turned_on_shown_and_turned_off(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
    hass_access_token: str,
    free_ports: dict[str, int],
) -> None:
    hass.config_entries.async_update_entry(entry, options=free_ports)
    await set_up()
    async with signed_in(server, hass_access_token) as socket:
        await socket.ask("housekey/overview")
        started = await socket.ask("housekey/onboarding/start")
        assert started["success"], started
        while not (shown := await socket.event())["onboarding"]["urls"]:
            pass
        assert shown["onboarding"]["urls"] == started["result"]["urls"]
        assert shown["onboarding"]["code"]["side"] > 20
        assert (await socket.ask("housekey/onboarding/stop"))["success"]
        while (shown := await socket.event())["onboarding"]["urls"]:
            pass


async def test_renewing_is_told_when_there_is_nothing_to_renew(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    server: Server,
    hass_access_token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    async with signed_in(server, hass_access_token) as socket:
        answer = await socket.ask("housekey/renew")
        assert not answer["success"]
        assert "no certificate of the house yet" in answer["error"]["message"]
        monkeypatch.setattr(coordinator, "async_renew", AsyncMock())
        assert (await socket.ask("housekey/renew"))["success"]


async def test_nobody_but_an_administrator_sees_it(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    server: Server,
    hass_read_only_access_token: str,
) -> None:
    await set_up()
    async with signed_in(server, hass_read_only_access_token) as socket:
        for command in ("overview", "onboarding/start", "onboarding/stop", "renew"):
            answer = await socket.ask(f"housekey/{command}")
            assert answer["error"]["code"] == "unauthorized"
