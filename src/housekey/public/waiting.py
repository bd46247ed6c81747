"""A CA that wants to be left alone: kept in the ledger, whatever it was asked, and left alone.

`Retry-After` with 429 is about whoever asks, and with 503 about the whole service (RFC 9110,
section 10.2.3), so a wish that was met with one question holds for all others that can wait, in
this process and the next. To revoke a certificate cannot.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from housekey.errors import CaAsksToWait, HouseMissing
from housekey.house.view import HouseView
from housekey.house.who import who
from housekey.public.limits import FAILED, WAIT, asked_to_wait, name_of, told_wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from housekey.public.limits import Wait
    from housekey.public.world import World

LEFT_ALONE = "it asked to be left alone until then"


def must_not_wait(house: HouseView, directory: str) -> None:
    """Raise `CaAsksToWait` while the CA of `directory` wants not to be asked; and as the ledger."""
    events = house.ledger.events(-1, kind=FAILED)
    wait = asked_to_wait(events, directory=directory, now=house.clock())
    if wait is not None:
        raise not_before(wait, directory)


def not_before(wait: Wait, directory: str) -> CaAsksToWait:
    """Return that the CA is not asked now."""
    return CaAsksToWait(
        f"{name_of(directory)} is not asked before {told_wait(wait)}: {wait.why}",
        hint="nothing was changed; run it again after that",
        until=wait.until,
        why=wait.why,
    )


@contextmanager
def kept(house: HouseView, directory: str, *, asked: str) -> Iterator[None]:
    """Keep the wish to wait that is met in the block, and let it through.

    `asked`: what the CA was asked for.
    """
    try:
        yield
    except CaAsksToWait as wish:
        house.ledger.record_event(
            FAILED,
            at=house.clock(),
            by=who(),
            data={
                "directory": directory,
                "reason": wish.why or LEFT_ALONE,
                "code": WAIT,
                "asked": asked,
                "counts": False,
                "until": wish.until.isoformat(),
            },
        )
        raise


@contextmanager
def honoured_in(folder: Path, directory: str, *, asked: str, world: World) -> Iterator[None]:
    """Run the block unless the CA wants to wait, and keep it if it does, in the house at `folder`.

    Where there is none yet, there is nobody to remember it. Raises as `must_not_wait` and
    `HouseView.open`.
    """
    try:
        house = HouseView.open(folder, files=world.files, clock=world.clock)
    except HouseMissing:
        yield
        return
    with house:
        must_not_wait(house, directory)
        with kept(house, directory, asked=asked):
            yield
