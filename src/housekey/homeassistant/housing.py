"""The house of a run of `secure`: opened and locked, or made; and in whose name.

Apart from secure.py because a request for a CA of one's own needs it too, and changes nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import CodeNotNoted, HouseMissing
from housekey.house.house import House
from housekey.house.lock import LOCK_SECONDS, house_lock

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Mapping
    from pathlib import Path

    from housekey.homeassistant.look import View
    from housekey.homeassistant.request import Asker
    from housekey.homeassistant.site import World
    from housekey.house.house import NewHouse


def opened_house(folder: Path, held: contextlib.ExitStack, world: World) -> House | None:
    """Open and lock the house in `folder` for as long as `held` is; None: there is none.

    Raises as `House.open`, and `HouseBusy`.
    """
    try:
        house = House.open(folder, files=world.files, clock=world.clock)
    except HouseMissing:
        return None
    held.enter_context(house)
    held.enter_context(house_lock(folder, wait=LOCK_SECONDS, files=world.files))
    return house


def create_house(
    new: NewHouse, folder: Path, held: contextlib.ExitStack, world: World, asker: Asker
) -> House:
    """Put a new house on the disk, and lock it.

    The code is shown first: a house must not be there whose code nobody has seen. Raises
    `CodeNotNoted`, and as `NewHouse.write`.
    """
    if not asker.note_code(new.recovery_code):
        raise CodeNotNoted
    house = new.write(folder, world.files, there=lambda: asker.created(new.recovery_code))
    held.enter_context(house_lock(house.folder, wait=LOCK_SECONDS, files=world.files))
    return house


def whose(view: View, given: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a subject: Home Assistant's country and name, or what was said.

    Clients decide by the names alone; that the iOS app wants complete fields was reported.
    """
    fields = {"organization": "Home"}
    if view.instance is not None:
        fields["organization"] = _shortened(view.instance.location_name)
        if view.instance.country:
            fields["country"] = view.instance.country
    return {**fields, **given}


def _shortened(text: str, most_bytes: int = 64) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore").strip() or "Home"
