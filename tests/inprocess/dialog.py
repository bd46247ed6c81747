"""The dialog of a flow, as Home Assistant's frontend drives it."""

from __future__ import annotations

from typing import Any

from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry


class Dialog:
    """A flow, as its dialog drives it."""

    def __init__(self, manager: Any, shown: dict[str, Any]) -> None:
        self.manager = manager
        self.shown = shown

    @property
    def step(self) -> Any:
        return self.shown.get("step_id")

    @property
    def told(self) -> dict[str, str]:
        return self.shown["description_placeholders"]

    async def send(self, **fields: Any) -> dict[str, Any]:
        """Press the button."""
        self.shown = await self.manager.async_configure(self.shown["flow_id"], fields)
        return self.shown

    async def look(self) -> dict[str, Any]:
        """Ask again."""
        self.shown = await self.manager.async_configure(self.shown["flow_id"])
        return self.shown


async def options(hass: HomeAssistant, entry: MockConfigEntry) -> Dialog:
    """Open the options."""
    manager = hass.config_entries.options
    return Dialog(manager, await manager.async_init(entry.entry_id))
