"""Everybody who uses a server while its certificate is renewed: they come, they stay, they speak.

Each new connection is compared with what it may have met: `Presenting` knows when which leaf was
begun to be presented, and when that was done. Times are those of the wall clock (time.time()),
because programs of other languages tell theirs by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count, product
from shutil import which
from typing import TYPE_CHECKING, Self

import aiohttp

from tests.engines.asking import PROGRAMS, quiet_environment
from tests.engines.go import built

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_PEM = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SECONDS = 15.0  # for one connection, on a machine that is busy
_PAUSE = 0.01  # between two connections of one client: the machine has others to serve


@dataclass(frozen=True, slots=True)
class Knock:
    """One new TLS connection."""

    how: str  # which client, and what it asks
    began: float
    ended: float = 0.0
    leaf: str = ""  # SHA-256 of what was presented; of the old one where a session was taken up
    resumed: bool = False
    trouble: str = ""  # empty when it was well


class Presenting:
    """Which leaf a handshake may meet, by the time. Ask only when all is over, see `done`."""

    def __init__(self, leaf: str) -> None:
        self._lock = threading.Lock()
        self._leaves = [leaf]
        self._begun = [0.0]
        self._done = [0.0]
        self._whole: list[tuple[float, float]] = []  # when every handshake is a whole one

    def begin(self, leaf: str) -> None:
        """From now on this leaf may be met."""
        with self._lock:
            self._leaves.append(leaf)
            self._begun.append(time.time())

    def begin_unknown(self) -> None:
        """From now on a leaf may be met that is known once it is `done`."""
        self.begin("")

    def done(self, leaf: str | None = None) -> None:
        """From now on no leaf of before may be met any more."""
        with self._lock:
            if leaf is not None:
                self._leaves[-1] = leaf
            self._done.append(time.time())

    def whole_from_now(self) -> None:
        """From now on no session of before is taken up."""
        with self._lock:
            self._whole.append((time.time(), float("inf")))

    def sessions_again(self) -> None:
        """From now on sessions are taken up, of before too."""
        with self._lock:
            self._whole[-1] = (self._whole[-1][0], time.time())

    def is_whole(self, began: float, ended: float) -> bool:
        """Whether a handshake of that time must have been a whole one."""
        with self._lock:
            return any(since <= began and ended <= until for since, until in self._whole)

    def allowed(self, began: float, ended: float) -> set[str]:
        """Return which leaves a handshake of that time may be presented."""
        with self._lock:
            first = max(i for i, at in enumerate(self._done) if at <= began)
            last = max(i for i, at in enumerate(self._begun) if at <= ended)
            return set(self._leaves[first : last + 1])


@dataclass
class Figures:
    """What happened, for people."""

    renewals: int = 0
    refused: int = 0  # broken pairs, in between
    handshakes: Counter[str] = field(default_factory=Counter)  # whole ones, by how
    resumed: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    old_leaves: list[str] = field(default_factory=list)
    leaves_met: set[str] = field(default_factory=set)
    knocks: list[Knock] = field(default_factory=list)  # all that were well
    sockets: int = 0  # WebSockets
    messages: int = 0  # over all WebSockets, there and back
    closed: list[str] = field(default_factory=list)
    kept_alive: int = 0  # requests over connections that were open before the first renewal
    prepare: list[float] = field(default_factory=list)  # seconds
    held: list[float] = field(default_factory=list)  # seconds
    looks: list[dict[str, int]] = field(default_factory=list)
    missing: str = ""  # programs of the crowd that this machine lacks

    def __str__(self) -> str:
        looks = ", ".join(
            f"{each['memory'] / 1024:.1f} MiB and {each['contexts']} contexts"
            f" after {each['renewals']}"
            for each in self.looks
        )
        lines = [
            f"{self.renewals} renewals, {self.refused} broken pairs refused",
            f"{self.handshakes.total()} whole handshakes, {self.resumed.total()} resumed ones",
            f"    {len(self.troubles)} failed, {len(self.old_leaves)} presented an old leaf",
        ]
        lines += (
            f"    {how}: {self.handshakes[how]} whole, {self.resumed[how]} resumed"
            for how in sorted({*self.handshakes, *self.resumed})
        )
        lines += [
            f"{self.sockets} WebSockets, {len(self.closed)} closed",
            f"    {self.messages} messages there and back",
            f"{self.kept_alive} requests over HTTP connections that were kept alive",
            f"each took {_spread(self.prepare, 1e3)} ms (median / most)",
            f"    of it in the event loop {_spread(self.held, 1e6)} µs",
            f"the server's memory: {looks}",
        ]
        return "\n".join(lines)


def _spread(seconds: list[float], per_second: float) -> str:
    if not seconds:
        return "unknown"
    middle = sorted(seconds)[len(seconds) // 2]
    return f"{middle * per_second:.1f} / {max(seconds) * per_second:.1f}"


class Crowd:
    """All clients of one server. Use as a context manager: `knocks` collects what they met."""

    def __init__(
        self,
        ports: list[int],
        root: Path,
        folder: Path,
        presenting: Presenting,
        figures: Figures,
        *,
        name: str = "localhost",
        address: str = "127.0.0.1",
    ) -> None:
        self._ports = ports
        self._root = root
        self._folder = folder
        self._presenting = presenting
        self._figures = figures
        self._name, self._address = name, address
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._go: list[subprocess.Popen[str]] = []
        self.missing = [name for name in ("curl", "openssl", "go") if which(name) is None]

    def __enter__(self) -> Self:
        clients: list[Callable[[int], None]] = [self._sockets] * 4
        if not {"curl", "openssl"} & set(self.missing):
            clients.append(self._programs)
        threads = [threading.Thread(target=client, args=(i,)) for i, client in enumerate(clients)]
        if "go" not in self.missing:
            program = built(PROGRAMS.parents[1] / "inside" / "programs" / "knock.go", "go-knock")
            for name in (self._name, self._address):
                process = subprocess.Popen(
                    [program, f"{self._address}:{self._ports[0]}", name, self._root],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env=quiet_environment(),
                    text=True,
                )
                self._go.append(process)
                threads.append(threading.Thread(target=self._listen_to_go, args=(process, name)))
        for thread in threads:
            thread.start()
        self._threads = threads
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for process in self._go:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(_SECONDS)
        for thread in self._threads:
            thread.join()
        for knock in self._figures.knocks:
            self._judge(knock)
        self._figures.missing = ", ".join(self.missing)
        for process in self._go:
            assert process.stdout is not None
            process.stdout.close()

    async def wait_until_met(self, leaf: str, *, times: int) -> None:
        """Wait until that many handshakes have been presented `leaf`."""
        before = self._figures.handshakes.total()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with self._lock:
                met = leaf in self._figures.leaves_met
            if met and self._figures.handshakes.total() - before >= times:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nobody met the new leaf within a minute")

    # ---- the clients

    def _sockets(self, number: int) -> None:
        """Python's own TLS: each version, by name, by address and without SNI, with sessions."""
        versions = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
        names = (self._name, self._address, None)
        ways = list(product(versions, names, (False, True)))
        contexts = {way: self._client(way[0], verified=way[1] is not None) for way in ways}
        sessions: dict[object, ssl.SSLSession | None] = {}
        for turn in count(number * 3):
            if self._stop.wait(_PAUSE):
                return
            way = ways[turn % len(ways)]
            version, name, keeps = way
            asked = {self._name: "by name", self._address: "by address", None: "without SNI"}[name]
            said = version.name.replace("TLSv1_", "TLS 1.")
            how = f"Python, {said}, {asked}" + (", sessions" if keeps else "")
            # Half of those who keep sessions keep the oldest, the others the newest.
            session = sessions.get(way) if keeps else None
            port = self._ports[turn % len(self._ports)]
            knock, session = self._one_socket(how, port, contexts[way], name, session)
            if keeps and (number % 2 or sessions.get(way) is None or not knock.resumed):
                sessions[way] = session
            self._tell(knock)

    def _one_socket(
        self,
        how: str,
        port: int,
        context: ssl.SSLContext,
        name: str | None,
        session: ssl.SSLSession | None,
    ) -> tuple[Knock, ssl.SSLSession | None]:
        began = time.time()
        try:
            with (
                socket.create_connection((self._address, port), timeout=_SECONDS) as connection,
                context.wrap_socket(connection, server_hostname=name, session=session) as secured,
            ):
                ended = time.time()
                leaf = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
                secured.sendall(
                    f"GET / HTTP/1.1\r\nHost: {self._name}\r\nConnection: close\r\n\r\n".encode()
                )
                answer = b""
                with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
                    while part := secured.recv(1 << 16):
                        answer += part
                if not answer.startswith(b"HTTP/1.1 200"):
                    return Knock(how, began, ended, leaf, trouble=f"answered {answer[:60]!r}"), None
                return (
                    Knock(how, began, ended, leaf, bool(secured.session_reused)),
                    secured.session,
                )
        except OSError as error:
            return Knock(how, began, time.time(), trouble=repr(error)), None

    def _client(self, version: ssl.TLSVersion, *, verified: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._root))
        context.check_hostname = verified
        context.minimum_version = context.maximum_version = version
        return context

    def _programs(self, _number: int) -> None:
        """curl and `openssl s_client`, which keeps a session in a file."""
        kept = self._folder / "session.pem"
        for turn in count():
            if self._stop.wait(_PAUSE):
                return
            version = 2 + turn % 2
            host = (self._name, self._address)[turn // 2 % 2]
            if turn % 3:
                self._tell(self._curl(version, host))
            else:
                self._tell(self._s_client(host, kept))

    def _curl(self, version: int, host: str) -> Knock:
        one = f"1.{version}"
        how = f"curl, TLS {one}, by {'name' if host == self._name else 'address'}"
        command = [
            *("curl", "--disable", "--silent", "--show-error", "--fail", "--noproxy", "*"),
            *("--cacert", str(self._root), f"--tlsv{one}", "--tls-max", one),
            *(
                "--output",
                "/dev/null",
                "--write-out",
                "%{certs}",
                f"https://{host}:{self._ports[0]}/",
            ),
        ]
        return self._run(how, command)

    def _s_client(self, host: str, kept: Path) -> Knock:
        how = f"openssl s_client, by {'name' if host == self._name else 'address'}, sessions"
        sni = ["-servername", host] if host == self._name else ["-noservername"]
        session = ["-sess_in", str(kept)] if kept.exists() else []
        command = [
            *("openssl", "s_client", "-connect", f"{self._address}:{self._ports[0]}", *sni),
            *("-CAfile", str(self._root), "-verify_return_error", "-ign_eof"),
            *("-sess_out", str(kept), *session),
        ]
        said = f"GET / HTTP/1.1\r\nHost: {self._name}\r\nConnection: close\r\n\r\n"
        return self._run(how, command, said)

    def _run(self, how: str, command: list[str], said: str = "") -> Knock:
        began = time.time()
        done = subprocess.run(
            command,
            input=said,
            capture_output=True,
            text=True,
            errors="replace",
            env=quiet_environment(),
            timeout=_SECONDS,
            check=False,
        )
        ended = time.time()
        if done.returncode:
            trouble = " ".join((done.stderr or done.stdout).split())[-300:]
            return Knock(how, began, ended, trouble=f"{done.returncode}: {trouble}")
        block = re.search(
            "-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", done.stdout, re.DOTALL
        )
        if block is None:
            return Knock(how, began, ended, trouble=f"no certificate: {done.stdout[-300:]!r}")
        leaf = hashlib.sha256(ssl.PEM_cert_to_DER_cert(block[0])).hexdigest()
        return Knock(how, began, ended, leaf, "Reused, TLS" in done.stdout)

    def _listen_to_go(self, process: subprocess.Popen[str], name: str) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            told["how"] += ", by name" if name == self._name else ", by address"
            self._tell(Knock(**told))

    def _tell(self, knock: Knock) -> None:
        with self._lock:
            if knock.trouble:
                if not self._stop.is_set():
                    self._figures.troubles.append(f"{knock.how}: {knock.trouble}")
                return
            self._figures.knocks.append(knock)
            if knock.resumed:
                self._figures.resumed[knock.how] += 1
            else:
                self._figures.handshakes[knock.how] += 1
                self._figures.leaves_met.add(knock.leaf)

    def _judge(self, knock: Knock) -> None:
        """See whether it met what it should; when all is over, and every leaf known."""
        if not knock.resumed:
            if knock.leaf not in self._presenting.allowed(knock.began, knock.ended):
                self._figures.old_leaves.append(f"{knock.how}: {knock.leaf}")
        # TLS 1.2 knows sessions without tickets, too, and those that began meanwhile.
        elif "1.3" in knock.how and self._presenting.is_whole(knock.began, knock.ended):
            self._figures.old_leaves.append(f"{knock.how}: took up a session")


@contextlib.asynccontextmanager
async def open_sockets(  # type: ignore[no-untyped-def]
    url: str,
    root: Path,
    figures: Figures,
    *,
    greet: Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]],
    ask: Callable[[aiohttp.ClientWebSocketResponse, int], Awaitable[bool]],
    number: int = 50,
    kept_alive: int = 4,
):
    """Keep WebSockets open that speak ten times a second, and some HTTP connections beside them.

    `greet` says what must be said first; `ask` says something, and returns whether the answer
    was right. What ends or fails before the block does is in `figures`.
    """
    stopping = asyncio.Event()
    ready = [asyncio.Event() for _ in range(number + kept_alive)]
    tls = ssl.create_default_context(cafile=str(root))

    async def pause() -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.1)
        return not stopping.is_set()

    async def speak(which_one: int) -> None:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{url}/api/websocket", ssl=tls) as one,
        ):
            await greet(one)
            figures.sockets += 1
            ready[which_one].set()
            for turn in count(1):
                try:
                    if not await ask(one, turn):
                        figures.closed.append(f"WebSocket {which_one}: a wrong answer")
                        return
                except Exception as error:  # noqa: BLE001 - whatever it was, it ended
                    figures.closed.append(f"WebSocket {which_one}: {error!r} {one.close_code}")
                    return
                figures.messages += 1
                if not await pause():
                    return

    async def fetch(which_one: int) -> None:
        made = 0

        async def count_it(*_: object) -> None:
            nonlocal made
            made += 1

        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(count_it)
        connector = aiohttp.TCPConnector(limit=1, ssl=tls, keepalive_timeout=60)
        async with aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session:
            while True:
                async with session.get(f"{url}/") as answer:
                    await answer.read()
                ready[which_one].set()
                if made != 1:
                    figures.closed.append(f"HTTP connection {which_one}: made anew")
                    return
                figures.kept_alive += 1
                if not await pause():
                    return

    async with asyncio.TaskGroup() as group:
        for i in range(number):
            group.create_task(speak(i))
        for i in range(number, number + kept_alive):
            group.create_task(fetch(i))
        await asyncio.wait_for(asyncio.gather(*(each.wait() for each in ready)), 60)
        try:
            yield
        finally:
            stopping.set()
