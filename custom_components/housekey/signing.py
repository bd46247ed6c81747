"""Who signs Home Assistant's certificate: the house, or somebody on another road.

As the house stands, or as the user has just chosen. Nothing here is about ACME or DNS: that is the
library's, behind its `Authority`, and is loaded only on the road of a public name.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from housekey.homeassistant.authority import authority_of, names_on
from housekey.homeassistant.recorded import LABEL
from housekey.house.road import ROAD

from .house_access import due_at, is_public, now

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from housekey.homeassistant.authority import Authority, Chosen
    from housekey.homeassistant.plan import Plan
    from housekey.homeassistant.site import World
    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.journal import Transaction
    from housekey.house.leaves import Leaf
    from housekey.pki.names import Name

    from .house_access import HouseAccess
    from .settings import Settings

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HouseWorld:
    """What an authority acts through."""

    files: Files
    clock: Callable[[], datetime] = now
    tell: Callable[[str, str], None] = lambda label, text: _LOGGER.info("%s: %s", label, text)
    busy: Callable[[str], None] = lambda what: _LOGGER.debug("%s", what)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs, and for which names."""

    authority: Authority
    names: tuple[Name, ...]
    settings: Settings  # what the user has chosen, as far as this road leaves a choice
    due: str | None = None  # why a new certificate is due, where the plan itself cannot see it

    def is_issuing(self, drawn: Plan) -> bool:
        """Whether a plan wants something of somebody else than the house."""
        return (drawn.issue is not None or drawn.settle) and self.authority.road is not None


def signing_for(
    access: HouseAccess,
    house: House,
    settings: Settings,
    chosen: Chosen | None,
    *,
    by_hand: bool = False,
) -> Signing:
    """Return who signs: on the road of the house, or on the one that was `chosen`.

    `by_hand`: somebody has just asked for it.
    """
    world = cast("World", HouseWorld(access.files))  # as much of one as an authority needs
    if chosen is None:
        authority = authority_of(house, world, by_hand=by_hand)
    else:
        authority = chosen.authority(house, world)
    fixed = names_on(house) if chosen is None else chosen.names
    if fixed is not None:
        # How long it is good for is for its CA to say, and when it wants to renew it.
        due = None if chosen is not None or not _is_wanted_by_ca(house) else "its CA suggests it"
        return Signing(authority, fixed, replace(settings, names=fixed, days=None), due)
    leaf = house.leaf(LABEL)
    names = settings.names or (() if leaf is None else leaf.names)
    refused = house.constraints.refused(names)
    return Signing(authority, tuple(name for name in names if name not in refused), settings)


async def async_ask_when(access: HouseAccess, house: House) -> None:
    """Ask the CA when it wants to renew, if it is time to ask; what it says is in the house."""
    road, leaf = house.road_of(LABEL), house.leaf(LABEL)
    if road is None or leaf is None or not is_public(house):
        return
    from housekey.public.ari import suggestion_for  # noqa: PLC0415 - only on this road
    from housekey.public.settings import PublicSettings  # noqa: PLC0415

    settings = PublicSettings.of(road)
    await suggestion_for(house, leaf.certificate, settings, world=HouseWorld(access.files))


def _is_wanted_by_ca(house: House) -> bool:
    leaf = house.leaf(LABEL)
    return leaf is not None and is_public(house) and house.clock() >= due_at(house, leaf)


async def async_prepare(signing: Signing, drawn: Plan) -> bool:
    """Get what a plan wants signed by somebody else; may take minutes. Raises `HousekeyError`.

    What lies ready from before is found again, and nobody is asked. Returns whether it is for the
    key that the plan counts on; else another plan is to be made, with another key.
    """
    if not signing.is_issuing(drawn):
        return True
    return await signing.authority.prepare(drawn, signing.names)


def take_road(
    access: HouseAccess, house: House, authority: Authority, transaction: Transaction
) -> None:
    """Keep by which road the certificate comes: a renewal must go the same."""
    path, road, files = house.folder / ROAD, authority.road, access.files
    found = files.snapshot(path)
    if road is None:
        if found is not None:
            with transaction.step("road", transaction.removing(path)):
                files.remove(path)
        return
    data = road.to_json()
    if found is None or found.data != data:
        with transaction.step("road", transaction.writing(path, data)):
            files.write(path, data, mode=0o600)


def issued(house: House, signing: Signing, drawn: Plan) -> Leaf:
    """Return the leaf that a plan wants: the one there is, or a new one that was prepared."""
    present = house.leaf(LABEL)
    if drawn.issue is None and present is not None:
        return present
    return signing.authority.issue(drawn, signing.names, None)
