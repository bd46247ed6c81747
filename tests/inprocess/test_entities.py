"""The entities, from the snapshot of a real house."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.housekey.const import DOMAIN, EVENT_CERTIFICATE
from custom_components.housekey.coordinator import HousekeyCoordinator
from custom_components.housekey.overview import overview
from housekey.errors import FileTrouble
from housekey.onboarding.events import Event, Step
from housekey.onboarding.recognise import recognise

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.housekey.house_access import HouseAccess
    from tests.inprocess.parts import Kept

ENTITIES = {
    "binary_sensor.housekey_problem",
    "button.housekey_renew_certificate",
    "event.housekey_certificate",
    "sensor.housekey_certificate_ends",
    "sensor.housekey_devices_that_trust_this_home",
    "sensor.housekey_issuing_ca_ends",
    "sensor.housekey_root_ends",
}


async def test_there_is_one_device_and_every_entity_has_a_name_an_id_and_an_icon_or_class(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    registry = er.async_get(hass)
    entities = er.async_entries_for_config_entry(registry, entry.entry_id)
    assert {each.entity_id for each in entities} == ENTITIES
    for each in entities:
        assert each.unique_id.startswith(entry.entry_id)
        assert each.has_entity_name
        assert each.original_name
        assert each.translation_key or each.original_device_class
    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device.entry_type is dr.DeviceEntryType.SERVICE
    assert device.identifiers == {(DOMAIN, entry.entry_id)}


async def test_the_sensors_tell_when_root_issuing_ca_and_leaf_end(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any]
) -> None:
    coordinator = await set_up()
    data = coordinator.data
    for name, ends in (
        ("certificate_ends", data.leaf_ends),
        ("issuing_ca_ends", data.issuing_ends),
        ("root_ends", data.root_ends),
    ):
        state = hass.states.get(f"sensor.housekey_{name}")
        assert dt_util.parse_datetime(state.state) == ends
    assert data.leaf_ends < data.root_ends


async def test_without_a_leaf_its_end_is_unknown_and_nothing_is_a_problem(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    assert hass.states.get("sensor.housekey_certificate_ends").state == STATE_UNKNOWN
    assert hass.states.get("sensor.housekey_devices_that_trust_this_home").state == "0"
    problem = hass.states.get("binary_sensor.housekey_problem")
    assert (problem.state, problem.attributes["reasons"]) == ("off", [])


async def test_a_device_that_proves_its_trust_is_counted(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    coordinator = await set_up()
    iphone = (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
        " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
    )
    event = Event(
        step=Step.TRUSTS,
        at=dt_util.utcnow(),
        device="1",
        visitor=recognise(iphone),
    )
    root = await hass.async_add_executor_job(house.root_of_devices)
    await hass.async_add_executor_job(house.record_device, event, root)
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    assert hass.states.get("sensor.housekey_devices_that_trust_this_home").state == "1"
    # In the panel it stands by words that are texts there, in every language.
    (device,) = overview(coordinator.data, None)["devices"]
    assert (device["kind"], device["browser"]) == ("iphone", "safari")
    for language in ("en", "de"):
        texts = await async_get_translations(hass, language, "config_panel", {DOMAIN})
        place = f"component.{DOMAIN}.config_panel"
        assert texts[f"{place}.kinds.iphone"] == "iPhone"
        assert texts[f"{place}.browsers.safari"] == "Safari"


async def test_the_problem_sensor_names_the_kinds(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any]
) -> None:
    kept.key.chmod(0o644)
    await set_up()
    problem = hass.states.get("binary_sensor.housekey_problem")
    assert (problem.state, problem.attributes["reasons"]) == ("on", ["key_open"])


async def test_the_button_renews_and_hands_on_what_went_wrong(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renew = AsyncMock(side_effect=[None, HomeAssistantError("the disk is full")])
    monkeypatch.setattr(HousekeyCoordinator, "async_renew", renew, raising=False)
    await set_up()
    press = ("button", "press", {"entity_id": "button.housekey_renew_certificate"})
    await hass.services.async_call(*press, blocking=True)
    renew.assert_awaited_once_with(force=True)
    with pytest.raises(HomeAssistantError, match="the disk is full"):
        await hass.services.async_call(*press, blocking=True)


async def test_the_event_entity_tells_of_what_is_on_the_bus_and_of_nothing_else(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    event = "event.housekey_certificate"
    assert hass.states.get(event).state == STATE_UNKNOWN
    hass.bus.async_fire(EVENT_CERTIFICATE, {"action": "stolen", "names": ["x"]})
    await hass.async_block_till_done()
    assert hass.states.get(event).state == STATE_UNKNOWN
    data = {"action": "renewed", "names": ["a.local"], "not_after": "2027-01-01T00:00:00+00:00"}
    hass.bus.async_fire(EVENT_CERTIFICATE, data)
    await hass.async_block_till_done()
    state = hass.states.get(event)
    assert state.state not in (STATE_UNKNOWN, STATE_UNAVAILABLE)
    assert state.attributes["event_type"] == "renewed"
    assert state.attributes["names"] == ["a.local"]
    assert state.attributes["not_after"] == "2027-01-01T00:00:00+00:00"


async def test_entities_are_unavailable_while_the_disk_fails_and_the_log_says_so_once(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    coordinator = await set_up()
    failing = monkeypatch.context()

    def fail(*_: object) -> None:
        raise FileTrouble(house.folder, "Input/output error", hint="look at the disk")

    with failing as broken:
        broken.setattr(coordinator.access, "facts", fail)
        for _ in range(3):
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(days=1, minutes=1))
            await hass.async_block_till_done()
            await coordinator.async_refresh()
        await hass.async_block_till_done()
        for each in ENTITIES:
            assert hass.states.get(each).state == STATE_UNAVAILABLE, each
    said = [r for r in caplog.records if "Input/output error" in r.getMessage()]
    assert [r.levelname for r in said] == ["ERROR"]
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    assert hass.states.get("sensor.housekey_root_ends").state != STATE_UNAVAILABLE
    assert hass.states.get("binary_sensor.housekey_problem").state == "off"


async def test_unloading_takes_the_entities_down_and_setting_up_brings_the_same_back(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    registry = er.async_get(hass)
    before = {e.unique_id for e in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get("sensor.housekey_root_ends").state == STATE_UNAVAILABLE
    await set_up()
    after = {e.unique_id for e in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert after == before
    assert hass.states.get("sensor.housekey_root_ends").state != STATE_UNAVAILABLE
