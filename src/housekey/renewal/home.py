"""Home Assistant's certificate: whether it is due, or not yet presented. Nothing is changed here.

Giving it a new one is home_renewing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import (
    HomeAssistantTrouble,
    HousekeyError,
    NotReady,
    Unreachable,
)
from housekey.homeassistant.authority import names_on
from housekey.homeassistant.examine import is_emergency
from housekey.homeassistant.look import look
from housekey.homeassistant.put_back import doors_of
from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.request import Renewal, Request
from housekey.homeassistant.secure import met_under
from housekey.homeassistant.site import Door
from housekey.homeassistant.wishes import names_at
from housekey.house.journal import Journal
from housekey.house.road import Kind
from housekey.live.handshake import Speech, speaks
from housekey.live.presented import presented_by
from housekey.pki.encoding import fingerprint
from housekey.pki.names import DnsName, IpName
from housekey.renewal.due import Due, Why, short_lived_due_at
from housekey.renewal.renewing import RENEWED, standing_of
from housekey.renewal.suggested import ask_for, suggested_for

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.homeassistant.look import View
    from housekey.homeassistant.plan import Facts, Plan
    from housekey.homeassistant.site import World
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.road import Road
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret

_FEW = 100  # events to look back


@dataclass(frozen=True, slots=True)
class Home:
    """The Home Assistant of a house, and how it is spoken to."""

    folder: Path
    door: Door
    token: Secret | None
    restart_command: str | None = None


@dataclass(frozen=True, slots=True)
class HomeStanding:
    """How Home Assistant's certificate stands."""

    leaf: Leaf | None
    due: Due | None
    presents: Certificate | None  # None: no TLS came about
    serves: bool  # it presents a certificate of this house
    owed: bool  # it presents an earlier one than the house has issued for it
    revoked: bool  # what it presents was revoked
    rests_until: datetime | None = None  # new names came too soon after others
    keep: tuple[Name, ...] = ()  # its names that stay, whether or not they are found today
    by_hand: bool = False  # a CA of the user's own signs, and only they can ask it
    due_at: datetime | None = None  # of a short-lived one that is good: when it will be
    trouble: HousekeyError | None = None  # why it could not be looked at in full

    @property
    def to_do(self) -> bool:
        return self.serves and (self.due is not None or self.owed)


async def home_of(house: Path, world: World) -> tuple[Path, Door] | None:
    """Return folder and address of the Home Assistant that was secured last from this house.

    As the journal has it: nobody is asked. None when there is none, or all was undone.
    """
    journal = Journal(house / "journal", files=world.files, clock=world.clock)
    standing = journal.standing()
    if not standing:
        return None
    last = standing[-1]
    folder = last.target["folder"]
    mine = [each for each in standing if each.target["folder"] == folder]
    doors = [door for each in reversed(mine) for door in doors_of(each)]
    doors = [door for door in doors if door.scheme == "https"] or doors
    for door in doors:
        if await speaks(door.host, door.port) is Speech.TLS:
            return Path(folder), Door("https", door.host, door.port)
    return Path(folder), Door("https", doors[0].host, doors[0].port)


async def home_standing(
    house: House, home: Home, world: World, *, rest: timedelta = timedelta()
) -> HomeStanding:
    """Look how its certificate stands; nothing is changed. Raises only what the ledger raises.

    `rest`: how long after it got new names it gets no others.
    """
    presents = await presented_by(home.door.host, home.door.port)
    known = None if presents is None else house.ledger.certificate(fingerprint(presents))
    serves = known is not None and known.label == LABEL
    names: tuple[Name, ...] = ()
    keep = kept_names(house, home)
    if serves:
        names, trouble = await _names(house, home, keep, world)
        if (present := _leaf_of(house)) is not None:
            await ask_for(house, LABEL, present.certificate, world)
    else:
        trouble = await _why_not_served(home, presents)
    revoked = house.ledger.revoked()
    standing = standing_of(house, LABEL, now=world.clock(), names=names, revoked=revoked)
    if standing.leaf is None:
        return HomeStanding(
            None, None, presents, serves, owed=False, revoked=False, trouble=standing.trouble
        )
    if serves and not names:
        keep = standing.leaf.names
    due, rests_until = standing.due, None
    if due is not None and due.why is Why.NAMES:
        rests_until = _rests_until(house, rest, now=world.clock())
        due = due if rests_until is None else None
    met = fingerprint(presents) if serves and presents is not None else None
    return HomeStanding(
        leaf=standing.leaf,
        due=due,
        presents=presents,
        serves=serves,
        owed=met is not None and met != fingerprint(standing.leaf.certificate),
        revoked=met is not None and met in revoked,
        rests_until=rests_until,
        keep=keep,
        by_hand=_by_hand(house) is not None,
        due_at=None
        if due is not None
        else short_lived_due_at(
            standing.leaf.certificate, suggested_for(house, LABEL, standing.leaf.certificate)
        ),
        trouble=trouble,
    )


