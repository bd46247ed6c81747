"""The entry is removed: HTTPS stays, and a repair offers the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from housekey.errors import FileTrouble
from housekey.house.journal import State
from tests.inprocess.parts import Client, Kept, Server


def offered(hass: HomeAssistant) -> Any:
    return ir.async_get(hass).async_get_issue(DOMAIN, "https_stays")


def told(hass: HomeAssistant) -> Any:
    """What stays to be said, through every restart."""
    return ir.async_get(hass).async_get_issue(DOMAIN, "unattended")


async def remove(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()


async def test_the_repair_of_a_removed_entry_goes_back_to_http(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    client: Client,
    restarts: list[ServiceCall],
    server: Server,
    hass_storage: dict[str, Any],
) -> None:
    await set_up()
    await remove(hass, entry)
    assert kept.key.exists()
    assert restarts == []
    assert offered(hass).is_fixable
    assert not offered(hass).is_persistent  # after a restart no flow could mend it
    assert (await client.mend("https_stays"))["type"] == "create_entry"
    assert len(restarts) == 1
    assert offered(hass) is None
    assert told(hass) is None
    assert not kept.key.exists()
    assert not kept.certificate.exists()
    assert {each.state for each in kept.access.mine()} == {State.UNDONE}
    if server.trials:
        settings = hass_storage["http"]["data"]
        assert settings["pending"] is None
        assert "ssl_key" not in settings["stable"]


async def test_it_is_offered_though_a_renewal_was_broken_off_by_the_removal(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    kept.access.journal().begin({"folder": str(kept.access.config), "way": "renewal"})
    await remove(hass, entry)
    assert offered(hass) is not None
    assert told(hass) is not None


async def test_who_ignores_it_keeps_https(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    await remove(hass, entry)
    ir.async_ignore_issue(hass, DOMAIN, "https_stays", ignore=True)
    await hass.async_block_till_done()
    assert kept.key.exists()
    assert restarts == []
    assert {each.state for each in kept.access.mine()} == {State.KEPT}


async def test_that_nobody_renews_is_said_through_every_restart(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    await remove(hass, entry)
    with kept.access.opened() as house:
        leaf = house.leaf("_home-assistant")
        assert leaf is not None
    assert told(hass).is_persistent
    assert not told(hass).is_fixable  # no flow is there for it after a restart
    assert told(hass).translation_placeholders == {
        "ends": leaf.certificate.not_valid_after_utc.date().isoformat()
    }


async def test_a_certificate_that_cannot_be_read_is_no_reason_to_say_nothing(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    kept.certificate.write_text("damaged")
    await remove(hass, entry)
    assert offered(hass) is not None
    assert told(hass).translation_placeholders == {"ends": "?"}


async def test_a_way_back_that_fails_says_why_and_stays_on_offer(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await set_up()
    await remove(hass, entry)

    def refuse(_hass: HomeAssistant) -> None:
        raise HomeAssistantError("Home Assistant is still starting")

    monkeypatch.setattr("custom_components.housekey.way_back.must_be_running", refuse)
    ended = await client.mend("https_stays")
    assert (ended["type"], ended["reason"]) == ("abort", "failed")
    assert "still starting" in ended["description_placeholders"]["reason"]
    assert offered(hass) is not None
    assert kept.key.exists()


async def test_a_way_back_that_broke_off_half_way_is_taken_again(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    client: Client,
    restarts: list[ServiceCall],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the trial road http is kept by then, and there is nothing more to be kept."""
    await set_up()
    await remove(hass, entry)

    def full(*_: object) -> None:
        raise FileTrouble(kept.access.folder, "the disk is full", hint="make room")

    with monkeypatch.context() as broken:
        broken.setattr("custom_components.housekey.way_back.put_back", full)
        ended = await client.mend("https_stays")
    assert "the disk is full" in ended["description_placeholders"]["reason"]
    assert restarts == []
    assert (await client.mend("https_stays"))["type"] == "create_entry"
    assert len(restarts) == 1
    assert not kept.key.exists()


async def test_an_entry_that_is_added_again_takes_the_offer_away(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    await remove(hass, entry)
    assert offered(hass) is not None
    again = MockConfigEntry(domain=DOMAIN, title="housekey", data={}, options={})
    again.add_to_hass(hass)
    assert await hass.config_entries.async_setup(again.entry_id)
    await hass.async_block_till_done()
    assert offered(hass) is None
    assert told(hass) is None


async def test_on_plain_http_nothing_is_offered(
    hass: HomeAssistant, leaf: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    await remove(hass, entry)
    assert offered(hass) is None
    assert told(hass) is None


async def test_an_https_of_the_users_own_is_none_of_housekeys_business(
    hass: HomeAssistant,
    leaf: HouseAccess,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
) -> None:
    theirs = leaf.config / "theirs.pem", leaf.config / "theirs.key"
    with leaf.opened() as house:
        pair = house.leaf("_home-assistant")
    theirs[0].write_bytes(pair.chain_pem)
    theirs[1].write_bytes(pair.key_pem.reveal())
    await server.start(tls=theirs)
    await set_up()
    await remove(hass, entry)
    assert offered(hass) is None
    assert told(hass) is None
