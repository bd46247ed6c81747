"""Ten years in a minute: fifty certificates and a Home Assistant stand-in, day by day.

The house renews, its addresses and names change, it gets a new root, loses its machine, gets a
new issuing CA, has a thing stolen, and its clock goes wrong. On each day it is looked at what each
kind of device makes of each chain that is presented, under what that kind trusts on that day.
"""

from __future__ import annotations

import pathlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from housekey.homeassistant.recorded import LABEL
from housekey.house import leaves, view
from housekey.house.files import Files
from housekey.house.generations import is_by
from housekey.house.house import prepare_house
from housekey.house.lock import house_lock
from housekey.house.revoking import list_to_serve, read_crl
from housekey.pki import names as pki_names
from housekey.pki.encoding import certificate_from_pem, certificates_from_pem, matches
from housekey.pki.keys import PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from tests.years.happenings import (
    GLITCHES,
    HAPPENINGS,
    back_up_the_house,
    change_an_address,
    is_there,
)
from tests.years.home import DAY, Clock, Device, Home, HomeAssistantStandIn, Thing
from tests.years.verifying import OpenSsl, Path, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryptography.x509 import Certificate

    from housekey.pki.names import Name
    from housekey.pki.secret import Secret
    from tests.years.verifying import Chain

    Roots = tuple[Certificate, ...]

BIRTH = datetime(2026, 11, 29, 3, tzinfo=UTC)
DAYS = 3652
THINGS = 49  # and Home Assistant
_ROOM = 2**28  # bytes; it takes some ten million


@cache
def ends_of(chain: Chain) -> datetime:
    """When the first certificate of a chain ends."""
    return min(certificate.not_valid_after_utc for certificate in chain)


@dataclass
class Watch:
    """Asks each day what each kind of device makes of each chain, under each name.

    A verification depends on the bytes (the chain, the name, the roots) and on the time; and on
    the time by nothing but the dates of the certificates on the path that it took (RFC 5280,
    6.1.3 (a) (2), and so in the verifier's own code). So a path that was found once need not be
    built anew for the same bytes: it holds on every day on which all its certificates are valid,
    the root's among them, and that is looked at daily. Once one of them is not, the verifier is
    asked again, for there may be another path. `anew` asks it every day, whatever it said before.
    """

    openssl: OpenSsl
    anew: bool = False
    verified: int = 0  # by the verifier
    held: int = 0  # by the dates of a path that was verified before
    presented: int = 0
    off: int = 0
    too_early: list[tuple[int, timedelta]] = field(default_factory=list)  # the day, and the life
    not_covered: Counter[int] = field(default_factory=Counter)
    _paths: dict[tuple[str, Name, Roots], Path] = field(default_factory=dict)

    def look(self, home: Home, day: int) -> None:
        now = home.clock.true
        trusted = {device.trusts for device in home.devices}
        fresh: defaultdict[Certificate, list[Chain]] = defaultdict(list)
        for server in home.servers:
            if not server.chain:
                self.off += 1
                continue
            self.presented += 1
            ends = ends_of(server.chain)
            assert now <= ends, f"day {day}: {server.label} presents what ended on {ends}"
            if now < server.chain[0].not_valid_before_utc:
                self.too_early.append((day, ends - server.chain[0].not_valid_before_utc))
                continue
            for roots in trusted:
                for name in server.names:
                    self._verify(server.chain, (server.label, name, roots), now, day)
                if len(roots) == 1:
                    fresh[roots[0]].append(server.chain)
        for root, chains in fresh.items():
            assert self.openssl.refused(chains, root, now) == []

    def _verify(self, chain: Chain, key: tuple[str, Name, Roots], now: datetime, day: int) -> None:
        label, name, roots = key
        path = self._paths.get(key)
        if not self.anew and path is not None and path.presented is chain and path.holds_at(now):
            self.held += 1
            return
        self.verified += 1
        found = path_of(chain, name=name, roots=roots, now=now)
        if isinstance(found, Path):
            self._paths[key] = found
        elif "subjectAltName" in found:
            self.not_covered[day] += 1
        else:
            raise AssertionError(f"day {day}: {label} as {name}: {found}")


def a_home(folder: pathlib.Path) -> Home:
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
        backup=folder / "backup",
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


def live(home: Home, watch: Watch, *, days: int) -> set[bytes]:
    """Let the days pass; return the lists of revoked certificates that were served."""
    chance = random.Random(6)
    lists: set[bytes] = set()
    for day in range(days):
        home.clock.true = BIRTH + day * DAY
        if is_there(day):
            home.night()
            set_up(home, day)
        home.clock.true += DAY * 7 / 24
        if day in HAPPENINGS:
            HAPPENINGS[day](home)
        if is_there(day):
            if day % 30 == 0:
                back_up_the_house(home)
            change_an_address(home, day, chance)
            if day in GLITCHES:
                home.clock.says = GLITCHES[day](home.clock.true)
                home.counted.events["a clock that is wrong"] += 1
            home.daily_round()
            home.clock.says = None
            if day % 28 == 0:
                lists |= served(home)
        home.clock.true += DAY * 2 / 24
        watch.look(home, day)
    return lists


