"""What may be changed later: settings, the switch to HTTPS, and the way back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.config_entries import ConfigFlowResult, OptionsFlowWithReload
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector

from housekey.errors import HousekeyError
from housekey.homeassistant.plan import DEFAULT_DAYS
from housekey.house.road import Kind
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
    CONF_ROAD,
    CONF_TRUST_OUTGOING,
    DEFAULT_QUIET_FROM,
    DEFAULT_QUIET_UNTIL,
)
from .house_access import HouseAccess
from .http_store import server_facts
from .loading import async_load
from .model import Stage
from .public_steps import PublicSteps, provider_of
from .settings import settings_of
from .telling import async_fields, async_said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.public.settings import PublicSettings

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


class HousekeyOptionsFlow(PublicSteps, OptionsFlowWithReload):
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
        if self._is_loaded:
            stage, road = self._coordinator.data.stage, self._coordinator.data.road
            if stage in (Stage.PLAIN, Stage.REVERTED) or self._is_chosen:
                options.append("switch")
            elif self._coordinator.moves_to is not None:
                options.append("move")
            if road is Kind.PUBLIC:
                options += ["provider", "public", "private"]
            elif stage in (Stage.PLAIN, Stage.REVERTED, Stage.KEPT):
                options.append("public")
                if road is Kind.OWN or self._is_chosen:
                    options.append("private")
            if stage is Stage.KEPT:
                options.append("back")
        return self.async_show_menu(step_id="init", menu_options=options)

    async def async_step_settings(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Names, keys, lifetime, ports, quiet hours, lane, outgoing trust."""
        kept = dict(self.config_entry.options)
        # There the names are the road's, and the CA says for how long.
        on_road = self._is_to_public or (
            self._is_loaded and self._coordinator.data.road is not None
        )
        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            if on_road:
                theirs = (CONF_NAMES, CONF_DAYS)
                user_input |= {each: kept[each] for each in theirs if each in kept}
            try:
                names = [parse_name(each) for each in user_input.get(CONF_NAMES, [])]
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
            data_schema=_schema(kept, on_road=on_road),
            errors=errors,
            description_placeholders={"reason": refused},
        )

    async def _port_of_home_assistant(self, given: Mapping[str, Any]) -> int:
        """Return where Home Assistant answers, or will after the switch."""
        return int(given.get(CONF_HTTPS_PORT) or (await server_facts(self.hass)).port)

    async def async_step_switch(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try HTTPS now: Home Assistant restarts."""
        step = "switch_public" if self._is_to_public else "switch"
        return await self._confirmed(step, self._coordinator.switch.async_begin, user_input)

    async_step_switch_public = async_step_switch

    async def async_step_move(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try HTTPS at the port that the settings have now: Home Assistant restarts."""
        coordinator = self._coordinator
        told = {"url": coordinator.moves_to_url or "", "port": str(coordinator.data.https_port)}
        return await self._confirmed("move", coordinator.switch.async_begin, user_input, told)

    # Other roads

    async def async_step_provider(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Take other credentials for the DNS provider that there is."""
        errors: dict[str, str] = {}
        refused = ""
        settled = await self.hass.async_add_executor_job(self._house.public_settings)
        if settled is None:
            return self.async_abort(reason="not_running")
        try:
            await self._load()
            for_public = await async_load(self.hass, "for_public")
            await for_public.async_ensure(self.hass, again=True)
            described = await self.hass.async_add_import_executor_job(provider_of, settled.provider)
        except HousekeyError as trouble:
            return await self._failed(trouble)
        from .ordering import async_keep_credentials  # noqa: PLC0415 - loaded by now
        from .public_forms import (  # noqa: PLC0415 - likewise
            credentials_from,
            credentials_schema,
            title_of,
        )

        if user_input is not None:
            credentials = credentials_from(described, user_input)
            try:
                described.must_be_given(credentials)
                server, settings = await server_facts(self.hass), settings_of(self._options_now)
                keep = partial(
                    async_keep_credentials, self._house, settled, credentials, server, settings
                )
                await for_public.async_apart(keep, name="housekey tries credentials")
                return self.async_abort(reason="saved")
            except HousekeyError as trouble:
                errors["base"], refused = "not_possible", await async_said(self.hass, trouble)
        return self.async_show_form(
            step_id="provider",
            data_schema=credentials_schema(described, terms=False, point=None),
            errors=errors,
            description_placeholders={
                "reason": refused,
                "provider": title_of(settled.provider),
                "fields": await async_fields(self.hass, described),
            },
        )

    async def async_step_private(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Go to certificates of the house's own CA: Home Assistant restarts."""
        entry = self.config_entry
        errors: dict[str, str] = {}
        refused = ""
        texts = list(entry.options.get(CONF_NAMES, []))
        if user_input is not None:
            texts = user_input[CONF_NAMES]
            try:
                names = list(dict.fromkeys(map(parse_name, texts)))
                await self.hass.async_add_executor_job(self._access.must_permit, names)
                if not names:
                    errors[CONF_NAMES] = "no_name"
            except HousekeyError as refusal:
                errors[CONF_NAMES], refused = "name_refused", await async_said(self.hass, refusal)
            if not errors:
                roads = await async_load(self.hass, "chosen")
                self.hass.config_entries.async_update_entry(
                    entry,
                    data={**entry.data, CONF_ROAD: roads.to_private()},
                    options={**entry.options, CONF_NAMES: list(map(str, names))},
                )
                return await self._do(self._coordinator.switch.async_begin)
        else:
            found_names = await async_load(self.hass, "found_names")
            found = await found_names.async_found_names(self.hass)
            found = await self.hass.async_add_executor_job(self._access.permitted, found)
            texts = list(dict.fromkeys((*texts, *map(str, found))))
            try:  # devices have to trust the root first, and the panel offers the page no more
                await self._coordinator.async_start_onboarding()
            except HomeAssistantError as trouble:
                errors["base"], refused = "not_possible", await async_said(self.hass, trouble)
        urls = self._coordinator.onboarding.urls
        return self.async_show_form(
            step_id="private",
            data_schema=vol.Schema(
                {vol.Required(CONF_NAMES, default=texts): names_selector(texts)}
            ),
            errors=errors,
            description_placeholders={"reason": refused, "url": urls[0] if urls else "-"},
        )

    @property
    def _is_loaded(self) -> bool:
        return getattr(self.config_entry, "runtime_data", None) is not None

    @property
    def _is_chosen(self) -> bool:
        """Whether a road was chosen that Home Assistant has not been taken to."""
        return bool(self.config_entry.data.get(CONF_ROAD))

    @property
    def _is_to_public(self) -> bool:
        """Whether that one is a public name."""
        kept: Mapping[str, Any] = self.config_entry.data.get(CONF_ROAD) or {}
        return kept.get("kind") == Kind.PUBLIC

    @property
    def _options_now(self) -> Mapping[str, Any]:
        return self.config_entry.options

    async def _before(self) -> PublicSettings | None:
        if self._is_to_public:  # Home Assistant has not been taken there yet
            roads = await async_load(self.hass, "chosen")
            chosen: PublicSettings = roads.chosen_of(self.config_entry.data).settings
            return chosen
        return await self.hass.async_add_executor_job(self._house.public_settings)

    async def _before_order(self) -> ConfigFlowResult:
        return await self.async_step_order()

    async def _after_order(self) -> ConfigFlowResult:
        """Another public name comes as a renewal does; from another road it is a switch."""
        coordinator, application = self._coordinator, self._application
        if coordinator.data.stage is Stage.KEPT and coordinator.data.road is Kind.PUBLIC:
            return await self._do(
                partial(coordinator.async_change_road, application.road), ends="saved"
            )
        entry, roads = self.config_entry, await async_load(self.hass, "chosen")
        road = roads.to_public(application.settings)
        self.hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_ROAD: road})
        return await self.async_step_switch()

    @callback
    def async_remove(self) -> None:
        """The flow is over."""
        self._stop_waiting()

    async def async_step_back(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go back to plain http: Home Assistant restarts."""
        back = self._coordinator.switch.async_back_to_http
        return await self._confirmed("back", back, user_input)

    async def _confirmed(
        self,
        step: str,
        act: Any,
        user_input: dict[str, Any] | None,
        told: Mapping[str, str] | None = None,
    ) -> ConfigFlowResult:
        if user_input is None:
            return self.async_show_form(
                step_id=step, data_schema=vol.Schema({}), description_placeholders=told
            )
        return await self._do(act)

    async def _do(self, act: Any, *, ends: str = "restarting") -> ConfigFlowResult:
        try:
            await act()
        except HomeAssistantError as trouble:
            return await self._failed(trouble)
        return self.async_abort(reason=ends)

    async def _failed(self, trouble: HousekeyError | HomeAssistantError) -> ConfigFlowResult:
        return self.async_abort(
            reason="failed",
            description_placeholders={"reason": await async_said(self.hass, trouble)},
        )


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


def _schema(kept: dict[str, Any], *, on_road: bool) -> vol.Schema:
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
    fields: dict[Any, Any] = {
        vol.Required(CONF_NAMES, default=names): names_selector(names),
        vol.Required(
            CONF_KEY_TYPE, default=kept.get(CONF_KEY_TYPE, KeyType.ECDSA_P256.value)
        ): key_types,
        vol.Required(CONF_DAYS, default=kept.get(CONF_DAYS, DEFAULT_DAYS)): days,
        optional(CONF_HTTPS_PORT): port,
        vol.Required(CONF_PAGE_PORT, default=kept.get(CONF_PAGE_PORT, PORT)): port,
        vol.Required(CONF_PROOF_PORT, default=kept.get(CONF_PROOF_PORT, PROOF_PORT)): port,
        vol.Required(CONF_LANE, default=kept.get(CONF_LANE, False)): (selector.BooleanSelector()),
        optional(CONF_LANE_PORT): port,
        vol.Required(CONF_QUIET_FROM, default=kept.get(CONF_QUIET_FROM, DEFAULT_QUIET_FROM)): time,
        vol.Required(
            CONF_QUIET_UNTIL, default=kept.get(CONF_QUIET_UNTIL, DEFAULT_QUIET_UNTIL)
        ): time,
        vol.Required(
            CONF_TRUST_OUTGOING, default=kept.get(CONF_TRUST_OUTGOING, True)
        ): selector.BooleanSelector(),
    }
    theirs = (CONF_NAMES, CONF_DAYS) if on_road else ()
    return vol.Schema({key: field for key, field in fields.items() if key not in theirs})


def _whole(given: dict[str, Any]) -> dict[str, Any]:
    """A number of a form is a float."""
    return {
        key: int(value) if isinstance(value, float) else value
        for key, value in given.items()
        if value is not None
    }
