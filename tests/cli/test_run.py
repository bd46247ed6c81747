"""`housekey run` as it runs: a process that is told to end, and a year in some seconds."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as wall_clock
from io import StringIO
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from demo.instance import free_port
from housekey.cli.log import Log
from housekey.cli.run import service as service_module
from housekey.cli.run.notify import Systemd, systemd_of
from housekey.cli.run.service import Parts, Service
from housekey.errors import HouseBusy, ShareFailed, Unreachable
from housekey.homeassistant.own_authority import signature_needed
from housekey.homeassistant.site import Interrupted, World
from housekey.house.files import Files
from housekey.house.house import House, prepare_house
from housekey.pki.names import parse_name
from housekey.pki.subject import Subject
from housekey.renewal.delivery import QuietHours
from housekey.renewal.due import Due, Why
from housekey.renewal.round import Asked, Became, Item, go_round
from tests.command import COMMAND, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.cli.conftest import Person

_WITHIN = 90.0  # seconds, on a busy machine
QUIET = QuietHours(wall_clock(2), wall_clock(5))


class Running:
    """`housekey run` in a process of its own, whose log is read as it comes."""

    def __init__(self, person: Person, *options: str, env: dict[str, str] | None = None) -> None:
        self.port, self.proof_port = free_port(), free_port()
        self.err = person.folder / "err"
        self.out = person.folder / "out"
        self._command = [
            *(*COMMAND, "run", "--house", str(person.house), "--bind", "127.0.0.1"),
            *("--port", str(self.port), "--proof-port", str(self.proof_port), *options),
        ]
        self._env = environment(**(env or {}))

    def __enter__(self) -> Self:
        with self.err.open("wb") as err, self.out.open("wb") as out:
            environ = dict(self._env)
            if "JOURNAL_STREAM" in environ:
                status = os.fstat(err.fileno())
                environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
            self.process = subprocess.Popen(
                self._command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)

    @property
    def log(self) -> str:
        return self.err.read_text()

    def wait_for(self, words: str) -> None:
        """Wait until it has said these words."""
        end = time.monotonic() + _WITHIN
        while words not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < end, f"it never said {words!r}:\n{self.log}"
            time.sleep(0.05)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(_WITHIN)

    def children(self) -> list[int]:
        """The processes that it has started and that live."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if fields[1] == str(self.process.pid) and fields[0] != "Z":
                    found.append(int(stat.parent.name))
        return found


@pytest.fixture
def with_one(person: Person) -> Person:
    """A house with one certificate that has ended."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=100)
    new = prepare_house(names=(), subject=Subject("Test root"), clock=lambda: at)
    with new.write(person.house, Files()) as house:
        house.issue("nas.lan", [parse_name("nas.lan")], days=90)
    return person


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """Where systemd would listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(_WITHIN)
        yield channel


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_renews_serves_the_page_and_ends_cleanly_when_told(
    with_one: Person, number: int
) -> None:
    with Running(with_one, "--json") as running:
        running.wait_for("renewed")
        running.wait_for("page ")
        assert "nas.lan: good for" in running.log
        page = f"http://127.0.0.1:{running.port}/housekey.pem"
        with urllib.request.urlopen(page) as answer:
            assert answer.read() == (with_one.house / "root.pem").read_bytes()
        children = running.children()
        assert len(children) == 2
        assert running.end(number) == 0
        assert running.log.splitlines()[-1].endswith("nothing was left half done")
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    told = json.loads(running.out.read_text())
    assert (told["rounds"], told["renewed"], told["failed"]) == (1, 1, [])
    assert with_one.run("renew", "--json").json["certificates"][0]["became"] == "good"


def test_systemd_is_told_that_it_is_ready_lives_and_stops(
    with_one: Person, heard: socket.socket, tmp_path: Path
) -> None:
    env = {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "400000",
        "JOURNAL_STREAM": "set to that of the file",
    }
    told: list[str] = []
    with Running(with_one, "--no-page", env=env) as running:
        while "READY=1" not in told or told.count("WATCHDOG=1") < 2:
            told += heard.recv(4096).decode().splitlines()
        running.wait_for("next: ")
        assert running.end() == 0
        while "STOPPING=1" not in told:
            told += heard.recv(4096).decode().splitlines()
    assert any(line.startswith("STATUS=next round on ") for line in told)
    # In the journal a line has its priority, and no time of its own.
    assert "<6>renewed: nas.lan: good for" in running.log
    assert all(line.startswith("<6>") for line in running.log.splitlines())


