"""A plain server under fire: its certificate is renewed a hundred times, and nobody notices."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from housekey.pki.encoding import certificate_to_pem
from tests.command import environment
from tests.inside.crowd import Crowd, Figures, Presenting, open_sockets
from tests.inside.pairs import write_pair
from tests.needs import require
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    import aiohttp
    import pytest

RENEWALS = 100
NAMES = names("localhost", "127.0.0.1")


class Server:
    """`tests.inside.server` in a process of its own."""

    def __init__(self, *arguments: Path) -> None:
        self._arguments = arguments
        self.ports: list[int] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.inside.server", *map(str, self._arguments)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            env=environment(),
        )
        self.ports = (await self._line())["ports"]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), 30)

    async def do(self, what: str, **more: str) -> dict[str, Any]:
        """Have it do something, and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **more}).encode() + b"\n")
        return await self._line()

    async def said(self) -> str:
        """What it wrote to standard error; call it after the end."""
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode()

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, await self.said()
        answer: dict[str, Any] = json.loads(line)
        return answer


async def no_greeting(_socket: aiohttp.ClientWebSocketResponse) -> None:
    """Nothing need be said first."""


async def echoes(socket: aiohttp.ClientWebSocketResponse, turn: int) -> bool:
    """Say a number; it comes back."""
    await socket.send_str(f"{turn}")
    return await socket.receive_str(timeout=30) == f"{turn}"


def test_a_hundred_renewals_under_fire(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = asyncio.run(under_fire(tmp_path))
    with capsys.disabled():
        sys.stdout.write(f"\n{figures}\n")
    assert figures.troubles == []
    assert figures.closed == []
    assert figures.old_leaves == []
    assert figures.renewals == RENEWALS
    # Each one was met by somebody; the one that the server began with makes one more.
    assert len(figures.leaves_met) == RENEWALS + 1
    assert figures.sockets == 50
    assert len(figures.handshakes) >= 12
    # Sessions were taken up in the second half, where they were allowed at once.
    assert figures.resumed.total() > 0
    early, late = figures.looks[1], figures.looks[-1]
    # A context is 27 KiB (measured); with each of fifty kept it were more than a MiB.
    assert late["contexts"] == early["contexts"]
    assert late["memory"] - early["memory"] < 1024
    require(not figures.missing, f"it went well, but without {figures.missing}")


async def under_fire(folder: Path) -> Figures:
    """Renew while everybody comes, stays and speaks."""
    house = a_house()
    root = folder / "root.pem"
    root.write_bytes(certificate_to_pem(house.root.certificate))
    first = write_pair(folder, 0, NAMES, by=house.issuing)
    broken = write_pair(folder, RENEWALS + 1, NAMES, by=house.issuing)
    presenting, figures = Presenting(first.sha256), Figures()

    async with Server(first.certificate, first.key, root) as server:
        url = f"https://localhost:{server.ports[0]}"
        crowd = Crowd(server.ports, root, folder, presenting, figures)
        sockets = open_sockets(url, root, figures, greet=no_greeting, ask=echoes)
        async with sockets:
            with crowd:
                await crowd.wait_until_met(first.sha256, times=50)
                for number in range(1, RENEWALS + 1):
                    pair = await asyncio.to_thread(
                        write_pair, folder, number, NAMES, by=house.issuing
                    )
                    presenting.begin(pair.sha256)
                    done = await server.do(
                        "swap", certificate=str(pair.certificate), key=str(pair.key)
                    )
                    assert done["leaf"] == pair.sha256, done
                    presenting.done()
                    figures.renewals += 1
                    figures.prepare.append(done["seconds"])
                    figures.held.append(done["held"])
                    if number == 1:
                        presenting.whole_from_now()
                    if number == RENEWALS // 2:
                        presenting.sessions_again()
                    if number >= RENEWALS // 2:
                        await server.do("sessions again")
                    if number % 10 == 0:
                        refused = await server.do(
                            "swap", certificate=str(pair.certificate), key=str(broken.key)
                        )
                        assert "key is not the one" in refused["refused"]
                        figures.refused += 1
                    await crowd.wait_until_met(pair.sha256, times=10)
                    if number % (RENEWALS // 4) == 0:
                        figures.looks.append({**await server.do("look"), "renewals": number})
                await server.do("release")
                await asyncio.sleep(0.5)  # and nobody notices that either
    assert await server.said() == ""
    return figures
