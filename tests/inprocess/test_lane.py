"""The device lane beside HTTPS, in a running Home Assistant."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib import import_module
from typing import Any

import aiohttp
import pytest
from homeassistant.components import http, webhook
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey import lane as lane_module
from custom_components.housekey.const import DOMAIN
from housekey.errors import LaneFailed
from tests.inprocess.parts import Kept, Server, free_port


@pytest.fixture
def port(hass: HomeAssistant, entry: MockConfigEntry, socket_enabled: None) -> int:
    """The lane's port; the user wants the lane."""
    port = free_port()
    hass.config_entries.async_update_entry(entry, options={"lane": True, "lane_port": port})
    return port


async def ask(port: int, path: str, method: str = "GET", **more: Any) -> tuple[int, str]:
    """Ask as a device would; return the status, and where it is sent or what it is told."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, f"http://127.0.0.1:{port}{path}", allow_redirects=False, **more
        ) as response,
    ):
        return response.status, response.headers.get("Location") or await response.text()


async def test_a_webhook_passes_and_a_browser_goes_to_https(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], server: Server, port: int
) -> None:
    assert await async_setup_component(hass, "webhook", {})
    heard: list[str] = []

    async def hear(_hass: HomeAssistant, webhook_id: str, _request: object) -> None:
        heard.append(webhook_id)

    webhook.async_register(hass, "test", "Test", "secret-of-a-bridge", hear)
    await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await ask(port, "/api/webhook/secret-of-a-bridge", "POST"))[0] == 200
    assert heard == ["secret-of-a-bridge"]
    status, where = await ask(port, "/lovelace", headers={"Accept": "text/html"})
    assert (status, where.startswith("https://")) == (307, True)
    status, said = await ask(port, "/api/states", headers={"Authorization": "Bearer x"})
    assert status == 403
    assert "carries a login or a token" in said
    webhook.async_unregister(hass, "secret-of-a-bridge")


async def test_it_closes_with_the_entry(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    port: int,
) -> None:
    await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await ask(port, "/"))[0] in (307, 403)
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(port, "/")


async def test_a_port_that_is_taken_is_told(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], port: int
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        coordinator = await set_up()
        await hass.async_block_till_done(wait_background_tasks=True)
        await coordinator.async_refresh()
        await hass.async_block_till_done(wait_background_tasks=True)
        issue = ir.async_get(hass).async_get_issue(DOMAIN, "port_taken")
        assert issue is not None
        assert issue.translation_placeholders == {"port": str(port)}


async def test_too_many_connections_and_requests_are_turned_away(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await async_setup_component(hass, "webhook", {})
    await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    monkeypatch.setattr(lane_module, "MOST_AT_A_TIME", 0)
    assert (await ask(port, "/api/webhook/secret-of-a-bridge", "POST"))[0] == 503
    monkeypatch.setattr(lane_module, "application", lambda _hass: None)
    status, where = await ask(port, "/api/webhook/secret-of-a-bridge", "POST")
    assert (status, where.startswith("https://")) == (307, True)
    monkeypatch.setattr(lane_module, "MOST_CONNECTIONS", 0)
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(port, "/")


@pytest.mark.skipif(not hasattr(http, "make_server"), reason="this Home Assistant tries no port")
async def test_the_port_is_given_back_when_home_assistant_wants_it(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    server: Server,
    entry: MockConfigEntry,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = import_module("homeassistant.components.http.websocket_api")
    wanted: list[bool] = []

    async def theirs(_hass: HomeAssistant, config: dict[str, Any]) -> None:
        wanted.append(lane.is_open)
        if config.get("server_host"):
            raise OSError("no address of this machine")

    monkeypatch.setattr(module, "async_verify_can_bind", theirs)
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    lane = coordinator.lane.lane
    assert lane.is_open
    await module.async_verify_can_bind(hass, {"server_port": 1})
    assert lane.is_open
    with pytest.raises(OSError, match="no address"):
        await module.async_verify_can_bind(hass, {"server_port": port, "server_host": ["x"]})
    assert lane.is_open
    await module.async_verify_can_bind(hass, {"server_port": port})
    assert wanted == [True, False, False]
    assert not lane.is_open
    # A look in the minute in which the restart is waited for does not take the port again.
    await coordinator.lane.async_sync()
    assert not lane.is_open
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert module.async_verify_can_bind is theirs


async def test_home_assistants_own_port_is_no_lane(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], port: int
) -> None:
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    lane = lane_module.Lane(hass, port=hass.http.server_port, https=coordinator.lane.lane.https)
    with pytest.raises(LaneFailed, match="own"):
        await lane.start()
