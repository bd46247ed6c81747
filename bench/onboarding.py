"""The first answer of the onboarding page on loopback, against `python -m http.server`.

The page is served as `housekey share` serves it, by its own confined process. Beside it Python's
own server hands out a file of the same bytes. One client opens a new connection for each request
and reads to the end, by turns.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import TYPE_CHECKING

from bench.processes import say
from bench.rows import Figures, NotMeasured, Row, Unit, Wanted, not_measured
from demo.release import plain_environment
from housekey.errors import ShareFailed
from housekey.onboarding.children import serve
from tests.onboarding.sharing import a_pair, an_offer

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS = 400
MOST_MILLISECONDS = 5.0
_WHAT = "one answer of the onboarding page / of python -m http.server"
_START_SECONDS = 20


def rows() -> list[Row]:
    """Return the one row."""
    say("the onboarding page's answer")
    try:
        ours, theirs, size = asyncio.run(_measure())
    except (NotMeasured, ShareFailed) as why:
        return [not_measured(_WHAT, str(why))]
    how = (
        f"loopback, {size / 1024:.1f} KiB, a new connection each, median of {REQUESTS} by turns;"
        " ours comes from a template, with a nonce of its own"
    )
    wanted = Wanted(f"ours < {MOST_MILLISECONDS:g} ms", ours < MOST_MILLISECONDS)
    return [Row(_WHAT, Figures(ours, theirs, Unit.MILLISECONDS), how, wanted)]


async def _measure() -> tuple[float, float, int]:
    chain, key = a_pair()
    serving = await serve(
        an_offer(),
        chain_pem=chain,
        key_pem=key,
        addresses=("127.0.0.1",),
        port=0,
        proof_port=0,
    )
    async with serving:
        return await asyncio.to_thread(_by_turns, serving.port)


def _by_turns(port: int) -> tuple[float, float, int]:
    page = _fetched(port).partition(b"\r\n\r\n")[2]
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        (Path(name) / "index.html").write_bytes(page)
        with socket.create_server(("127.0.0.1", 0)) as free:
            other = free.getsockname()[1]
        server = subprocess.Popen(
            [sys.executable, "-m", "http.server", str(other), "--bind", "127.0.0.1"],
            cwd=name,
            env=plain_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait_for(other)
            taken: dict[int, list[float]] = {port: [], other: []}
            for counted in (*[False] * 20, *[True] * REQUESTS):
                for each, seconds in taken.items():
                    once = _timed(lambda each=each: _fetched(each))  # type: ignore[misc]
                    if counted:
                        seconds.append(once)
        finally:
            server.kill()
            server.wait()
    return 1000 * median(taken[port]), 1000 * median(taken[other]), len(page)


def _wait_for(port: int) -> None:
    until = perf_counter() + _START_SECONDS
    while perf_counter() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            sleep(0.05)
        else:
            return
    raise NotMeasured("python -m http.server did not start")


def _timed(run: Callable[[], object]) -> float:
    start = perf_counter()
    run()
    return perf_counter() - start


def _fetched(port: int) -> bytes:
    answered = b""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        while chunk := connection.recv(65536):
            answered += chunk
    if b" 200 " not in answered[:20]:
        raise NotMeasured("the answer was not 200")
    return answered
