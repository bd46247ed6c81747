"""Tells what went wrong: to the frontend by its key, and where only a text fits, in words.

An exception that reaches the frontend carries key and values, and is told in its user's language.
A flow has only a place for a finished text; there it is the language of this Home Assistant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.translation import async_get_translations

from housekey.errors import HousekeyError

from .const import DOMAIN
from .troubles import Told, end_of_trial, told_of, two_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.impact import Impact
    from housekey.public.providers import Provider


def error_of(trouble: HousekeyError) -> HomeAssistantError:
    """Return the exception of Home Assistant that tells it."""
    return error(told_of(trouble), two_lines(trouble))


def error(told: Told, english: str) -> HomeAssistantError:
    """Return one that tells a text; `english` goes to the log."""
    return HomeAssistantError(
        english,
        translation_domain=DOMAIN,
        translation_key=told.key,
        translation_placeholders=dict(told.values),
    )


async def async_said(hass: HomeAssistant, trouble: HousekeyError | HomeAssistantError) -> str:
    """Return it in the language of this Home Assistant."""
    if isinstance(trouble, HousekeyError):
        return await _words(hass, told_of(trouble), two_lines(trouble))
    if trouble.translation_domain != DOMAIN or trouble.translation_key is None:
        return str(trouble)
    told = Told(trouble.translation_key, trouble.translation_placeholders or {})
    return await _words(hass, told, str(trouble))


async def async_end_said(hass: HomeAssistant, reason: str) -> str:
    """Return why a trial ended, as the ledger has it, in the language of this Home Assistant."""
    told, rest = end_of_trial(reason)
    if told is None:
        return reason
    words = await _words(hass, told, reason.partition(": ")[0])
    return f"{words}: {rest}" if rest else words


async def async_effects(hass: HomeAssistant, impacts: Iterable[Impact]) -> str:
    """Return what happens to each as a list, in the language of this Home Assistant."""
    texts = await async_get_translations(hass, hass.config.language, "selector", {DOMAIN})
    place = f"component.{DOMAIN}.selector.affected.options"
    return "\n".join(
        f"- **{each.domain}**: {texts.get(f'{place}.{each.words}', each.effect)}"
        for each in impacts
    )


async def async_fields(hass: HomeAssistant, described: Provider) -> str:
    """Return what each field of a DNS provider is for as a list, in the language of this one.

    Where we have no words of our own, whoever wrote the provider has.
    """
    language = hass.config.language
    labels = await async_get_translations(hass, language, "config", {DOMAIN})
    texts = await async_get_translations(hass, language, "selector", {DOMAIN})
    label = f"component.{DOMAIN}.config.step.credentials.data"
    text = f"component.{DOMAIN}.selector.dns_fields.options.{described.name}"
    return "\n".join(
        f"- **{labels.get(f'{label}.{each.name}', each.name)}**: "
        f"{texts.get(f'{text}-{each.name}', each.help) or '-'}"
        for each in described.asked
    )


async def _words(hass: HomeAssistant, told: Told, otherwise: str) -> str:
    texts = await async_get_translations(hass, hass.config.language, "exceptions", {DOMAIN})
    text = texts.get(f"component.{DOMAIN}.exceptions.{told.key}.message")
    return text.removesuffix(".").format(**told.values) if text else otherwise
