"""The steps on the road of a public name: for the first flow, and for the options.

libraries -> name, provider, CA -> credentials, terms -> (house) -> order -> what comes then
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.exceptions import HomeAssistantError

from housekey.errors import HousekeyError
from housekey.homeassistant.names import local_addresses

from .house_access import HouseAccess
from .http_store import server_facts
from .loading import async_load
from .settings import settings_of
from .telling import async_fields, async_said

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from homeassistant.config_entries import ConfigEntryBaseFlow, ConfigFlowResult

    from housekey.live.handshake import Address
    from housekey.pki.secret import Secret
    from housekey.public.account import About
    from housekey.public.providers import Provider
    from housekey.public.settings import PublicSettings

    from .ordering import Application

    _Flow = ConfigEntryBaseFlow
else:
    _Flow = object  # the flow itself brings it

_LOGGER = logging.getLogger(__name__)


class PublicSteps(_Flow):
    """What both flows have of it. They say what comes before the order, and after it."""

    # Each tells in words what went wrong; empty: nothing.
    _installing: asyncio.Task[str] | None = None
    _ordering: asyncio.Task[str] | None = None
    _public: PublicSettings | None = None  # as it was told in the form
    _about: About | None = None
    _described: Provider | None = None
    _credentials: Mapping[str, Secret] = {}
    _eab_hmac: Secret | None = None
    _point: IPv4Address | None = None  # where the names shall lead; None: they stay as they are
    _trouble: str = ""  # why the last task failed

    async def _resolved(self, host: str) -> tuple[Address, ...]:
        """Look a name up; Home Assistant loads a flow at every start, and this with the step."""
        handshake = await async_load(self.hass, "housekey.live.handshake")
        found: tuple[Address, ...] = await handshake.resolve(host)
        return found

    async def _before_order(self) -> ConfigFlowResult:
        raise NotImplementedError

    async def _after_order(self) -> ConfigFlowResult:
        raise NotImplementedError

    async def _before(self) -> PublicSettings | None:
        """What was settled before."""
        return None

    @property
    def _options_now(self) -> Mapping[str, Any]:
        raise NotImplementedError

    @property
    def _house(self) -> HouseAccess:
        return HouseAccess(Path(self.hass.config.config_dir))

    async def _load(self) -> Any:
        """Load what these steps need; no start of Home Assistant does. Returns `for_public`."""
        for name in ("public_forms", "ordering"):
            await async_load(self.hass, name)
        return await async_load(self.hass, "for_public")

    # What it takes

    async def async_step_public(self, _input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Install what this road needs, which most homes have no use for."""
        for_public = await self._load()
        if self._installing is None:
            self._installing = self.hass.async_create_background_task(
                self._told(for_public.async_ensure(self.hass, again=True)), "housekey install"
            )
            await asyncio.wait([self._installing], timeout=0.5)  # it is mostly there already
        installing = self._installing
        if not installing.done():
            return self.async_show_progress(
                step_id="public", progress_action="install", progress_task=installing
            )
        self._installing = None
        self._trouble = _result_of(installing)
        if self.cur_step is not None and self.cur_step["type"] == "progress":
            following = "not_installed" if self._trouble else "public_name"
            return self.async_show_progress_done(next_step_id=following)
        if self._trouble:
            return await self.async_step_not_installed()
        return await self.async_step_public_name()

    async def async_step_not_installed(
        self, _input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """It could not be installed: say why, and try again when asked to."""
        return self.async_show_menu(
            step_id="not_installed",
            menu_options=["public"],
            description_placeholders={"reason": self._trouble},
        )

    # What the user tells

    async def async_step_public_name(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """The name, who keeps it in the DNS, and which CA signs."""
        from .public_forms import (  # noqa: PLC0415 - loaded by now
            name_schema,
            settings_from,
            suggested_names,
        )

        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            try:
                # Not here: it reads the list of registries.
                read = await self.hass.async_add_executor_job(settings_from, user_input)
                self._public, self._eab_hmac = read
                await self._look_up()
                return await self.async_step_credentials()
            except HousekeyError as trouble:
                errors["base"], refused = "not_possible", await async_said(self.hass, trouble)
        providers = await self.hass.async_add_import_executor_job(_providers)
        if self._public is None:
            self._public = await self._before()
        schema = name_schema(providers, self._public)
        if user_input is not None:
            schema = self.add_suggested_values_to_schema(schema, user_input)
        elif self._public is None:
            urls = (self.hass.config.external_url, self.hass.config.internal_url)
            known = {"public_names": list(suggested_names(urls)) or [""]}
            schema = self.add_suggested_values_to_schema(schema, known)
        return self.async_show_form(
            step_id="public_name",
            data_schema=schema,
            errors=errors,
            description_placeholders={"reason": refused},
        )

    async def async_step_credentials(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """What the provider knows the user by; and the terms of the CA."""
        from .ordering import led_by_duckdns  # noqa: PLC0415 - loaded by now
        from .public_forms import (  # noqa: PLC0415 - likewise
            CONF_AGREE,
            CONF_POINT,
            credentials_from,
            credentials_schema,
            shown_names,
            title_of,
        )

        public, about, described = self._public, self._about, self._described
        assert public and about and described  # noqa: PT018, S101 - the form before has told them
        errors: dict[str, str] = {}
        refused = ""
        if user_input is not None:
            # What is left empty is as it was told, or kept, before.
            self._credentials = {**self._credentials, **credentials_from(described, user_input)}
            point = user_input.get(CONF_POINT)
            self._point = await self._address() if point else None
            if about.terms is not None and not user_input.get(CONF_AGREE):
                errors[CONF_AGREE] = "not_agreed"
            try:
                described.must_be_given(self._credentials)
            except HousekeyError as trouble:
                errors["base"], refused = "not_possible", await async_said(self.hass, trouble)
            if not errors:
                self._public = replace(public, terms=about.terms)
                return await self._before_order()
        address, point = await self._address(), None
        if address is not None and (led := led_by_duckdns(public)):
            # Proposed where one leads nowhere yet; elsewhere it may be meant to.
            point = not all([await self._resolved(each) for each in led])
            point = point if user_input is None else bool(user_input.get(CONF_POINT, point))
        return self.async_show_form(
            step_id="credentials" if about.terms is not None else "credentials_no_terms",
            data_schema=credentials_schema(described, terms=about.terms is not None, point=point),
            errors=errors,
            description_placeholders={
                "reason": refused,
                "provider": title_of(public.provider),
                "fields": await async_fields(self.hass, described),
                "ca": about.name,
                "terms": about.terms or "",
                "address": str(address or "-"),
                "names": shown_names(public.names),
            },
        )

    async_step_credentials_no_terms = async_step_credentials

    # What is done

    async def async_step_order(self, _input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Order the certificate; Home Assistant itself stays as it is."""
        from .public_forms import shown_names  # noqa: PLC0415 - loaded by now

        if self._ordering is None:
            # Home Assistant may stop before it comes; it is taken up again then.
            self._ordering = self.hass.async_create_background_task(
                self._told(self._order()), "housekey order"
            )
        ordering = self._ordering
        if not ordering.done():
            return self.async_show_progress(
                step_id="order",
                progress_action="order",
                progress_task=ordering,
                description_placeholders={"names": shown_names(self._application.settings.names)},
            )
        # At once: Home Assistant may take this step again while something is waited for, and would
        # order once more.
        self._ordering = None
        self._trouble = _result_of(ordering)
        following = "order_failed" if self._trouble else "ordered"
        return self.async_show_progress_done(next_step_id=following)

    async def async_step_ordered(self, _input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The certificate lies ready in the house."""
        if self._application.is_rehearsal:
            return self.async_show_menu(
                step_id="ordered", menu_options=["in_earnest", "public_name"]
            )
        return await self._after_order()

    async def async_step_in_earnest(self, _input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The rehearsal has gone well: the same with the real CA."""
        from housekey.public.directories import LETS_ENCRYPT  # noqa: PLC0415 - as above

        self._public = replace(self._application.settings, directory=LETS_ENCRYPT)
        try:
            await self._look_up()
        except HousekeyError as trouble:
            self._trouble = await async_said(self.hass, trouble)
            return await self.async_step_order_failed()
        return await self.async_step_credentials()

    async def async_step_order_failed(
        self, _input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Say why, and let the user choose what to do about it."""
        return self.async_show_menu(
            step_id="order_failed",
            menu_options=["order", "credentials", "public_name"],
            description_placeholders={"reason": self._trouble},
        )

    @property
    def _application(self) -> Application:
        from .ordering import Application  # noqa: PLC0415 - loaded by now

        assert self._public is not None  # noqa: S101 - the form comes before
        return Application(self._public, self._credentials, self._eab_hmac, self._point)

    async def _leads_elsewhere(self) -> str | None:
        """Return where the name leads, seen from here, if that is not this machine."""
        host = next(n for n in self._application.settings.dns_names if not n.is_wildcard)
        found = await self._resolved(str(host))
        here = set(await self.hass.async_add_executor_job(local_addresses))
        if any(each in here or each.is_loopback for each in found):
            return None
        return ", ".join(map(str, found)) or "-"

    def _stop_waiting(self) -> None:
        for task in (self._installing, self._ordering):
            if task is not None:
                task.cancel()

    async def _order(self) -> None:
        from .ordering import async_apply  # noqa: PLC0415 - loaded by now

        for_public = await self._load()
        server = await server_facts(self.hass)
        settings = settings_of(self._options_now)
        work = partial(async_apply, self._house, self._application, server, settings)
        await for_public.async_apart(work, name="housekey order")

    async def _look_up(self) -> None:
        """Ask the CA about itself, and find the provider. Raises `HousekeyError`."""
        from .ordering import async_about, kept_credentials  # noqa: PLC0415 - loaded by now

        public = self._public
        assert public is not None  # noqa: S101 - as above
        self._described = await self.hass.async_add_import_executor_job(
            provider_of, public.provider
        )
        for_public = await self._load()
        self._about = await for_public.async_apart(
            partial(async_about, self._house, public), name="housekey asks the CA"
        )
        if await self.hass.async_add_executor_job(self._house.exists):
            self._credentials = await self.hass.async_add_executor_job(
                kept_credentials, self._house, public.provider
            )

    async def _address(self) -> IPv4Address | None:
        found = await self.hass.async_add_executor_job(local_addresses)
        return next((each for each in found if isinstance(each, IPv4Address)), None)

    async def _told(self, work: Coroutine[Any, Any, None]) -> str:
        """Do `work`, and return what went wrong, in words; empty: nothing."""
        try:
            await work
        except (HousekeyError, HomeAssistantError) as failure:
            return await async_said(self.hass, failure)
        except Exception as failure:
            _LOGGER.exception("This should not happen")
            return f"{type(failure).__name__}: {failure}"
        return ""


def _result_of(task: asyncio.Task[str]) -> str:
    return "-" if task.cancelled() else task.result()


def _providers() -> tuple[str, ...]:
    from housekey.public.providers import available  # noqa: PLC0415 - only on this road

    return available()


def provider_of(name: str) -> Provider:
    """Return the DNS provider; loads lexicon. Raises `ProviderRefused`."""
    from housekey.public.providers import provider  # noqa: PLC0415 - only on this road

    return provider(name)
