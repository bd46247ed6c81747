"""Home Assistant's certificate: whether it is due or not yet presented, and giving it a new one.

The way is the switch of `secure`, journalled and proven from outside; only that the running server
is given the certificate by the integration, where it is there, or else that the restart waits for
the quiet hours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import (
    HomeAssistantTrouble,
    HousekeyError,
    NotReady,
    RenewalFailed,
    Unreachable,
)
from housekey.homeassistant.examine import is_emergency
from housekey.homeassistant.look import look
from housekey.homeassistant.put_back import doors_of
from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.request import Renewal, Request
from housekey.homeassistant.secure import secure
from housekey.homeassistant.site import Door, Interrupted
from housekey.homeassistant.wishes import names_at
from housekey.house.exported import DELIVERED
from housekey.house.house import House
from housekey.house.journal import Journal
from housekey.house.who import who
from housekey.live.handshake import Speech, speaks
from housekey.live.presented import presented_by
from housekey.pki.encoding import certificate_to_pem, fingerprint
from housekey.pki.names import DnsName, IpName
from housekey.renewal.delivery import Delivery, QuietHours, Way, choose_delivery
from housekey.renewal.due import Due, Why
from housekey.renewal.renewing import RENEWED, standing_of

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.look import View
    from housekey.homeassistant.plan import Facts, Plan
    from housekey.homeassistant.request import Result
    from housekey.homeassistant.site import World
    from housekey.house.leaves import Leaf
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret

_FEW = 100  # events to look back
NO_TOKEN_HINT = "let it keep a token, once: housekey secure --remember"  # noqa: S105


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
    trouble: HousekeyError | None = None  # why it could not be looked at in full

    @property
    def to_do(self) -> bool:
        return self.serves and (self.due is not None or self.owed)


@dataclass(frozen=True, slots=True)
class HomeRenewed:
    """What became of it."""

    due: Due | None
    delivery: Delivery | None = None  # None: it failed before a way was chosen
    leaf: Leaf | None = None  # what is proven to be presented; None: it waits, or it failed
    trouble: HousekeyError | None = None
    warnings: tuple[str, ...] = ()


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
        trouble=trouble,
    )


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
    if home.token is not None:
        try:
            view = await _look(house, home, world)
            instance = view.instance
        except HomeAssistantTrouble as error:
            trouble = error
    request = _request(house.folder, home, keep)
    try:
        found = await names_at(home.door.url, instance, request, house, world)
    except HousekeyError as error:
        return (), error
    leaf = house.leaf(LABEL)
    had = leaf is not None and any(map(_leads_home, leaf.names))
    if had and not any(map(_leads_home, found.chosen)):
        return (), trouble
    return found.chosen, trouble


async def _look(house: House, home: Home, world: World) -> View:
    return await look(
        folder=home.folder,
        door=home.door,
        token=home.token,
        world=world,
        root=house.root,
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


def _request(house: Path, home: Home, keep: tuple[Name, ...]) -> Request:
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


async def renew_home(
    house: Path,
    home: Home,
    standing: HomeStanding,
    *,
    quiet: QuietHours,
    at_once: bool,
    everything: bool,
    world: World,
) -> HomeRenewed:
    """Renew and deliver, or wait for the quiet hours; `at_once` does not wait.

    `everything` renews what is not due. Raises only `Interrupted`: what failed is in the answer,
    and Home Assistant is as before. The caller must not hold the house's lock.
    """
    due = standing.due
    if home.token is None and home.restart_command is None:
        trouble = RenewalFailed(
            "there is no token to sign in to Home Assistant with", hint=NO_TOKEN_HINT
        )
        return HomeRenewed(due, trouble=trouble)
    gate = _Gate(home, standing, quiet=quiet, at_once=at_once, world=world)
    try:
        with House.open(house, files=world.files, clock=world.clock) as opened:
            gate.root_pem = certificate_to_pem(opened.root)
        asked = "asked for" if everything else None
        renewal = Renewal(
            why=due.reason if due is not None else asked,
            keep_key=due is None or due.why is not Why.REVOKED,
            keep=standing.keep,
            live=gate.live,
        )
        request = _request(house, home, standing.keep)
        result = await secure(replace(request, renewal=renewal), world, _Nobody())
    except _Waits as waits:
        return HomeRenewed(due, waits.delivery)
    except Interrupted:
        raise  # put back, and whoever asked to stop is to hear of it
    except HousekeyError as trouble:
        return HomeRenewed(due, gate.delivery, trouble=trouble)
    return _done(house, home, due, gate=gate, result=result, world=world)


def _done(
    house: Path, home: Home, due: Due | None, *, gate: _Gate, result: Result, world: World
) -> HomeRenewed:
    outcome = result.outcome
    assert outcome is not None  # noqa: S101 - no dry run
    if not outcome.kept:
        owed = RenewalFailed(
            "the new certificate lies in Home Assistant's folder, and waits for a restart that"
            " only you can give",
            hint="restart Home Assistant, then run housekey renew again to prove it",
        )
        return HomeRenewed(due, gate.delivery, trouble=owed, warnings=result.warnings)
    warnings = list(result.warnings)
    way = gate.delivery.way if gate.delivery is not None else Way.LIVE
    try:
        with House.open(house, files=world.files, clock=world.clock) as opened:
            sha256 = fingerprint(outcome.leaf.certificate)
            told = {"label": LABEL}
            if result.plan.issue is not None:
                data = {**told, "why": due.why.value if due is not None else "asked for"}
                opened.ledger.record_event(
                    RENEWED, at=world.clock(), by=who(), sha256=sha256, data=data
                )
            data = {**told, "to": str(home.folder), "way": way.value}
            opened.ledger.record_event(
                DELIVERED, at=world.clock(), by=who(), sha256=sha256, data=data
            )
    except HousekeyError as trouble:
        warnings.append(f"the ledger does not have it: {trouble.message}")
    return HomeRenewed(due, gate.delivery, outcome.leaf, warnings=tuple(warnings))


class _Waits(Exception):
    """Nothing is done before the quiet hours."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery.reason)
        self.delivery = delivery