def test_a_taken_port_and_a_leaf_that_cannot_be_renewed_are_told_and_the_rest_goes_on(
    with_one: Person,
) -> None:
    with House.open(
        with_one.house, files=Files(), clock=lambda: datetime.now(UTC).replace(microsecond=0)
    ) as house:
        house.issue("tv.lan", [parse_name("tv.lan")])
    (with_one.house / "leaves" / "tv.lan" / "certificate.pem").write_text("no certificate")
    running = Running(with_one, env={"JOURNAL_STREAM": "set"})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", running.port))
        taken.listen()
        with running:
            running.wait_for("failed: the page: ")
            running.wait_for("renewed: nas.lan")
            assert "<3>failed: the page: " in running.log
            assert "<3>failed: tv.lan" in running.log
            assert running.process.poll() is None
            assert running.end() == 0


def test_without_a_house_it_does_not_stay(person: Person) -> None:
    done = person.run("run")
    assert done.code == 3
    assert "there is no house" in done.err


def test_options_that_go_with_others_say_so(with_one: Person) -> None:
    for words in (
        ["--timer"],
        ["--dry-run"],
        ["--install", "--uninstall"],
        ["--uninstall", "--timer"],
    ):
        done = with_one.run("run", *words)
        assert done.code == 2, done
    timer = with_one.run("run", "--timer").err.splitlines()
    assert timer == ["error: --timer goes with --install", "hint: housekey run --install --timer"]


# Time that a test lets pass


@dataclass
class FakeTime:
    """A clock that stands still while anything works, and jumps to whoever wakes up next."""

    now: datetime
    _sleeping: list[tuple[datetime, int, asyncio.Future[None]]] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=count)

    def clock(self) -> datetime:
        return self.now.replace(microsecond=0)

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        at = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._sleeping, (at, next(self._number), woken))
        await woken

    def set_clock(self, now: datetime) -> None:
        """Set it anew; whoever sleeps sleeps for as long as was asked for."""
        by = now - self.now
        self._sleeping = [(at + by, number, woken) for at, number, woken in self._sleeping]
        self.now = now

    async def pass_until(self, end: datetime) -> None:
        while True:
            for _ in range(20):  # whoever can work, works first
                await asyncio.sleep(0)
            while self._sleeping and self._sleeping[0][2].done():
                heapq.heappop(self._sleeping)
            if not self._sleeping or self._sleeping[0][0] > end:
                self.now = end
                return
            at, _, woken = heapq.heappop(self._sleeping)
            self.now = max(self.now, at)
            if not woken.done():
                woken.set_result(None)


@dataclass
class Life:
    """A service in a time that a test lets pass."""

    time: FakeTime
    log: StringIO = field(default_factory=StringIO)
    rounds: list[datetime] = field(default_factory=list)
    pages: list[datetime] = field(default_factory=list)
    machine: asyncio.Event = field(default_factory=asyncio.Event)
    mark: int = 0
    outcomes: list[Any] = field(default_factory=list)  # of the next rounds: items, or an error
    page_troubles: list[ShareFailed] = field(default_factory=list)
    spread: float = 0.5

    async def go_round(self) -> tuple[Item, ...]:
        self.rounds.append(self.time.now)
        outcome = self.outcomes.pop(0) if self.outcomes else ()
        if isinstance(outcome, Exception):
            raise outcome
        items: tuple[Item, ...] = outcome
        return items

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator[Page]:
        self.pages.append(self.time.now)
        if self.page_troubles:
            raise self.page_troubles.pop(0)
        yield Page()

    async def machine_changed(self) -> None:
        await self.machine.wait()
        self.machine.clear()

    def service(self, **other: Any) -> Service:
        parts: dict[str, Any] = {
            "go_round": self.go_round,
            "serve": self.serve,
            "machine_changed": self.machine_changed,
            "house_mark": lambda: self.mark,
            "clock": self.time.clock,
            "sleep": self.time.sleep,
            "spread": lambda: self.spread,
            "quiet": QUIET,
            "log": Log(self.time.clock, journal=True, stream=self.log),
            "systemd": Systemd(),
        }
        return Service(Parts(**{**parts, **other}))


class Page:
    """One that nobody visits."""

    async def watch(self) -> None:
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def living(life: Life, **other: Any) -> AsyncIterator[Service]:
    service = life.service(**other)
    task = asyncio.ensure_future(service.run())
    try:
        await life.time.pass_until(life.time.now)
        yield service
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


NOON = datetime(2026, 11, 29, 12).astimezone().astimezone(UTC)
BUSY = HouseBusy("another housekey is at work", hint="wait")


def test_a_round_a_day_in_the_quiet_hours_and_the_page_served_anew_with_it() -> None:
    async def month() -> Life:
        life = Life(FakeTime(NOON))
        async with living(life):
            await life.time.pass_until(NOON + timedelta(days=30))
        return life

    life = asyncio.run(month())
    assert len(life.rounds) == 1 + 30
    assert all(QUIET.covers(each.astimezone()) for each in life.rounds[1:])
    # Not on the first night: it is not a day old then.
    assert len(life.pages) == 30


