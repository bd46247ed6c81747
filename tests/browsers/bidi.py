"""WebDriver BiDi, as much of it as the tests speak: one question, its answer, and
what happens meanwhile.

https://w3c.github.io/webdriver-bidi/
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Callable


class Refused(Exception):
    """The browser answered with an error; the text is its message."""


class Connection:
    """A session over a WebSocket, with an event loop of its own, so that callers need none."""

    def __init__(
        self, url: str, *, patience: float, hear: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        """Connect to `url`, and give each answer `patience` seconds; events go to `hear`."""
        self._patience = patience
        self._hear = hear
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        try:
            self._run(self._connect(url))
            self.ask("session.new", capabilities={})
        except BaseException:
            self.close()
            raise

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command.

        Raises:
            Refused: the browser says no.
            TimeoutError: it says nothing.
            ConnectionError: it went away.
        """
        answer: dict[str, Any] = self._run(self._ask(method, parameters))
        return answer

    def close(self) -> None:
        """Hang up; the browser is not asked whether it minds."""
        try:
            for each in (self._socket, self._http):
                if each is not None:
                    self._run(each.close())
            self._loop.run_until_complete(asyncio.sleep(0))
        finally:
            self._loop.close()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, self._patience))

    async def _connect(self, url: str) -> None:
        self._http = aiohttp.ClientSession()
        # The browser is killed, not asked to say goodbye.
        self._socket = await self._http.ws_connect(
            url, max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=1)
        )

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        assert self._socket is not None
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise ConnectionError(f"the browser went away during {method}: {message.type.name}")
            answer: dict[str, Any] = message.json()
            if answer.get("type") == "event" and self._hear is not None:
                self._hear(answer)
            if answer.get("id") != self._number:
                continue  # an event, or the answer to a question that timed out
            if answer["type"] == "error":
                raise Refused(str(answer["message"]))
            result: dict[str, Any] = answer["result"]
            return result