def served(home: Home) -> set[bytes]:
    """What the onboarding page would serve today as the list of revoked certificates."""
    with home.opened() as house:
        der = list_to_serve(house, files=home.files, by="test", at=home.clock())
        crl = read_crl(house, files=home.files)
    assert crl is None or crl.next_update > home.clock() + 100 * DAY
    return {der} if der else set()


@pytest.fixture
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not parse anew what was parsed on the day before: the same bytes are the same thing.

    Half of all the time, and nothing else depends on it: these functions are pure.
    """
    monkeypatch.setattr(leaves, "certificate_from_pem", cache(certificate_from_pem))
    monkeypatch.setattr(leaves, "matches", cache(matches))
    monkeypatch.setattr(view, "certificates_from_pem", cache(certificates_from_pem))
    monkeypatch.setattr(view, "is_by", cache(is_by))
    monkeypatch.setattr(PrivateKey, "to_pem", cache(PrivateKey.to_pem))
    monkeypatch.setattr(pki_names, "names_of", cache(pki_names.names_of))
    read = cache(PrivateKey.from_pem)

    def from_pem(data: bytes, passphrase: Secret | None = None) -> PrivateKey:
        return read(data) if passphrase is None else parse(data, passphrase)

    parse = PrivateKey.from_pem
    monkeypatch.setattr(PrivateKey, "from_pem", staticmethod(from_pem))


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder in memory where there is one: ten years are some ten thousand waits for a disk.

    What a power cut does to a disk is tried in tests/faults.
    """
    memory = pathlib.Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < _ROOM:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="ten-years-") as folder:
        yield pathlib.Path(folder)


@pytest.mark.parametrize(
    "anew",
    [
        pytest.param(False, id="every day, each path built once"),
        pytest.param(True, id="every day, each path built anew", marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("parsed_once")
def test_no_expired_certificate_is_presented_in_ten_years(disk: pathlib.Path, anew: bool) -> None:
    started, started_cpu = time.monotonic(), time.process_time()
    home = a_home(disk)
    (disk / "openssl").mkdir()
    watch = Watch(OpenSsl(disk / "openssl"), anew=anew)
    with home.loop:
        lists = live(home, watch, days=DAYS)
    # A clock that was ahead is what a house cannot help, and only until the next day's round.
    for day, life in watch.too_early:
        glitch = max(each for each in GLITCHES if each <= day)
        ahead = GLITCHES[glitch](BIRTH) - BIRTH
        assert DAY < ahead < 999 * DAY
        # What begins more than a third of its life ahead is not touched, but told of every day.
        assert day <= glitch + 1 or (life / 3 < ahead and day <= glitch + ahead / DAY)
    # Who comes by an address of today waits a night at most, where Home Assistant has to restart.
    assert all(number <= 4 * len(home.devices) for number in watch.not_covered.values())
    counted = home.counted
    assert counted.renewals["root"] >= 2 * THINGS
    assert counted.renewals["names"] >= 10
    assert len(lists) >= 2
    with home.opened() as house:
        certificates = len(house.ledger.certificates())
        events = len(house.ledger.events(-1))
    sys.stdout.write(
        f"\n{DAYS} days, {counted.rounds} daily rounds, {sum(counted.renewals.values())} renewals"
        f" {dict(counted.renewals)};"
        f"\n{watch.presented} times a chain was presented: 0 with anything expired,"
        f" {len(watch.too_early)} not valid yet (a clock was ahead),"
        f" {watch.off} times a server was off;"
        f"\n{watch.verified + watch.held} verifications, every day of each chain under each name:"
        f" {watch.verified} by building a path (cryptography), {watch.held} by the dates of one"
        f" that was built before, {watch.openssl.asked} by OpenSSL:"
        f" {sum(watch.not_covered.values())} refused, for an address that came that day, and for"
        " nothing else;"
        f"\nHome Assistant stand-in: {home.home_assistant.taken_live} certificates taken live,"
        f" {home.home_assistant.restarts} by a restart;"
        f"\n{dict(counted.events)}; told of troubles: {dict(counted.troubles)};"
        f"\n{certificates} certificates and {events} events in the ledger, {len(lists)} lists of"
        " revoked certificates served;"
        f"\n{time.monotonic() - started:.0f} s, {time.process_time() - started_cpu:.0f} s of CPU\n"
    )
