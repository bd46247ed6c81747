"""The life of a process that faces the network: told, ready, confined, answering, over.

It is started as a fresh program, not as a copy of its parent, whose memory has keys. It gets
everything through its standard input, reports on its standard output, and ends with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from housekey.onboarding.confine import confine, die_with_parent
from housekey.onboarding.gate import Gate, complain
from housekey.onboarding.reporter import Reporter
from housekey.onboarding.wire import ready_line, task_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.onboarding.answering import Report
    from housekey.onboarding.gate import Answering
    from housekey.onboarding.wire import Task

_STDIN, _STDOUT = 0, 1
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Part:
    """What one of the two processes is."""

    answering: Callable[[Report], Answering]  # what answers, reporting what happens
    tls: ssl.SSLContext | None
    # What it is asked once before anybody else asks, so that every module is loaded that
    # answering needs: later none can be opened.
    rehearsal: tuple[bytes, ...]


def run(build: Callable[[Task], Part]) -> None:
    """Be the process that `build` makes of its task, until the parent has gone."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    "localhost".encode("idna")  # a codec that is loaded when a library first needs it
    logging.disable()  # aiohttp and asyncio would log addresses
    task = task_from(_told())
    asyncio.run(_live(task, build(task)))


def request(host: str, target: str, *headers: str, method: str = "GET") -> bytes:
    """Return a request for a rehearsal."""
    lines = (f"{method} {target} HTTP/1.1", f"Host: {host}", *headers)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def nonsense(host: str) -> tuple[bytes, ...]:
    """Return what every port refuses."""
    return (
        request(host, "/there-is-no-such-page"),
        request(host, "/", method="POST"),
        request("stranger.example", "/"),
        request(host, "/", f"X-Large: {'x' * 100_000}"),
        request(host, f"{host}:443", method="CONNECT"),
        request("", "http://[::1%25x]:99999/", "Upgrade: h2c"),
        b"GET / HTTP/0.9\r\n\r\n",
        b"\x16\x03\x01 this is no HTTP\r\n\r\n",
    )


def _told() -> bytes:
    """Read the one line that says what to do."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(_STDIN, _CHUNK)
        if not chunk:
            sys.exit(0)  # the parent has gone before it could say anything
        line += chunk
    return line


async def _live(task: Task, part: Part) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_mistake)
    over = asyncio.Event()

    def parent_speaks() -> None:
        if not os.read(_STDIN, _CHUNK):
            loop.remove_reader(_STDIN)
            over.set()

    loop.add_reader(_STDIN, parent_speaks)
    await _rehearse(part)
    reporter = Reporter(_STDOUT)
    gate = Gate(part.answering(reporter), reporter, tls=part.tls)
    listeners = [socket.socket(fileno=fd) for fd in task.listeners]
    for listener in listeners:
        listener.setblocking(False)  # noqa: FBT003
    reporter.line(ready_line(confine()))
    serving = [loop.create_task(gate.serve(listener)) for listener in listeners]
    await over.wait()
    for each in serving:
        each.cancel()
    await gate.close()
    for listener in listeners:
        listener.close()


async def _rehearse(part: Part) -> None:
    """Answer on pairs of sockets that lead nowhere, and tell nobody."""
    gate = Gate(part.answering(_ignore), _ignore, tls=part.tls)
    client: ssl.SSLContext | None = None
    if part.tls is not None:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE  # it is ourselves
    for asked in part.rehearsal:
        ours, theirs = socket.socketpair()
        gate.take(theirs, "")
        reader, writer = await asyncio.open_connection(
            sock=ours, ssl=client, server_hostname="" if client else None
        )
        writer.write(asked)
        with contextlib.suppress(OSError):  # it hangs up on what is too large
            await reader.read()
        writer.transport.abort()
    await gate.close()


def _ignore(_: object) -> None:
    pass


def _mistake(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tell a mistake of ours; that a connection broke is none."""
    exc = context.get("exception")
    if isinstance(exc, Exception) and not isinstance(exc, OSError):
        complain(exc)
