"""The road of a public name in the options: other credentials, another name, and the ways away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import CONF_ROAD
from custom_components.housekey.house_access import HouseAccess
from housekey.errors import DnsFailed
from housekey.homeassistant.recorded import LABEL
from housekey.house.road import ROAD
from housekey.pki.names import parse_name
from housekey.public.credentials import kept as kept_in_house
from tests.inprocess.dialog import options
from tests.inprocess.fake_ca import NAME, TOKEN, FakeCa
from tests.inprocess.parts import NAMES, Kept, Server
from tests.inprocess.public_dialog import form, settled, to_the_order

pytestmark = pytest.mark.usefixtures("ca")


async def test_the_options_offer_other_credentials_another_name_and_the_way_to_the_own_ca(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "provider", "public", "private", "back"]

    # Settings that the road leaves no choice in are not asked for.
    await dialog.send(next_step_id="settings")
    assert not {"names", "days"} & set(dialog.shown["data_schema"].schema)
    await dialog.send(**dialog.shown["data_schema"]({}))
    assert dialog.shown["type"] == "create_entry", dialog.shown
    await hass.async_block_till_done(wait_background_tasks=True)

    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    await dialog.send(auth_token="")
    assert dialog.shown["errors"] == {"base": "not_possible"}
    await dialog.send(auth_token="a-new-token")
    assert dialog.shown["reason"] == "saved"
    found = kept_in_house(public.access.folder, "duckdns", files=public.access.files)
    assert found is not None
    assert found["auth_token"].reveal() == b"a-new-token"

    # Another name: as a renewal, without a restart.
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    assert dialog.shown["data_schema"]({"advanced": {}})["public_names"] == [NAME]
    await dialog.send(**form(ca, NAME, f"*.{NAME}"))
    await dialog.send(agree=True, point=False)  # the house has a token
    for _ in range(200):
        if dialog.shown["type"] == "abort":
            break
        await asyncio.sleep(0.05)
        await dialog.look()
    assert dialog.shown["reason"] == "saved", dialog.shown
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.coordinator.data.names == (NAME, f"*.{NAME}")
    assert restarts == []

    # And back to the house's own CA.
    coordinator = entry.runtime_data.coordinator
    dialog = await options(hass, entry)
    with patch("custom_components.housekey.found_names.async_found_names", _found):
        with patch.object(coordinator, "async_start_onboarding", _taken):
            await dialog.send(next_step_id="private")
        assert dialog.shown["errors"] == {"base": "not_possible"}
        assert (dialog.told["url"], dialog.told["reason"]) == ("-", "its port is taken")
        dialog = await options(hass, entry)
        await dialog.send(next_step_id="private")
    # The panel did not offer the page on that road, and devices have to trust the root first.
    assert [dialog.told["url"]] == list(coordinator.onboarding.urls[:1])
    await dialog.send(names=["bank.example.com"])
    assert dialog.shown["errors"] == {"names": "name_refused"}
    await dialog.send(names=[])
    assert dialog.shown["errors"] == {"names": "no_name"}
    await dialog.send(names=["localhost", *NAMES])
    assert dialog.shown["reason"] == "restarting", dialog.shown
    assert len(restarts) == 1
    with public.access.opened() as house:
        leaf = house.leaf(LABEL)
        assert house.road_of(LABEL) is None
        assert leaf is not None
        assert house.is_by_house(leaf.certificate)
    assert entry.data[CONF_ROAD]["kind"] == "private"


async def _taken() -> None:
    raise HomeAssistantError("its port is taken")


async def _found(_hass: HomeAssistant) -> tuple[Any, ...]:
    return tuple(map(parse_name, NAMES))


async def test_from_http_the_options_lead_to_a_public_name(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    await to_the_order(dialog, ca)
    await settled(dialog, "switch_public")
    assert entry.data[CONF_ROAD]["kind"] == "public"
    # Left here, it is found again, and settings ask for nothing that this road gives.
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="settings")
    assert not {"names", "days"} & set(dialog.shown["data_schema"].schema)
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    assert dialog.shown["data_schema"]({"advanced": {}})["public_names"] == [NAME]
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="switch")
    assert dialog.step == "switch_public"
    await dialog.send()
    assert dialog.shown["reason"] == "restarting", dialog.shown
    assert len(restarts) == 1
    with house.opened() as opened:
        assert opened.road_of(LABEL) is not None


async def test_who_goes_back_to_http_finds_the_public_name_again(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
) -> None:
    coordinator = await set_up()
    await coordinator.switch.async_back_to_http()
    assert entry.data[CONF_ROAD]["settings"]["names"] == [NAME]
    assert len(restarts) == 1


async def test_where_what_it_takes_is_missing_the_options_say_so(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    lacking: set[str],
) -> None:
    hass.config.skip_pip = True
    await set_up()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    assert dialog.shown["reason"] == "failed"
    (public.access.folder / ROAD).unlink()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    assert dialog.shown["reason"] == "not_running"


async def test_other_credentials_that_do_not_work_are_told_and_the_ones_from_before_stay(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    ca.trouble = DnsFailed("the DNS provider duckdns did not change it", hint="check it")
    await dialog.send(auth_token="a-wrong-token")
    assert dialog.shown["errors"] == {"base": "not_possible"}
    assert "did not change it" in dialog.shown["description_placeholders"]["reason"]
    found = kept_in_house(public.access.folder, "duckdns", files=public.access.files)
    assert found is not None
    assert found["auth_token"].reveal() == TOKEN.encode()
    assert ca.orders == []
