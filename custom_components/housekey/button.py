"""Renews Home Assistant's certificate, whether or not it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory

from .entity import HousekeyEntity

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import HousekeyEntry

PARALLEL_UPDATES = 1

RENEW = ButtonEntityDescription(
    key="renew", translation_key="renew", entity_category=EntityCategory.CONFIG
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    entry: HousekeyEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the button."""
    async_add_entities([HousekeyRenew(entry.runtime_data.coordinator, RENEW)])


class HousekeyRenew(HousekeyEntity, ButtonEntity):
    """Renew now."""

    async def async_press(self) -> None:
        """Issue and deliver. Raises HomeAssistantError."""
        await self.coordinator.async_renew(force=True)
