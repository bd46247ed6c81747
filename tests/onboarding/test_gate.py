"""The gate holds its bounds for connections, time and size, whatever answers behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from housekey.onboarding.answering import Answer, Asked, Refused
from housekey.onboarding.crowd import Limits
from housekey.onboarding.gate import Gate
from housekey.onboarding.proof_server import proof_context
from tests.onboarding.sharing import a_pair, parsed, send, trusting

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from housekey.onboarding.events import Event

SMALL = Limits(connections=4, per_address=4, grace_seconds=0.3, seconds=1.0)
REQUEST = b"GET /path?query=1 HTTP/1.1\r\nHost: here\r\nX-Two: a\r\nX-Two: b\r\n\r\n"


class Opened:
    """A gate on a port, what it was asked, and what it refused."""

    def __init__(self, *, limits: Limits, tls: ssl.SSLContext | None) -> None:
        self.asked: list[Asked] = []
        self.events: list[Event] = []
        self.gate = Gate(self.answer, self.events.append, tls=tls, limits=limits)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]

    def answer(self, asked: Asked) -> Answer | Refused:
        self.asked.append(asked)
        if asked.target == "/mistake":
            raise KeyError("secret words of a stranger")
        return Answer(200, b"answer", {"Server": "housekey", "Content-Type": "text/plain"})

    def refused(self) -> Counter[str]:
        return Counter(event.reason for event in self.events)

    async def held(self, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection that asks for nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(first)
        await asyncio.sleep(0.02)
        return reader, writer


@contextlib.asynccontextmanager
async def a_gate(
    *, limits: Limits = SMALL, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Opened]:
    opened = Opened(limits=limits, tls=tls)
    serving = asyncio.create_task(opened.gate.serve(opened.listener))
    try:
        yield opened
    finally:
        serving.cancel()
        await opened.gate.close()
        opened.listener.close()
        assert opened.gate._tasks == {}
        assert len(opened.gate._crowd) == 0


def test_a_request_is_passed_on_as_it_was_sent_and_answered_once() -> None:
    async def story() -> None:
        async with a_gate() as opened:
            said = parsed(await send(opened.port, REQUEST * 2))
            assert (said.status, said.body) == (200, b"answer")
            assert said.headers["connection"] == "close"
            (asked,) = opened.asked
            assert asked == Asked(
                "GET",
                "/path?query=1",
                {"host": ["here"], "x-two": ["a", "b"]},
                has_body=False,
                address="127.0.0.1",
            )

    asyncio.run(story())


def test_a_mistake_of_ours_is_answered_and_told_without_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def story() -> None:
        async with a_gate() as opened:
            request = b"GET /mistake HTTP/1.1\r\nHost: here\r\n\r\n"
            said = parsed(await send(opened.port, request))
            assert said.status == 500
            assert b"secret" not in said.body
            assert opened.refused() == {"failed": 1}
            assert parsed(await send(opened.port, REQUEST)).status == 200

    asyncio.run(story())
    told = capsys.readouterr().err
    assert told.startswith("housekey: KeyError at ")
    assert "test_gate.py" in told
    assert "secret" not in told


@pytest.mark.parametrize("first", [b"", b"GET / HTTP/1.1\r\nX-Slow: "], ids=["silent", "slow"])
def test_a_connection_ends_at_its_deadline(first: bytes) -> None:
    async def story() -> None:
        async with a_gate() as opened:
            began = asyncio.get_running_loop().time()
            reader, writer = await opened.held(first)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            assert asyncio.get_running_loop().time() - began >= SMALL.seconds
            writer.transport.abort()
            # Browsers open connections ahead of need; one that said nothing is no offence.
            assert opened.refused() == ({"too-slow": 1} if first else {})

    asyncio.run(story())


def test_a_handshake_ends_at_the_same_deadline() -> None:
    async def story() -> None:
        async with a_gate(tls=proof_context(*a_pair())) as opened:
            reader, writer = await opened.held(b"\x16\x03\x01")
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.transport.abort()
            assert opened.refused() == {"too-slow": 1}
            assert parsed(await send(opened.port, REQUEST, tls=trusting())).status == 200

    asyncio.run(story())


@pytest.mark.parametrize("secure", [False, True])
def test_when_it_is_full_the_next_waits_until_the_first_has_gone(secure: bool) -> None:
    async def story() -> None:
        tls = proof_context(*a_pair()) if secure else None
        async with a_gate(tls=tls) as opened:
            loop = asyncio.get_running_loop()
            began = loop.time()
            held = [await opened.held(b"G" if not secure else b"\x16") for _ in range(4)]
            said = parsed(await send(opened.port, REQUEST, tls=trusting() if secure else None))
            assert said.status == 200
            assert loop.time() - began >= SMALL.grace_seconds
            # The one that came first had to go, and no other.
            with contextlib.suppress(ConnectionError):
                assert await held[0][0].read() == b""
            assert len(opened.gate._tasks) >= 3
            assert opened.refused()["too-many"] == 1
            for _, writer in held:
                writer.transport.abort()

    asyncio.run(story())


def test_one_address_that_takes_more_than_its_share_is_refused() -> None:
    async def story() -> None:
        limits = Limits(connections=10, per_address=2, grace_seconds=5, seconds=2)
        async with a_gate(limits=limits) as opened:
            held = [await opened.held(b"G") for _ in range(2)]
            assert await send(opened.port, REQUEST) == b""
            assert opened.refused() == {"too-many": 1}
            assert parsed(await send(opened.port, REQUEST, source="127.0.0.2")).status == 200
            for _, writer in held:
                writer.transport.abort()

    asyncio.run(story())


def test_more_than_the_size_of_a_request_is_not_read() -> None:
    async def story() -> None:
        async with a_gate(limits=Limits(request_bytes=1000)) as opened:
            lines = b"".join(b"X-%d: y\r\n" % number for number in range(90))
            start = b"GET / HTTP/1.1\r\nHost: here\r\n"
            assert parsed(await send(opened.port, start + lines[:800] + b"\r\n\r\n")).status == 200
            for whole in (start + lines + b"x" * 1000 + b"\r\n\r\n", b"x" * 5_000_000):
                answered = await send(opened.port, whole)
                assert answered == b"" or parsed(answered).status == 431
            assert opened.refused() == {"too-large": 2}
            assert len(opened.asked) == 1

    asyncio.run(story())