def test_what_happens_to_machine_or_house_makes_a_round_and_a_page_at_once() -> None:
    async def day() -> Life:
        life = Life(FakeTime(NOON))
        async with living(life):
            life.machine.set()
            await life.time.pass_until(NOON + timedelta(minutes=1))
            assert (len(life.rounds), len(life.pages)) == (2, 2)
            life.mark = 1
            await life.time.pass_until(NOON + timedelta(minutes=3))
        return life

    life = asyncio.run(day())
    assert (len(life.rounds), len(life.pages)) == (3, 3)
    assert "<6>changed: this machine has another address or name" in life.log.getvalue()
    assert "<6>changed: the house has another root" in life.log.getvalue()


@pytest.mark.parametrize(("why", "pages"), [(Why.ROOT, 2), (Why.AGE, 1)])
def test_once_a_chain_under_the_new_root_is_presented_the_page_stops_saying_later(
    why: Why, pages: int
) -> None:
    async def minutes() -> Life:
        due = Due(why, "its chain is not today's", None)
        renewed = Item(*("nas.lan", Became.RENEWED, None), due=due)
        life = Life(FakeTime(NOON), outcomes=[BUSY, (renewed,)])  # tried again after five minutes
        async with living(life):
            await life.time.pass_until(NOON + timedelta(minutes=10))
        return life

    life = asyncio.run(minutes())
    assert (len(life.rounds), len(life.pages)) == (2, pages)


def minutes_between(moments: list[datetime]) -> list[float]:
    return [(after - before).total_seconds() / 60 for before, after in pairwise(moments)]


def test_what_fails_is_tried_again_ever_less_often_and_told_as_an_error() -> None:
    failed = (Item("nas.lan", Became.FAILED, None, trouble=Unreachable("no", hint="yes")),)

    async def hours() -> Life:
        life = Life(FakeTime(NOON), outcomes=[BUSY, failed, failed, BUSY])
        life.page_troubles = [ShareFailed("port 8125 is taken", hint="end that")] * 2
        async with living(life) as service:
            await life.time.pass_until(NOON + timedelta(minutes=6))
            assert "nas.lan" in service.failed
            await life.time.pass_until(NOON + timedelta(hours=3))
            assert not service.failed
        return life

    life = asyncio.run(hours())
    waits = minutes_between(life.rounds)
    assert waits == [5, 10, 20, 40]
    page_waits = minutes_between(life.pages)
    assert page_waits == [5, 10]
    lines = life.log.getvalue().splitlines()
    assert sum(line.startswith("<3>failed: ") for line in lines) == 6
    assert len(lines) == len([line for line in lines if line.startswith("<")])  # one line an event


def test_what_only_a_person_can_do_is_told_once_a_day_with_what_to_do() -> None:
    """A CA of one's own has to sign: to try again every few minutes would help nobody."""
    needed = signature_needed("two thirds of its life are over")
    waits = (Item("home-assistant", Became.FAILED, None, trouble=needed),)

    async def days() -> Life:
        life = Life(FakeTime(NOON), outcomes=[waits] * 10)
        async with living(life) as service:
            await life.time.pass_until(NOON + timedelta(days=3))
            assert service.failed == ("home-assistant",)
        return life

    life = asyncio.run(days())
    assert len(life.rounds) == 1 + 3
    told = [line for line in life.log.getvalue().splitlines() if line.startswith("<3>failed: ")]
    assert len(told) == len(life.rounds)
    assert all("housekey secure --csr FILE" in line for line in told)


def test_a_clock_that_jumps_neither_ends_it_nor_makes_it_sleep_for_years() -> None:
    async def jumps() -> Life:
        life = Life(FakeTime(NOON))
        async with living(life):
            life.time.now = datetime(1970, 1, 1, tzinfo=UTC)
            await life.time.pass_until(life.time.now + timedelta(minutes=1))
            life.time.now = NOON
            await life.time.pass_until(NOON + timedelta(days=2))
            assert len(life.rounds) >= 3
            life.time.now = datetime(2050, 1, 1, tzinfo=UTC)
            await life.time.pass_until(life.time.now + timedelta(days=2))
        return life

    life = asyncio.run(jumps())
    assert max(life.rounds) > datetime(2050, 1, 1, tzinfo=UTC)


