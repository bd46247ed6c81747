"""The first order on the road of a public name: account, credentials, certificate.

What comes of it lies ready in the house; Home Assistant itself is not touched. For
`apart.async_apart`: it opens the house in its own thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.house.road import DNS

from .signing import HouseWorld, async_prepare, signing_for
from .switch_files import draw, must_be_known, yaml_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Address

    from housekey.homeassistant.authority import Chosen
    from housekey.house.house import House
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
    credentials: Mapping[str, Secret]
    eab_hmac: Secret | None = None
    point: IPv4Address | None = None  # where the name shall lead; None: it stays as it is


async def async_about(access: HouseAccess, settings: PublicSettings) -> About:
    """Ask the CA what it says of itself. Raises `HousekeyError`."""
    from housekey.public.account import about  # noqa: PLC0415 - only on this road

    return await about(settings, world=HouseWorld(access.files))


async def async_apply(
    access: HouseAccess,
    application: Application,
    chosen: Chosen,
    server: ServerFacts,
    settings: Settings,
) -> None:
    """Register with the CA, and order. Raises `HousekeyError`, with the credentials as before."""
    from housekey.public.account import register  # noqa: PLC0415 - only on this road

    must_be_known(server)
    public, world = application.settings, HouseWorld(access.files)
    with access.held() as house:
        path = house.folder / DNS
        before = access.files.snapshot(path)
        try:
            keep_credentials(access, application)
            if application.point is not None:
                await _point(application, application.point, world)
            await register(
                house,
                public,
                agreed_terms=public.terms,
                eab_hmac=application.eab_hmac,
                world=world,
            )
            await _order(access, house, chosen, server, settings)
        except BaseException:
            if before is not None:  # of a public name that is in use, and has to be renewed
                access.files.restore(path, before)
            raise


async def async_order(
    access: HouseAccess, chosen: Chosen | None, server: ServerFacts, settings: Settings
) -> None:
    """Order once more what does not lie ready. Raises `HousekeyError`."""
    must_be_known(server)
    with access.held() as house:
        await _order(access, house, chosen, server, settings)


async def _order(
    access: HouseAccess,
    house: House,
    chosen: Chosen | None,
    server: ServerFacts,
    settings: Settings,
) -> None:
    signing = signing_for(access, house, settings, chosen)
    yaml = yaml_settings(access)
    drawn = draw(access, house, server, signing, yaml=yaml, internal_url=None)
    await async_prepare(signing, drawn)


async def _point(application: Application, address: IPv4Address, world: HouseWorld) -> None:
    from housekey.public.duckdns import point  # noqa: PLC0415 - only for it

    name = application.settings.names[0].removeprefix("*.")
    await point(name, (address,), application.credentials, world=world)


def kept_credentials(access: HouseAccess, provider: str) -> Mapping[str, Secret]:
    """Return those that the house has for a provider; in an executor. Raises as `kept`."""
    from housekey.public.credentials import kept  # noqa: PLC0415 - only on this road

    return kept(access.folder, provider, files=access.files) or {}


def keep_credentials(access: HouseAccess, application: Application) -> None:
    """Keep them in the house, for every renewal; the caller holds it. Raises `FileTrouble`."""
    from housekey.public.credentials import keep  # noqa: PLC0415 - only on this road
    from housekey.public.providers import provider  # noqa: PLC0415

    described = provider(application.settings.provider)
    keep(access.folder, described, application.credentials, files=access.files)
