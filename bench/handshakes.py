"""Full TLS handshakes per second of a real Home Assistant: our leaf against RSA-4096.

Two of the same release run side by side on the loopback, otherwise alike: one was taken
to HTTPS by `housekey secure`, the other serves the self-signed RSA-4096 certificate of
the usual guides. `openssl s_time -new` asks each in turn for new connections, without
resuming any. Beside the rate stands the processor time that Home Assistant itself spent
on a handshake, which other programs on the machine change much less.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from bench.commands import openssl_line
from bench.homes import home_with_pair, newest_home, secure
from bench.processes import need, output_of, say
from bench.rows import Figures, NotMeasured, Row, Unit, not_measured
from demo.release import plain_environment
from tests.homes.home import Home

if TYPE_CHECKING:
    from tests.homes.install import Installed

ROUNDS = 6
SECONDS = 4  # of one turn
CLIENTS = 2  # one alone leaves the server waiting for it
_WHAT = "full TLS handshakes of Home Assistant, our leaf / RSA-4096 self-signed"
_WHAT_CPU = "Home Assistant's processor time of a handshake, our leaf / RSA-4096 self-signed"
# s_time prints one sign a connection, "r" for one that was resumed, then its sums.
_CONNECTIONS = re.compile(r"(\d+) connections in \d+ real seconds")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one server did while the clients were at it."""

    handshakes: int
    seconds: float  # on the clock
    cpu: float  # seconds that the server's process spent

    @property
    def rate(self) -> float:
        return self.handshakes / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """Processor time of one handshake."""
        return 1000 * self.cpu / self.handshakes


def rows() -> list[Row]:
    """Return the row of the rates and the one of the processor time."""
    try:
        need("openssl")
        installed = newest_home()
        with TemporaryDirectory(prefix="housekey-bench-") as name:
            ours, theirs = _measure(installed, Path(name))
    except NotMeasured as why:
        return [not_measured(_WHAT, why)]
    how = (
        f"Home Assistant {installed.release.version}, openssl s_time -new, {CLIENTS} clients,"
        f" median of {ROUNDS} turns of {SECONDS} s, nothing resumed"
    )
    return [
        Row(
            _WHAT,
            Figures(_median_rate(ours), _median_rate(theirs), Unit.PER_SECOND),
            how,
        ),
        Row(
            _WHAT_CPU,
            Figures(_median_cpu(ours), _median_cpu(theirs), Unit.MILLISECONDS),
            "the same turns, user and system time of its process",
        ),
    ]


def _measure(installed: Installed, folder: Path) -> tuple[list[Turn], list[Turn]]:
    with ExitStack() as running:
        say(f"handshakes: starting two Home Assistant {installed.release.version}")
        ours = running.enter_context(Home(installed, folder / "ours"))
        secure(ours, folder)
        classic = folder / "classic"
        classic.mkdir()
        output_of(openssl_line(classic))
        theirs = running.enter_context(
            home_with_pair(
                installed,
                folder / "theirs",
                certificate=classic / "certificate.pem",
                key=classic / "privkey.pem",
            )
        )
        for home in (ours, theirs):
            home.wait_until_running(scheme="https")
        say(f"handshakes: {ROUNDS} rounds of {SECONDS} s for each")
        turns: dict[Home, list[Turn]] = {ours: [], theirs: []}
        for counted in (False, *[True] * ROUNDS):
            for home, its in turns.items():
                turn = _turn(home, seconds=SECONDS if counted else 1)
                if counted:
                    its.append(turn)
    return turns[ours], turns[theirs]


def _turn(home: Home, *, seconds: int) -> Turn:
    command = ["openssl", "s_time", "-new", "-connect", f"127.0.0.1:{home.port}"]
    cpu, start = _cpu_seconds(home), perf_counter()
    clients: list[subprocess.Popen[str]] = []
    try:
        clients.extend(
            subprocess.Popen(
                [*command, "-time", str(seconds)],
                env=plain_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for _ in range(CLIENTS)
        )
        said = [client.communicate(timeout=seconds + 30)[0] for client in clients]
    except subprocess.TimeoutExpired:
        raise NotMeasured("openssl s_time did not end") from None
    finally:
        for client in clients:
            client.kill()
            client.wait()
    # Its own "real seconds" are whole ones; the clock here is finer.
    taken = perf_counter() - start
    return Turn(sum(map(_connections, said)), taken, _cpu_seconds(home) - cpu)


def _connections(said: str) -> int:
    found = _CONNECTIONS.search(said)
    if found is None or found[1] == "0":
        raise NotMeasured(f"openssl s_time made no connection: {said.strip()[-200:]}")
    signs = next(line for line in said.splitlines() if line.startswith(("*", "r")))
    if "r" in signs:
        raise NotMeasured("openssl s_time resumed sessions")
    return int(found[1])


def _cpu_seconds(home: Home) -> float:
    """Return the user and system time of its process (proc(5): fields 14 and 15 of stat)."""
    stat = Path(f"/proc/{home.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _median_rate(turns: list[Turn]) -> float:
    return median(turn.rate for turn in turns)


def _median_cpu(turns: list[Turn]) -> float:
    return median(turn.cpu_milliseconds for turn in turns)
