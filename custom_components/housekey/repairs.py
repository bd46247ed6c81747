"""The fix flows of the repairs: asked once, mended, and looked at again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, ISSUE_HTTPS_STAYS
from .house_access import HouseAccess
from .issues import async_withdraw_way_back
from .mending import async_close_house, async_mend
from .model import ProblemKind
from .telling import async_said
from .way_back import WayBack

if TYPE_CHECKING:
    from homeassistant.components.repairs import RepairsFlowResult
    from homeassistant.core import HomeAssistant

    from .coordinator import HousekeyCoordinator


async def async_create_fix_flow(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    issue_id: str,
    data: dict[str, str | int | float | None] | None,  # noqa: ARG001 - likewise
) -> RepairsFlow:
    """Return the flow for a repair; its id is the kind of the problem, but for one."""
    if issue_id == ISSUE_HTTPS_STAYS:
        return WayBackFlow()
    return MendFlow(ProblemKind(issue_id))


class MendFlow(RepairsFlow):
    """Says what will be done, and does it."""

    def __init__(self, kind: ProblemKind) -> None:
        self._kind = kind

    async def async_step_init(
        self,
        user_input: dict[str, str] | None = None,  # noqa: ARG002 - the issue's id, no answer yet
    ) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then mend. The repair is done only once the problem is really gone."""
        if user_input is None:
            issue = ir.async_get(self.hass).async_get_issue(DOMAIN, self._kind.value)
            return self.async_show_form(
                step_id="confirm",
                data_schema=vol.Schema({}),
                description_placeholders=issue.translation_placeholders if issue else None,
            )
        coordinator = _coordinator(self.hass)
        try:
            if coordinator is None:
                return await self._without_coordinator()
            restarts = await async_mend(coordinator, self._kind)
        except HomeAssistantError as trouble:
            return self.async_abort(
                reason="failed",
                description_placeholders={"reason": await async_said(self.hass, trouble)},
            )
        if not restarts:
            await coordinator.async_refresh()
            if any(problem.kind is self._kind for problem in coordinator.data.problems):
                return self.async_abort(reason="still_there")
        return self.async_create_entry(data={})

    async def _without_coordinator(self) -> RepairsFlowResult:
        """Close the house, because of which the entry cannot be set up, and set it up."""
        entries = self.hass.config_entries.async_entries(DOMAIN)
        if self._kind is not ProblemKind.KEY_OPEN or not entries:
            return self.async_abort(reason="not_running")
        await async_close_house(self.hass)
        self.hass.config_entries.async_schedule_reload(entries[0].entry_id)
        return self.async_create_entry(data={})


class WayBackFlow(RepairsFlow):
    """Goes back to http after the entry was removed. To ignore the repair keeps HTTPS."""

    async def async_step_init(
        self,
        user_input: dict[str, str] | None = None,  # noqa: ARG002 - the issue's id, no answer yet
    ) -> RepairsFlowResult:
        """Begin."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, str] | None = None
    ) -> RepairsFlowResult:
        """Ask, then go back and restart."""
        if user_input is None:
            return self.async_show_form(step_id="confirm", data_schema=vol.Schema({}))
        access = HouseAccess(Path(self.hass.config.config_dir))
        try:
            await WayBack(self.hass, access).async_begin(attended=False)
            async_withdraw_way_back(self.hass)
        except HomeAssistantError as trouble:
            return self.async_abort(
                reason="failed",
                description_placeholders={"reason": await async_said(self.hass, trouble)},
            )
        return self.async_create_entry(data={})


def _coordinator(hass: HomeAssistant) -> HousekeyCoordinator | None:
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            coordinator: HousekeyCoordinator = entry.runtime_data.coordinator
            return coordinator
    return None
