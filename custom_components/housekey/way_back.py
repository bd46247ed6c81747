"""The way back to plain http, as it was before housekey.

A step of the options takes it while the entry is set up, and a repair after the entry is removed.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.core import CoreState

from housekey.errors import HousekeyError
from housekey.homeassistant.recorded import HTTP_CONFIG, RESTART
from housekey.house.journal import SettingChange, State
from housekey.pki.encoding import certificates_from_pem

from .deadline import work_lock
from .http_store import async_keep_trial, async_try, server_facts
from .mending import written_by_us
from .switch_files import (
    RENEWAL,
    TO_HTTP,
    WAY,
    announce,
    before_https,
    must_be_known,
    must_try_nothing,
    put_back,
    target_of,
    urls_before,
)
from .telling import error, error_of
from .troubles import Told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from housekey.house.journal import Transaction

    from .house_access import HouseAccess
    from .http_store import ServerFacts


class WayBack:
    """The one of this Home Assistant; needs no entry, and of the house only the journal."""

    def __init__(self, hass: HomeAssistant, access: HouseAccess) -> None:
        self._hass = hass
        self._access = access

    async def async_stays(self) -> str | None:
        """Return when the HTTPS that housekey has switched to ends; None: Home Assistant has none.

        Raises HomeAssistantError.
        """
        server = await server_facts(self._hass)
        if server.pair is None or server.on_trial:
            return None
        last = await async_in_executor(self._hass, self._access.last_change)
        # A renewal that the removal broke off changes nothing of HTTPS itself.
        if last is None or (last.state is State.OPEN and last.target.get(WAY) != RENEWAL):
            return None
        ours: set[Path] = await async_in_executor(self._hass, written_by_us, self._access)
        if not {server.pair.certificate, server.pair.key} <= ours:
            return None
        return str(await async_in_executor(self._hass, _end_of, server.pair.certificate))

    async def async_begin(self, *, attended: bool) -> None:
        """Go back, and restart for it. Raises HomeAssistantError.

        `attended`: an entry is there after the restart, which calls `async_finish`. Without one,
        Home Assistant is told to keep http before it restarts, and nothing is left to do after it.
        """
        must_be_running(self._hass)
        async with work_lock(self._hass):
            server = await server_facts(self._hass)
            if not server.tls:
                return
            await async_in_executor(self._hass, must_be_known, server)
            await async_in_executor(self._hass, must_try_nothing, server)
            if server.trials:
                await self._try(server)
            if not (server.trials and attended):
                # At a second try after a failure, http may be kept already.
                keep = (await server_facts(self._hass)).pending is not None
                await self.async_finish(keep=keep)
            await async_restart(self._hass)

    async def async_finish(self, *, keep: bool) -> None:
        """Keep http; the internal URL and all files as they were before."""
        if keep:
            await async_keep_trial(self._hass)
        urls = await async_in_executor(self._hass, urls_before, self._access)
        config = self._hass.config
        stale = {key: was for key, (was, ours) in urls.items() if getattr(config, key) == ours}
        if stale:
            await config.async_update(**stale)
        await async_in_executor(self._hass, self._undo)

    async def _try(self, server: ServerFacts) -> None:
        """Make http what Home Assistant tries at its next start."""
        before = await async_in_executor(self._hass, before_https, self._access)
        target = target_of(self._access, server, TO_HTTP)
        config = {
            key: value
            for key, value in server.stable.items()
            if key not in ("ssl_certificate", "ssl_key")
        }
        if before is not None and not before.get("ssl_certificate"):
            config["server_port"] = before.get("server_port", server.port)
        transaction: Transaction = await async_in_executor(
            self._hass, self._access.journal().begin, target
        )
        change = SettingChange(HTTP_CONFIG, dict(server.stable), config)
        await async_in_executor(self._hass, announce, transaction, "configure", change, RESTART)
        await async_try(self._hass, config)

    def _undo(self) -> None:
        standing = [t for t in self._access.mine() if t.state in (State.OPEN, State.KEPT)]
        put_back(self._access, standing)
        for transaction in reversed(standing):
            transaction.close(State.UNDONE)


def _end_of(certificate: Path) -> str:
    """Return the last day of a certificate; "?" where it cannot be read."""
    try:
        (leaf, *_) = certificates_from_pem(certificate.read_bytes())
    except (HousekeyError, OSError, ValueError):
        return "?"
    return leaf.not_valid_after_utc.date().isoformat()


def must_be_running(hass: HomeAssistant) -> None:
    """Raise HomeAssistantError while it starts."""
    if hass.state is not CoreState.running:
        raise error(Told("still_starting"), "Home Assistant is still starting")


async def async_restart(hass: HomeAssistant) -> None:
    """Restart; Home Assistant looks through its configuration first, and may refuse."""
    await hass.services.async_call("homeassistant", "restart", blocking=True)


async def async_in_executor(
    hass: HomeAssistant, work: Callable[..., Any], *args: Any, **more: Any
) -> Any:
    """Do `work` in an executor; what the library raises becomes Home Assistant's own."""
    try:
        return await hass.async_add_executor_job(partial(work, *args, **more))
    except HousekeyError as trouble:
        raise error_of(trouble) from trouble
