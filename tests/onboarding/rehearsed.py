"""A process of the page or of the proof after its rehearsal, asked thousands of strange things.

Run as `python -m tests.onboarding.rehearsed page_process`, with a task on standard input; prints
as JSON which modules were loaded meanwhile, and for which reasons something was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import random
import socket
import ssl
import sys
from typing import TYPE_CHECKING

from housekey.onboarding import process
from housekey.onboarding.events import Step
from housekey.onboarding.gate import Gate
from housekey.onboarding.wire import task_from

if TYPE_CHECKING:
    from housekey.onboarding.events import Event

PIECES = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"CONNECT ",
    b"OPTIONS ",
    b"PRI ",
    b"/",
    b"*",
    b"/proof?nonce=",
    b"/style.css",
    b"/trusted",
    b"/?kind=",
    b"?lang=",
    b"http://",
    b"https://",
    b"%2e",
    b"%ff",
    b"xn--n3h",
    b"xn--",
    b".example",
    b"\xe2\x98\x83",
    b"\xff",
    b"@",
    b":443",
    b":99999",
    b"[::1]",
    b"[",
    b"]",
    b"#",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b" HTTP/3.7",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"Host: HERE",
    b"Content-Length: 5",
    b"Content-Encoding: gzip",
    b"Content-Encoding: br",
    b"Content-Encoding: zstd",
    b"Transfer-Encoding: chunked",
    b"Content-Type: text/x; charset=utf-7",
    b"Cookie: a=b",
    b"Range: bytes=0-1",
    b"If-None-Match: x",
    b"If-Modified-Since: yesterday",
    b"Accept-Language: de, tlh;q=NaN",
    b"Authorization: Basic eDp5",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key1: x",
    b"Sec-WebSocket-Key: x",
    b"Connection: Upgrade",
    b"Expect: 100-continue",
    b"User-Agent: Mozilla/5.0 (iPhone",
    b"Origin: null",
    b"\x00",
    b" ",
]
LINES = [each for each in PIECES if b": " in each and b"HERE" not in each]


def strange(chance: random.Random, *, well_formed: bool) -> bytes:
    """Return a request, of pieces in any order, or with the outer form of one."""
    if not well_formed:
        return b"".join(chance.choices(PIECES, k=chance.randint(1, 12)))
    target = chance.choice([b"GET /", b"CONNECT ", b"HEAD ", b"GET http://"])
    for piece in chance.choices(PIECES, k=chance.randint(0, 3)):
        target += piece if set(piece).isdisjoint(b" \r\n\0") else b""
    return b"\r\n".join((target + b" HTTP/1.1", b"Host: HERE", *chance.sample(LINES, 3)))


async def story(name: str) -> None:
    """Ask, and print."""
    task = task_from(sys.stdin.buffer.readline())
    part: process.Part = importlib.import_module(f"housekey.onboarding.{name}").build(task)
    await process.rehearse(part)
    before = set(sys.modules)
    told: list[Event] = []
    gate = Gate(part.answering(told.append), told.append, tls=part.tls)
    client: ssl.SSLContext | None = None
    if part.tls:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
    here = b"127.0.0.1:%d" % (task.offer.proof_port if client else task.port)
    chance = random.Random(4)
    for number in range(1500):
        request = strange(chance, well_formed=bool(number % 3)).replace(b"HERE", here)
        ours, theirs = socket.socketpair()
        gate.take(theirs, "")
        reader, writer = await asyncio.open_connection(
            sock=ours, ssl=client, server_hostname="" if client else None
        )
        writer.write(request + b"\r\n\r\n")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read()
        writer.transport.abort()
    await gate.close()
    refused = {event.reason for event in told if event.step is Step.REFUSED}
    sys.stdout.write(json.dumps([sorted(set(sys.modules) - before), sorted(refused)]))


if __name__ == "__main__":
    asyncio.run(story(sys.argv[1]))
