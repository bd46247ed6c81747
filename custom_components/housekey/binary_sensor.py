"""Whether something is wrong, and what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory

from .entity import HousekeyEntity

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import HousekeyEntry

PARALLEL_UPDATES = 0  # it shows what the coordinator has

PROBLEM = BinarySensorEntityDescription(
    key="problem",
    device_class=BinarySensorDeviceClass.PROBLEM,  # and its name
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    entry: HousekeyEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensor."""
    async_add_entities([HousekeyProblem(entry.runtime_data.coordinator, PROBLEM)])


class HousekeyProblem(HousekeyEntity, BinarySensorEntity):
    """On while there is a problem; `reasons` are the kinds, as in the repairs."""

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return bool(self.snapshot.problems)

    @property
    def extra_state_attributes(self) -> dict[str, Any]:
        """Which ones, each once."""
        kinds = (problem.kind.value for problem in self.snapshot.problems)
        return {"reasons": list(dict.fromkeys(kinds))}