class _Gate:
    """Decides, once it is known what is to be done, by which way and when."""

    def __init__(
        self,
        home: Home,
        standing: HomeStanding,
        *,
        quiet: QuietHours,
        at_once: bool,
        world: World,
    ) -> None:
        self._home = home
        self._standing = standing
        self._quiet = quiet
        self._at_once = at_once
        self._world = world
        self.root_pem = b""
        self.delivery: Delivery | None = None

    async def live(self, view: View, _facts: Facts, drawn: Plan) -> bool:
        """Return whether the running server is given it. Raises _Waits and RenewalFailed."""
        if not drawn.touches_server:
            return False
        now = self._world.clock().astimezone()
        self.delivery = choose_delivery(
            not_live=await self._not_live(view, drawn),
            cannot_restart=None,
            quiet=self._quiet,
            served_until=self._served_until(now),
            now=now,
        )
        if self.delivery.way is Way.LIVE:
            return True
        if not self._at_once and self.delivery.at is not None and self.delivery.at > now:
            raise _Waits(self.delivery)
        await self._must_be_able_to_restart(view)
        return False

    async def _must_be_able_to_restart(self, view: View) -> None:
        """Raise NotReady where Home Assistant would refuse a restart, or not come up again."""
        instance = view.instance
        if instance is None:
            return  # nobody can ask
        if instance.recovery_mode or instance.state != "RUNNING":
            what = "in recovery mode" if instance.recovery_mode else "still starting"
            raise NotReady(
                f"Home Assistant is {what}, and is not restarted for its certificate now",
                hint="home-assistant.log tells more; run housekey renew again when it runs",
            )
        async with view.site.client(view.site.door) as client:
            check = await client.check_config()
        if not check.valid:
            raise NotReady(
                "Home Assistant's configuration has errors, and it would refuse to restart:"
                f" {check.errors}",
                hint="mend them: Developer tools > YAML > Check configuration shows them",
            )

    async def _not_live(self, view: View, drawn: Plan) -> str | None:
        if drawn.configure or drawn.edit_yaml:
            return "the certificate has another key, and Home Assistant has to read other files"
        if view.site.token is None:
            return "housekey has no token to ask the integration with"
        async with view.site.client(view.site.door) as client:
            answer = await client.load_certificate(root_pem=self.root_pem, only_ask=True)
        return answer.reason or None

    def _served_until(self, now: datetime) -> datetime | None:
        """Return until when devices accept what is presented: a revoked one must not wait."""
        if self._standing.revoked:
            return now
        due = self._standing.due
        if due is not None and due.why is Why.REVOKED:
            return now
        presents = self._standing.presents
        return None if presents is None else presents.not_valid_after_utc


class _Nobody:
    """Asks nobody: a renewal affects nothing that the switch has not affected already."""

    def go_on(self, impacts: tuple[Impact, ...]) -> bool:  # noqa: ARG002 - as said
        return True

    def note_code(self, code: RecoveryCode) -> bool:  # noqa: ARG002 - a renewal makes no house
        return False

    def created(self, code: RecoveryCode) -> None:
        """Never: a renewal makes no house."""