def _leaf_of(house: House) -> Leaf | None:
    try:
        return house.leaf(LABEL)
    except HousekeyError:
        return None  # told when it is looked at


def _by_hand(house: House) -> Road | None:
    """Return the road of a CA of the user's own, if that is the house's."""
    road = house.road_of(LABEL)
    return road if road is not None and road.kind is Kind.OWN else None


def _rests_until(house: House, rest: timedelta, *, now: datetime) -> datetime | None:
    """Say until when it gets no other names; None: it may now."""
    events = house.ledger.events(_FEW, kind=RENEWED)
    for_names = [
        event.at
        for event in events
        if event.data.get("label") == LABEL and event.data.get("why") == Why.NAMES.value
    ]
    if not for_names or now >= for_names[0] + rest or for_names[0] > now:
        return None
    return for_names[0] + rest


async def _why_not_served(home: Home, presents: Certificate | None) -> HousekeyError | None:
    """Say what is wrong with a Home Assistant that presents none of ours; None: it is as chosen."""
    if presents is not None and is_emergency(presents):
        return NotReady(
            "Home Assistant runs in recovery mode: it could not start as configured",
            hint="home-assistant.log tells why; mend that and restart it first",
        )
    if presents is None and await speaks(home.door.host, home.door.port) is Speech.NOTHING:
        return Unreachable(
            f"Home Assistant does not answer at {home.door.url}",
            hint="start it; if it listens elsewhere, say where with --url",
        )
    return None  # its owner has gone back to http, or to another certificate


async def _names(
    house: House, home: Home, keep: tuple[Name, ...], world: World
) -> tuple[tuple[Name, ...], HousekeyError | None]:
    """Return the names of today, and why Home Assistant could not be asked for some of them.

    No names: nothing can be said, because this machine has no network just now.
    """
    instance, trouble = None, None
    fixed = _public_names(house)
    if home.token is not None:
        try:
            view = await _look(house, home, world)
            instance = view.instance
        except HomeAssistantTrouble as error:
            trouble = error
    if fixed:
        return fixed, trouble  # whatever else may lead here
    request = request_to_renew(house.folder, home, keep)
    try:
        found = await names_at(home.door.url, instance, request, house, world)
    except HousekeyError as error:
        return (), error
    leaf = house.leaf(LABEL)
    had = leaf is not None and any(map(_leads_home, leaf.names))
    if had and not any(map(_leads_home, found.chosen)):
        return (), trouble
    road = _by_hand(house)
    if leaf is None or road is None:
        return found.chosen, trouble
    from housekey.homeassistant.own_authority import still_missing  # noqa: PLC0415 - rare

    return (*leaf.names, *still_missing(road, leaf.names, found.chosen)), trouble


def _public_names(house: House) -> tuple[Name, ...]:
    """Return what was settled on the road of a public name; none on others."""
    road = house.road_of(LABEL)
    if road is None or road.kind is not Kind.PUBLIC:
        return ()
    return names_on(house) or ()


async def _look(house: House, home: Home, world: World) -> View:
    return await look(
        folder=home.folder,
        door=home.door,
        token=home.token,
        world=world,
        **met_under(house),
        ready=False,
    )


def kept_names(house: House, home: Home) -> tuple[Name, ...]:
    """Return the names that stay though they may not be found here.

    Where the house is the integration's own, its settings have names too: neither must take the
    other's away, or they would renew in turn for ever.
    """
    leaf = house.leaf(LABEL)
    if leaf is None or house.folder.parent != home.folder.absolute():
        return ()
    return tuple(name for name in leaf.names if isinstance(name, DnsName))


def _leads_home(name: Name) -> bool:
    """Whether it is an address by which other devices come."""
    return isinstance(name, IpName) and not name.address.is_loopback


def request_to_renew(house: Path, home: Home, keep: tuple[Name, ...]) -> Request:
    """Return what `secure` is asked for, but for why, and how it is delivered."""

    async def never(_view: View, _facts: Facts, _drawn: Plan) -> bool:
        return False

    return Request(
        house=house,
        folder=home.folder,
        door=home.door,
        token=home.token,
        restart_command=home.restart_command,
        renewal=Renewal(why=None, keep_key=None, keep=keep, live=never),
    )
