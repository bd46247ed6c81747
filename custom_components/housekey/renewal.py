"""Renewal: due at a third of life left, or when a name or address is new; delivered without a
restart where the running server can be given another certificate.

A renewal for the same key replaces the certificate alone, which is one rename. Another kind of key
goes to files of another name, and Home Assistant's settings follow: never is half of one pair
where the other half of another is.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback
from homeassistant.util.hass_dict import HassKey

from housekey.errors import HousekeyError, PairRefused, SwapRefused
from housekey.homeassistant.recorded import HTTP_CONFIG, HTTP_YAML, PROMOTING, RESTART
from housekey.house.journal import SettingChange, State
from housekey.house.road import Kind
from housekey.live.pair import judge_pair
from housekey.pki.encoding import fingerprint

from . import http_yaml
from .http_store import async_keep_trial, async_try, pair_of, server_facts
from .loading import async_load
from .running_server import RunningServer
from .signing import async_ask_when, async_prepare, issued, signing_for, take_road
from .switch_files import (
    RENEWAL,
    announce,
    draw,
    must_be_known,
    must_try_nothing,
    put_back,
    target_of,
    write_pair,
    yaml_settings,
)
from .telling import async_said, error_of
from .troubles import NotNow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.homeassistant.authority import Chosen
    from housekey.homeassistant.plan import Pair, Plan
    from housekey.house.house import House
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf
    from housekey.live.contexts import NotLive
    from housekey.live.tls import Trust
    from housekey.pki.names import Name

    from .coordinator import HousekeyCoordinator
    from .house_access import HouseAccess
    from .http_store import ServerFacts
    from .owed import Owed, OwedRestart
    from .settings import Settings
    from .signing import Signing

_LOGGER = logging.getLogger(__name__)
OWED: HassKey[Owed] = HassKey("housekey_owed_restart")
_NAMES_AT_MOST_EVERY = timedelta(hours=6)  # an address that comes and goes is no reason for more


@dataclass(frozen=True, slots=True)
class Renewed:
    """A renewal that lies in its files."""

    transaction: Transaction
    leaf: Leaf
    pair: Pair
    trust: Trust  # of devices that accept it
    config: Mapping[str, Any] | None  # settings to be kept, where the pair's files are others


@dataclass(frozen=True, slots=True)
class Loaded:
    """Whether the running server presents the pair that is configured."""

    sha256: str | None  # of its leaf; None: it does not, or it was only asked
    reason: str  # why it cannot; empty when it can


class Renewal:
    """The renewal of one Home Assistant's certificate."""

    def __init__(self, coordinator: HousekeyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._access = coordinator.access
        self._server = RunningServer(coordinator.hass)
        self._for_names_at: datetime | None = None
        self._trouble = ""
        self.is_ordering = False  # a public CA is being asked
        self._owed: OwedRestart | None = None

    @property
    def not_live(self) -> NotLive | None:
        """Why the running server cannot be given a certificate; None: it can."""
        return self._server.not_live

    @property
    def trouble(self) -> str:
        """Why the last one failed, or the restart that it needs; empty: neither did."""
        owed = self._hass.data.get(OWED)
        return self._trouble or (owed.refused if owed is not None else "")

    @property
    def is_owed(self) -> bool:
        """Whether the files hold a newer certificate than the running server presents."""
        return OWED in self._hass.data

    async def async_wait_again(self) -> None:
        """Wait on for the restart that is owed, if one is."""
        if self.is_owed:
            await (await self._restart()).async_wait_again()

    @callback
    def async_stop(self) -> None:
        """Let the server go; it presents the newest certificate on."""
        if self._owed is not None:
            self._owed.async_stop()
        self._server.release()

    @callback
    def names_now(self, now: datetime) -> tuple[Name, ...]:
        """Return what a leaf of today should cover: new names, unless they come too often."""
        house, wanted = self._coordinator.house, self._coordinator.wanted
        last = self._for_names_at
        if house is None or house.leaf is None or last is None:
            return wanted
        return wanted if now - last >= _NAMES_AT_MOST_EVERY else house.leaf.names

    async def async_renew(
        self, names: tuple[Name, ...], *, force: bool, chosen: Chosen | None = None
    ) -> bool:
        """Renew if there is a reason, or for none with `force`; say whether it was.

        `names` are what the leaf should cover. `chosen`: the public name, or its CA or provider,
        is another from now on.

        Raises HomeAssistantError, with all as before.
        """
        try:
            await self._prepare(names, force=force, chosen=chosen)
            async with self._coordinator.work:
                renewed = await self._renewed(names, force=force, chosen=chosen)
        except HousekeyError as trouble:
            self._trouble = await async_said(self._hass, trouble)
            raise error_of(trouble) from trouble
        if renewed is not None:
            leaf = renewed.leaf
            self._trouble = ""
            self._coordinator.async_tell(
                "renewed", leaf.names, leaf.certificate.not_valid_after_utc
            )
        return renewed is not None

    async def async_load(self, root: Trust | None, *, only_ask: bool) -> Loaded:
        """Give the running server the pair that is configured, which somebody else has written.

        It is judged under `root`, or else under what the house's road leads to. Nothing changes
        when it cannot be, or with `only_ask`.
        """
        if (not_live := self._server.not_live) is not None:
            return Loaded(None, not_live.reason)
        house = self._coordinator.house
        if root is None and house is not None:
            root = house.trust
        server = await server_facts(self._hass)
        pair = await self._hass.async_add_executor_job(_configured_pair, self._access, server)
        if pair is None or root is None:
            return Loaded(None, "Home Assistant is configured with no certificate")
        if only_ask:
            return Loaded(None, "")
        async with self._coordinator.work:
            try:
                leaf = await self._server.async_present(pair.certificate, pair.key, root=root)
            except (PairRefused, SwapRefused) as refused:
                return Loaded(None, refused.reason)
        return Loaded(fingerprint(leaf), "")

    async def _prepare(
        self, names: tuple[Name, ...], *, force: bool, chosen: Chosen | None
    ) -> None:
        """Order what a public CA signs. It takes minutes, and nothing else waits for it."""
        house = self._coordinator.house
        if house is None or house.road is not Kind.PUBLIC:
            return
        server = await server_facts(self._hass)
        wanted = self._wanted(names, server)
        for_public = await async_load(self._hass, "for_public")
        try:
            await for_public.async_ensure(self._hass, again=force)
        except NotNow as lacking:
            due = partial(_is_due, self._access, server, wanted)
            if force or await self._hass.async_add_executor_job(due):
                raise
            _LOGGER.warning("Before the certificate is due: %s", lacking.message)
            return
        self.is_ordering = True
        try:
            await for_public.async_apart(
                lambda: _prepare(self._access, server, wanted, force=force, chosen=chosen),
                name="housekey order",
            )
        finally:
            self.is_ordering = False

    def _wanted(self, names: tuple[Name, ...], server: ServerFacts) -> Settings:
        return replace(self._coordinator.settings, names=names, https_port=server.port)

    async def _renewed(
        self, names: tuple[Name, ...], *, force: bool, chosen: Chosen | None
    ) -> Renewed | None:
        server = await server_facts(self._hass)
        wanted = self._wanted(names, server)
        renewed: Renewed | None = await self._hass.async_add_executor_job(
            partial(_renew, self._access, server, wanted, force=force, chosen=chosen)
        )
        if renewed is None:
            return None
        self._for_names_at = datetime.now(UTC)
        not_live: NotLive | str | None = self._server.not_live
        if not_live is None:
            try:
                await self._server.async_present(
                    renewed.pair.certificate, renewed.pair.key, root=renewed.trust
                )
            except PairRefused:
                await self._hass.async_add_executor_job(
                    put_back, self._access, [renewed.transaction]
                )
                raise
            except SwapRefused as refused:
                not_live = refused.message
        await self._keep(renewed, server, live=not_live is None)
        if not_live is not None:
            await (await self._restart()).async_owe(not_live)
        elif self.is_owed:
            (await self._restart()).async_paid()
        return renewed

    async def _restart(self) -> OwedRestart:
        """Return what waits for one; hardly any Home Assistant needs it."""
        owed = await async_load(self._hass, "owed")
        self._owed = self._owed or owed.OwedRestart(self._coordinator)
        return self._owed

    async def _keep(self, renewed: Renewed, server: ServerFacts, *, live: bool) -> None:
        """Make Home Assistant read the files at its next start, and close the journal."""
        if renewed.config is not None:
            change = SettingChange(HTTP_CONFIG, dict(server.stable), dict(renewed.config))
            marks = (PROMOTING,) if live else (RESTART,)
            await self._hass.async_add_executor_job(
                announce, renewed.transaction, "configure", change, *marks
            )
            await async_try(self._hass, renewed.config)
            if not live:
                return  # tried at the next start, and kept as a switch is
            # The running server presents it already: there is nothing more to prove.
            await async_keep_trial(self._hass)
        await self._hass.async_add_executor_job(renewed.transaction.close, State.KEPT)


def _configured_pair(access: HouseAccess, server: ServerFacts) -> Pair | None:
    """Return the pair that Home Assistant reads at its next start; in an executor."""
    if server.trials:
        return pair_of(server.stable)
    try:
        return pair_of(yaml_settings(access))
    except HousekeyError:
        return server.pair  # the YAML cannot be followed; what runs is known all the same


def _drawn(
    access: HouseAccess,
    house: House,
    server: ServerFacts,
    signing: Signing,
    *,
    yaml: Mapping[str, Any],
    force: bool,
    keep_key: bool | None = None,
) -> Plan | None:
    """Return the plan of a renewal; None when none is due."""
    must_be_known(server)
    drawn = draw(access, house, server, signing, yaml=yaml, internal_url=None, keep_key=keep_key)
    moved = drawn.configure or drawn.edit_yaml
    if moved:
        must_try_nothing(server)
    if drawn.issue is not None:
        return drawn
    if force:
        return replace(drawn, issue="asked for", reuse_key=not moved)
    return drawn if drawn.settle else None


def _is_due(access: HouseAccess, server: ServerFacts, settings: Settings) -> bool:
    with access.opened() as house:
        signing = signing_for(access, house, settings, None)
        yaml = yaml_settings(access)
        return _drawn(access, house, server, signing, yaml=yaml, force=False) is not None


async def _prepare(
    access: HouseAccess,
    server: ServerFacts,
    settings: Settings,
    *,
    force: bool,
    chosen: Chosen | None,
) -> None:
    """Order if something is due, of which the CA may have its own idea; in a thread of its own."""
    with access.held() as house:
        await async_ask_when(access, house)
        signing = signing_for(access, house, settings, chosen, by_hand=force)
        yaml = yaml_settings(access)
        drawn = _drawn(access, house, server, signing, yaml=yaml, force=force)
        if drawn is not None:
            await async_prepare(signing, drawn)


def _renew(
    access: HouseAccess,
    server: ServerFacts,
    settings: Settings,
    *,
    force: bool,
    chosen: Chosen | None,
) -> Renewed | None:
    """Issue and write; in an executor. Raises `HousekeyError`, with everything put back."""
    with access.held() as house:
        signing = signing_for(access, house, settings, chosen, by_hand=force)
        yaml = yaml_settings(access)
        drawn = _drawn(access, house, server, signing, yaml=yaml, force=force)
        if drawn is None:
            return None
        # It lies ready; or it does, but for another key.
        if signing.is_issuing(drawn) and not asyncio.run(async_prepare(signing, drawn)):
            drawn = _drawn(access, house, server, signing, yaml=yaml, force=force, keep_key=False)
            assert drawn is not None  # noqa: S101 - what was due is due
        transaction = access.journal().begin(target_of(access, server, RENEWAL))
        try:
            take_road(access, house, signing.authority, transaction)
            leaf = issued(house, signing, drawn)
            trust = signing.authority.trust
            judge_pair(leaf.chain_pem, leaf.key_pem, root=trust, names=(), at=datetime.now(UTC))
            write_pair(access, transaction, drawn.pair, leaf)
            paths = {
                "ssl_certificate": str(drawn.pair.certificate),
                "ssl_key": str(drawn.pair.key),
            }
            if drawn.edit_yaml:
                edit = http_yaml.plan_edit(access, paths)
                setting = SettingChange(HTTP_YAML, {key: yaml.get(key) for key in paths}, paths)
                with transaction.step("yaml", setting, transaction.writing(edit.path, edit.after)):
                    access.files.write(edit.path, edit.after)
        except BaseException:
            put_back(access, [transaction])
            raise
    return Renewed(
        transaction,
        leaf,
        drawn.pair,
        trust,
        {**server.stable, **paths} if drawn.configure else None,
    )
