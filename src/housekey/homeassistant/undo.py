"""`housekey undo`: a Home Assistant back to what it was before housekey first touched it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import HousekeyError
from housekey.homeassistant.look import look
from housekey.homeassistant.put_back import put_back_of
from housekey.homeassistant.secure import met_under
from housekey.house.house import House
from housekey.house.journal import Journal, State
from housekey.house.lock import LOCK_SECONDS, house_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from housekey.homeassistant.site import Door, World
    from housekey.house.journal import Transaction
    from housekey.pki.secret import Secret


@dataclass(frozen=True, slots=True)
class Undone:
    """What `undo` came to."""

    folder: Path
    version: str
    url: str  # where Home Assistant answers now
    changed: bool = False  # False: there was nothing to undo
    files: tuple[Path, ...] = ()  # put back or removed
    warnings: tuple[str, ...] = ()


async def undo(
    *,
    house: Path,
    folder: Path,
    door: Door,
    token: Secret | None,
    restart_command: str | None,
    world: World,
) -> Undone:
    """Bring back the configuration and the files from before, and see Home Assistant answer.

    The house stays: its root may be on phones already. Raises `SwitchFailed`
    when Home Assistant could not be seen to answer as before, and any other
    `HousekeyError` with nothing changed.
    """
    with (
        House.open(house, files=world.files, clock=world.clock) as opened,
        house_lock(house, wait=LOCK_SECONDS, files=world.files),
    ):
        view = await look(
            folder=folder,
            door=door,
            token=token,
            world=world,
            **met_under(opened),
            ready=False,
        )
        site = view.site
        world.tell("found", f"Home Assistant {site.version} at {site.door.url} ({site.folder})")
        journal = Journal(house / "journal", files=world.files, clock=world.clock, hook=world.hook)
        mine = [t for t in journal.standing() if t.target.get("folder") == str(site.folder)]
        if not mine:
            world.tell("nothing", "to undo: housekey has changed nothing here")
            return Undone(site.folder, site.version, site.door.url)
        way_back = put_back_of(mine, site=site, world=world, restart_command=restart_command)
        await way_back.run(must_answer=True)
        # It answers as before: what fails from here on is no failure of that.
        left = {trouble.path for trouble in way_back.files.left}
        files = tuple(f.path for f in way_back.before.files if f.path not in left)
        warnings = [*way_back.warnings, *_noted(opened, mine, folder, world, tidy=not left)]
    world.tell("undone", f"Home Assistant answers at {way_back.old_door.url}, as before")
    world.tell("house", f"stays in {house}: devices may trust its root already")
    return Undone(
        folder=site.folder,
        version=site.version,
        url=way_back.old_door.url,
        changed=True,
        files=files,
        warnings=tuple(warnings),
    )


def _noted(
    house: House, undone: Sequence[Transaction], folder: Path, world: World, *, tidy: bool
) -> Iterator[str]:
    """Write down that it is done, in journal and ledger; yield what could not be.

    While something is still to be tidied up the journal has to know of it.
    """
    try:
        for transaction in reversed(undone) if tidy else ():
            transaction.close(State.UNDONE)
        done = {"folder": str(folder)}
        house.ledger.record_event("undone", at=world.clock(), by="undo", data=done)
    except HousekeyError as trouble:
        yield f"it is done, but the house has no note of it: {trouble.message}"
        tidy = False
    if not tidy:
        yield "run housekey undo again when that is mended: it does what is left"
