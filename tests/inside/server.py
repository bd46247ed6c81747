"""A plain web server in a process of its own, whose certificate is swapped while it runs.

`python -m tests.inside.server` speaks aiohttp's TLS at two ports that share one context, as two
listeners of one program would. It takes one JSON document a line on standard input, and answers
each with one:

    {"do": "swap", "certificate": PATH, "key": PATH}   {"seconds": ..., "held": ...} or {"refused": ...}
    {"do": "look"}                                     memory and contexts
    {"do": "sessions again"}, {"do": "release"}, {"do": "adopt"}
"""  # noqa: E501 - a table

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from housekey.errors import HousekeyError
from housekey.live.contexts import LiveContext, adopt
from housekey.live.pair import load_pair
from housekey.pki.encoding import certificate_from_pem, fingerprint
from housekey.pki.secret import Secret


async def echo(request: web.Request) -> web.StreamResponse:
    """Say back whatever is said, for as long as somebody speaks."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def hello(_request: web.Request) -> web.Response:
    """Answer."""
    return web.Response(text="hello\n")


async def once(request: web.Request) -> web.Response:
    """Answer with the client's port, and hang up: whoever asks twice connects twice."""
    assert request.transport is not None
    port = request.transport.get_extra_info("peername")[1]
    answer = web.Response(text=str(port), headers={"Cache-Control": "no-store"})
    answer.force_close()
    return answer


def look() -> dict[str, int]:
    """Tell the memory of this process (KiB) and how many TLS contexts of a server it holds."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    contexts = sum(
        isinstance(each, ssl.SSLContext) and each.protocol is ssl.PROTOCOL_TLS_SERVER
        for each in gc.get_objects()
    )
    return {"memory": int(memory), "contexts": contexts}


class Renewing:
    """What the integration does, for this server."""

    def __init__(self, context: ssl.SSLContext, root: Path) -> None:
        self._context = context
        self._root = certificate_from_pem(root.read_bytes())
        self._live = self._adopted()

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        match order["do"]:
            case "swap":
                return await self._swap(Path(order["certificate"]), Path(order["key"]))
            case "look":
                return look()
            case "sessions again":
                self._live.sessions_again()
            case "release":
                self._live.release()
            case "adopt":
                self._live = self._adopted()
        return {}

    def _adopted(self) -> LiveContext:
        live = adopt(self._context)
        assert isinstance(live, LiveContext), live
        return live

    async def _swap(self, certificate: Path, key: Path) -> dict[str, Any]:
        began = time.perf_counter()
        try:
            prepared = await asyncio.to_thread(
                lambda: self._live.prepare(
                    certificate.read_bytes(),
                    Secret(key.read_bytes()),
                    root=self._root,
                    at=datetime.now(UTC),
                )
            )
            ready = time.perf_counter()
            self._live.swap(prepared)
        except HousekeyError as error:
            return {"refused": error.message}
        return {
            "leaf": fingerprint(prepared.leaf),
            "seconds": ready - began,  # beside the event loop
            "held": time.perf_counter() - ready,  # in it
        }


async def serve(certificate: Path, key: Path, root: Path) -> None:
    """Serve until standard input ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, certificate.read_bytes(), Secret(key.read_bytes()))
    app = web.Application()
    app.add_routes([web.get("/", hello), web.get("/once", once), web.get("/api/websocket", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    for _ in range(2):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    renewing = Renewing(context, root)
    print(json.dumps({"ports": [address[1] for address in runner.addresses]}), flush=True)  # noqa: T201
    while order := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await renewing.do(json.loads(order))), flush=True)  # noqa: T201
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(*map(Path, sys.argv[1:])))
