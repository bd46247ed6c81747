"""When the CA of a public name suggests to renew it: asked by a round, remembered for all others.

Nothing here loads what the CA is asked with, unless it is time to ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HouseBusy
from housekey.house.lock import house_lock
from housekey.house.road import Kind

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.view import HouseView
    from housekey.public.world import World

_LOCK_SECONDS = 1.0  # it can wait for the next round


def suggested_for(house: HouseView, label: str, certificate: Certificate) -> datetime | None:
    """Return the moment that the house remembers; None: a third of the life left is what counts."""
    road = house.road_of(label)
    if road is None or road.kind is not Kind.PUBLIC:
        return None
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - only on this road
    from housekey.public.ari import due_at, kept_suggestion  # noqa: PLC0415

    kept = kept_suggestion(house)
    if kept is None or kept.sha256 != fingerprint(certificate):
        return None
    return due_at(certificate, kept)


async def ask_for(house: HouseView, label: str, certificate: Certificate, world: World) -> None:
    """Ask the CA, if it is a public one's and time to; what it says is remembered in the house.

    That it cannot be asked, or the house is busy, is no trouble: what was known before holds.
    """
    road = house.road_of(label)
    if road is None or road.kind is not Kind.PUBLIC:
        return
    from housekey.public.ari import kept_suggestion, must_ask, suggestion_for  # noqa: PLC0415
    from housekey.public.settings import PublicSettings  # noqa: PLC0415

    if not must_ask(certificate, kept_suggestion(house), now=world.clock()):
        return
    try:
        with house_lock(house.folder, wait=_LOCK_SECONDS, files=world.files):
            await suggestion_for(house, certificate, PublicSettings.of(road), world=world)
    except (HouseBusy, FileTrouble):
        return
