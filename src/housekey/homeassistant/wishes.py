"""Which names the certificate is to have: what was found, and what --name and --no-name say.

What was said once is kept in the ledger, so that a renewal without the options does not
forget it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from housekey.errors import NotPermitted, PermitRefused
from housekey.homeassistant.look import uuid_of
from housekey.homeassistant.names import choose_names, gather, this_machine
from housekey.homeassistant.recorded import LABEL
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.homeassistant.client import InstanceConfig
    from housekey.homeassistant.look import View
    from housekey.homeassistant.names import Names
    from housekey.homeassistant.request import Request
    from housekey.homeassistant.site import World
    from housekey.house.house import House
    from housekey.pki.names import Name

NAMES_CHOSEN = "names-chosen"  # ledger: what --name and --no-name said


async def wished_names(request: Request, view: View, house: House | None, world: World) -> Names:
    """Find and choose the names. Raises as `choose_names` does, NotPermitted and PermitRefused."""
    return await names_at(view.site.door.url, view.instance, request, house, world)


async def names_at(
    url: str,
    instance: InstanceConfig | None,
    request: Request,
    house: House | None,
    world: World,
) -> Names:
    """Find and choose the names of what answers at `url`, whether or not it could be asked."""
    add, remove = _said(request, house)
    candidates = await gather(
        url,
        machine=this_machine(),
        resolver=world.resolve,
        internal_url=instance.internal_url if instance is not None else None,
        external_url=instance.external_url if instance is not None else None,
        announced=await _announced(request, instance, world),
    )
    kept = () if request.renewal is None else map(str, request.renewal.keep)
    names = choose_names(
        candidates, add=(*add, *(name for name in kept if name not in remove)), remove=remove
    )
    asked = tuple(map(parse_name, request.add))
    if not _signs(request, house):
        return names  # somebody else does, and the house's constraints are not theirs
    if house is None:
        return _permittable(names, asked=asked)
    return _permitted(names, house, asked=asked)


def remember_wishes(request: Request, house: House, world: World) -> Callable[[], None]:
    """Keep what --name and --no-name said, now and before; return what forgets it again.

    Forgetting is for a change that was put back: else the next renewal would go by it.
    """
    if not (request.add or request.remove):
        return lambda: None
    add, remove = _said(request, house)
    last = house.ledger.events(1, kind=NAMES_CHOSEN)
    kept = {"add": list(add), "remove": list(remove)}
    before = last[0].data if last else {"add": [], "remove": []}

    def note(names: Mapping[str, Any]) -> None:
        house.ledger.record_event(NAMES_CHOSEN, at=world.clock(), by="secure", data=names)

    note(kept)
    return lambda: note(before)


def _said(request: Request, house: House | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names to add and to remove; what is said now undoes what was said before."""
    last = house.ledger.events(1, kind=NAMES_CHOSEN) if house is not None else ()
    before: Mapping[str, Any] = last[0].data if last else {}
    add = dict.fromkeys((*before.get("add", ()), *request.add))
    remove = dict.fromkeys((*before.get("remove", ()), *request.remove))
    return (
        tuple(name for name in add if name not in request.remove),
        tuple(name for name in remove if name not in request.add),
    )


async def _announced(
    request: Request, instance: InstanceConfig | None, world: World
) -> tuple[str | None, ...]:
    """Return the addresses that this very Home Assistant announces by mDNS."""
    if instance is None or "zeroconf" not in instance.components:
        return ()
    uuid = uuid_of(request.folder, world.files.read)
    heard = [each for each in await world.browse() if uuid and each.uuid == uuid]
    return tuple(url for each in heard for url in (each.internal_url, each.base_url))


def _signs(request: Request, house: House | None) -> bool:
    """Whether the house itself is to sign for the names."""
    if request.road is not None:
        return request.road.names is None
    return house is None or house.road_of(LABEL) is None


def _permitted(names: Names, house: House, *, asked: tuple[Name, ...]) -> Names:
    """Leave out what the house may not issue for; raise `NotPermitted` for what was asked for."""
    refused = house.constraints.refused(names.chosen)
    if wrong := tuple(name for name in asked if name in refused):
        raise NotPermitted(tuple(map(str, wrong)), permitted=house.constraints.described())
    reason = "the house may not issue for it (its constraints were fixed when it was created)"
    return replace(
        names,
        chosen=tuple(name for name in names.chosen if name not in refused),
        skipped=(*names.skipped, *((str(name), reason) for name in refused)),
    )


def _permittable(names: Names, *, asked: tuple[Name, ...]) -> Names:
    """Leave out what no house should ever be permitted: a machine that is called `media`."""
    skipped = []
    for name in names.chosen:
        try:
            DEFAULT_CONSTRAINTS.widened((name,))
        except PermitRefused as refusal:
            if name in asked:
                raise
            skipped.append((str(name), refusal.message))
    left_out = {text for text, _ in skipped}
    return replace(
        names,
        chosen=tuple(name for name in names.chosen if str(name) not in left_out),
        skipped=(*names.skipped, *skipped),
    )
