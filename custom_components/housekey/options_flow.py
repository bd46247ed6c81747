"""What may be changed later: settings, the switch to HTTPS, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector

from housekey.errors import HousekeyError
from housekey.homeassistant.plan import DEFAULT_DAYS
from housekey.onboarding import PORT, PROOF_PORT
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name

from .const import (
    CONF_DAYS,
    CONF_HTTPS_PORT,
    CONF_KEY_TYPE,
    CONF_LANE,
    CONF_LANE_PORT,
    CONF_NAMES,
    CONF_PAGE_PORT,
    CONF_PROOF_PORT,
    CONF_QUIET_FROM,
    CONF_QUIET_UNTIL,
    CONF_TRUST_OUTGOING,
    DEFAULT_QUIET_FROM,
    DEFAULT_QUIET_UNTIL,
)
from .house_access import HouseAccess
from .http_store import server_facts
from .model import Stage
from .telling import async_said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .coordinator import HousekeyCoordinator

_MOST_DAYS = 825  # Apple's, for a root of the user's own (APL-01)


def names_selector(options: Sequence[str]) -> selector.SelectSelector:
    """Names, of which some were found, and others may be typed."""
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=list(options),
            multiple=True,
            custom_value=True,
            mode=selector.SelectSelectorMode.DROPDOWN,
        )
    )


def port_selector() -> selector.NumberSelector:
    """A port."""
    return selector.NumberSelector(
        selector.NumberSelectorConfig(min=1, max=65535, mode=selector.NumberSelectorMode.BOX)
    )


class HousekeyOptionsFlow(OptionsFlowWithReload):
    """Changes settings; what it saves reloads the entry."""

    @property
    def _coordinator(self) -> HousekeyCoordinator:
        coordinator: HousekeyCoordinator = self.config_entry.runtime_data.coordinator
        return coordinator

    @property
    def _access(self) -> HouseAccess:
        return HouseAccess(Path(self.hass.config.config_dir))

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose what to change."""
        options = ["settings"]
        if getattr(self.config_entry, "runtime_data", None) is not None:
            stage = self._coordinator.data.stage
            if stage in (Stage.PLAIN, Stage.REVERTED):
                options.append("switch")
            if stage is Stage.KEPT:
                options.append("back")
        return self.async_show_menu(step_id="init", menu_options=options)

    async def async_step_settings(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Names, keys, lifetime, ports, quiet hours, lane, outgoing trust."""
        kept = dict(self.config_entry.options)
        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            try:
                names = [parse_name(each) for each in user_input[CONF_NAMES]]
                await self.hass.async_add_executor_job(self._access.must_permit, names)
            except HousekeyError as refusal:
                errors[CONF_NAMES], refused = "name_refused", await async_said(self.hass, refusal)
            if twice := shared_ports(user_input, await self._port_of_home_assistant(user_input)):
                errors |= dict.fromkeys(twice, "port_twice")
            kept |= user_input
            if not errors:
                return self.async_create_entry(
                    data={**_whole(user_input), CONF_NAMES: list(map(str, dict.fromkeys(names)))}
                )
        return self.async_show_form(
            step_id="settings",
            data_schema=_schema(kept),
            errors=errors,
            description_placeholders={"reason": refused},
        )

    async def _port_of_home_assistant(self, given: Mapping[str, Any]) -> int:
        """Return where Home Assistant answers, or will after the switch."""
        return int(given.get(CONF_HTTPS_PORT) or (await server_facts(self.hass)).port)

    async def async_step_switch(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try HTTPS now: Home Assistant restarts."""
        return await self._confirmed("switch", self._coordinator.switch.async_begin, user_input)

    async def async_step_back(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go back to plain http: Home Assistant restarts."""
        back = self._coordinator.switch.async_back_to_http
        return await self._confirmed("back", back, user_input)

    async def _confirmed(
        self, step: str, act: Any, user_input: dict[str, Any] | None
    ) -> ConfigFlowResult:
        if user_input is None:
            return self.async_show_form(step_id=step, data_schema=vol.Schema({}))
        try:
            await act()
        except HomeAssistantError as trouble:
            return self.async_abort(
                reason="failed",
                description_placeholders={"reason": await async_said(self.hass, trouble)},
            )
        return self.async_abort(reason="restarting")


def shared_ports(given: Mapping[str, Any], home_assistant: int) -> list[str]:
    """Return the settings whose port is another's, too, or Home Assistant's own. Pure."""
    taken = {home_assistant}
    shared = []
    for key in (CONF_PAGE_PORT, CONF_PROOF_PORT, CONF_LANE_PORT):
        if not given.get(key) or (key == CONF_LANE_PORT and not given.get(CONF_LANE)):
            continue
        port = int(given[key])
        if port in taken:
            shared.append(key)
        taken.add(port)
    return shared


def _schema(kept: dict[str, Any]) -> vol.Schema:
    names = list(kept.get(CONF_NAMES, []))
    port = port_selector()
    time = selector.TimeSelector()

    def optional(key: str) -> vol.Optional:
        return vol.Optional(key, description={"suggested_value": kept.get(key)})

    key_types = selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=[
                selector.SelectOptionDict(value=each.value, label=each.label) for each in KeyType
            ],
            mode=selector.SelectSelectorMode.DROPDOWN,
        )
    )
    days = selector.NumberSelector(
        selector.NumberSelectorConfig(
            min=1, max=_MOST_DAYS, mode=selector.NumberSelectorMode.BOX, unit_of_measurement="d"
        )
    )
    return vol.Schema(
        {
            vol.Required(CONF_NAMES, default=names): names_selector(names),
            vol.Required(
                CONF_KEY_TYPE, default=kept.get(CONF_KEY_TYPE, KeyType.ECDSA_P256.value)
            ): key_types,
            vol.Required(CONF_DAYS, default=kept.get(CONF_DAYS, DEFAULT_DAYS)): days,
            optional(CONF_HTTPS_PORT): port,
            vol.Required(CONF_PAGE_PORT, default=kept.get(CONF_PAGE_PORT, PORT)): port,
            vol.Required(CONF_PROOF_PORT, default=kept.get(CONF_PROOF_PORT, PROOF_PORT)): port,
            vol.Required(CONF_LANE, default=kept.get(CONF_LANE, False)): (
                selector.BooleanSelector()
            ),
            optional(CONF_LANE_PORT): port,
            vol.Required(
                CONF_QUIET_FROM, default=kept.get(CONF_QUIET_FROM, DEFAULT_QUIET_FROM)
            ): time,
            vol.Required(
                CONF_QUIET_UNTIL, default=kept.get(CONF_QUIET_UNTIL, DEFAULT_QUIET_UNTIL)
            ): time,
            vol.Required(
                CONF_TRUST_OUTGOING, default=kept.get(CONF_TRUST_OUTGOING, True)
            ): selector.BooleanSelector(),
        }
    )


def _whole(given: dict[str, Any]) -> dict[str, Any]:
    """A number of a form is a float."""
    return {
        key: int(value) if isinstance(value, float) else value
        for key, value in given.items()
        if value is not None
    }
