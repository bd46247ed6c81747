"""The first order on the road of a public name: account, credentials, certificate.

What comes of it lies ready in the house; Home Assistant itself is not touched. For
`apart.async_apart`: it opens the house in its own thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import LABEL
from housekey.public.chosen import PublicRoad
from housekey.public.directories import STAGING

from .signing import HouseWorld, async_prepare, signing_for
from .switch_files import draw, must_be_known, yaml_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address

    from housekey.homeassistant.authority import Chosen
    from housekey.pki.secret import Secret
    from housekey.public.account import About
    from housekey.public.settings import PublicSettings

    from .house_access import HouseAccess
    from .http_store import ServerFacts
    from .settings import Settings


@dataclass(frozen=True, slots=True)
class Application:
    """What the user has told about a public name."""

    settings: PublicSettings
    credentials: Mapping[str, Secret] | None = None  # None: those that the house has
    eab_hmac: Secret | None = None
    point: IPv4Address | None = None  # where the names shall lead; None: they stay as they are

    @property
    def is_rehearsal(self) -> bool:
        """Whether it is Let's Encrypt's staging CA that is asked."""
        return self.settings.directory == STAGING

    @property
    def road(self) -> PublicRoad:
        """The road as it was chosen."""
        from housekey.public.authority import Given  # noqa: PLC0415 - only on this road

        given = Given(self.credentials, self.eab_hmac)
        return PublicRoad(self.settings, LABEL, given, is_rehearsal=self.is_rehearsal)


async def async_about(access: HouseAccess, settings: PublicSettings) -> About:
    """Ask the CA what it says of itself. Raises `HousekeyError`."""
    from housekey.public.account import about  # noqa: PLC0415 - only on this road

    return await about(settings, world=HouseWorld(access.files), house=access.folder)


async def async_order(
    access: HouseAccess, chosen: Chosen | None, server: ServerFacts, settings: Settings
) -> None:
    """Order what does not lie ready. Raises `HousekeyError`, with the house as before."""
    must_be_known(server)
    with access.held() as house:
        signing = signing_for(access, house, settings, chosen, by_hand=True)
        yaml = yaml_settings(access)
        drawn = draw(access, house, server, signing, yaml=yaml, internal_url=None)
        await async_prepare(signing, drawn)


async def async_apply(
    access: HouseAccess, application: Application, server: ServerFacts, settings: Settings
) -> None:
    """Let the names lead here, if they shall; register with the CA, and order. As `async_order`."""
    if application.point is not None and application.credentials is not None:
        from housekey.public.duckdns import point_all  # noqa: PLC0415 - only for it

        names, world = led_by_duckdns(application.settings), HouseWorld(access.files)
        await point_all(names, (application.point,), application.credentials, world=world)
    await async_order(access, application.road, server, settings)


def led_by_duckdns(settings: PublicSettings) -> tuple[str, ...]:
    """Return the names that can be let lead anywhere; the proof for others may be there, too."""
    from housekey.public.duckdns import PROVIDER, domain_of, holds  # noqa: PLC0415 - only for it

    if settings.provider != PROVIDER:
        return ()
    return tuple(dict.fromkeys(domain_of(each) for each in settings.names if holds(each)))


def kept_credentials(access: HouseAccess, provider: str) -> Mapping[str, Secret]:
    """Return those that the house has for a provider; in an executor. Raises as `kept`."""
    from housekey.public.credentials import kept  # noqa: PLC0415 - only on this road

    return kept(access.folder, provider, files=access.files) or {}


async def async_keep_credentials(
    access: HouseAccess,
    settled: PublicSettings,
    credentials: Mapping[str, Secret],
    server: ServerFacts,
    settings: Settings,
) -> None:
    """Try others out, and keep them in their place. As `async_order`."""
    await async_order(access, Application(settled, credentials).road, server, settings)
