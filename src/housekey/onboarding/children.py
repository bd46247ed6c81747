"""The parent's side: starts the two processes that face the network, and hears what they tell.

The parent has the house, the ledger and the terminal, and no open port. The processes are fresh
programs, so that no memory of the parent's, which may have keys, is theirs; they get sockets that
listen, one line on their standard input, and an environment with nothing in it but where Python
finds its modules. They live as long as that standard input is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from housekey.errors import ShareFailed
from housekey.onboarding.events import Step
from housekey.onboarding.listening import listen
from housekey.onboarding.nonce import SECRET_BYTES
from housekey.onboarding.wire import LINE_BYTES, Task, confined_from, event_from, task_line
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence

    from housekey.onboarding.events import Event
    from housekey.onboarding.offer import Offer

PACKAGE = "housekey.onboarding"  # of the two programs
PAGE, PROOF = "page", "proof"  # what they are called, for people too
READY_SECONDS = 60.0  # to load everything on a slow machine that does much else
_END_SECONDS = 3.0
_OF_NOW = timedelta(hours=1)  # what is told may wait to be read, and the clock may be set
_MOST_EVENTS = 1024  # that wait to be read here
_MOST_WORDS = 4096  # of a process's standard error, that are kept
# What else Python may need to start, by the name of its variable.
_INHERITED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")


@dataclass(frozen=True, slots=True)
class _Child:
    name: str  # for people
    process: asyncio.subprocess.Process
    confined: tuple[str, ...]

    def must_be_able_to_say(self, event: Event) -> None:
        """Raise ValueError for what happens at the other one, or at another time.

        The page parses more of what strangers send, and can prove nothing.
        """
        here = (Step.TRUSTS,) if self.name == PROOF else (Step.ARRIVED, Step.FETCHED)
        if event.step not in (*here, Step.REFUSED):
            raise ValueError("this does not happen there")
        if abs(datetime.now(UTC) - event.at) > _OF_NOW:
            raise ValueError("this did not happen now")


class Serving:
    """The page and the proof, being served. Close it, or use it as a context manager."""

    def __init__(
        self,
        page: _Child,
        proof: _Child,
        *,
        port: int,
        proof_port: int,
        words: Sequence[_Words],
    ) -> None:
        self.port = port
        self.proof_port = proof_port
        # What holds both of them back, as confine.py words it.
        self.confined = tuple(each for each in page.confined if each in proof.confined)
        self._children = (page, proof)
        self._words = words
        # None is the end.
        self._events: asyncio.Queue[Event | ShareFailed | None] = asyncio.Queue(_MOST_EVENTS)
        self._reading = [asyncio.create_task(self._read(child)) for child in self._children]
        self._closed = False

    @property
    def pids(self) -> tuple[int, int]:
        """The process of the page, and that of the proof."""
        page, proof = self._children
        return page.process.pid, proof.process.pid

    async def events(self) -> AsyncIterator[Event]:
        """Give each event as it happens, until `close`. Raises ShareFailed when one has died."""
        while True:
            met = await self._events.get()
            if met is None:
                return
            if isinstance(met, ShareFailed):
                raise met
            yield met

    async def close(self) -> None:
        """End both processes; that there is nothing to end any more is no error."""
        if self._closed:
            return
        self._closed = True
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        await asyncio.gather(*(_end(child.process) for child in self._children))
        for words in self._words:
            await words.close()
        while self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self, child: _Child) -> None:
        assert child.process.stdout is not None  # noqa: S101 - for mypy
        while True:
            try:
                line = await child.process.stdout.readline()
                if not line:
                    break
                event = event_from(line)
                child.must_be_able_to_say(event)
            except ValueError:  # too long, or not an event of this process
                _kill(child.process)
                await self._events.put(_untrustworthy(child.name))
                return
            await self._events.put(event)
        words = next(each for each in self._words if each.name == child.name)
        await self._events.put(_died(child.name, await words.last()))


async def serve(
    offer: Offer,
    *,
    chain_pem: bytes,
    key_pem: Secret,
    addresses: Sequence[str],
    port: int,
    proof_port: int,
) -> Serving:
    """Serve the page at `port` and the proof at `proof_port`, at each of `addresses`.

    `chain_pem` is the leaf of the proof and its issuing CA, `key_pem` the leaf's key. Port 0 is
    any. `offer.proof_port` is replaced by the port of the proof as it was bound. It returns when
    both answer and are confined. Raises ShareFailed, with nothing left behind: a port is taken,
    or a process did not come up.
    """
    page_sockets, port = listen(addresses, port)
    try:
        proof_sockets, proof_port = listen(addresses, proof_port, option="--proof-port")
    except ShareFailed:
        _close(page_sockets)
        raise
    offer = replace(offer, proof_port=proof_port)
    secret = Secret(secrets.token_bytes(SECRET_BYTES))
    page_task = Task(offer, port, tuple(each.fileno() for each in page_sockets), secret)
    proof_task = replace(
        page_task,
        listeners=tuple(each.fileno() for each in proof_sockets),
        chain_pem=chain_pem,
        key_pem=key_pem,
    )
    starting: list[_Starting] = []
    waiting: list[asyncio.Task[_Child]] = []
    try:
        for name, module, task in (
            (PAGE, "page_process", page_task),
            (PROOF, "proof_process", proof_task),
        ):
            starting.append(await _Starting.begin(name, module, task))
        waiting = [asyncio.create_task(each.ready()) for each in starting]
        page, proof = await asyncio.gather(*waiting)
    except BaseException:
        for ready in waiting:
            ready.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for each in starting:
            await _end(each.process)
            await each.words.close()
        raise
    finally:
        _close((*page_sockets, *proof_sockets))  # the processes have theirs
    return Serving(
        page, proof, port=port, proof_port=proof_port, words=[each.words for each in starting]
    )


@dataclass(frozen=True, slots=True)
class _Starting:
    """A process that was started and is not ready yet."""

    name: str
    process: asyncio.subprocess.Process
    words: _Words

    @classmethod
    async def begin(cls, name: str, module: str, task: Task) -> _Starting:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(f"-W{each}" for each in sys.warnoptions),
                "-P",  # or modules would be looked for in the current folder first
                "-m",
                f"{PACKAGE}.{module}",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=_environment(),
                cwd="/",
                pass_fds=task.listeners,
                start_new_session=True,  # Ctrl-C on the terminal is for the parent
                limit=LINE_BYTES,
            )
        except OSError as trouble:
            raise ShareFailed(
                f"the process that serves the {name} could not be started: "
                f"{os.strerror(trouble.errno or 0).lower()}",
                hint="this machine may have no memory left",
            ) from trouble
        assert process.stdin is not None  # noqa: S101 - for mypy
        process.stdin.write(task_line(task))
        return cls(name, process, _Words(name, process))

    async def ready(self) -> _Child:
        """Wait for the first line."""
        assert self.process.stdout is not None  # noqa: S101 - for mypy
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self.process.stdout.readline()
        except TimeoutError:
            raise ShareFailed(
                f"the process that serves the {self.name} was not ready in time",
                hint="try again when this machine has less to do",
            ) from None
        except ValueError:
            raise _untrustworthy(self.name) from None
        if not line:
            raise _died(self.name, await self.words.last())
        try:
            return _Child(self.name, self.process, confined_from(line))
        except ValueError:
            raise _untrustworthy(self.name) from None


class _Words:
    """The last words of a process on its standard error, which is empty as long as all is well."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self._kept = b""
        self._task = asyncio.create_task(self._keep(process))

    async def last(self) -> str:
        """Return the last line, once the process has ended."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                await asyncio.shield(self._task)
        lines = self._kept.decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        return "".join(letter if letter.isprintable() else "?" for letter in last.strip())

    async def close(self) -> None:
        """Stop listening, after the end of the process."""
        await self.last()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None  # noqa: S101 - for mypy
        while chunk := await process.stderr.read(_MOST_WORDS):
            self._kept = (self._kept + chunk)[-_MOST_WORDS:]


async def _end(process: asyncio.subprocess.Process) -> None:
    """Let a process end by itself, and kill it when it does not."""
    assert process.stdin is not None  # noqa: S101 - for mypy
    process.stdin.close()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        _kill(process)
        await process.wait()
    # Until its end is read, asyncio keeps a pipe open.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_SECONDS):
            while process.stdout is not None and await process.stdout.read(LINE_BYTES):
                pass


def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()


def _environment() -> dict[str, str]:
    """Return what a process gets: where Python is, where modules are, and nothing of the user's."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # In the order of this process, which found everything there.
    return {**kept, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def _died(name: str, words: str) -> ShareFailed:
    because = f": {words}" if words else ""
    return ShareFailed(
        f"the process that serves the {name} has ended{because}",
        hint="start `housekey share` again; if it ends again, tell the developers what it says",
    )


def _untrustworthy(name: str) -> ShareFailed:
    return ShareFailed(
        f"the process that serves the {name} said what it never says, and was ended",
        hint="somebody on your network may have attacked it; tell the developers",
    )


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()
