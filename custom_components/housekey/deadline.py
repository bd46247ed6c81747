"""The five minutes of a trial on the YAML road, where Home Assistant itself keeps no time.

Of Home Assistant, not of the entry: they go on while the entry is reloaded, disabled or removed,
and while the house cannot be opened. To go back needs only the journal and the files.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from homeassistant.core import HassJob, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from housekey.errors import HousekeyError

from .http_store import server_facts
from .switch_files import Standing, end_trial, standing
from .troubles import NOBODY

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from housekey.house.journal import Transaction

    from .house_access import HouseAccess

_LOGGER = logging.getLogger(__name__)
TRIAL_SECONDS = 300  # as Home Assistant's own AUTO_REVERT_DELAY
_AGAIN_SECONDS = 60  # after going back has failed
_WORK: HassKey[asyncio.Lock] = HassKey("housekey_work")
_DEADLINE: HassKey[Deadline] = HassKey("housekey_deadline")


@callback
def work_lock(hass: HomeAssistant) -> asyncio.Lock:
    """Return the lock of whatever changes the house or Home Assistant's settings.

    What a reload finds under way goes on, so it is one for all coordinators.
    """
    return hass.data.setdefault(_WORK, asyncio.Lock())


@callback
def deadline(hass: HomeAssistant, access: HouseAccess) -> Deadline:
    """Return the one of this Home Assistant."""
    if _DEADLINE not in hass.data:
        hass.data[_DEADLINE] = Deadline(hass, access)
    return hass.data[_DEADLINE]


class Deadline:
    """Goes back to http when nobody has stopped it in time."""

    def __init__(self, hass: HomeAssistant, access: HouseAccess) -> None:
        self._hass = hass
        self._access = access
        self._transaction: Transaction | None = None
        self._cancel: CALLBACK_TYPE | None = None
        self.over = False  # the files are as before; only the restart is missing

    async def async_look(self) -> None:
        """Begin to count if there is a trial that nobody else ends. Never raises."""
        if self._cancel is not None or self.over:
            return
        server = await server_facts(self._hass)
        if server.trials or server.unknown:
            return
        try:
            last = await self._hass.async_add_executor_job(self._access.last_change)
        except (HousekeyError, OSError) as trouble:
            # It is looked for again whenever the entry is set up, which Home Assistant repeats.
            _LOGGER.warning("Whether HTTPS is on trial cannot be told: %s", trouble)
            return
        if standing(last, server) is Standing.ON_TRIAL and self._cancel is None:
            self._transaction = last
            self._count(TRIAL_SECONDS)

    @callback
    def async_stop(self) -> None:
        """Count no more: HTTPS is kept."""
        if self._cancel is not None:
            self._cancel()
        self._cancel = self._transaction = None

    @callback
    def async_end_now(self) -> None:
        """Do not wait for the end, if there is a trial: nobody is left who could keep it.

        Nor leave one lying ready: an entry that is disabled at the start counts no time, because
        Home Assistant does not even load it.
        """
        if self._cancel is not None:
            self._cancel()
            self._hass.async_create_task(self._end(), "housekey end of trial")
        elif not self.over:
            self._hass.async_create_task(self._call_off(), "housekey call off")

    @callback
    def _count(self, seconds: float) -> None:
        job = HassJob(self._end, "housekey end of trial", cancel_on_shutdown=True)
        self._cancel = async_call_later(self._hass, seconds, job)

    async def _end(self, _now: datetime | None = None) -> None:
        # Whoever signs in right now is waited for: if that was no proof, it is over all the same.
        async with work_lock(self._hass):
            try:
                if not self.over:
                    self.over = await self._hass.async_add_executor_job(self._put_back)
                if self.over:
                    await self._hass.services.async_call("homeassistant", "restart", blocking=True)
                self._cancel = None
            except (HousekeyError, HomeAssistantError, OSError) as trouble:
                _LOGGER.error("HTTPS was not proven, and could not be taken back: %s", trouble)  # noqa: TRY400
                self._count(_AGAIN_SECONDS)

    async def _call_off(self) -> None:
        """Take back what lies ready for the next start, where Home Assistant keeps no time."""
        async with work_lock(self._hass):
            server = await server_facts(self._hass)
            if server.trials or server.unknown:
                return
            try:
                last = await self._hass.async_add_executor_job(self._access.last_change)
                if standing(last, server) in (Standing.BROKEN_OFF, Standing.ARMED):
                    self._transaction = last
                    await self._hass.async_add_executor_job(self._put_back)
            except (HousekeyError, OSError) as trouble:
                _LOGGER.warning("Whether HTTPS lies ready cannot be told: %s", trouble)
            self._transaction = None

    def _put_back(self) -> bool:
        """Return whether there was something to put back; in an executor."""
        if self._transaction is None:
            return False
        if not end_trial(self._access, self._transaction):
            return False
        with contextlib.suppress(HousekeyError):  # the house cannot be opened: nobody is told why
            self._access.record_end_of_trial(NOBODY)
        return True
