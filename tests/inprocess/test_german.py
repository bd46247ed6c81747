"""What goes wrong, told in German: by its key to the frontend, and in words to a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.telling import async_fields, async_said, error
from custom_components.housekey.troubles import NOBODY, Told
from housekey.errors import Unreachable
from housekey.homeassistant.impact import AFFECTED
from housekey.public.fields import OURS
from housekey.public.providers import available, provider
from tests.inprocess.parts import Client, Kept, Server


@pytest.fixture(autouse=True)
def german(hass: HomeAssistant) -> None:
    """The language of this Home Assistant."""
    hass.config.language = "de"


async def test_a_name_that_is_none_is_told_in_the_flow(hass: HomeAssistant, server: Server) -> None:
    await server.start()
    manager = hass.config_entries.flow
    shown: Any = await manager.async_init(DOMAIN, context={"source": SOURCE_USER})
    await manager.async_configure(shown["flow_id"], {"next_step_id": "names"})
    shown = await manager.async_configure(shown["flow_id"], {"names": ["two words"]})
    assert shown["errors"] == {"names": "name_refused"}
    reason = shown["description_placeholders"]["reason"]
    assert reason.startswith("two words ist kein Name für ein Zertifikat: ")
    assert reason.endswith("eine Adresse wie 192.168.1.20")


async def test_what_a_switch_affects_is_told_in_the_flow(
    hass: HomeAssistant, server: Server
) -> None:
    await server.start()
    MockConfigEntry(domain="sonos").add_to_hass(hass)
    manager = hass.config_entries.flow
    shown: Any = await manager.async_init(DOMAIN, context={"source": SOURCE_USER})
    await manager.async_configure(shown["flow_id"], {"next_step_id": "names"})
    shown = await manager.async_configure(shown["flow_id"], {"names": ["home.local"]})
    assert shown["step_id"] == "impact"
    assert shown["description_placeholders"]["affected"].startswith(
        "- **sonos**: holt Sprache und Medien von Home Assistant und wird dessen Zertifikat"
    )


@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_effect_of_a_switch_has_its_text(hass: HomeAssistant, language: str) -> None:
    texts = await async_get_translations(hass, language, "selector", {DOMAIN})
    place = f"component.{DOMAIN}.selector.affected.options."
    told = {key.removeprefix(place): text for key, text in texts.items() if key.startswith(place)}
    assert told.keys() == {each.words for each in AFFECTED.values()}
    same = [each.domain for each in AFFECTED.values() if told[each.words] == each.effect]
    assert len(same) == (len(AFFECTED) if language == "en" else 0)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_field_of_a_provider_that_homes_use_is_told_in_our_words(
    hass: HomeAssistant, language: str
) -> None:
    texts = await async_get_translations(hass, language, "selector", {DOMAIN})
    place = f"component.{DOMAIN}.selector.dns_fields.options."
    told = {key.removeprefix(place): text for key, text in texts.items() if key.startswith(place)}
    english = {f"{name}-{field}": text for name, of in OURS.items() for field, text in of.items()}
    assert told.keys() == english.keys()
    same = [key for key, text in english.items() if told[key] == text]
    assert len(same) == (len(english) if language == "en" else 0)
    # And each has its label, which the list above the form begins with.
    hass.config.language = language
    for name in set(OURS) & set(available()):
        described = provider(name)
        listed = (await async_fields(hass, described)).splitlines()
        assert len(listed) == len(described.asked)
        for line, each in zip(listed, described.asked, strict=True):
            assert line.endswith(f"**: {told[f'{name}-{each.name}']}")
            assert f"**{each.name}**" not in line
    # What we have no words for, lexicon has.
    others = await async_fields(hass, provider("inwx"))
    assert others.endswith("**: specify password for authentication")


async def test_a_repair_that_cannot_be_done_says_why(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client
) -> None:
    coordinator = await set_up()
    kept.certificate.unlink()
    kept.key.write_text("somebody else's")
    await coordinator.async_refresh()
    ended = await client.mend("files_missing")
    said = ended["description_placeholders"]["reason"]
    assert said.startswith(f"{kept.key} ist nicht der Schlüssel zum Zertifikat des Hauses")


async def test_a_step_of_the_options_that_is_refused_says_why(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    async def refuse(_call: object) -> None:
        raise HomeAssistantError("the configuration has errors")

    hass.services.async_register("homeassistant", "restart", refuse)
    await set_up()
    manager = hass.config_entries.options
    shown: Any = await manager.async_init(entry.entry_id)
    await manager.async_configure(shown["flow_id"], {"next_step_id": "back"})
    shown = await manager.async_configure(shown["flow_id"], {})
    assert shown["reason"] == "failed"
    # Home Assistant's own words stay as they are.
    assert shown["description_placeholders"]["reason"] == "the configuration has errors"


async def test_an_action_hands_key_and_values_to_the_frontend(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    with pytest.raises(HomeAssistantError) as refused:
        await hass.services.async_call(
            DOMAIN, "issue", {"names": ["google.com"]}, blocking=True, return_response=True
        )
    told = refused.value
    assert (told.translation_domain, told.translation_key) == (DOMAIN, "not_permitted")
    assert told.translation_placeholders["names"] == "google.com"
    assert str(told).startswith("this house may not issue a certificate for google.com")
    with pytest.raises(HomeAssistantError) as refused:
        await hass.services.async_call(DOMAIN, "renew", {}, blocking=True)
    assert refused.value.translation_key == "no_certificate"
    assert await async_said(hass, refused.value) == (
        "Home Assistant hat noch kein Zertifikat des Hauses. "
        "Stelle zuerst auf HTTPS um: Konfigurieren, beim Eintrag von housekey"
    )


async def test_why_a_trial_ended_stands_in_the_repair(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    transaction = house.journal().begin({"folder": str(house.config), "way": "https"})
    await set_up()  # which puts back what was begun
    assert house.mine()[-1].folder == transaction.folder
    await hass.async_add_executor_job(house.record_end_of_trial, NOBODY)
    await entry.runtime_data.coordinator.async_refresh()
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "not_promoted")
    assert issue is not None
    assert issue.translation_placeholders == {
        "reason": "Niemand hat HTTPS innerhalb von fünf Minuten benutzt"
    }


async def test_a_house_that_cannot_be_opened_is_told_and_retried(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
) -> None:
    (house.folder / "issuing.pem").unlink()
    await set_up()
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "house_broken")
    assert issue is not None
    assert issue.translation_placeholders["reason"].startswith(
        "Eine Datei des Hauses fehlt oder ist beschädigt: "
    )
    if server.trials:  # 2026.7 loses it on the way
        assert entry.error_reason_translation_key == "house_broken"


async def test_what_has_no_text_is_told_as_the_library_says_it(hass: HomeAssistant) -> None:
    assert await async_setup_component(hass, "homeassistant", {})
    said = await async_said(hass, Unreachable("it does not answer", hint="look there"))
    assert said == "it does not answer; look there"
    unknown = error(Told("of_tomorrow"), "in English")
    assert await async_said(hass, unknown) == "in English"
