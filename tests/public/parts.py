"""What the tests of this room share: a world of their own, and what they ask the DNS through."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from housekey.house.files import Files
from housekey.pki.secret import Secret
from housekey.public.lookup import Lookup
from housekey.public.records import DnsRecords, records_of
from housekey.public.settings import PublicSettings
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.public.knot import Knot


@dataclass
class TestWorld:
    """Remembers what was told; a pause is short, and `between` happens in it."""

    __test__ = False

    files: Files = field(default_factory=Files)
    told: list[tuple[str, str]] = field(default_factory=list)
    waited_for: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    between: Callable[[], None] = lambda: None

    @property
    def clock(self) -> Callable[[], datetime]:
        return lambda: datetime.now(UTC)

    @property
    def tell(self) -> Callable[[str, str], None]:
        return lambda label, text: self.told.append((label, text))

    @property
    def busy(self) -> Callable[[str], None]:
        return self.waited_for.append

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.between()
        await asyncio.sleep(min(seconds, 0.02))


def settings(provider: str = "ddns", *names: str) -> PublicSettings:
    """What a house has settled."""
    return PublicSettings(names or ("home.test",), "https://ca.test/directory", provider)


def secrets(options: Mapping[str, str]) -> dict[str, Secret]:
    """Credentials as they are kept."""
    return {name: Secret(value.encode()) for name, value in options.items()}


def lookup_in(knot: Knot, *, patience: float = 0.3) -> Lookup:
    """Ask the DNS through `knot`; what answers nothing is not waited for long."""
    return Lookup((knot.address,), patience=patience)


def records_in(
    knot: Knot,
    *,
    world: TestWorld | None = None,
    credentials: Mapping[str, str] | None = None,
    lookup: Lookup | None = None,
    seconds: float = 60.0,
) -> DnsRecords:
    """What publishes in the zones of `knot`."""
    return records_of(
        settings(),
        secrets(credentials or knot.credentials),
        world=world or TestWorld(),
        lookup=lookup or lookup_in(knot),
        seconds=seconds,
    )


def require_ipv6() -> None:
    """Skip where this machine has no IPv6, not even to itself."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        require(False, "IPv6 on loopback")
