"""What all entities share: one device, the house, and names from the translations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from housekey import __version__

from .const import DOMAIN
from .coordinator import HousekeyCoordinator

if TYPE_CHECKING:
    from homeassistant.helpers.entity import EntityDescription

    from .model import Snapshot


class HousekeyEntity(CoordinatorEntity[HousekeyCoordinator]):
    """Shows something of the last snapshot; unavailable while the house cannot be looked at."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: HousekeyCoordinator, description: EntityDescription) -> None:
        super().__init__(coordinator)
        self.entity_description = description
        entry = coordinator.config_entry
        self._attr_unique_id = f"{entry.entry_id}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, entry.entry_id)},
            entry_type=DeviceEntryType.SERVICE,
            name=entry.title,
            manufacturer="housekey",
            sw_version=__version__,
            configuration_url=f"homeassistant://{DOMAIN}",  # the panel
        )

    @property
    def snapshot(self) -> Snapshot:
        """What was seen at the last look."""
        return self.coordinator.data
