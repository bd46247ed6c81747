"""Looks daily, and whenever this machine's addresses change; hands on what was found."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.const import EVENT_CORE_CONFIG_UPDATE
from homeassistant.core import CoreState, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from housekey.errors import HousekeyError, HouseTrouble, HouseUnsafe, ShareFailed
from housekey.homeassistant.authority import names_on
from housekey.homeassistant.names import local_addresses
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.road import Kind
from housekey.pki.names import IpName

from . import http_yaml
from .const import DOMAIN, EVENT_CERTIFICATE
from .deadline import work_lock
from .device_lane import LaneControl
from .house_access import now
from .http_store import pair_of, server_facts
from .mending import first_open
from .model import Problem, ProblemKind, Snapshot, Stage
from .onboarding import async_onboarding
from .renewal import Renewal
from .settings import Settings, chosen_at, settings_of
from .snapshot import Around, address_of, make_snapshot
from .switch import Switch
from .switch_files import is_free, yaml_settings
from .telling import async_end_said, async_said, error, error_of
from .troubles import Told, told_of, two_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime
    from pathlib import Path

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.authority import Chosen
    from housekey.homeassistant.plan import Pair
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.live.handshake import Address
    from housekey.live.tls import Trust
    from housekey.pki.keys import KeyType
    from housekey.pki.names import Name

    from .house_access import HouseAccess, HouseFacts, Issued
    from .http_store import ServerFacts
    from .renewal import Loaded

_LOGGER = logging.getLogger(__name__)
_DAILY = timedelta(days=1)
_HOURLY = timedelta(hours=1)
_ADDRESSES = timedelta(minutes=5)  # Home Assistant tells nobody when an address changes


class HousekeyCoordinator(DataUpdateCoordinator[Snapshot]):
    """Makes the snapshots, and is the one door to everything that changes something."""

    config_entry: ConfigEntry[Any]

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], access: HouseAccess) -> None:
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=DOMAIN,
            update_interval=_DAILY,
            always_update=False,
        )
        self.access = access
        self.work = work_lock(hass)
        self.switch = Switch(self)
        self.renewal = Renewal(self)
        self.lane = LaneControl(self)
        self.onboarding = async_onboarding(hass, access)
        self.port_taken: int | None = None
        self.wanted: tuple[Name, ...] = ()  # what the leaf should cover
        self.broken: Problem | None = None  # why the house could not be opened
        self.in_full = False  # the last look was one at the YAML, too
        self.house: HouseFacts | None = None
        self.server: ServerFacts | None = None
        self._around: Around | None = None  # of the last look
        self.addresses: tuple[Address, ...] = ()  # of this machine, at the last look

    @property
    def settings(self) -> Settings:
        """What the user has chosen."""
        return settings_of(self.config_entry.options)

    @property
    def moves_to(self) -> int | None:
        """The port that HTTPS was told to move to; None: it is where it should be."""
        if self.server is None or self.data.stage is not Stage.KEPT:
            return None
        port = self.settings.https_port
        return None if port == self.server.port else port

    @property
    def moves_to_url(self) -> str | None:
        """The address of Home Assistant there."""
        if self.moves_to is None or self.house is None or self.server is None:
            return None
        if self._around is None:
            return None
        moved = replace(self.server, port=self.moves_to)
        return address_of(self.house, moved, self._around)

    # Looking

    @callback
    def async_watch(self) -> Callable[[], None]:
        """Look again whenever an address of this machine or of Home Assistant changes."""
        stop = (
            async_track_time_interval(self.hass, self._async_time_to_look, _ADDRESSES),
            self.hass.bus.async_listen(EVENT_CORE_CONFIG_UPDATE, self._async_config_changed),
            self.onboarding.async_listen(self._async_onboarding_changed),
        )

        def end() -> None:
            for each in stop:
                each()

        return end

    @callback
    def _async_onboarding_changed(self) -> None:
        self._async_in_background(self.async_refresh())

    async def async_refresh(self) -> None:
        """Look now; not while Home Assistant stops, which must wait for nobody."""
        if not self.hass.is_stopping:
            await super().async_refresh()

    @callback
    def _async_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Home Assistant ends it when it stops, and the entry when it is unloaded."""
        self.config_entry.async_create_background_task(self.hass, work, "housekey look")

    @callback
    def _async_config_changed(self, _event: object) -> None:
        self._async_in_background(self.async_request_refresh())

    @callback
    def _async_time_to_look(self, _now: datetime) -> None:
        self._async_in_background(self._async_look_at_addresses())

    async def _async_look_at_addresses(self) -> None:
        found = await self.hass.async_add_executor_job(local_addresses)
        if found != self.addresses:
            await self.async_request_refresh()

    async def _async_update_data(self) -> Snapshot:
        # While Home Assistant starts it runs what its YAML says. To read that takes a parser, which
        # no start shall wait for: `_async_started` looks in full.
        in_full = self.hass.state is CoreState.running
        self.addresses = await self.hass.async_add_executor_job(local_addresses)
        self.server = await server_facts(self.hass)
        try:
            house, around = await self.hass.async_add_executor_job(
                partial(
                    self._look,
                    self.server,
                    self.settings,
                    self.hass.config.internal_url,
                    in_full=in_full,
                )
            )
            self.house = replace(house, reason=await async_end_said(self.hass, house.reason))
        except HousekeyError as trouble:
            said = await async_said(self.hass, trouble)
            self.broken = await self.hass.async_add_executor_job(self._why, trouble, said)
            if self.data is None or not isinstance(trouble, HouseTrouble):
                told = told_of(trouble)
                raise UpdateFailed(
                    two_lines(trouble),
                    translation_domain=DOMAIN,
                    translation_key=told.key,
                    translation_placeholders=dict(told.values),
                ) from trouble
            kind = self.broken.kind
            others = [each for each in self.data.problems if each.kind is not kind]
            return replace(self.data, at=now(), problems=(*others, self.broken))
        self.broken = None
        self.in_full = in_full
        self.update_interval = _pause(self.house)
        self.wanted = around.wanted
        self._around = around
        snapshot = make_snapshot(self.house, self.server, around)
        if self.data is not None:
            self.config_entry.async_create_background_task(
                self.hass, self.async_renew_if_due(), "housekey renewal"
            )
        return snapshot

    async def async_renew_if_due(self) -> None:
        """Renew when it is time, or when the leaf is not as it was chosen; tell what fails."""
        if self.hass.state is not CoreState.running or self.work.locked():
            return
        await self.renewal.async_wait_again()
        if self.data.stage is not Stage.KEPT:
            return
        if self.data.road is Kind.OWN or self.renewal.is_ordering:
            return  # a CA of the user's own signs for its owner alone, and no order is made twice
        try:
            if await self.renewal.async_renew(self.renewal.names_now(now()), force=False):
                await self.async_refresh()
        except HomeAssistantError as trouble:
            _LOGGER.warning("The certificate could not be renewed: %s", trouble)
            self._tell_trouble()

    @callback
    def _tell_trouble(self) -> None:
        """Say at once why the last renewal failed: the next look may be a day away."""
        if self.house is None or self.server is None or self._around is None:
            return
        around = replace(self._around, renewal_trouble=self.renewal.trouble)
        self.async_set_updated_data(make_snapshot(self.house, self.server, around))

    def _look(
        self,
        server: ServerFacts,
        settings: Settings,
        internal_url: str | None,
        *,
        in_full: bool,
    ) -> tuple[HouseFacts, Around]:
        """Look at the house, opened once, and at what lies around it; in an executor."""
        with self.access.opened() as opened:
            leaf = opened.leaf(HOME_ASSISTANT)
            facts = self.access.facts(opened, leaf)
            wanted = self._wanted(opened, facts, settings)
        around = self._look_around(leaf, wanted, server, settings, internal_url, in_full=in_full)
        return facts, around

    def _look_around(
        self,
        leaf: Leaf | None,
        wanted: tuple[Name, ...],
        server: ServerFacts,
        settings: Settings,
        internal_url: str | None,
        *,
        in_full: bool,
    ) -> Around:
        """Look at the files that Home Assistant serves, or will."""
        access = self.access
        kept = pair_of(server.stable) if server.trials else server.pair
        if in_full and not server.trials:
            kept = self._pair_in_yaml()
        pairs = [pair for pair in (server.pair, kept) if pair is not None]
        # After a renewal with another key the server runs on, and its next start reads `kept`.
        is_ours = leaf is not None and any(access.holds(pair.key, leaf.key_pem) for pair in pairs)
        paths = list(dict.fromkeys(each for pair in pairs for each in (pair.certificate, pair.key)))
        keys = [pair.key for pair in pairs if is_ours]
        return Around(
            now=now(),
            internal_url=internal_url,
            wanted=wanted,
            is_ours=is_ours,
            stale_yaml=self._stale_yaml(server) if in_full else "",
            key_open=next((str(key) for key in keys if access.is_open(key)), ""),
            missing=tuple(str(path) for path in paths if not path.is_file()),
            onboarding_urls=self.onboarding.urls,
            port_taken=self._port_still_taken() or self.lane.port_taken,
            live=self.renewal.not_live is None,
            renewal_trouble=self.renewal.trouble,
            chosen_at=chosen_at(self.config_entry.data),
            https_port=settings.https_port,
        )

    def _port_still_taken(self) -> int | None:
        """Return the port that the page could not have, unless it is free by now."""
        if self.port_taken is not None and is_free(self.port_taken):
            self.port_taken = None
        return self.port_taken

    def _pair_in_yaml(self) -> Pair | None:
        try:
            return pair_of(yaml_settings(self.access))
        except HousekeyError:
            return None  # it cannot be followed; what runs is known all the same

    def _why(self, trouble: HousekeyError, said: str) -> Problem:
        """Return the problem that keeps the house from being opened; in an executor."""
        if isinstance(trouble, HouseUnsafe) and (file := first_open(self.access)):
            return Problem(ProblemKind.KEY_OPEN, (("file", file),), fixable=True)
        return Problem(ProblemKind.HOUSE_BROKEN, (("reason", said),))

    def _wanted(self, opened: House, house: HouseFacts, settings: Settings) -> tuple[Name, ...]:
        """Return what the leaf should cover: what was chosen, and what this machine has now."""
        names: Sequence[Name] = settings.names
        if not names and house.leaf is not None:
            names = house.leaf.names
        addresses = [IpName(each) for each in self.addresses]
        if (fixed := names_on(opened)) is not None:
            return fixed  # what the road is for; addresses are none of it
        refused = opened.constraints.refused(addresses)
        return tuple(dict.fromkeys((*names, *(each for each in addresses if each not in refused))))

    def _stale_yaml(self, server: ServerFacts) -> str:
        """Return the file with an `http:` that Home Assistant ignores."""
        if not server.trials:
            return ""
        try:
            place = next(iter(http_yaml.places(self.access)), None)
        except HousekeyError:
            return ""  # it cannot be followed; Home Assistant has a repair of its own
        return "" if place is None else str(_relative(place.entry.path, self.access.config))

    # Doing

    async def async_start_onboarding(self) -> tuple[str, ...]:
        """Serve the page; return its addresses. Raises HomeAssistantError."""
        settings = self.settings
        try:
            urls = await self.onboarding.async_start(
                port=settings.page_port,
                proof_port=settings.proof_port,
                home_assistant=self.data.home_assistant_url,
                trial=self.switch.page_proofs,
            )
        except ShareFailed as trouble:
            self.port_taken = trouble.port
            await self.async_refresh()
            raise error_of(trouble) from trouble
        except HousekeyError as trouble:
            raise error_of(trouble) from trouble
        self.port_taken = None
        return urls

    async def async_stop_onboarding(self) -> None:
        """Close the page."""
        await self.onboarding.async_stop()

    async def async_renew(self, *, force: bool = False) -> None:
        """Renew what is due, or whatever there is. Raises HomeAssistantError."""
        if self.data.stage is Stage.TRIAL:
            # A renewal that is under way looks like one: its journal is open.
            async with self.work:
                pass
            await self.async_refresh()
        if self.data.stage is not Stage.KEPT:
            raise error(
                Told("no_certificate"), "Home Assistant has no certificate of the house yet"
            )
        try:
            await self.renewal.async_renew(self.wanted, force=force)
        finally:
            await self.async_refresh()

    async def async_change_road(self, chosen: Chosen) -> None:
        """Take another public name, CA or provider, as a renewal. Raises HomeAssistantError."""
        try:
            await self.renewal.async_renew(self.wanted, force=False, chosen=chosen)
        finally:
            await self.async_refresh()

    async def async_load_certificate(self, root: Trust | None, *, only_ask: bool) -> Loaded:
        """Present what lies in the configured files; for the command line, which wrote them."""
        loaded = await self.renewal.async_load(root, only_ask=only_ask)
        if loaded.sha256 is not None:
            await self.async_request_refresh()
        return loaded

    async def async_issue(self, names: Sequence[Name], key_type: KeyType, days: int) -> Issued:
        """Issue a certificate for something else in the house. Raises HomeAssistantError."""
        async with self.work:
            try:
                issued = await self.hass.async_add_executor_job(
                    self.access.issue_for_another, names, key_type, days
                )
            except HousekeyError as trouble:
                raise error_of(trouble) from trouble
        self.async_tell("issued", names, issued.not_after)
        return issued

    @callback
    def async_tell(self, action: str, names: Sequence[Name], not_after: datetime) -> None:
        """Fire the event of a certificate on the bus."""
        data = {
            "action": action,
            "names": [str(name) for name in names],
            "not_after": not_after.isoformat(),
        }
        self.hass.bus.async_fire(EVENT_CERTIFICATE, data)


def _pause(house: HouseFacts) -> timedelta:
    """Return how long not to look: a day, or less for a certificate of a few days. Pure."""
    if house.leaf is None:
        return _DAILY
    return max(min(_DAILY, (house.leaf.not_after - house.leaf.not_before) / 20), _HOURLY)


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
