"""Opens the device lane when HTTPS runs and the user wants it, and closes it when not."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from homeassistant.core import callback

from housekey.errors import LaneFailed
from housekey.homeassistant.names import internal_url_host
from housekey.pki.names import parse_name

from .loading import async_load
from .model import Stage

if TYPE_CHECKING:
    from .coordinator import HousekeyCoordinator
    from .lane import Lane
    from .lane_port import PortKeeper
    from .lane_rules import Https
    from .lane_urls import LaneAddress, LaneUrls

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
        self._urls: LaneUrls | None = None  # made with the first lane
        self._keeper: PortKeeper | None = None  # of the lane that is open

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
            port = self._port
            if port is None or not self._is_wanted:
                await self._close()
                return
            # Most homes have no lane, and nothing of it in memory.
            lanes = await async_load(self._hass, "lane")
            urls = await async_load(self._hass, "lane_urls")
            ports = await async_load(self._hass, "lane_port")
            https = self._https(lanes.Https)
            if self.lane is not None and self.lane.port == port:
                self.lane.https = https
                return
            await self._close()
            names = [str(name) for name in https.names]
            api = self._hass.config.api
            lane: Lane = lanes.Lane(
                self._hass,
                port=port,
                https=https,
                host=urls.host_for_devices(
                    api.local_ip if api else "127.0.0.1", names, self._hass.config.internal_url
                ),
                networks=await lanes.own_networks(self._hass),
            )
            try:
                await lane.start()
            except LaneFailed as trouble:
                _LOGGER.warning("The lane for devices is closed: %s", trouble.message)
                self.port_taken = port
                return
            self.port_taken = None
            self.lane = lane
            if self._urls is None:
                self._urls = urls.LaneUrls(self._hass, self._address)
            self._urls.install()
            keeper: PortKeeper = ports.PortKeeper(self._hass, lane)
            keeper.install()
            self._keeper = keeper

    async def async_stop(self) -> None:
        """Close it; at unload. What still asks for it then is not heard."""
        self._ended = True
        async with self._lock:
            await self._close()

    async def _close(self) -> None:
        if self._urls is not None:
            self._urls.remove()
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.remove()
        self.port_taken = None
        lane, self.lane = self.lane, None
        if lane is not None:
            await lane.stop()

    @property
    def _is_wanted(self) -> bool:
        """Whether it should be open, if there is a port for it."""
        coordinator = self._coordinator
        server = coordinator.server
        return (
            coordinator.settings.lane
            and coordinator.data.stage in (Stage.TRIAL, Stage.KEPT)
            and server is not None
            and server.tls
            and coordinator.house is not None
            and coordinator.house.leaf is not None
        )

    def _https(self, https: type[Https]) -> Https:
        """Where Home Assistant speaks HTTPS."""
        house, server = self._coordinator.house, self._coordinator.server
        assert house is not None  # noqa: S101 - it is wanted
        assert house.leaf is not None  # noqa: S101
        assert server is not None  # noqa: S101
        names = house.leaf.names
        host = internal_url_host(names, existing=self._hass.config.internal_url, resolving=names)
        return https(server.port, frozenset(names), parse_name(host) if host else names[0])

    def _address(self) -> LaneAddress | None:
        return self.lane.address if self.lane else None
