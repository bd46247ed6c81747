"""The way through: names, what it affects, the house, the first device, the switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigFlow, ConfigFlowResult

from .const import DOMAIN
from .house_access import HouseAccess


class HousekeyConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sets the house up."""

    VERSION = 1

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Explain."""
        if user_input is None:
            return self.async_show_form(step_id="user")
        access = HouseAccess(Path(self.hass.config.config_dir))
        if not await self.hass.async_add_executor_job(access.exists):
            from housekey.pki.names import parse_name

            new = await self.hass.async_add_executor_job(
                lambda: access.prepare([parse_name("homeassistant.local")], home="Test")
            )
            await self.hass.async_add_executor_job(access.create, new)
        return self.async_create_entry(title="housekey", data={})
