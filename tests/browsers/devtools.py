"""The DevTools protocol over a pipe: one question, its answer, and what happens meanwhile.

https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import json
import os
import select
import time
from typing import TYPE_CHECKING, Any

from tests.browsers.process import DidNotStart
from tests.browsers.watching import Accessible, Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.browsers.watching import Watched

PATIENCE = 30.0  # seconds for one answer, on a busy machine


class Pipe:
    """Both ends of ours. The other two go to the browser, and are closed by who started it."""

    def __init__(
        self, *, hear: Callable[[dict[str, Any]], None], last_words: Callable[[], str]
    ) -> None:
        """`hear` is handed every message; `last_words` tells why the browser went away."""
        self.its_reading_end, self._send_to = os.pipe()
        self._read_from, self.its_writing_end = os.pipe()
        self._hear = hear
        self._last_words = last_words
        self._number = 0
        self._buffer = b""

    def close_its_ends(self) -> None:
        """Close what the browser has inherited."""
        os.close(self.its_reading_end)
        os.close(self.its_writing_end)

    def close(self) -> None:
        """Close ours; Chromium ends by that."""
        os.close(self._send_to)
        os.close(self._read_from)

    def ask(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command.

        Raises:
            RuntimeError: the browser says no.
            TimeoutError: it says nothing.
            DidNotStart: it went away.
        """
        asked = self.send(method, session=session, **parameters)
        deadline = time.monotonic() + PATIENCE
        while (answer := self.receive(deadline, method)).get("id") != asked:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def send(self, method: str, *, session: str | None = None, **parameters: Any) -> int:
        """Send a command and return the id that its answer will have."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            os.write(self._send_to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise DidNotStart(self._last_words()) from error
        return self._number

    def receive(self, deadline: float, what: str) -> dict[str, Any]:
        """Return the next message; `what` was waited for, until `deadline`."""
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"Chromium did not answer within {PATIENCE:.0f} s: {what}")
            readable, _, _ = select.select([self._read_from], [], [], left)
            if not readable:
                continue
            data = os.read(self._read_from, 1 << 16)
            if not data:
                raise DidNotStart(self._last_words())
            self._buffer += data
        first, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        self._hear(message)
        return message


def note(watched: Watched, method: str, facts: dict[str, Any]) -> None:
    """Note an event of the page, when it is one of those that are noted."""
    match method:
        case "Network.requestWillBeSent":
            watched.requests.append(facts["request"]["url"])
        case "Log.entryAdded":
            entry = facts["entry"]
            watched.said.append(Said(entry["source"], entry["level"], entry["text"]))
        case "Runtime.consoleAPICalled":
            text = " ".join(str(each.get("value", "")) for each in facts["args"])
            watched.said.append(Said("console-api", facts["type"], text))
        case "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            watched.said.append(Said("javascript", "error", text))
        case "Audits.issueAdded":
            issue = facts["issue"]
            watched.said.append(Said("issue", issue["code"], json.dumps(issue["details"])))


def accessible(nodes: Sequence[dict[str, Any]]) -> list[Accessible]:
    """Return the tree of `Accessibility.getFullAXTree` in order, without what is passed over."""
    by_id = {node["nodeId"]: node for node in nodes}
    return [_accessible(node) for node in _in_order(nodes[0], by_id) if not node["ignored"]]


def _in_order(node: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("childIds", []):
        if child in by_id:
            yield from _in_order(by_id[child], by_id)


def _accessible(node: dict[str, Any]) -> Accessible:
    known = {each["name"]: each["value"].get("value") for each in node.get("properties", [])}
    return Accessible(
        role=node["role"]["value"],
        name=node.get("name", {}).get("value", ""),
        focusable=bool(known.get("focusable")),
        live="" if known.get("live") in (None, "off") else str(known["live"]),
        level=int(known.get("level") or 0) if node["role"]["value"] == "heading" else 0,
    )
