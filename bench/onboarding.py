"""The onboarding page: its first answer against `python -m http.server`, and its weight.

`housekey share` as a user runs it, and the standard library's server with one file of the
same size as the page, are asked in turn on loopback, each time over a new connection, as a
device does that comes for the first time. The page is made anew for each visitor, and behind
it stand two confined processes; the file is only read.

    python -m bench --only onboarding
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.commands import housekey
from bench.processes import output_of, say
from bench.rows import Figures, NotMeasured, Row, Unit, Wanted
from demo.instance import free_port
from demo.release import plain_environment
from tests.browsers.guise import (
    CHROME_ON_ANDROID,
    CHROME_ON_WINDOWS,
    SAFARI_ON_IPHONE,
    SAFARI_ON_MAC,
)
from tests.sharing import Share

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 400
FIRST_ANSWER_MILLISECONDS = 5.0
WEIGHT_KIB = 60.0  # all that a device loads before it has done anything
_BROWSERS = (SAFARI_ON_IPHONE, CHROME_ON_ANDROID, CHROME_ON_WINDOWS, SAFARI_ON_MAC)
_LANGUAGES = ("en", "de")
_NAMES = ("homeassistant.local", "localhost", "127.0.0.1")
_LOADED = re.compile(rb"(?:src|href)=\"(/[a-z]+\.(?:css|js|svg))\"")


def rows() -> list[Row]:
    """Return the row of the first answer and that of the weight. Raises NotMeasured."""
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        folder = Path(name)
        house = folder / "house"
        places = ("--out", folder / "leaf", "--house", house)
        output_of([housekey(), "cert", "new", *_NAMES, *places, "--yes"], env={"HOME": name})
        say(f"onboarding: {ROUNDS} rounds of a first answer of housekey share and http.server")
        with Share(house) as share:
            page = share.get("/", {"User-Agent": SAFARI_ON_IPHONE})
            (folder / "www").mkdir()
            (folder / "www/index.html").write_bytes(page)
            with _http_server(folder / "www") as port:
                return [_first_answer(share.port, port, page), _weight(share)]


def _first_answer(ours: int, theirs: int, page: bytes) -> Row:
    taken: dict[int, list[float]] = {ours: [], theirs: []}
    whole: list[float] = []
    for counted in (*[False] * 20, *[True] * ROUNDS):
        for port, its in taken.items():
            first, last = _ask(port, page)
            if counted:
                its.append(1000 * first)
                if port == ours:
                    whole.append(1000 * last)
    figures = Figures(median(taken[ours]), median(taken[theirs]), Unit.MILLISECONDS)
    slowest = sorted(taken[ours])[len(whole) * 99 // 100]
    how = (
        f"new connections by turns, from connecting to the first bytes, median of {ROUNDS};"
        f" ours: 99 of 100 within {slowest:.2f} ms, the whole page after {median(whole):.2f} ms"
    )
    wanted = Wanted(
        f"ours < {FIRST_ANSWER_MILLISECONDS:g} ms", figures.ours < FIRST_ANSWER_MILLISECONDS
    )
    return Row("first answer of the onboarding page / python -m http.server", figures, how, wanted)


def _ask(port: int, page: bytes) -> tuple[float, float]:
    """Return the seconds from connecting to the first bytes of the answer, and to its last."""
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: {SAFARI_ON_IPHONE}\r\n\r\n"
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode())
        answer = connection.recv(1 << 16)
        first = time.perf_counter() - start
        while more := connection.recv(1 << 16):
            answer += more
    last = time.perf_counter() - start
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].decode()
    if " 200 " not in status or len(body) != len(page):
        raise NotMeasured(f"port {port} answered {status!r} and {len(body)} of {len(page)} bytes")
    return first, last


def _weight(share: Share) -> Row:
    """Weigh the heaviest page of all devices and languages, with what it loads by itself."""
    pages = [
        share.get(f"/?lang={language}", {"User-Agent": browser})
        for language in _LANGUAGES
        for browser in _BROWSERS
    ]
    heaviest = max(pages, key=len)
    loaded = sorted(set(_LOADED.findall(heaviest)))
    parts = {"HTML": len(heaviest)}
    parts |= {path.decode().strip("/"): len(share.get(path.decode())) for path in loaded}
    figures = Figures(sum(parts.values()) / 1024, WEIGHT_KIB, Unit.KIB)
    told = ", ".join(f"{name} {size / 1024:.1f}" for name, size in parts.items())
    return Row(
        "weight of the onboarding page in all / what it may weigh",
        figures,
        f"nothing compressed, the heaviest of {len(pages)} devices and languages: {told}",
        Wanted(f"ratio < {1:g}", figures.ratio < 1),
    )


@contextmanager
def _http_server(folder: Path) -> Iterator[int]:
    """Run the standard library's server on what lies in `folder`; its port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(folder)],
        env=plain_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                break
        else:
            raise NotMeasured("python -m http.server does not answer")
        yield port
    finally:
        process.kill()
        process.wait()
