"""The switch to HTTPS and back, from inside: staged, tried, proven, kept; or put back.

`switch_files` does what is on disk. What Home Assistant runs is asked of `http_store`. Nothing is
kept in memory that a kill could take: after every start `async_resume` looks at what is.

* Trial road (2026.8 and later): Home Assistant tries the settings for five minutes and goes back
  by itself. We only tell it to keep them, once somebody came through them (`proof`).
* YAML road (up to 2026.7): the five minutes are ours, counted by `deadline` from our set-up.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.start import async_at_started

from housekey.errors import HousekeyError
from housekey.homeassistant.plan import HTTPS_PORT, https_url
from housekey.homeassistant.recorded import (
    EXTERNAL_URL,
    HTTP_CONFIG,
    INTERNAL_URL,
    PROMOTING,
    PROVEN,
    RESTART,
)
from housekey.house.journal import SettingChange, State
from housekey.house.road import Kind
from housekey.pki.names import DnsName

from .const import CONF_PAGE, CONF_ROAD
from .deadline import deadline
from .http_store import (
    async_forget_trial,
    async_keep_trial,
    async_try,
    server_facts,
)
from .loading import async_load
from .switch_files import (
    EXTERNAL,
    TO_HTTP,
    WAY,
    Standing,
    announce,
    host_of,
    put_back,
    stage,
    standing,
)
from .telling import error, error_of
from .troubles import CANNOT_START, NOBODY, Told
from .way_back import WayBack, async_in_executor, async_restart, must_be_running

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.authority import Chosen
    from housekey.house.journal import Transaction

    from .coordinator import HousekeyCoordinator
    from .page_proof import PageProofs
    from .switch_files import Staged

_LOGGER = logging.getLogger(__name__)
_WORDS = {
    "not_promoted": NOBODY,
    "apply_failed": CANNOT_START,
}


class Switch:
    """The switch of one Home Assistant."""

    def __init__(self, coordinator: HousekeyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._access = coordinator.access
        self._way_back = WayBack(coordinator.hass, coordinator.access)
        self._deadline = deadline(coordinator.hass, coordinator.access)
        self._watching: list[Callable[[], None]] = []
        self._keeping = False
        self.page_proofs: PageProofs | None = None  # in a trial alone

    @callback
    def async_stop(self) -> None:
        """Watch no more; what is on trial stays so."""
        self.page_proofs = None
        while self._watching:
            self._watching.pop()()

    # There

    async def async_begin(self) -> None:
        """Stage HTTPS and restart. Raises HomeAssistantError, with everything as before."""
        must_be_running(self._hass)
        entry = self._coordinator.config_entry
        chosen = None
        if CONF_ROAD in entry.data:  # what it takes to ask a CA is loaded with it
            roads = await async_load(self._hass, "chosen")
            chosen = await self._in_executor(roads.chosen_of, entry.data)
        await self._prepare(chosen)
        async with self._coordinator.work:
            server = await server_facts(self._hass)
            staged = await self._in_executor(
                stage,
                self._access,
                server,
                self._coordinator.settings,
                internal_url=self._hass.config.internal_url,
                external_url=self._hass.config.external_url,
                chosen=chosen,
            )
            if staged is None:
                return
            try:
                await self._arm(staged, server.stable)
                self._note_page(is_open=bool(self._coordinator.onboarding.urls))
                await async_restart(self._hass)
            except HomeAssistantError as trouble:
                await self._give_up(staged.transaction, str(trouble))
                raise
            except Exception as trouble:
                await self._give_up(staged.transaction, str(trouble))
                raise error(
                    Told("refused", {"detail": str(trouble)}),
                    f"Home Assistant refused it: {trouble}",
                ) from trouble

    async def _prepare(self, chosen: Chosen | None) -> None:
        """Order what a public CA signs, if it does not lie ready. Raises HomeAssistantError."""
        road = self._coordinator.house.road if self._coordinator.house else None
        if chosen is not None:
            road = Kind.PUBLIC if chosen.names is not None else None
        if road is not Kind.PUBLIC:
            return
        server = await server_facts(self._hass)
        settings = self._coordinator.settings
        try:
            for_public = await async_load(self._hass, "for_public")
            ordering = await async_load(self._hass, "ordering")
            await for_public.async_ensure(self._hass, again=True)
            work = partial(ordering.async_order, self._access, chosen, server, settings)
            await for_public.async_apart(work, name="housekey order")
        except HousekeyError as trouble:
            raise error_of(trouble) from trouble

    async def _arm(self, staged: Staged, before: Mapping[str, Any]) -> None:
        if staged.config is None:
            return
        await self._in_executor(
            announce,
            staged.transaction,
            "configure",
            SettingChange(HTTP_CONFIG, dict(before), dict(staged.config)),
            RESTART,
        )
        await async_try(self._hass, staged.config)

    # After a start

    async def async_resume(self) -> None:
        """Take up what the last start, or a power cut, left."""
        house, server = self._coordinator.house, self._coordinator.server
        if house is None or server is None or house.last is None:
            return
        how = standing(house.last, server)
        back = house.last.target.get(WAY) == TO_HTTP
        if how is Standing.GIVEN_UP:
            code, _, words = (server.pending_error or "").partition(": ")
            reason = _WORDS.get(code, code)
            await self._give_up(house.last, f"{reason}: {words}" if words else reason)
        elif how is Standing.ARMED and self._coordinator.renewal.is_owed:
            pass  # a renewal, which waits for its restart
        elif how in (Standing.BROKEN_OFF, Standing.ARMED):
            # Nobody has restarted for it: as if it had not been begun.
            if how is Standing.ARMED and server.trials:
                await async_forget_trial(self._hass)
            await self._in_executor(put_back, self._access, [house.last])
        elif back:
            await self._way_back.async_finish(keep=how is Standing.ON_TRIAL)
        elif how is Standing.KEPT:
            await self._finish(house.last)
        elif how is Standing.ON_TRIAL:
            await self._deadline.async_look()
            await self._watch(house.last)
        if how is not Standing.ON_TRIAL:
            self._note_page(is_open=False)
        if how is not Standing.NOTHING:
            await self._coordinator.async_refresh()

    async def _watch(self, transaction: Transaction) -> None:
        """Wait for somebody who signs in, or for the page."""
        # Few starts are in a trial; all others load nothing of it.
        page_proof = await async_load(self._hass, "page_proof")
        proof = await async_load(self._hass, "proof")

        @callback
        def proved() -> None:
            if not self._keeping:
                self._keeping = True
                # What is cut off by a stop is taken up by the next start, as after a power cut.
                self._hass.async_create_background_task(self._keep(transaction), "housekey keep")

        self.page_proofs = page_proof.PageProofs(proved)
        self._watching += (
            proof.async_watch_for_proof(self._hass, proved),
            page_proof.async_take(self._hass, self.page_proofs),
            async_at_started(self._hass, self._async_open_page),
        )

    @callback
    def _note_page(self, *, is_open: bool) -> None:
        """Remember through the restart whether somebody has the page open."""
        entry = self._coordinator.config_entry
        if bool(entry.data.get(CONF_PAGE)) != is_open:
            self._hass.config_entries.async_update_entry(
                entry, data={**entry.data, CONF_PAGE: is_open}
            )

    async def _async_open_page(self, _hass: HomeAssistant | None = None) -> None:
        """Serve the page as it is now: where it was open before, or still is."""
        coordinator = self._coordinator
        if not (coordinator.onboarding.urls or coordinator.config_entry.data.get(CONF_PAGE)):
            return
        try:
            await coordinator.async_start_onboarding()
        except HomeAssistantError as trouble:
            _LOGGER.warning("The onboarding page could not be opened again: %s", trouble)

    async def _keep(self, transaction: Transaction) -> None:
        """Somebody came by HTTPS: see that a device would trust it, and keep it."""
        try:
            async with self._coordinator.work:
                if self._deadline.over or transaction.state is not State.OPEN:
                    return  # the five minutes were over first
                if reason := await self._not_verified():
                    _LOGGER.warning("HTTPS is not kept yet: %s", reason)
                    return
                self.async_stop()
                server = await server_facts(self._hass)
                await self._in_executor(transaction.mark, PROMOTING)
                if server.trials:
                    await async_keep_trial(self._hass)
                await self._finish(transaction)
        except HomeAssistantError as trouble:
            # Home Assistant has gone back already, or was told to keep it by somebody else; the
            # next look says which.
            _LOGGER.warning("HTTPS could not be kept: %s", trouble)
        finally:
            self._keeping = False
        await self._coordinator.async_refresh()
        if self.page_proofs is None:
            await self._async_open_page()
            self._note_page(is_open=False)

    async def _not_verified(self) -> str | None:
        house, server = self._coordinator.house, await server_facts(self._hass)
        if house is None or house.leaf is None:
            return "the house has no certificate for Home Assistant"
        hosts = (n for n in house.leaf.names if isinstance(n, DnsName) and not n.is_wildcard)
        name = next(hosts, house.leaf.names[0])
        proof = await async_load(self._hass, "proof")
        reason: str | None = await self._hass.async_add_executor_job(
            partial(proof.verified, server.host, server.port, root=house.trust, name=str(name))
        )
        return reason

    async def _finish(self, transaction: Transaction) -> None:
        """From the point of no return on: the internal URL, and the journal is closed."""
        await self._in_executor(transaction.mark, PROVEN)
        await self._set_internal_url(transaction)
        await self._set_external_url(transaction)
        await self._in_executor(transaction.close, State.KEPT)
        self._deadline.async_stop()
        entry = self._coordinator.config_entry
        if CONF_ROAD in entry.data:  # the house knows it now
            data = {key: value for key, value in entry.data.items() if key != CONF_ROAD}
            self._hass.config_entries.async_update_entry(entry, data=data)

    async def _set_internal_url(self, transaction: Transaction) -> None:
        leaf = self._coordinator.house.leaf if self._coordinator.house else None
        if leaf is None:
            return
        server = await server_facts(self._hass)
        hosts = [n for n in leaf.names if isinstance(n, DnsName) and not n.is_wildcard]
        handshake = await async_load(self._hass, "housekey.live.handshake")
        found = await asyncio.gather(*(handshake.resolve(str(name)) for name in hosts))
        resolving = [name for name, addresses in zip(hosts, found, strict=True) if addresses]
        before = self._hass.config.internal_url
        host = host_of(leaf.names, before, resolving)
        if host is None:
            return
        url = https_url(str(host), server.port)
        if before is not None and _same_place(before, url):
            return
        change = SettingChange(INTERNAL_URL, before, url)
        await self._in_executor(announce, transaction, "internal url", change)
        await self._hass.config.async_update(internal_url=url)

    async def _set_external_url(self, transaction: Transaction) -> None:
        """Where it is the public name over http, nobody answers any more."""
        url, before = transaction.target.get(EXTERNAL), self._hass.config.external_url
        if url is None or before == url:
            return
        change = SettingChange(EXTERNAL_URL, before, url)
        await self._in_executor(announce, transaction, "external url", change)
        await self._hass.config.async_update(external_url=url)

    async def _give_up(self, transaction: Transaction, reason: str) -> None:
        """Put everything back and remember why."""
        server = await server_facts(self._hass)
        if server.trials and server.pending is not None and server.pending_error is None:
            await async_forget_trial(self._hass)
        await self._in_executor(put_back, self._access, [transaction])
        await self._in_executor(self._access.record_end_of_trial, reason)
        self._note_page(is_open=False)

    # And back

    async def async_back_to_http(self) -> None:
        """Go back to plain http, as it was before housekey. Raises HomeAssistantError."""
        must_be_running(self._hass)
        self.async_stop()
        settled = await self._in_executor(self._access.public_settings)
        if settled is not None:  # or the next switch would lead to the house's own CA
            entry = self._coordinator.config_entry
            roads = await async_load(self._hass, "chosen")
            data = {**entry.data, CONF_ROAD: roads.to_public(settled)}
            self._hass.config_entries.async_update_entry(entry, data=data)
        await self._way_back.async_begin(attended=True)

    async def _in_executor(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return await async_in_executor(self._hass, work, *args, **more)


def _same_place(one: str, other: str) -> bool:
    a, b = urlsplit(one), urlsplit(other)
    return (a.scheme, a.hostname, a.port or HTTPS_PORT) == (
        b.scheme,
        b.hostname,
        b.port or HTTPS_PORT,
    )
