"""Whatever is sent to the two ports: it is refused, counted, and changes nothing for others.

Every story ends with `sharing` holding that both processes live and complained of nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
import re
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
from tests.onboarding.sharing import Shared, ask, parsed, send, sharing, trusting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Story = Callable[[Shared], Awaitable[None]]

A_PERSON = "Jane's phone (172.16.254.1) secret-token-of-jane"
BOTH = pytest.mark.parametrize("secure", [False, True], ids=["page", "proof"])


def run(story: Story) -> None:
    async def whole() -> None:
        async with sharing() as shared:
            await story(shared)
            await still_answers(shared)

    asyncio.run(whole())


async def still_answers(shared: Shared) -> None:
    assert (await ask(shared.port, "/", source="127.0.9.9")).status == 200
    assert (await ask(shared.proof_port, "/trusted", tls=trusting())).status == 200


def door(shared: Shared, *, secure: bool) -> tuple[int, ssl.SSLContext | None]:
    return (shared.proof_port, trusting()) if secure else (shared.port, None)


def status_of(answered: bytes) -> int:
    """The status of the one answer there may be; 0 when the connection was closed without."""
    if not answered:
        return 0
    assert answered.count(b"HTTP/1.") == 1, answered
    said = parsed(answered)
    assert said.headers["server"] == "housekey"
    assert said.headers.get("connection", "") == "close" or answered.startswith(b"HTTP/1.0")
    assert b"aiohttp" not in answered
    assert b"Python" not in answered
    return said.status


def a_request(port: int, *lines: str, start: str = "GET / HTTP/1.1") -> bytes:
    head = (start, f"Host: 127.0.0.1:{port}", *lines, "", "")
    return "\r\n".join(head).encode("latin-1")


# Size


@BOTH
def test_what_is_too_large_is_refused(secure: bool) -> None:
    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        mebibyte = "x" * 1024 * 1024
        for request in (
            a_request(port, f"X-Large: {mebibyte}"),
            a_request(port, *(f"X-{number}: y" for number in range(10_000))),
            a_request(port, start=f"GET /{mebibyte} HTTP/1.1"),
            a_request(port, start=f"{mebibyte} / HTTP/1.1"),
            a_request(port, f"Cookie: {mebibyte}"),
            mebibyte.encode(),
            b"\r\n" * 500_000,
        ):
            assert status_of(await send(port, request, tls=tls)) in (0, 400, 431)
        assert await shared.until_refused("too-large", 6) == 7
        for lines in (["X-A: " + "x" * 9000], [f"X-{number}: y" for number in range(200)]):
            assert status_of(await send(port, a_request(port, *lines), tls=tls)) == 400

    run(story)


@BOTH
def test_a_body_is_not_taken(secure: bool) -> None:
    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        chunk = b"400\r\n" + b"y" * 0x400 + b"\r\n"
        bodies = (
            (["Content-Length: 100000000"], b"x" * 2_000_000),
            (["Content-Length: 5"], b"hello"),
            (["Content-Length: 0005"], b"hello"),
            (["Transfer-Encoding: chunked"], chunk * 2000 + b"0\r\n\r\n"),
            (["Transfer-Encoding: chunked"], b"0\r\n\r\n"),
            (["Transfer-Encoding: gzip, chunked"], chunk),
            (["Expect: 100-continue", "Content-Length: 5"], b""),
            (["Content-Encoding: gzip", "Content-Length: 20"], b"\x1f\x8b" + b"\0" * 18),
        )
        for lines, body in bodies:
            for method in ("GET", "POST"):
                request = a_request(port, *lines, start=f"{method} / HTTP/1.1") + body
                assert status_of(await send(port, request, tls=tls)) in (0, 400, 405, 413, 431)
        for lines in (
            ["Content-Length: -1"],
            ["Content-Length: 5", "Content-Length: 6"],
            ["Content-Length: 5", "Transfer-Encoding: chunked"],
            ["Content-Length: 18446744073709551617"],
            ["Transfer-Encoding: identity, chunked, identity"],
        ):
            request = a_request(port, *lines) + b"hello"
            assert status_of(await send(port, request, tls=tls)) in (0, 400, 413)
        await shared.until(Step.REFUSED)
        assert not shared.steps(Step.ARRIVED)

    run(story)


# Hosts and paths


@BOTH
def test_a_wrong_host_is_refused(secure: bool) -> None:
    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        ours = f"127.0.0.1:{port}"
        wrong = (
            f"rebound.attacker.example:{port}",
            "127.0.0.1",
            "127.0.0.1:1",
            "localhost",
            f"127.1:{port}",
            f"attacker.example@{ours}",
            f"{ours}@attacker.example",
            f"{ours}, {ours}",
            f"{ours}/",
            f"[::1]:{port}",
            f"[::ffff:127.0.0.1]:{port}",
            f"127.0.0.1:{port + 65536}",
            f"127.0.0.1.:{port}",
            "",
        )
        for host in wrong:
            request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            answered = await send(port, request, tls=tls)
            assert status_of(answered) == 421, host
            assert parsed(answered).headers["content-type"] == "text/plain; charset=utf-8"
            assert b"<" not in parsed(answered).body
        for lines in ("", f"Host: {ours}\r\nHost: {ours}\r\n", f"Host: {ours}\r\nHost: evil\r\n"):
            for version in ("1.0", "1.1"):
                request = f"GET / HTTP/{version}\r\n{lines}\r\n".encode()
                assert status_of(await send(port, request, tls=tls)) == 400
        for lines in (f"Host : {ours}\r\n", f"Host: {ours}\r\n evil\r\n", f" Host: {ours}\r\n"):
            request = f"GET / HTTP/1.1\r\n{lines}\r\n".encode()
            assert status_of(await send(port, request, tls=tls)) in (400, 421)
        assert await shared.until_refused("wrong-host", len(wrong)) >= len(wrong)
        assert not shared.steps(Step.ARRIVED)

    run(story)


@BOTH
def test_nothing_can_be_traversed(secure: bool) -> None:
    paths = (
        "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/static/../../../../etc/passwd",
        "//etc/passwd",
        "///",
        "/\\..\\..\\etc\\passwd",
        "/..\\..\\..\\etc\\passwd",
        "/%5c..%5c..%5cetc/passwd",
        "/%00",
        "/style.css%00.html",
        "/style.css/../housekey.pem",
        "/./style.css",
        "/%73tyle.css",
        "/style.css;a",
        "/.git/config",
        "/issuing.key",
        "/house/issuing.key",
        "/proc/self/environ",
        "/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
        "/%ff%fe",
    )
    forms = (
        "http://127.0.0.1/",
        "http://127.0.0.1:{port}/",
        "https://127.0.0.1:{port}/style.css",
        "http://attacker.example/",
        "file:///etc/passwd",
        "/\x00",
        "/style.css\x00",
        "etc/passwd",
        "*",
        "attacker.example:443",
        "/é",
    )

    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        for path in paths:
            start = f"GET {path} HTTP/1.1"
            assert status_of(await send(port, a_request(port, start=start), tls=tls)) == 404, path
        for form in forms:
            start = f"GET {form.format(port=port)} HTTP/1.1"
            answered = await send(port, a_request(port, start=start), tls=tls)
            assert status_of(answered) in (400, 404), form
        assert await shared.until_refused("no-such-page", len(paths)) >= len(paths)

    run(story)


# Other languages than HTTP


@BOTH
def test_other_methods_are_refused(secure: bool) -> None:
    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        methods = ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND")
        for method in (*methods, "PRI", "get", "FETCH", "G\x00T"):
            request = a_request(port, start=f"{method} / HTTP/1.1")
            assert status_of(await send(port, request, tls=tls)) in (400, 405), method
        for target in ("/", f"127.0.0.1:{port}", "attacker.example:443", "xn--n3h.example:443"):
            request = a_request(port, start=f"CONNECT {target} HTTP/1.1")
            assert status_of(await send(port, request + b"x" * 99, tls=tls)) == 405
        for line in ("Upgrade: websocket", "Upgrade: h2c", "Upgrade: TLS/1.0"):
            request = a_request(port, line, "Connection: Upgrade", start="GET /style.css HTTP/1.1")
            assert status_of(await send(port, request + b"x" * 999, tls=tls)) == 200

    run(story)


@BOTH
def test_what_is_no_http_is_refused(secure: bool) -> None:
    rubbish = random.Random(4).randbytes(5000)

    async def story(shared: Shared) -> None:
        port, tls = door(shared, secure=secure)
        for request in (
            b"GET /\r\n\r\n",
            b"GET / HTTP/0.9\r\n\r\n",
            b"GET / HTTP/2.0\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET  /  HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\nHost: x\n\n",
            b"EHLO there\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
            b"\x00" * 100 + b"\r\n\r\n",
            b"\x80\x01\x03\x01\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nX\r\n\r\n",
            rubbish + b"\r\n\r\n",
        ):
            assert status_of(await send(port, request, tls=tls)) in (0, 400, 421), request
        assert await shared.until_refused("bad-request", 10) >= 10

    run(story)


def test_tls_at_the_plain_port_and_plain_at_the_tls_port_come_to_nothing() -> None:
    async def story(shared: Shared) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await send(shared.port, b"", tls=trusting())
        assert await shared.until_refused("bad-request") == 1
        for request in (
            a_request(shared.proof_port),
            b"\r\n\r\n",
            b"\x16\x03\x01",
            random.Random(4).randbytes(5000),
        ):
            # What comes back, if anything does, is an alert of TLS.
            _, writer = connection = await asyncio.open_connection("127.0.0.1", shared.proof_port)
            writer.write(request)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                answered = await connection[0].read()
                assert answered == b"" or answered[0] == 0x15
            writer.transport.abort()

    run(story)


def test_a_device_that_does_not_trust_yet_is_no_event() -> None:
    async def story(shared: Shared) -> None:
        for _ in range(5):
            with pytest.raises(ssl.SSLCertVerificationError):
                await send(shared.proof_port, b"", tls=ssl.create_default_context())
        await asyncio.sleep(1.5)
        assert shared.events == []

    run(story)


# Nonces


def test_replayed_forged_and_foreign_nonces_record_nothing() -> None:
    async def story(shared: Shared) -> None:
        nonce = json.loads((await ask(shared.port, "/nonce")).body)["nonce"]
        good = await ask(shared.proof_port, f"/proof?nonce={nonce}", tls=trusting())
        assert good.status == 200
        forged = [
            nonce,
            nonce[:-1] + ("A" if nonce[-1] != "A" else "B"),
            nonce.swapcase(),
            nonce + "A",
            "A" * len(nonce),
            "",
            "%00",
            nonce + "%00",
            "x" * 5000,
        ]
        async with sharing() as other:
            forged.append(json.loads((await ask(other.port, "/nonce")).body)["nonce"])
        for each in forged:
            for path in ("/proof", "/trusted"):
                target = f"{path}?nonce={each}"
                said = await ask(shared.proof_port, target, tls=trusting())
                assert said.status == (403 if path == "/proof" else 200)
        assert await shared.until_refused("bad-nonce", 2 * len(forged)) == 2 * len(forged)
        assert len(shared.steps(Step.TRUSTS)) == 1

    run(story)


def test_one_nonce_sent_by_many_at_once_is_counted_once() -> None:
    async def story(shared: Shared) -> None:
        nonce = json.loads((await ask(shared.port, "/nonce")).body)["nonce"]
        target = f"/proof?nonce={nonce}"
        said = await asyncio.gather(
            *(ask(shared.proof_port, target, tls=trusting()) for _ in range(50))
        )
        assert sorted(each.status for each in said) == [200] + [403] * 49
        await shared.until_refused("bad-nonce", 49)
        assert len(shared.steps(Step.TRUSTS)) == 1

    run(story)


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
    """300 that send a byte a second each, and 300 that say nothing at all."""

    async def story(shared: Shared) -> None:
        port, _ = door(shared, secure=secure)
        request = a_request(port)

        async def drip(number: int) -> None:
            address = f"127.0.{2 + number // 100}.{number % 100 + 1}"
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

        drips = [asyncio.create_task(drip(number)) for number in range(600)]
        try:
            await asyncio.sleep(1)
            for number in range(20):
                async with asyncio.timeout(5):
                    said = await ask(
                        port, "/style.css", tls=trusting() if secure else None, source="127.0.8.1"
                    )
                    assert said.status == 200
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
        except BaseException as exc:
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
            speaking = trusting().wrap_socket(connection, server_hostname="127.0.0.1")
        answered = b""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            speaking.sendall(request)
            speaking.shutdown(socket.SHUT_WR)
            while chunk := speaking.recv(65536):
                answered += chunk
        speaking.close()
    if answered and (inside or not secure):
        assert re.match(rb"HTTP/1\.[01] (200|400|404|405|413|421|431) ", answered)
