"""Who announces itself as Home Assistant on the local network: mDNS, `_home-assistant._tcp`.

The TXT record holds location_name, uuid, version, internal_url, external_url and base_url
(components/zeroconf/__init__.py, 2026.11.0). Anyone on the network can announce anything.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zeroconf import IPVersion, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

if TYPE_CHECKING:
    from zeroconf import Zeroconf

SERVICE_TYPE = "_home-assistant._tcp.local."
BROWSE_SECONDS = 2.0
_INFO_MILLISECONDS = 1000
_LANDING_PAGE = "0000.0.0"  # what Home Assistant OS announces while it installs itself


@dataclass(frozen=True, slots=True)
class Announced:
    """One announcement."""

    location_name: str
    version: str | None
    uuid: str | None  # as in the folder's .storage/core.uuid
    internal_url: str | None
    base_url: str | None  # the external address where there is one
    addresses: tuple[str, ...]  # IPv4 first
    port: int

    @property
    def is_landing_page(self) -> bool:
        """Whether Home Assistant OS is still being installed there."""
        return self.version == _LANDING_PAGE


async def browse(seconds: float = BROWSE_SECONDS) -> tuple[Announced, ...]:
    """Listen on every interface for `seconds` and return who was heard, in order of their names.

    A machine without a network that carries multicast hears nobody; that is no error.
    """
    heard: set[str] = set()

    def on_change(
        zeroconf: Zeroconf,  # noqa: ARG001 - the names are zeroconf's
        service_type: str,  # noqa: ARG001
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        if state_change is not ServiceStateChange.Removed:
            heard.add(name)

    try:
        listening = AsyncZeroconf()
    except OSError:
        return ()
    async with listening:
        browser = AsyncServiceBrowser(listening.zeroconf, SERVICE_TYPE, handlers=[on_change])
        await asyncio.sleep(seconds)
        await browser.async_cancel()
        infos = [AsyncServiceInfo(SERVICE_TYPE, name) for name in sorted(heard)]
        answers = await asyncio.gather(
            *(info.async_request(listening.zeroconf, _INFO_MILLISECONDS) for info in infos)
        )
    return tuple(
        _announced(info) for info, answered in zip(infos, answers, strict=True) if answered
    )


def _announced(info: AsyncServiceInfo) -> Announced:
    text = info.decoded_properties
    return Announced(
        location_name=text.get("location_name") or info.get_name(),
        version=text.get("version") or None,
        uuid=text.get("uuid") or None,
        internal_url=text.get("internal_url") or None,
        base_url=text.get("base_url") or None,
        addresses=tuple(info.parsed_scoped_addresses(IPVersion.All)),
        port=info.port or 0,
    )