def test_a_clock_that_was_years_ahead_and_is_set_right_makes_a_round_soon() -> None:
    async def set_right() -> Life:
        life = Life(FakeTime(NOON + timedelta(days=5000)))
        async with living(life):
            assert len(life.rounds) == 1
            life.time.set_clock(NOON)
            await life.time.pass_until(NOON + timedelta(minutes=11))
            assert len(life.rounds) == 2, "what was planned lies years ahead"
            assert life.pages[-1] > NOON - timedelta(days=1), "its leaf began in the future"
            life.time.set_clock(life.time.now - timedelta(minutes=5))
            await life.time.pass_until(life.time.now + timedelta(minutes=30))
            assert len(life.rounds) == 2, "a little is no reason"
            await life.time.pass_until(NOON + timedelta(days=3))
        return life

    life = asyncio.run(set_right())
    assert "clock was set back" in life.log.getvalue()
    assert len(life.rounds) == 2 + 3


def test_it_ends_when_told_in_the_middle_of_a_switch_once_that_is_put_back() -> None:
    put_back: list[bool] = []

    async def switching() -> tuple[Item, ...]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            put_back.append(True)
            raise Interrupted("interrupted; everything is as it was before", hint="-") from None
        return ()

    async def told_to_end() -> Life:
        life = Life(FakeTime(NOON))
        task = asyncio.ensure_future(life.service(go_round=switching).run())
        await life.time.pass_until(NOON)
        task.cancel()
        async with asyncio.timeout(_WITHIN):
            await asyncio.gather(task, return_exceptions=True)
        return life

    life = asyncio.run(told_to_end())
    assert put_back == [True]
    assert "put back: interrupted; everything is as it was before" in life.log.getvalue()


def test_a_year_passes_and_nothing_that_can_be_renewed_ever_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service_module, "_NAP_SECONDS", 86_400.0)
    monkeypatch.setattr(service_module, "_HOUSE_SECONDS", 86_400.0)
    moments = FakeTime(NOON)
    folder = tmp_path / "house"
    new = prepare_house(names=(), subject=Subject("Test root"), clock=moments.clock)
    with new.write(folder, Files()) as house:
        for days in (30, 90, 397):
            house.issue(f"of-{days}.lan", [parse_name(f"of-{days}.lan")], days=days)
        house.issue_self_signed("by-itself.lan", [parse_name("by-itself.lan")], days=60)
    world = a_world(moments)
    life = Life(moments)
    least = timedelta.max
    renewals = 0

    async def go() -> tuple[Item, ...]:
        nonlocal least, renewals
        life.rounds.append(moments.now)
        items = await go_round(folder, None, Asked(QUIET), world)
        for item in items:
            if item.label != "by-itself.lan":
                assert item.ends is not None
                least = min(least, item.ends - moments.now)
                renewals += item.became is Became.RENEWED
        return items

    async def year() -> Service:
        async with living(life, go_round=go, serve=None) as service:
            await moments.pass_until(NOON + timedelta(days=365))
        return service

    service = asyncio.run(year())
    with capsys.disabled():
        print(  # noqa: T201 - the figures
            f"\na year: {service.rounds} rounds, {renewals} renewals, never less than"
            f" {least.days} days left"
        )
    assert service.failed == ("by-itself.lan",)
    assert renewals == service.renewed
    assert service.rounds == 366  # what only a person can mend is no reason for more
    # 30 days: due after 20, 18 times; 90: after 60, 6 times; 397: after 264, once.
    assert renewals == 25
    assert least > timedelta(days=9)
    assert "<3>failed: by-itself.lan" in life.log.getvalue()


def a_world(moments: FakeTime) -> World:
    """A world without a network, in which the time of a test passes."""

    async def nobody(*_: object) -> tuple[Any, ...]:
        return ()

    async def nothing(_: str) -> int:
        return 0

    return World(
        files=Files(),
        clock=moments.clock,
        resolve=nobody,
        browse=nobody,
        tell=lambda _label, _text: None,
        busy=lambda _text: None,
        run=nothing,
        sleep=moments.sleep,
    )


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({}, None),
        ({"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "1000000"}, None),
        ({"NOTIFY_SOCKET": "@housekey", "WATCHDOG_USEC": "1000000"}, 0.5),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_what_systemd_puts_into_the_environment(
    environ: dict[str, str], watchdog: float | None
) -> None:
    systemd = systemd_of(environ)
    assert systemd.watchdog_seconds == watchdog
    systemd.tell("READY=1")  # nobody is there, and that is no trouble


def test_an_abstract_socket_is_found_by_its_name() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0housekey-test-{os.getpid()}")
        channel.settimeout(_WITHIN)
        systemd_of({"NOTIFY_SOCKET": f"@housekey-test-{os.getpid()}"}).tell("READY=1", "STATUS=x")
        assert channel.recv(100) == b"READY=1\nSTATUS=x"
