"""Ten years in a minute: fifty certificates and a Home Assistant stand-in, day by day.

The house renews, its addresses and names change, it gets a new root, loses its machine, gets a
new issuing CA, has a thing stolen, and its clock goes wrong. On each day each chain that is
presented is verified for each kind of device, under what that kind trusts on that day.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from housekey.homeassistant.switch import LABEL
from housekey.house.backup import back_up, open_backup
from housekey.house.files import Files
from housekey.house.generations import Kind
from housekey.house.house import prepare_house
from housekey.house.lock import house_lock
from housekey.house.recovering import recover, remains_of
from housekey.house.restoring import restore
from housekey.house.revoking import choose, list_to_serve, read_crl, replace, revoke
from housekey.house.root_key import open_root_key
from housekey.house.rotating import finish, prepare_new_root
from housekey.house.sealing import OpenedBy
from housekey.pki.crl import Reason
from housekey.pki.names import IpName, parse_name
from housekey.pki.secret import Secret
from housekey.pki.subject import Subject
from tests.years.home import DAY, Clock, Device, Home, HomeAssistantStandIn, Thing
from tests.years.verifying import OpenSsl, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.x509 import Certificate


BIRTH = datetime(2026, 11, 29, 3, tzinfo=UTC)
DAYS = 3652
THINGS = 49  # and Home Assistant
PASSPHRASE = Secret(b"the passphrase of a backup")
CHEAP = 2**10  # scrypt's cost; what it costs really is measured elsewhere
# When the machine's clock goes wrong, for one day's round, and what it says then.
GLITCHES: dict[int, Callable[[datetime], datetime]] = {
    500: lambda _: datetime(1970, 1, 1, tzinfo=UTC),
    900: lambda _: datetime(2050, 1, 1, tzinfo=UTC),
    1200: lambda now: now + 40 * DAY,
    2000: lambda now: now - 60 * DAY,
    2700: lambda now: now - 400 * DAY,
    3300: lambda now: now + 40 * DAY,
}
STOLEN, INTEGRATION, ROTATED, LOST, RECOVERED = 800, 1000, 1461, 2300, 3000
FINISHED = ROTATED + 90


@dataclass
class Watch:
    """Looks at each day what devices make of what is presented.

    Every day the dates of every certificate that is presented; and the whole verification on the
    first and the last day on which a server presents a chain to devices that trust the same, and
    once a week between (with `daily`, every day). A verification depends on the time by the dates
    alone, so what holds on the first and on the last day holds on every day between.
    """

    openssl: OpenSsl
    daily: bool = False
    verified: int = 0
    presented: int = 0
    off: int = 0
    too_early: Counter[int] = field(default_factory=Counter)  # day: how many
    not_covered: Counter[int] = field(default_factory=Counter)
    _before: dict[tuple[str, Name, Roots], tuple[Chain, datetime]] = field(default_factory=dict)

    def look(self, home: Home, day: int) -> None:
        now = home.clock.true
        trusted = {device.trusts for device in home.devices}
        last, self._before = self._before, {}
        for at, server in enumerate(home.servers):
            if not server.chain:
                self.off += 1
                continue
            self.presented += 1
            for certificate in server.chain:
                ends = certificate.not_valid_after_utc
                assert now <= ends, f"day {day}: {server.label} presents what ended on {ends}"
            if now < server.chain[0].not_valid_before_utc:
                self.too_early[day] += 1
                continue
            in_turn = self.daily or (day + at) % 7 == 0
            for name in server.names:
                for roots in trusted:
                    key = (server.label, name, roots)
                    self._before[key] = (server.chain, now)
                    chain, _ = last.get(key, ((), now))
                    if in_turn or chain != server.chain:
                        self._ask(server.chain, key, now, day)
        for key, (chain, then) in last.items():
            if self._before.get(key, ((), now))[0] != chain:
                self._ask(chain, key, then, day - 1)  # the last day on which it was presented
        fresh: defaultdict[Certificate, list[Chain]] = defaultdict(list)
        for (_, _, roots), (chain, _) in self._before.items():
            if len(roots) == 1:
                fresh[roots[0]].append(chain)
        for root, chains in fresh.items():
            assert self.openssl.refused(chains, root, now) == []

    def _ask(self, chain: Chain, key: tuple[str, Name, Roots], now: datetime, day: int) -> None:
        label, name, roots = key
        said = refused(chain, name=name, roots=roots, now=now)
        self.verified += 1
        if "subjectAltName" in said:
            self.not_covered[day] += 1
        else:
            assert said == "", f"day {day}: {label} as {name}: {said}"


def a_home(folder: Path) -> Home:
    clock = Clock(BIRTH)
    new = prepare_house(
        names=(), subject=Subject(common_name=None, organization="Home"), clock=clock
    )
    new.write(folder / "house", Files()).close()
    things = [
        Thing(f"thing{number}.lan", (parse_name(f"thing{number}.lan"),))
        for number in range(1, THINGS + 1)
    ]
    names = tuple(map(parse_name, ("homeassistant.local", "pi.local", "192.168.1.20", "fd00::20")))
    home_assistant = HomeAssistantStandIn(names)
    home = Home(
        folder=folder / "house",
        clock=clock,
        recovery_code=new.recovery_code,
        home_assistant=home_assistant,
        things=things,
        devices=[Device(kind, (new.root,)) for kind in ("phone", "laptop", "tablet")],
    )
    with home.opened() as house:
        home_assistant.present(house.issue(LABEL, names))
    return home


def set_up(home: Home, day: int) -> None:
    """One thing more, every other day, until there are all: nobody has fifty on one day."""
    number, rest = divmod(day, 2)
    if rest == 0 and number < THINGS:
        with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
            thing = home.things[number]
            house.issue(thing.label, thing.names, days=397 if number % 3 else 90)


def change_an_address(home: Home, day: int, chance: random.Random) -> None:
    """DHCP, another IPv6 prefix, a host that is renamed."""
    names = list(home.home_assistant.names)
    if chance.random() < 1 / 150:
        names[2] = IpName(ip_address(f"192.168.1.{chance.randrange(20, 250)}"))
        home.counted.events["another address by DHCP"] += 1
    if chance.random() < 1 / 400:
        names[3] = IpName(ip_address(f"fd{chance.randrange(256):02x}:{day:x}::20"))
        home.counted.events["another IPv6 prefix"] += 1
    if chance.random() < 1 / 900:
        names[1] = parse_name(f"pi{day}.local")
        home.counted.events["a host renamed"] += 1
    home.home_assistant.names = tuple(names)


def happen(home: Home, day: int, folder: Path) -> None:
    """What happens to the home on this day beside renewals."""
    told = home.counted.events
    if day % 30 == 0 and day != LOST:
        with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
            back_up(
                house, folder / "backup", PASSPHRASE,
                opened_by=OpenedBy.PASSPHRASE, at=home.clock(), cost=CHEAP,
            )  # fmt: skip
        told["a backup"] += 1
    if day == STOLEN:
        with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
            chosen = choose(house, "thing7.lan", reason=Reason.KEY_COMPROMISE, now=home.clock())
            revoke(house, chosen.targets, reason=Reason.KEY_COMPROMISE, by="test", at=home.clock())
            assert chosen.to_replace is not None
            replace(house, chosen.to_replace)
        told["certificates revoked"] += len(chosen.targets)
    if day == INTEGRATION:
        home.home_assistant.has_integration = True
    if day == ROTATED:
        with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
            new = prepare_new_root(
                house, Kind.CROSSED, old_key=open_root_key(house, home.recovery_code)
            )
            new.write(house)
            home.recovery_code = new.recovery_code
        told["a new root"] += 1
    with_new = {ROTATED + 20: "phone", ROTATED + 60: "laptop", ROTATED + 89: "tablet"}
    if ROTATED < day <= FINISHED + 10:
        with home.opened() as house:
            root = house.root
        if day in with_new:
            for device in home.devices:
                if device.kind == with_new[day]:
                    device.trusts = (*device.trusts, root)
        if day == ROTATED + 30:
            home.devices.append(Device("new phone", (root,)))
        if day == FINISHED:
            with home.opened() as house, house_lock(home.folder, wait=0, files=home.files):
                finish(house)
            told["an old root dropped"] += 1
        if day == FINISHED + 10:
            for device in home.devices:
                device.trusts = (root,)
    if day == LOST:
        shutil.rmtree(home.folder)
        home.home_assistant.chain = ()
        home.home_assistant.restart_at = home.home_assistant.waiting = None
        told["a machine lost"] += 1
    if day == LOST + 3:
        home.folder = folder / "house on the new machine"
        opened = open_backup(folder / "backup", lambda _: PASSPHRASE, files=home.files)
        restore(
            opened, home.folder, source=folder / "backup", replace=False,
            files=home.files, clock=home.clock,
        )  # fmt: skip
        names = home.home_assistant.names
        home.home_assistant.names = (*names[:2], parse_name("192.168.1.77"), names[3])
        with home.opened() as house:
            leaf = house.leaf(LABEL)
            assert leaf is not None
            home.home_assistant.present(leaf)
        told["a house restored"] += 1
    if day == RECOVERED:
        (home.folder / "issuing.key").unlink()
        with house_lock(home.folder, wait=0, files=home.files):
            recover(
                remains_of(home.folder, files=home.files), home.recovery_code,
                leaked=False, files=home.files, now=home.clock(),
            )  # fmt: skip
        told["a new issuing CA"] += 1


def is_there(day: int) -> bool:
    """Whether the machine is."""
    return not LOST <= day < LOST + 3


def test_no_expired_certificate_is_presented_in_ten_years(tmp_path: Path) -> None:
    chance = random.Random(6)
    _started, _started_cpu = time.monotonic(), time.process_time()
    home = a_home(tmp_path)
    (tmp_path / "openssl").mkdir()
    watch = Watch(OpenSsl(tmp_path / "openssl"))
    lists: set[bytes] = set()
    for day in range(DAYS):
        home.clock.true = BIRTH + day * DAY
        if is_there(day):
            home.night()
            set_up(home, day)
        home.clock.true += timedelta(hours=7)
        happen(home, day, tmp_path)
        if is_there(day):
            change_an_address(home, day, chance)
            if day in GLITCHES:
                home.clock.says = GLITCHES[day](home.clock.true)
                home.counted.events["a clock that is wrong"] += 1
            home.daily_round()
            home.clock.says = None
            if day % 28 == 0:
                with home.opened() as house:
                    lists |= {
                        list_to_serve(house, files=home.files, by="test", at=home.clock()) or b""
                    }
                    crl = read_crl(house, files=home.files)
                    assert crl is None or crl.next_update > home.clock() + 100 * DAY
        home.clock.true += timedelta(hours=2)
        watch.look(home, day)
    # A clock that was ahead is the one thing that a house cannot help, and only until the next day.
    for day in (each for each, number in watch.too_early.items() if number):
        assert {day, day - 1} & {each for each, wrong in GLITCHES.items() if wrong(BIRTH) > BIRTH}
    with home.opened() as house:
        Counter(event.kind for event in house.ledger.events(-1))
        len(house.ledger.certificates())
