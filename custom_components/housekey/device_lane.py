"""Opens the device lane when HTTPS runs and the user wants it, and closes it when not."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback

from housekey.errors import LaneFailed
from housekey.homeassistant.names import internal_url_host
from housekey.pki.names import parse_name

from .lane import Lane, own_networks
from .lane_rules import Https
from .lane_urls import LaneUrls, host_for_devices
from .model import Stage

if TYPE_CHECKING:
    from .coordinator import HousekeyCoordinator

_LOGGER = logging.getLogger(__name__)


class LaneControl:
    """The lane of one entry."""

    def __init__(self, coordinator: HousekeyCoordinator) -> None:
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._lock = asyncio.Lock()
        self._ended = False
        self.lane: Lane | None = None
        self.port_taken: int | None = None  # where the lane should be, and cannot
        self._urls = LaneUrls(self._hass, lambda: self.lane.address if self.lane else None)

    @property
    def _port(self) -> int | None:
        """Where it should be: where Home Assistant was reached before, if not told otherwise."""
        house, server = self._coordinator.house, self._coordinator.server
        if house is None or server is None:
            return None
        port = self._coordinator.settings.lane_port or house.plain_port
        return None if port == server.port else port

    @callback
    def async_follow(self) -> None:
        """Look again whether it should be open."""
        self._coordinator.config_entry.async_create_background_task(
            self._hass, self.async_sync(), "housekey lane"
        )

    async def async_sync(self) -> None:
        """Open or close it, as it should be."""
        async with self._lock:
            if self._ended:
                return
            https, port = self._https(), self._port
            if https is None or port is None:
                await self._close()
                return
            if self.lane is not None and self.lane.port == port:
                self.lane.https = https
                return
            await self._close()
            names = [str(name) for name in https.names]
            api = self._hass.config.api
            lane = Lane(
                self._hass,
                port=port,
                https=https,
                host=host_for_devices(
                    api.local_ip if api else "127.0.0.1", names, self._hass.config.internal_url
                ),
                networks=await own_networks(self._hass),
            )
            try:
                await lane.start()
            except LaneFailed as trouble:
                _LOGGER.warning("The lane for devices is closed: %s", trouble.message)
                self.port_taken = port
                return
            self.port_taken = None
            self.lane = lane
            self._urls.install()

    async def async_stop(self) -> None:
        """Close it; at unload. What still asks for it then is not heard."""
        self._ended = True
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        self._urls.remove()
        self.port_taken = None
        lane, self.lane = self.lane, None
        if lane is not None:
            await lane.stop()

    def _https(self) -> Https | None:
        """Where Home Assistant speaks HTTPS; None while the lane should be closed."""
        coordinator = self._coordinator
        house, server = coordinator.house, coordinator.server
        if house is None or house.leaf is None or server is None or not server.tls:
            return None
        wanted = coordinator.settings.lane and coordinator.data.stage in (Stage.TRIAL, Stage.KEPT)
        if not wanted:
            return None
        names = house.leaf.names
        host = internal_url_host(names, existing=self._hass.config.internal_url, resolving=names)
        return Https(server.port, frozenset(names), parse_name(host) if host else names[0])
