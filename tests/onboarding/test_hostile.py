"""Whatever is sent to the two ports: it is refused, counted, and changes nothing for others.

Every story ends with `sharing` holding that both processes live and complained of nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl

import pytest

from housekey.onboarding.events import Step
from tests.onboarding.hostile import (
    BOTH,
    a_request,
    door,
    run,
    status_of,
)
from tests.onboarding.sharing import Shared, ask, parsed, send, sharing, trusting

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
