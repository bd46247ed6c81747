"""One round: look at every certificate of a house, renew what is due, and deliver it.

`housekey renew` is one round, `housekey run` one a day. Home Assistant comes last: what is for
anything else must not wait until it has restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from housekey.errors import CopyNotRenewed
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.exported import NO_COPIES, Copied, behind, copies_of
from housekey.house.house import House
from housekey.house.lock import house_lock
from housekey.pki.encoding import fingerprint
from housekey.renewal.due import short_lived_due_at
from housekey.renewal.home import HomeStanding, home_standing
from housekey.renewal.home_renewing import renew_home
from housekey.renewal.renewing import chosen, given_up, make_up, others, renew, standing_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from housekey.errors import HousekeyError
    from housekey.homeassistant.site import World
    from housekey.house.leaves import Leaf
    from housekey.house.records import Event
    from housekey.renewal.delivery import Delivery, QuietHours
    from housekey.renewal.due import Due
    from housekey.renewal.home import Home
    from housekey.renewal.home_renewing import HomeRenewed
    from housekey.renewal.renewing import Renewed, Standing


@dataclass(frozen=True, slots=True)
class Asked:
    """What a round is to do."""

    quiet: QuietHours
    labels: tuple[str, ...] = ()  # these alone; empty: all
    everything: bool = False  # what is not due as well
    dry_run: bool = False
    at_once: bool = False  # do not wait for the quiet hours
    rest: timedelta = timedelta()  # how long after new names Home Assistant gets no others


class Became(StrEnum):
    """What became of a certificate in a round."""

    GOOD = "good"  # it is not due
    RENEWED = "renewed"
    WAITS = "waits"  # for the quiet hours
    WOULD = "would-renew"  # a dry run
    UNUSED = "unused"  # Home Assistant presents another, as its owner has chosen
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One certificate in a round."""

    label: str
    became: Became
    leaf: Leaf | None  # what the house has for it now; None: it cannot be read
    due: Due | None = None
    owed: bool = False  # it is good, and is not what Home Assistant presents
    delivery: Delivery | None = None  # Home Assistant's alone
    copies: Copied = NO_COPIES
    trouble: HousekeyError | None = None
    warnings: tuple[str, ...] = ()
    presented_until: datetime | None = None  # Home Assistant's alone
    rests_until: datetime | None = None  # new names came too soon after others
    due_at: datetime | None = None  # Home Assistant's alone: when it will be due

    @property
    def ends(self) -> datetime | None:
        """When what is in use ends."""
        if self.presented_until is not None and self.became is not Became.RENEWED:
            return self.presented_until
        return None if self.leaf is None else self.leaf.certificate.not_valid_after_utc

    @property
    def sha256(self) -> str | None:
        return None if self.leaf is None else fingerprint(self.leaf.certificate)


async def go_round(folder: Path, home: Home | None, asked: Asked, world: World) -> tuple[Item, ...]:
    """Go the round of the house in `folder`.

    What fails of one certificate is in its item, and stops no other. Raises as `House.open`, as
    the ledger, `HouseBusy`, and UsageError for a label that is not there.
    """
    with House.open(folder, files=world.files, clock=world.clock) as house:
        revoked = house.ledger.revoked()
        labels = chosen(house, asked.labels) or _all(house, revoked, everything=asked.everything)
        wanted = [label for label in labels if label != HOME_ASSISTANT]
        standing = [
            standing_of(house, label, now=world.clock(), revoked=revoked) for label in wanted
        ]
        items = _others(house, standing, asked, world)
        if HOME_ASSISTANT not in labels:
            return items
        known = standing_of(house, HOME_ASSISTANT, now=world.clock(), revoked=revoked)
        at_home = None
        if home is not None:
            at_home = await home_standing(house, home, world, rest=asked.rest)
    if home is None or at_home is None:
        return (*items, _not_at_home(known))
    return (*items, await _at_home(folder, home, at_home, asked, world))


def _all(house: House, revoked: Mapping[str, Event], *, everything: bool) -> tuple[str, ...]:
    """Return the labels of a round that was not told any."""
    if everything:
        gone = set(given_up(house, revoked))
        return tuple(
            label for label in house.labels() if label not in gone and house.ever_had(label)
        )
    home = (HOME_ASSISTANT,) if HOME_ASSISTANT in house.labels() else ()
    return (*others(house, revoked), *home)


