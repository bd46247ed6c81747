"""Gives the lane's port back when Home Assistant wants it for itself.

From 2026.8 on, whoever moves Home Assistant to another port (its settings page, `housekey undo`)
sends `http/config/configure`, and Home Assistant first tries to bind that port. The lane is on the
old port, which is just where people go back to: the command would be refused, with "address already
in use". So the lane is closed while Home Assistant tries, and stays closed when it may have the
port, because the restart follows at once; if no restart comes, the lane opens again.

`async_verify_can_bind` is replaced in the one module that calls it (components/http/
websocket_api.py, 2026.8 to 2026.11.0; up to 2026.7 there is no such command, and Home Assistant
binds its port at its start, long before the lane). Where it is missing, people close the lane
first. `remove` puts back what was there.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from housekey.errors import LaneFailed

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from homeassistant.core import HomeAssistant

    from .lane import Lane

_LOGGER = logging.getLogger(__name__)

_MODULE = "homeassistant.components.http.websocket_api"
_NAME = "async_verify_can_bind"
_RESTARTS_WITHIN = 60.0  # seconds; Home Assistant begins at once, and takes its time to stop


class PortKeeper:
    """Closes `lane` when Home Assistant is about to try its port, from `install` until `remove`."""

    def __init__(self, hass: HomeAssistant, lane: Lane) -> None:
        self._hass = hass
        self._lane = lane
        self._theirs: Any = None
        self._ours: Any = None
        self._opens_again: TimerHandle | None = None

    def install(self) -> None:
        """Put it in place; in the event loop. Does nothing when it is, or cannot be."""
        module = sys.modules.get(_MODULE)
        theirs = getattr(module, _NAME, None)
        if module is None or theirs is None or self._ours is not None:
            return

        async def verify(hass: HomeAssistant, config: Any) -> None:
            await self._verify(theirs, hass, config)

        self._theirs, self._ours = theirs, verify
        setattr(module, _NAME, verify)

    def remove(self) -> None:
        """Put back what was there."""
        if self._opens_again is not None:
            self._opens_again.cancel()
            self._opens_again = None
        module = sys.modules.get(_MODULE)
        if module is not None and self._ours is not None and vars(module).get(_NAME) is self._ours:
            setattr(module, _NAME, self._theirs)
        self._theirs = self._ours = None

    async def _verify(self, theirs: Any, hass: HomeAssistant, config: Any) -> None:
        if not self._lane.is_open or config.get("server_port") != self._lane.port:
            await theirs(hass, config)
            return
        await self._lane.stop()
        try:
            await theirs(hass, config)
        except BaseException:
            await self._open()
            raise
        self._opens_again = hass.loop.call_later(
            _RESTARTS_WITHIN, lambda: hass.async_create_task(self._open())
        )

    async def _open(self) -> None:
        self._opens_again = None
        if self._hass.is_stopping or self._ours is None:
            return
        try:
            await self._lane.start()
        except LaneFailed as error:
            _LOGGER.warning("%s", error.message)
