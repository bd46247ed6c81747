"""The way through: names, what it affects, the house, the first device, the switch.

Nothing is on disk before the recovery code was acknowledged. From then on the house is whole; a
flow that is left after that finds it again and goes on with it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlow,
)
from homeassistant.core import callback
from homeassistant.helpers import selector

from housekey.errors import HousekeyError, NameRefused, ShareFailed
from housekey.homeassistant.plan import HTTPS_PORT
from housekey.house.recovery import ALPHABET, GROUP
from housekey.onboarding import PORT, PROOF_PORT
from housekey.pki.fingerprint import lines_of
from housekey.pki.names import parse_name

from .const import (
    CONF_HTTPS_PORT,
    CONF_LANE,
    CONF_NAMES,
    CONF_PAGE_PORT,
    CONF_PROOF_PORT,
    CONF_ROAD,
    CONF_SWITCH,
    DOMAIN,
)
from .house_access import HouseAccess
from .http_store import server_facts
from .loading import async_load
from .onboarding import async_onboarding
from .options_flow import HousekeyOptionsFlow, names_selector, port_selector
from .public_steps import PublicSteps
from .switch_files import is_free
from .telling import async_effects, async_said

if TYPE_CHECKING:
    from housekey.house.house import NewHouse
    from housekey.pki.names import Name

    from .http_store import ServerFacts
    from .onboarding import Onboarding

_OTHER_HTTPS_PORT = 8443
_WAIT_SECONDS = 300  # for a device, before the user is asked again
_READ_AS = str.maketrans("OIL", "011")


class HousekeyConfigFlow(PublicSteps, ConfigFlow, domain=DOMAIN):
    """Sets the house up, and shows the first device in."""

    VERSION = 1

    def __init__(self) -> None:
        self._names: tuple[Name, ...] = ()
        self._new: NewHouse | None = None
        self._options: dict[str, Any] = {}
        self._waiting: asyncio.Task[bool] | None = None
        self._done = False

    @staticmethod
    @callback
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:  # noqa: ARG004
        """Return the flow of what may be changed later."""
        return HousekeyOptionsFlow()

    @property
    def _access(self) -> HouseAccess:
        return HouseAccess(Path(self.hass.config.config_dir))

    @property
    def _onboarding(self) -> Onboarding:
        return async_onboarding(self.hass, self._access)

    # The steps, in their order

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Explain what is going to happen, and offer the roads."""
        if await self._is_taken_elsewhere():
            return await self.async_step_found(user_input)
        return self.async_show_menu(step_id="user", menu_options=["names", "public"])

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """`housekey secure` has been here, on a road with names of its own: take it over."""
        if user_input is None:
            return self.async_show_form(step_id="found", data_schema=vol.Schema({}))
        return self._create(switch=False)

    async def async_step_names(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the names that were found, to be edited."""
        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            texts = user_input[CONF_NAMES]
            try:
                self._names = tuple(dict.fromkeys(map(parse_name, texts)))
                if self._names:
                    await self._prepare()
                    return await self.async_step_impact()
                errors[CONF_NAMES] = "no_name"
            except NameRefused as refusal:
                errors[CONF_NAMES], refused = "name_refused", await async_said(self.hass, refusal)
            except HousekeyError as trouble:
                errors["base"], refused = "not_possible", await async_said(self.hass, trouble)
        else:
            texts = list(map(str, await self._found_names()))
        return self.async_show_form(
            step_id="names",
            data_schema=vol.Schema(
                {vol.Required(CONF_NAMES, default=texts): names_selector(texts)}
            ),
            errors=errors,
            description_placeholders={"reason": refused},
        )

    async def async_step_impact(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Tell what a private certificate affects here, and offer the lane."""
        domains = {entry.domain for entry in self.hass.config_entries.async_entries()}
        domains |= {component.partition(".")[0] for component in self.hass.config.components}
        impact = await async_load(self.hass, "housekey.homeassistant.impact")
        impacts = impact.affected(domains)
        if user_input is not None:
            self._options[CONF_LANE] = user_input[CONF_LANE]
            return await self.async_step_house()
        listed = await async_effects(self.hass, impacts)
        return self.async_show_form(
            step_id="impact" if impacts else "no_impact",
            data_schema=vol.Schema(
                {vol.Required(CONF_LANE, default=bool(impacts)): selector.BooleanSelector()}
            ),
            description_placeholders={"affected": listed, "count": str(len(impacts))},
        )

    async_step_no_impact = async_step_impact

    async def async_step_house(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the recovery code, once, and create the house when it was noted."""
        if self._new is None:
            return await self._after_house()
        code = self._new.recovery_code.text
        errors: dict[str, str] = {}
        noted = user_input is not None and bool(user_input.get("noted"))
        if user_input is not None:
            if not noted:
                errors["noted"] = "not_noted"
            if _read(user_input.get("first_group", "")) != code[:GROUP]:
                errors["first_group"] = "wrong_group"
            if not errors:
                try:
                    await self.hass.async_add_executor_job(self._access.create, self._new)
                except HousekeyError as trouble:
                    return self.async_abort(
                        reason="not_created",
                        description_placeholders={"reason": await async_said(self.hass, trouble)},
                    )
                self._new = None
                return await self._after_house()
        # With a public name no device needs the root that the code is for.
        return self.async_show_form(
            step_id="house" if self._public is None else "house_public",
            data_schema=vol.Schema(
                {
                    vol.Required("first_group"): selector.TextSelector(),
                    vol.Required("noted", default=noted): selector.BooleanSelector(),
                }
            ),
            errors=errors,
            description_placeholders={"code": code},
        )

    async_step_house_public = async_step_house

    async def async_step_onboarding(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Show the address of the page as a QR code."""
        try:
            urls = await self._onboarding.async_start(
                port=self._options.get(CONF_PAGE_PORT, PORT),
                proof_port=self._options.get(CONF_PROOF_PORT, PROOF_PORT),
                home_assistant=None,
            )
            facts = await self.hass.async_add_executor_job(self._access.look)
        except ShareFailed as trouble:
            return self._show_ports(await async_said(self.hass, trouble))
        except HousekeyError as trouble:
            return self.async_abort(
                reason="house_broken",
                description_placeholders={"reason": await async_said(self.hass, trouble)},
            )
        if user_input is not None:
            if user_input.get("go_on") or self._onboarding.proved.is_set():
                return await self.async_step_switch()
            return await self.async_step_wait()
        code = selector.QrCodeSelector(
            selector.QrCodeSelectorConfig(
                data=urls[0],
                scale=6,
                error_correction_level=selector.QrErrorCorrectionLevel.MEDIUM,
            )
        )
        return self.async_show_form(
            step_id="onboarding",
            data_schema=vol.Schema(
                {
                    vol.Optional("qr"): code,
                    vol.Required("go_on", default=False): selector.BooleanSelector(),
                }
            ),
            description_placeholders=self._page_placeholders(facts.root_sha256, facts.root_name),
        )

    async def async_step_ports(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take other ports for the page: one was taken."""
        if user_input is not None:
            self._options |= {key: int(value) for key, value in user_input.items()}
        return await self.async_step_onboarding()

    async def async_step_wait(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Wait until a device has proved its trust."""
        if self._waiting is None:
            # Home Assistant may stop before anybody comes.
            self._waiting = self.hass.async_create_background_task(self._wait(), "housekey wait")
        waiting = self._waiting  # a device may come, and this step be taken again, while we look
        if not waiting.done():
            facts = await self.hass.async_add_executor_job(self._access.look)
        if not waiting.done():
            return self.async_show_progress(
                step_id="wait",
                progress_action="wait",
                progress_task=waiting,
                description_placeholders=self._page_placeholders(
                    facts.root_sha256, facts.root_name
                ),
            )
        if self._waiting is waiting:
            self._waiting = None
        came = not waiting.cancelled() and waiting.result()
        return self.async_show_progress_done(next_step_id="switch" if came else "nobody")

    async def async_step_nobody(
        self, _user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Nobody came: show the code again, or go on all the same."""
        return self.async_show_menu(step_id="nobody", menu_options=["onboarding", "switch"])

    async def _after_house(self) -> ConfigFlowResult:
        if self._public is None:
            return await self.async_step_onboarding()
        return await self.async_step_order()

    async def async_step_switch(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what happens next, and do it now or leave it."""
        server = await server_facts(self.hass)
        default = await self._https_port(server.port)
        errors: dict[str, str] = {}
        elsewhere = None
        if user_input is None and self._public is not None:
            # No reason to refuse: a router may lead it here. But the trial would end unproven.
            elsewhere = await self._leads_elsewhere()
            errors = {} if elsewhere is None else {"base": "leads_elsewhere"}
        if user_input is not None:
            default = int(user_input[CONF_HTTPS_PORT])
            if default == server.port:
                return self._create(switch=user_input[CONF_SWITCH])
            if await self.hass.async_add_executor_job(is_free, default):
                self._options[CONF_HTTPS_PORT] = default
                return self._create(switch=user_input[CONF_SWITCH])
            errors[CONF_HTTPS_PORT] = "port_taken"
        elif self._public is None and await self._is_here(server):
            return self._create(switch=False)  # `housekey secure` was here before
        return self.async_show_form(
            step_id="switch" if self._public is None else "switch_public",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_HTTPS_PORT, default=default): port_selector(),
                    vol.Required(CONF_SWITCH, default=True): selector.BooleanSelector(),
                }
            ),
            errors=errors,
            description_placeholders={
                "devices": str(await self._devices()),
                "elsewhere": elsewhere or "",
                "url": f"https://{self._best_host()}:{default}".removesuffix(":443"),
            },
        )

    # A name that every device accepts leaves nothing to be done on them.
    async_step_switch_public = async_step_switch

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Look for the names anew."""
        entry = self._get_reconfigure_entry()
        if await self._is_taken_elsewhere():
            return self.async_abort(reason="names_of_road")
        kept = entry.options.get(CONF_NAMES, [])
        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            try:
                names = tuple(dict.fromkeys(map(parse_name, user_input[CONF_NAMES])))
                await self.hass.async_add_executor_job(self._access.must_permit, names)
                return self.async_update_reload_and_abort(
                    entry, options={**entry.options, CONF_NAMES: list(map(str, names))}
                )
            except HousekeyError as refusal:
                errors[CONF_NAMES], refused = "name_refused", await async_said(self.hass, refusal)
            texts = user_input[CONF_NAMES]
        else:
            found = await self._found_names()
            if await self.hass.async_add_executor_job(self._access.exists):
                found = await self.hass.async_add_executor_job(self._access.permitted, found)
            texts = list(dict.fromkeys((*kept, *map(str, found))))
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=vol.Schema(
                {vol.Required(CONF_NAMES, default=texts): names_selector(texts)}
            ),
            errors=errors,
            description_placeholders={"reason": refused},
        )

    @callback
    def async_remove(self) -> None:
        """The flow is over: close the page, unless the entry has taken it over."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._stop_waiting()
        if not self._done and self.source != SOURCE_RECONFIGURE:
            self.hass.async_create_task(self._onboarding.async_stop(), "housekey page")

    # What they need

    async def _found_names(self) -> tuple[Name, ...]:
        """Return what leads here; what finds it is needed by nobody but a flow."""
        found_names = await async_load(self.hass, "found_names")
        found: tuple[Name, ...] = await found_names.async_found_names(self.hass)
        return found

    async def _before_order(self) -> ConfigFlowResult:
        """The house is where account and certificate are kept."""
        if self._new is None and not await self.hass.async_add_executor_job(self._access.exists):
            home = self.hass.config.location_name
            self._new = await self.hass.async_add_executor_job(
                partial(self._access.prepare, (), home=home)
            )
        return await self.async_step_house()

    async def _after_order(self) -> ConfigFlowResult:
        return await self.async_step_switch()

    @property
    def _options_now(self) -> dict[str, Any]:
        return self._options

    async def _is_here(self, server: ServerFacts) -> bool:
        """Whether Home Assistant has a certificate of the house already."""
        return server.pair is not None and await self.hass.async_add_executor_job(
            self._access.is_key_of_leaf, server.pair.key
        )

    async def _is_taken_elsewhere(self) -> bool:
        """Whether it has one, and the house knows another road than its own for it."""
        access = self._access
        if not await self.hass.async_add_executor_job(access.exists):
            return False
        try:
            is_on_road = await self.hass.async_add_executor_job(access.is_on_road)
            return is_on_road and await self._is_here(await server_facts(self.hass))
        except HousekeyError:
            return False  # it is told by the steps to come

    async def _prepare(self) -> None:
        """Make the house in memory, or find the one that is there. Raises `HousekeyError`."""
        access = self._access
        if await self.hass.async_add_executor_job(access.exists):
            self._names = await self.hass.async_add_executor_job(access.permitted, self._names)
        else:
            await self.hass.async_add_executor_job(access.must_have_a_clock)
            home = self.hass.config.location_name
            self._new = await self.hass.async_add_executor_job(
                partial(access.prepare, self._names, home=home)
            )

    def _show_ports(self, reason: str) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="ports",
            data_schema=vol.Schema(
                {
                    vol.Required(
                        CONF_PAGE_PORT, default=self._options.get(CONF_PAGE_PORT, PORT)
                    ): port_selector(),
                    vol.Required(
                        CONF_PROOF_PORT, default=self._options.get(CONF_PROOF_PORT, PROOF_PORT)
                    ): port_selector(),
                }
            ),
            errors={"base": "port_taken"},
            description_placeholders={"reason": reason},
        )

    def _page_placeholders(self, sha256: str, root_name: str) -> dict[str, str]:
        urls = self._onboarding.urls
        return {
            "url": urls[0] if urls else "",
            "other_url": urls[-1] if urls else "",
            "fingerprint": "\n".join(lines_of(sha256)),
            "root": root_name,
        }

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._onboarding.proved.wait()
        except TimeoutError:
            return False
        return True

    async def _devices(self) -> int:
        return len((await self.hass.async_add_executor_job(self._access.look)).devices)

    async def _https_port(self, now: int) -> int:
        """Return the port to propose: with the lane, the old one is for devices."""
        if now != 80 and not self._options.get(CONF_LANE):
            return now
        for port in (HTTPS_PORT, _OTHER_HTTPS_PORT):
            if port != now and await self.hass.async_add_executor_job(is_free, port):
                return port
        return now

    def _best_host(self) -> str:
        if self._public is not None:
            return str(next(name for name in self._public.dns_names if not name.is_wildcard))
        return str(self._names[0]) if self._names else "homeassistant.local"

    def _create(self, *, switch: bool) -> ConfigFlowResult:
        self._done = True
        road: dict[str, Any] = {}
        if self._public is not None:
            from .chosen import to_public  # noqa: PLC0415 - loaded by now

            road = {CONF_ROAD: to_public(self._public)}
        return self.async_create_entry(
            title="housekey",
            data={CONF_SWITCH: switch, **road},
            options={**self._options, CONF_NAMES: list(map(str, self._names))},
        )


def _read(typed: str) -> str:
    """Read a group of a recovery code as the code itself is read."""
    characters = "".join(c for c in typed.upper() if c.isalnum()).translate(_READ_AS)
    return characters[:GROUP] if set(characters) <= set(ALPHABET) else ""
