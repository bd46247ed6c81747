"""Home Assistant stops while housekey is at work: it waits for none of it, and logs nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.housekey import coordinator as coordinator_module
from custom_components.housekey import switch as switch_module
from custom_components.housekey.const import CONF_SWITCH, DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.outgoing import OutgoingTrust
from housekey.house.journal import State
from tests.inprocess.parts import Kept, Server


class Gate:
    """Jobs in an executor that come to it wait until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def before(self, job: Callable[..., Any]) -> Callable[..., Any]:
        def waits(*args: Any, **more: Any) -> Any:
            self.reached.set()
            self._open.wait(30)
            return job(*args, **more)

        return waits

    async def is_reached(self) -> None:
        async with asyncio.timeout(10):
            while not self.reached.is_set():
                await asyncio.sleep(0.01)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


async def stop(hass: HomeAssistant, caplog: pytest.LogCaptureFixture, gate: Gate) -> None:
    """Stop it while somebody waits at the gate; nothing is said of it."""
    await gate.is_reached()
    caplog.clear()
    await hass.async_stop(force=True)
    gate.open()
    assert "still running" not in caplog.text, caplog.text
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


async def changed(hass: HomeAssistant, _coordinator: Any) -> None:
    """Home Assistant's own settings change."""
    hass.bus.async_fire(EVENT_CORE_CONFIG_UPDATE)


async def page(_hass: HomeAssistant, coordinator: Any) -> None:
    """The onboarding page opens."""
    coordinator.onboarding._tell()


@pytest.mark.parametrize("happens", [changed, page])
async def test_a_look_is_cut_off(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    happens: Callable[[HomeAssistant, Any], Awaitable[None]],
) -> None:
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    monkeypatch.setattr(HouseAccess, "facts", gate.before(HouseAccess.facts))
    await happens(hass, coordinator)
    await stop(hass, caplog, gate)


async def test_a_look_at_the_addresses_is_cut_off(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await set_up()
    monkeypatch.setattr(
        coordinator_module, "local_addresses", gate.before(coordinator_module.local_addresses)
    )
    async_fire_time_changed(hass, dt_util.utcnow() + coordinator_module._ADDRESSES)
    await stop(hass, caplog, gate)


async def test_what_follows_a_start_is_cut_off(
    hass: HomeAssistant,
    kept: Kept,
    entry: MockConfigEntry,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OutgoingTrust, "_made", gate.before(OutgoingTrust._made))
    await hass.config_entries.async_setup(entry.entry_id)
    await stop(hass, caplog, gate)


@pytest.mark.parametrize("where", ["stage", "look"])
async def test_the_switch_is_cut_off_by_the_restart_that_it_asked_for_or_by_another(
    hass: HomeAssistant,
    house: HouseAccess,
    server: Server,
    entry: MockConfigEntry,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """It looks once more after it, because a restart may be refused."""
    restarting = asyncio.Event()

    async def restart(_call: ServiceCall) -> None:
        if where == "look":
            monkeypatch.setattr(HouseAccess, "facts", gate.before(HouseAccess.facts))
        restarting.set()

    if where == "stage":
        monkeypatch.setattr(switch_module, "stage", gate.before(switch_module.stage))
    hass.services.async_register("homeassistant", "restart", restart)
    hass.config_entries.async_update_entry(
        entry, data={CONF_SWITCH: True}, options={"names": ["localhost"]}
    )
    await server.start()
    await hass.config_entries.async_setup(entry.entry_id)
    await stop(hass, caplog, gate)
    assert restarting.is_set() == (where == "look")
    if where == "look":
        assert house.mine()[-1].state is State.OPEN


async def test_a_flow_that_waits_for_a_device_is_left(
    hass: HomeAssistant,
    kept: Kept,
    free_ports: dict[str, int],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.housekey.config_flow.PORT", free_ports["page_port"])
    monkeypatch.setattr(
        "custom_components.housekey.config_flow.PROOF_PORT", free_ports["proof_port"]
    )
    flow = hass.config_entries.flow
    shown = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    walked = ({"next_step_id": "names"}, {"names": ["localhost"]}, {"lane": False})
    for answer in (*walked, {"go_on": False}):
        shown = await flow.async_configure(shown["flow_id"], answer)
    assert (shown["step_id"], shown["type"]) == ("wait", "progress")
    caplog.clear()
    await hass.async_stop(force=True)
    assert "still running" not in caplog.text, caplog.text