def _others(
    house: House, standing: Sequence[Standing], asked: Asked, world: World
) -> tuple[Item, ...]:
    to_do = [
        each.label
        for each in standing
        if each.leaf is not None and (each.due is not None or asked.everything)
    ]
    copies = copies_of(house)
    missed = [
        each.leaf
        for each in standing
        if each.leaf is not None
        and each.label not in to_do
        and behind(each.leaf, copies.get(each.label, {}))
    ]
    now = world.clock()
    if asked.dry_run:
        made_up = make_up(house, missed, now=now, dry=True)
        return tuple(
            _item(each, None, made_up.get(each.label), dry=True, to_do=each.label in to_do)
            for each in standing
        )
    done: dict[str, Renewed] = {}
    made_up = {}
    if to_do or missed:
        with (
            house_lock(house.folder, files=world.files),
            # As it is now: while the lock was waited for, it may have been rotated or restored.
            House.open(house.folder, files=world.files, clock=world.clock) as held,
        ):
            renewed = renew(held, to_do, everything=asked.everything, now=now)
            leaves = (held.leaf(leaf.label) for leaf in missed)
            made_up = make_up(held, (leaf for leaf in leaves if leaf is not None), now=now)
        done = {each.label: each for each in renewed}
    return tuple(
        _item(each, done.get(each.label), made_up.get(each.label), dry=False, to_do=False)
        for each in standing
    )


def _item(
    standing: Standing,
    done: Renewed | None,
    made_up: Copied | CopyNotRenewed | None,
    *,
    dry: bool,
    to_do: bool,
) -> Item:
    if done is not None:
        return Item(
            done.label,
            Became.FAILED if done.trouble is not None else Became.RENEWED,
            done.leaf or done.before,
            done.due,
            copies=done.copies,
            trouble=done.trouble,
        )
    trouble, copies = standing.trouble, NO_COPIES
    if isinstance(made_up, CopyNotRenewed):
        trouble = made_up
    elif made_up is not None:
        copies = made_up
    became = Became.GOOD
    if trouble is not None:
        became = Became.FAILED
    elif to_do or (dry and copies.done):
        became = Became.WOULD
    return Item(standing.label, became, standing.leaf, standing.due, copies=copies, trouble=trouble)


def _not_at_home(known: Standing) -> Item:
    """Home Assistant's certificate in a house that has no Home Assistant: it was put back."""
    became = Became.FAILED if known.leaf is None else Became.UNUSED
    return Item(HOME_ASSISTANT, became, known.leaf, known.due, trouble=known.trouble)


async def _at_home(
    folder: Path, home: Home, standing: HomeStanding, asked: Asked, world: World
) -> Item:
    to_do = standing.to_do or (asked.everything and standing.serves)
    done: HomeRenewed | None = None
    if to_do and not asked.dry_run:
        done = await renew_home(
            folder,
            home,
            standing,
            quiet=asked.quiet,
            at_once=asked.at_once,
            everything=asked.everything,
            world=world,
        )
    return Item(
        HOME_ASSISTANT,
        _became(standing, done, to_do=to_do),
        standing.leaf if done is None or done.leaf is None else done.leaf,
        standing.due,
        owed=standing.owed,
        delivery=None if done is None else done.delivery,
        trouble=standing.trouble if done is None else done.trouble,
        warnings=() if done is None else done.warnings,
        rests_until=standing.rests_until,
        due_at=_due_at(standing, done),
        presented_until=(
            standing.presents.not_valid_after_utc
            if standing.serves and standing.presents is not None
            else None
        ),
    )


def _due_at(standing: HomeStanding, done: HomeRenewed | None) -> datetime | None:
    """Return when it will be due, also of a new one; what its CA suggests of that is asked then."""
    if done is None or done.leaf is None:
        return standing.due_at
    return short_lived_due_at(done.leaf.certificate)


def _became(standing: HomeStanding, done: HomeRenewed | None, *, to_do: bool) -> Became:
    if standing.leaf is None or (done is not None and done.trouble is not None):
        return Became.FAILED
    if done is not None:
        return Became.WAITS if done.leaf is None else Became.RENEWED
    if to_do:
        return Became.WOULD
    if standing.serves:
        return Became.GOOD
    if standing.trouble is None:
        return Became.UNUSED
    return Became.GOOD if standing.due is None else Became.FAILED
