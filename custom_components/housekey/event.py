"""Tells of every certificate that was issued or renewed, as the event on the bus does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import callback

from .const import EVENT_CERTIFICATE
from .entity import HousekeyEntity

if TYPE_CHECKING:
    from homeassistant.core import Event, HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import HousekeyEntry

PARALLEL_UPDATES = 0  # it waits for the bus

CERTIFICATE = EventEntityDescription(
    key="certificate", translation_key="certificate", event_types=["issued", "renewed"]
)


async def async_setup_entry(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    entry: HousekeyEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entity."""
    async_add_entities([HousekeyCertificate(entry.runtime_data.coordinator, CERTIFICATE)])


class HousekeyCertificate(HousekeyEntity, EventEntity):
    """The last certificate: its names, and when it ends."""

    async def async_added_to_hass(self) -> None:
        """Listen."""
        await super().async_added_to_hass()
        self.async_on_remove(self.hass.bus.async_listen(EVENT_CERTIFICATE, self._heard))

    @callback
    def _heard(self, event: Event[dict[str, Any]]) -> None:
        if event.data.get("action") not in self.event_types:
            return  # anybody may fire on the bus
        told = {key: event.data.get(key) for key in ("names", "not_after")}
        self._trigger_event(event.data["action"], told)
        self.async_write_ha_state()
