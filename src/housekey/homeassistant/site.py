"""One Home Assistant as the switch meets it, and the world that the switch acts through."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from housekey.errors import HomeAssistantTrouble, HousekeyError
from housekey.homeassistant.client import Client
from housekey.pki.encoding import fingerprint
from housekey.pki.hosts import bracketed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from cryptography import x509

    from housekey.homeassistant.announced import Announced
    from housekey.homeassistant.paths import PathMap
    from housekey.homeassistant.plan import Road
    from housekey.house.files import Files, Owner
    from housekey.live.handshake import Resolver
    from housekey.live.tls import Called, Trust
    from housekey.pki.secret import Secret

POLL_SECONDS = 0.1  # while Home Assistant restarts; what `secure` adds to it stays well below 2 s


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is not Home Assistant: the disk, the clock, the network, the user."""

    files: Files
    clock: Callable[[], datetime]
    resolve: Resolver
    browse: Callable[[], Awaitable[tuple[Announced, ...]]]  # who announces itself by mDNS
    tell: Callable[[str, str], None]  # one line of the story: a label and a text
    busy: Callable[[str], None]  # what is being waited for; "" ends it
    run: Callable[[str], Awaitable[int]]  # the user's restart command; its exit code
    hook: Callable[[str], None] = lambda _moment: None  # see Journal
    wait: float = 300.0  # seconds that a restart may take before it counts as failed
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def until(self, look: Callable[[], Awaitable[bool]], *, seconds: float) -> bool:
        """Look until it is so; False when it is not after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not await look():
            if loop.time() >= end:
                return False
            await self.sleep(POLL_SECONDS)
        return True


@dataclass(frozen=True, slots=True)
class Door:
    """Where and how a server answers, and what is trusted there."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    # Over https exactly this certificate, because it lies in Home Assistant's own folder;
    # without one, what leads to the house's root.
    leaf: x509.Certificate | None = None

    @property
    def url(self) -> str:
        """The address as one would type it."""
        host = bracketed(self.host)
        default = 443 if self.scheme == "https" else 80
        return f"{self.scheme}://{host}" + ("" if self.port == default else f":{self.port}")


@dataclass(frozen=True, slots=True)
class Site:
    """One Home Assistant: its folder, its address, and who may ask it."""

    folder: Path
    door: Door  # as it was found
    version: str
    road: Road
    paths: PathMap
    owner: Owner  # the user that Home Assistant runs as
    token: Secret | None = None
    root: Trust | Called | None = None  # what its certificate leads to, once there is a house
    besides: tuple[Trust | Called, ...] = ()  # or to these: it may be between two roads

    def with_root(self, root: Trust | Called, *besides: Trust | Called) -> Site:
        """Return this site, to be trusted through `root` from now on, or through `besides`."""
        return replace(self, root=root, besides=besides)

    def client(self, door: Door) -> Client:
        """Return a client for one door."""
        if door.leaf is not None:
            return Client(door.url, self.token, pin=fingerprint(door.leaf))
        return Client(door.url, self.token, root=self.root, besides=self.besides)

    async def answering(self, doors: Iterable[Door]) -> Door | None:
        """Return the first of `doors` where Home Assistant answers whoever holds the token."""
        for door in doors:
            try:
                async with self.client(door) as client:
                    await client.get_config()
            except HomeAssistantTrouble:
                continue
            return door
        return None


class Interrupted(HousekeyError):
    """The user, or the system, asked housekey to stop; everything has been put back."""

    exit_code = 130
