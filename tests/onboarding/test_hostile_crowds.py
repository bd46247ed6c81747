"""Too many, too slow, or anything at all: what is asked of the two ports harms nobody.

Every story ends with `sharing` holding that both processes live and complained of nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import re
import resource
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from housekey.onboarding.events import Step
from housekey.onboarding.wire import REASONS
from tests.needs import require
from tests.onboarding.hostile import (
    A_PERSON,
    BOTH,
    a_request,
    door,
    run,
    status_of,
    still_answers,
)
from tests.onboarding.sharing import Shared, ask, send, sharing, trusting

if TYPE_CHECKING:
    from collections.abc import Iterator


# Too many, too slow


@BOTH
def test_what_is_sent_ahead_is_not_answered(secure: bool) -> None:
    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        request = a_request(port, start="GET /style.css HTTP/1.1")
        for count in (2, 100, 20_000):
            assert status_of(await send(port, request * count, tls=tls)) in (0, 200, 431)

    run(story)


def test_a_flood_is_told_in_one_line_for_each_reason_and_second() -> None:
    async def story(shared: Shared) -> None:
        async def flood() -> None:
            for _ in range(40):
                assert (await ask(shared.port, "/no")).status == 404
                request = b"GET / HTTP/1.1\r\nHost: evil\r\n\r\n"
                assert status_of(await send(shared.port, request)) == 421

        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(flood() for _ in range(20)))
        await shared.until_refused("no-such-page", 800)
        await shared.until_refused("wrong-host", 800)
        lines = len(shared.steps(Step.REFUSED))
        assert lines <= 2 * (loop.time() - began + 1)
        assert shared.refused() == {"no-such-page": 800, "wrong-host": 800}

    run(story)


@BOTH
def test_slow_clients_keep_nobody_out(secure: bool) -> None:
    """600 that send a byte a second each, and 600 that say nothing at all: more than fit in."""
    require(resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096, "4096 open files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))

    async def story(shared: Shared) -> None:
        port, _ = door(shared, secure=secure)
        request = a_request(port)

        async def drip(number: int) -> None:
            address = f"127.1.{number // 100}.{number % 100 + 1}"
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
            try:
                for byte in request:
                    if number % 2:
                        writer.write(bytes([byte]))
                    await asyncio.sleep(1)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()

        drips = [asyncio.create_task(drip(number)) for number in range(1200)]
        try:
            await asyncio.sleep(1)
            for _ in range(20):
                async with asyncio.timeout(5):
                    said = await ask(
                        port, "/style.css", tls=trusting() if secure else None, source="127.0.8.1"
                    )
                    assert said.status == 200
            assert await shared.until_refused("too-many") >= 1
        finally:
            for each in drips:
                each.cancel()
            await asyncio.gather(*drips, return_exceptions=True)

    run(story)


def test_a_slow_request_ends() -> None:
    async def story(shared: Shared) -> None:
        loop = asyncio.get_running_loop()

        async def wait_for_the_end(port: int, first: bytes) -> float:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            began = loop.time()
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(first)
                    first = b""
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            assert await reader.read() == b""
            writer.transport.abort()
            return loop.time() - began

        async with asyncio.timeout(40):
            lasted = await asyncio.gather(
                wait_for_the_end(shared.port, b"G"),
                wait_for_the_end(shared.proof_port, b""),
                wait_for_the_end(shared.port, b""),
            )
        assert all(19 < each < 35 for each in lasted), lasted
        assert await shared.until_refused("too-slow", 2) == 2

    run(story)


def test_one_that_does_not_read_the_answer_is_hung_up_on() -> None:
    async def story(shared: Shared) -> None:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", shared.port))
            await loop.sock_sendall(deaf, a_request(shared.port))
            await asyncio.sleep(0.2)
            # A reset in the middle of the answer, instead of a goodbye.
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    run(story)


# What is told of all that


def test_what_is_told_holds_nothing_that_was_sent() -> None:
    async def story(shared: Shared) -> None:
        agent, cookie = f"User-Agent: {A_PERSON}", f"Cookie: {A_PERSON}"
        for target in ("/", "/housekey.crt", "/secret-token-of-jane", f"/?kind={'jane' * 9}"):
            await ask(shared.port, target, agent, cookie, source="127.0.66.66")
        await send(shared.port, f"GET / HTTP/1.1\r\nHost: {A_PERSON}\r\n\r\n".encode())
        await send(shared.port, f"{A_PERSON}\r\n\r\n".encode())
        await ask(shared.proof_port, "/proof?nonce=secret-token-of-jane", agent, tls=trusting())
        await shared.until_refused("bad-nonce")
        await shared.until_refused("wrong-host")
        told = json.dumps([dataclasses.asdict(event) for event in shared.events], default=str)
        assert "arrived" in told.lower()
        for trace in ("jane", "172.16.254.1", "127.0.66.66", "secret"):
            assert trace not in told.lower()
        for event in shared.steps(Step.REFUSED):
            assert event.reason in REASONS
            assert event.visitor is None
            assert event.device == 0

    run(story)


# Anything


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """The ports of a page and a proof that are served in the background."""
    ready, over = threading.Event(), threading.Event()
    bound: list[int] = []

    async def whole() -> None:
        async with sharing() as shared:
            bound.extend((shared.port, shared.proof_port))
            ready.set()
            await asyncio.to_thread(over.wait)
            await still_answers(shared)

    failed: list[BaseException] = []

    def serve() -> None:
        try:
            asyncio.run(whole())
        except BaseException as exc:  # noqa: BLE001 - told at the end of the tests
            failed.append(exc)
        finally:
            ready.set()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    yield bound[0], bound[1]
    over.set()
    thread.join()
    assert failed == []


PIECES = st.sampled_from(
    [
        b"GET ",
        b"HEAD ",
        b"/",
        b"/style.css",
        b"?kind=",
        b"%",
        b"%2e",
        b" HTTP/1.1",
        b" HTTP/1.0",
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"Host: ",
        b"127.0.0.1",
        b":",
        b" ",
        b"\t",
        b"\x00",
        b"Content-Length: ",
        b"0",
        b"99999999999",
        b"Transfer-Encoding: chunked",
        b"Connection: keep-alive",
        b"Expect: 100-continue",
        b"\xff",
        b"\x16\x03\x01",
    ]
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    request=st.binary(max_size=300) | st.lists(PIECES | st.binary(max_size=5)).map(b"".join),
    secure=st.booleans(),
    inside=st.booleans(),
)
def test_no_bytes_do_any_harm(
    ports: tuple[int, int], request: bytes, secure: bool, inside: bool
) -> None:
    port = ports[secure]
    request = request.replace(b"127.0.0.1", b"127.0.0.1:%d" % port)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        speaking: socket.socket = connection
        if secure and inside:
            request += b"\r\n\r\n"
            speaking = trusting().wrap_socket(connection, server_hostname="127.0.0.1")
        answered = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            speaking.sendall(request)
            if speaking is connection:
                connection.shutdown(socket.SHUT_WR)
            else:  # whose shutdown() would take TLS away; what is no whole request waits
                speaking.settimeout(0.3)
            while chunk := speaking.recv(65536):
                answered += chunk
        speaking.close()
    if answered and (inside or not secure):
        assert re.match(rb"HTTP/1\.[01] (200|400|404|405|413|421|431) ", answered), answered
