"""The restart that a renewed certificate waits for, where the running server cannot be given it.

Loaded when there is one. It is owed by this run of Home Assistant, not by the entry: an entry that
is set up anew, for other quiet hours as well, waits on. After the restart nothing is owed: the
server has read the files.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_point_in_utc_time
from homeassistant.util import dt as dt_util

from .loading import async_load
from .renewal import OWED

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.live.contexts import NotLive
    from housekey.renewal.delivery import Delivery

    from .coordinator import HousekeyCoordinator

_LOGGER = logging.getLogger(__name__)
_AGAIN = timedelta(hours=1)  # after a restart was asked for, and did not come


@dataclass(slots=True)
class Owed:
    """Why the running server presents an older certificate, and until when that is good."""

    not_live: NotLive | str
    served_until: datetime | None
    asked: datetime | None = None  # for the restart
    refused: str = ""  # why Home Assistant would not


class OwedRestart:
    """The one of this Home Assistant, as an entry waits for it."""

    def __init__(self, coordinator: HousekeyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._cancel: Callable[[], None] | None = None

    async def async_owe(self, not_live: NotLive | str) -> None:
        """Restart for it when nobody is disturbed."""
        owed = self._hass.data.setdefault(OWED, Owed(not_live, self._coordinator.data.leaf_ends))
        owed.not_live = not_live  # what is presented is still the one from before the first
        await self._wait(owed)

    async def async_wait_again(self) -> None:
        """Wait on after a reload, and after a restart that was refused."""
        owed = self._hass.data.get(OWED)
        if owed is None or self._cancel is not None:
            return
        if owed.asked is None or dt_util.utcnow() - owed.asked >= _AGAIN:
            await self._wait(owed)

    @callback
    def async_paid(self) -> None:
        """The running server presents the newest after all."""
        self.async_stop()
        self._hass.data.pop(OWED, None)

    @callback
    def async_stop(self) -> None:
        """Wait no more; what is owed stays so."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    async def _wait(self, owed: Owed) -> None:
        rules = await async_load(self._hass, "housekey.renewal.delivery")
        local = dt_util.now()
        delivery: Delivery = rules.choose_delivery(
            not_live=owed.not_live,
            cannot_restart=None,
            quiet=self._coordinator.settings.quiet,
            served_until=owed.served_until,
            now=local,
        )
        _LOGGER.info("The renewed certificate: %s", delivery.reason)
        if delivery.way is not rules.Way.RESTART or delivery.at is None:
            return
        self.async_stop()
        if delivery.at <= local:
            await self._restart(owed)
        else:
            self._cancel = async_track_point_in_utc_time(
                self._hass, self._it_is_quiet, delivery.at.astimezone(UTC)
            )

    async def _it_is_quiet(self, _now: datetime) -> None:
        self._cancel = None
        if (owed := self._hass.data.get(OWED)) is not None:
            await self._restart(owed)
            await self._coordinator.async_refresh()  # a refusal is told at once

    async def _restart(self, owed: Owed) -> None:
        owed.asked, owed.refused = dt_util.utcnow(), ""
        try:
            await self._hass.services.async_call("homeassistant", "restart", blocking=True)
        except HomeAssistantError as refused:
            owed.refused = str(refused)
