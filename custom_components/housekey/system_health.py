"""housekey under Settings > System > Repairs > System information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from housekey import __version__

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.components.system_health import SystemHealthRegistration

    from .model import Snapshot


@callback
def async_register(hass: HomeAssistant, register: SystemHealthRegistration) -> None:  # noqa: ARG001
    """Register what is shown."""
    register.async_register_info(async_info)


async def async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return what is shown: nothing that tells this home from another."""
    found: dict[str, Any] = {"library": __version__}
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            snapshot: Snapshot = entry.runtime_data.coordinator.data
            found |= {
                "stage": snapshot.stage.value,
                "delivery": snapshot.delivery.value,
                "leaf_ends": snapshot.leaf_ends or "-",
                "devices": len(snapshot.devices),
                "problems": ", ".join(each.kind.value for each in snapshot.problems) or "-",
            }
    return found
