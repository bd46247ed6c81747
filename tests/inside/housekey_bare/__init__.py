"""Only for tests: what Home Assistant spends on any integration with an entry.

It depends on what housekey depends on, and has an entity on each of the same platforms. It does
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.const import Platform
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

DOMAIN = "housekey_bare"
PLATFORMS = [Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SENSOR]


class BareEntity(Entity):
    """One of a platform; of one device."""

    _attr_has_entity_name = True
    _attr_device_info = DeviceInfo(identifiers={(DOMAIN, "one")}, name="bare")

    def __init__(self, name: str) -> None:
        self._attr_name = name
        self._attr_unique_id = name


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry) -> bool:
    """Set the platforms up."""
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True
