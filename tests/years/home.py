"""A home of fifty certificates under a simulated clock: its machine, its things, its devices.

Nothing of housekey is faked: the house lies on a disk, and what is done to it is done by the
functions that the commands call. Played are the clock, the things that present certificates
(`Thing`), Home Assistant (`HomeAssistantStandIn`), and the devices, which are what they trust.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import LABEL
from housekey.homeassistant.site import World
from housekey.house.files import Files
from housekey.house.house import House
from housekey.house.leaves import folder_name
from housekey.house.lock import house_lock
from housekey.pki.encoding import certificates_from_pem
from housekey.renewal.delivery import QuietHours, Way, choose_delivery
from housekey.renewal.due import Why
from housekey.renewal.renewing import renew, standing_of
from housekey.renewal.round import Asked, Became, go_round

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.leaves import Leaf
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name

DAY = timedelta(days=1)
QUIET = QuietHours(time(3), time(5))


@dataclass
class Clock:
    """The true time, and what the machine's clock says."""

    true: datetime
    says: datetime | None = None  # None: the truth

    def __call__(self) -> datetime:
        return self.says or self.true


@dataclass
class Thing:
    """A server that reads its files when it starts, which is each night."""

    label: str
    names: tuple[Name, ...]  # under which it is reached today
    chain: tuple[Certificate, ...] = ()  # what it presents; empty: it is off

    def start(self, folder: Path) -> None:
        """Read the file as it is, if it is another than the last time."""
        path = f"{folder}/leaves/{folder_name(self.label)}/certificate.pem"
        try:
            status = os.stat(path)  # noqa: PTH116 - a hundred and eighty thousand times
        except FileNotFoundError:
            return
        if (status.st_ino, status.st_mtime_ns) != self._read:
            self._read = (status.st_ino, status.st_mtime_ns)
            self.chain = certificates_from_pem(Path(path).read_bytes())

    _read: tuple[int, int] = (0, 0)


@dataclass
class HomeAssistantStandIn:
    """What Home Assistant does with its certificate: it reads it at its start, and keeps it.

    With the integration it is given another while it runs; without, it is restarted in the quiet
    hours. No Home Assistant: real ones are in tests/homes, tests/inside and tests/renewal.
    """

    names: tuple[Name, ...]  # under which it is reached today
    has_integration: bool = False
    chain: tuple[Certificate, ...] = ()
    restart_at: datetime | None = None
    restarts: int = 0
    taken_live: int = 0
    waiting: Leaf | None = None
    label: str = LABEL

    def deliver(self, leaf: Leaf, *, now: datetime) -> None:
        """Give it a new leaf in the way that housekey chooses."""
        delivery = choose_delivery(
            not_live=None if self.has_integration else "the integration is not there",
            cannot_restart=None,
            quiet=QUIET,
            served_until=self.chain[0].not_valid_after_utc if self.chain else None,
            now=now,
        )
        self.waiting = leaf
        if delivery.way is Way.LIVE:
            self.present(leaf)
            self.taken_live += 1
        else:
            self.restart_at = delivery.at

    def restart_if_it_is_time(self, now: datetime) -> None:
        if self.restart_at is not None and self.restart_at <= now and self.waiting is not None:
            self.present(self.waiting)
            self.restarts += 1

    def present(self, leaf: Leaf) -> None:
        self.chain = certificates_from_pem(leaf.chain_pem)
        self.restart_at = self.waiting = None


@dataclass
class Device:
    """Something that connects: its kind is what it trusts."""

    kind: str
    trusts: tuple[Certificate, ...]


@dataclass
class Counted:
    """What happened, to be printed."""

    rounds: int = 0  # of the machine, one each day that it is there
    renewals: Counter[str] = field(default_factory=Counter)  # by why
    troubles: Counter[str] = field(default_factory=Counter)  # what a round told, by its kind
    events: Counter[str] = field(default_factory=Counter)  # what happened to the home


@dataclass
class Home:
    """All of it."""

    folder: Path
    backup: Path
    clock: Clock
    recovery_code: RecoveryCode
    home_assistant: HomeAssistantStandIn
    things: list[Thing]
    devices: list[Device]
    counted: Counted = field(default_factory=Counted)
    files: Files = field(default_factory=Files)
    loop: asyncio.Runner = field(default_factory=asyncio.Runner)

    def opened(self) -> House:
        return House.open(self.folder, files=self.files, clock=self.clock)

    @property
    def servers(self) -> list[Thing | HomeAssistantStandIn]:
        return [self.home_assistant, *self.things]

    def night(self) -> None:
        """At three: things start anew, and so does Home Assistant if it is to."""
        self.home_assistant.restart_if_it_is_time(self.clock.true)
        for thing in self.things:
            thing.start(self.folder)

    def daily_round(self) -> None:
        """What `housekey run` does once a day, by the same functions, but for the network."""
        self.counted.rounds += 1
        items = self.loop.run(go_round(self.folder, None, Asked(QUIET), self._world()))
        for item in items:
            if item.became is Became.RENEWED and item.due is not None:
                self.counted.renewals[item.due.why.value] += 1
            elif item.became is Became.FAILED:
                self.counted.troubles[type(item.trouble).__name__] += 1
        self._home_assistants()

    def _home_assistants(self) -> None:
        """Home Assistant's certificate: due as housekey says, with the names of today."""
        home, now = self.home_assistant, self.clock()
        with self.opened() as house, house_lock(self.folder, wait=0, files=self.files):
            standing = standing_of(
                house, LABEL, now=now, names=home.names, revoked=house.ledger.revoked()
            )
            assert standing.leaf is not None
            if standing.due is None:
                return
            if standing.due.why is Why.NAMES:
                new: Leaf | None = house.issue(LABEL, home.names, reuse_key=True)
            else:
                (done,) = renew(house, [LABEL], everything=False, now=now)
                new = done.leaf
                if new is None:
                    self.counted.troubles[type(done.trouble).__name__] += 1
            if new is not None:
                self.counted.renewals[standing.due.why.value] += 1
                home.deliver(new, now=self.clock.true)

    def _world(self) -> World:
        async def unasked(*_: object) -> tuple[()]:
            raise AssertionError("a round of this home asks nobody on the network")

        return World(
            files=self.files,
            clock=self.clock,
            resolve=unasked,
            browse=unasked,
            tell=lambda _label, _text: None,
            busy=lambda _text: None,
            run=lambda _command: asyncio.sleep(0, 1),
        )
