"""Between the network and the answers: sockets, bounds, and aiohttp's reading of HTTP.

aiohttp's server lets a client take all the time of the world for its headers, counts no
connections, and asyncio starts a TLS handshake for whoever comes. So connections are accepted
here, one by one, each with a place in the crowd and a deadline from its first moment, before any
work is done for it. One connection is one request: nothing can be sent ahead, and nobody stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import HttpVersion10, HttpVersion11, web

from housekey.onboarding.answering import BAD_REQUEST, TOO_LARGE, Answer, Asked, Refused
from housekey.onboarding.crowd import Crowd, Limits
from housekey.onboarding.events import Event, Step

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from housekey.onboarding.answering import Report
    from housekey.onboarding.crowd import Visit

    Answering = Callable[[Asked], Answer | Refused]

BACKLOG = 512
_SHUTDOWN_SECONDS = 1.0  # for a client's part in the end of TLS
_PAUSE_SECONDS = 0.1  # after accepting failed, for want of file descriptors

_VERSIONS = (HttpVersion10, HttpVersion11)
_SILENT = logging.getLogger("housekey.onboarding.silent")
_SILENT.disabled = True


class Gate:
    """Serves `answering` on any number of listening sockets, within `limits` for all of them."""

    def __init__(
        self,
        answering: Answering,
        report: Report,
        *,
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._answering = answering
        self._report = report
        self._tls = tls
        self._limits = limits or Limits()
        self._crowd = Crowd(self._limits)
        self._tasks: dict[Visit, asyncio.Task[None]] = {}
        self._left = asyncio.Event()
        self._server = web.Server(self._handle)

    async def serve(self, listener: socket.socket) -> None:
        """Accept connections on `listener`, which must not block, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._room()
            try:
                connection, peer = await loop.sock_accept(listener)
            except OSError:  # it has gone again, or no more can be opened
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            self.take(connection, str(peer[0]) if peer else "")

    def take(self, connection: socket.socket, address: str) -> None:
        """Serve one connection, in a task of its own, or hang up."""
        loop = asyncio.get_running_loop()
        visit, leaver = self._crowd.enter(address, loop.time())
        if leaver is not None:
            self._tasks[leaver].cancel()
            self.refuse("too-many")
        if visit is None:
            connection.close()
            self.refuse("too-many")
            return
        task = loop.create_task(self._attend(connection, address))
        self._tasks[visit] = task
        task.add_done_callback(lambda _: self._leave(visit))

    async def close(self) -> None:
        """Hang up on everybody."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def refuse(self, reason: str) -> None:
        """Report that something was refused."""
        self._report(Event(datetime.now(UTC), Step.REFUSED, reason=reason))

    async def _room(self) -> None:
        """Wait until one more can be let in."""
        loop = asyncio.get_running_loop()
        while (seconds := self._crowd.wait_seconds(loop.time())) > 0:
            self._left.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._left.wait()

    def _leave(self, visit: Visit) -> None:
        del self._tasks[visit]
        self._crowd.leave(visit)
        self._left.set()

    async def _attend(self, connection: socket.socket, address: str) -> None:
        """Serve one connection from its first byte to its last."""
        loop = asyncio.get_running_loop()
        protocol = _Conversation(self, self._server, loop, address, self._limits)
        transport: asyncio.Transport | None = None
        try:
            connection.setblocking(False)  # noqa: FBT003
            async with asyncio.timeout(self._limits.seconds):
                transport, _ = await loop.connect_accepted_socket(
                    lambda: protocol,
                    connection,
                    ssl=self._tls,
                    # The deadline above comes first; this one is in case it is ever left out.
                    ssl_handshake_timeout=self._limits.seconds + 1 if self._tls else None,
                    ssl_shutdown_timeout=_SHUTDOWN_SECONDS if self._tls else None,
                )
                await protocol.ended.wait()
        except TimeoutError:
            if (protocol.received and not protocol.answered) or (self._tls and transport is None):
                self.refuse("too-slow")
        except OSError:
            pass  # no TLS came of it: a device that does not trust the root, or no device at all
        finally:
            if transport is not None:
                transport.abort()
            else:
                connection.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        conversation = request.protocol
        assert isinstance(conversation, _Conversation)  # noqa: S101 - for mypy
        if request.version not in _VERSIONS:
            conversation.cut_off(BAD_REQUEST)  # aiohttp would answer in that version
            return web.Response()  # which finds nobody any more
        return conversation.respond(self._answering(_asked(request, conversation.address)))


class _Conversation(web.RequestHandler):  # type: ignore[type-arg, unused-ignore]
    """aiohttp's protocol for one connection, with what it lacks: an end, and a size."""

    __slots__ = ("_gate", "_most_bytes", "address", "answered", "ended", "received")

    def __init__(
        self,
        gate: Gate,
        server: Any,
        loop: asyncio.AbstractEventLoop,
        address: str,
        limits: Limits,
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=0,
            tcp_keepalive=False,
            logger=_SILENT,
            access_log=None,  # type: ignore[arg-type] # which aiohttp itself understands as none
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.header_lines,
            lingering_time=0,
            auto_decompress=False,
        )
        self._gate = gate
        self._most_bytes = limits.request_bytes
        self.address = address
        self.answered = False
        self.received = 0
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        """Read on, up to the size that a request may have."""
        before, self.received = self.received, self.received + len(data)
        if self.received <= self._most_bytes:
            super().data_received(data)
        elif before <= self._most_bytes and not self.answered:
            self.cut_off(TOO_LARGE)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        super().connection_lost(exc)
        self.ended.set()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - as it is called
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - repeats what was sent
    ) -> web.StreamResponse:
        """Answer what is no HTTP; and a mistake of our own, which is told without its words."""
        if status < 500:
            return self.respond(BAD_REQUEST)
        complain(exc)
        return self.respond(Refused(500, "failed", "Something went wrong here."))

    def respond(self, answer: Answer | Refused) -> web.Response:
        """Return the answer as aiohttp writes it: the last one on this connection."""
        self.answered = True
        if isinstance(answer, Refused):
            self._gate.refuse(answer.reason)
            answer = answer.answer()
        response = web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response.force_close()
        return response

    def cut_off(self, refused: Refused) -> None:
        """Answer and hang up at once: the rest is not even read."""
        self.answered = True
        self._gate.refuse(refused.reason)
        answer = refused.answer()
        phrase = HTTPStatus(answer.status).phrase
        headers = {**answer.headers, "Content-Length": len(answer.body), "Connection": "close"}
        lines = (f"{name}: {value}" for name, value in headers.items())
        head = "\r\n".join((f"HTTP/1.1 {answer.status} {phrase}", *lines, "", ""))
        if self.transport is not None:
            self.transport.write(head.encode() + answer.body)
        self.force_close()


def complain(exc: BaseException | None) -> None:
    """Tell a mistake of our own: its kind and its place. Its words may be a stranger's."""
    place = "?"
    trace = exc.__traceback__ if exc else None
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename}:{trace.tb_lineno} in {code.co_name}"
        trace = trace.tb_next
    sys.stderr.write(f"housekey: {type(exc).__name__} at {place}\n")


def _asked(request: web.BaseRequest, address: str) -> Asked:
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), []).append(value)
    return Asked(
        method=request.method,
        target=request.raw_path,
        headers=headers,
        has_body=request.can_read_body
        or "transfer-encoding" in headers
        or headers.get("content-length", ["0"]) != ["0"],
        address=address,
    )
