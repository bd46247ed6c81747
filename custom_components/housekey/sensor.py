"""When the certificates end, and how many devices trust the house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory

from .entity import HousekeyEntity

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .model import Snapshot
    from .runtime import HousekeyEntry

_SIGNERS = ("issuing_ends", "root_ends")
_NOT_OURS = "not_ours"  # devices came with it, or its CA has not said
PARALLEL_UPDATES = 0  # all of them show what the coordinator has


@dataclass(frozen=True, kw_only=True)
class HousekeySensorDescription(SensorEntityDescription):
    """A sensor, and what it shows of a snapshot."""

    value: Callable[[Snapshot], datetime | int | None]


SENSORS = (
    HousekeySensorDescription(
        key="leaf_ends",
        translation_key="leaf_ends",
        device_class=SensorDeviceClass.TIMESTAMP,
        value=lambda snapshot: snapshot.leaf_ends,
    ),
    HousekeySensorDescription(
        key="issuing_ends",
        translation_key="issuing_ends",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda snapshot: snapshot.issuing_ends,
    ),
    HousekeySensorDescription(
        key="root_ends",
        translation_key="root_ends",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda snapshot: snapshot.root_ends,
    ),
    HousekeySensorDescription(
        key="devices",
        translation_key="devices",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=lambda snapshot: len(snapshot.devices),
    ),
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    entry: HousekeyEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities(HousekeySensor(coordinator, description) for description in SENSORS)


class HousekeySensor(HousekeyEntity, SensorEntity):
    """One figure of the house."""

    entity_description: HousekeySensorDescription

    @property
    def native_value(self) -> datetime | int | None:
        """What the snapshot says."""
        return self.entity_description.value(self.snapshot)

    @property
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Why there is nothing to tell, on a road that leads to another CA."""
        road = self.snapshot.road
        if road is None or self.entity_description.key not in _SIGNERS:
            return None
        return {"road": road.value, "reason": None if self.native_value else _NOT_OURS}
