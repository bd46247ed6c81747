"""200 devices at once: every one is served, from the page to its proof, and nothing grows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.onboarding.events import Step
from housekey.onboarding.render import Page
from tests.onboarding.sharing import an_offer, ask, sharing, trusting

if TYPE_CHECKING:
    import ssl

    from tests.onboarding.sharing import Shared

DEVICES = 200
ROUNDS = 5
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
)


async def a_device(shared: Shared, number: int, source: str, tls: ssl.SSLContext) -> None:
    """Do what a browser does."""
    agent = f"User-Agent: {AGENTS[number % len(AGENTS)]}"
    for path in ("/", "/style.css", "/page.js", "/icon.svg", "/housekey.mobileconfig"):
        said = await ask(shared.port, path, agent, source=source)
        assert said.status == 200
        assert len(said.body) == int(said.headers["content-length"]) > 0
    fresh = json.loads((await ask(shared.port, "/nonce?again=0", agent, source=source)).body)
    origin = f"Origin: http://127.0.0.1:{shared.port}"
    target = f"/proof?nonce={fresh['nonce']}"
    said = await ask(shared.proof_port, target, agent, origin, tls=tls, source=source)
    assert said.status == 200
    assert json.loads(said.body)["trusted"] is True


def memory_kib(pid: int) -> int:
    """Return how much memory a process has of its own."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise AssertionError(pid)


async def quiet(shared: Shared) -> list[int]:
    """Return how many files each process has open, once that does not change any more."""
    last: list[int] = []
    while True:
        now = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in shared.serving.pids]
        if now == last:
            return now
        last = now
        await asyncio.sleep(0.5)


def test_200_devices_at_once_are_served_and_no_round_of_them_costs_memory() -> None:
    async def story() -> None:
        tls = trusting()
        async with sharing() as shared:
            idle = await quiet(shared)
            rounds: list[list[int]] = []
            for each in range(ROUNDS):
                await asyncio.gather(
                    *(
                        a_device(shared, number, f"127.0.1.{number + 1}", tls)
                        for number in range(DEVICES)
                    )
                )
                done = (each + 1) * DEVICES
                for step in (Step.ARRIVED, Step.FETCHED, Step.TRUSTS):
                    told = await shared.until(step, done)
                    assert len(told) == done
                    assert {event.device for event in told} == set(range(1, DEVICES + 1))
                rounds.append([memory_kib(pid) for pid in shared.serving.pids])
            assert not shared.refused()
            # The first rounds fill what is kept on purpose, up to its bounds. Then not even 1 KiB
            # stays of a request.
            for _, second, *_, last in zip(*rounds, strict=True):
                assert last - second < (ROUNDS - 2) * DEVICES * 7, rounds
            assert await quiet(shared) == idle

    asyncio.run(story())


def test_200_devices_behind_one_address_are_served_too() -> None:
    """A container's network, or a second router, gives all of them the address of one."""

    async def story() -> None:
        tls = trusting()
        async with sharing() as shared:
            await asyncio.gather(
                *(a_device(shared, number, "127.0.0.1", tls) for number in range(DEVICES))
            )
            assert len(await shared.until(Step.TRUSTS, DEVICES)) == DEVICES
            assert not shared.refused()

    asyncio.run(story())


def test_connections_that_come_and_go_leave_nothing() -> None:
    async def story() -> None:
        async with sharing() as shared:
            sizes: list[list[int]] = []
            for _ in range(7):
                for _ in range(100):
                    opened = []
                    for port in (shared.port, shared.proof_port):
                        for _ in range(10):
                            connection = socket.socket()
                            connection.setblocking(False)
                            with contextlib.suppress(BlockingIOError):
                                connection.connect(("127.0.0.1", port))
                            opened.append(connection)
                    await asyncio.sleep(0.01)
                    for connection in opened:
                        connection.close()
                sizes.append([memory_kib(pid) for pid in shared.serving.pids])
            # What the collector has not come to yet may lie about; but one that stays costs more.
            for second, *_, last in zip(*sizes[1:], strict=True):
                assert last - second < 4 * 5000, sizes
            assert (await ask(shared.port)).status == 200
            assert (await ask(shared.proof_port, "/trusted", tls=trusting())).status == 200

    asyncio.run(story())


def test_the_page_weighs_less_than_60_kib_in_all() -> None:
    async def story() -> None:
        page = Page(an_offer())
        async with sharing() as shared:
            for agent in AGENTS:
                weight = 0
                for path in (
                    "/",
                    *(path for path, file in page.assets.items() if not file.is_root),
                ):
                    said = await ask(shared.port, path, f"User-Agent: {agent}")
                    weight += len(said.body)
                    weight += sum(map(len, (*said.headers, *said.headers.values())))
                assert weight < 60 * 1024

    asyncio.run(story())
