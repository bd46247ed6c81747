"""What a process that faces the network tells its parent: a line for each event, bounded.

Refusals are folded: one line for each reason and second, however many there were. When the parent
does not read, lines wait, and when too many wait, they are dropped and told as refusals. So
neither a flood nor a slow parent makes this process grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime

from housekey.onboarding.events import Event, Step
from housekey.onboarding.wire import event_line

MOST_WAITING = 1024
_FOLD_SECONDS = 1.0


class Reporter:
    """Writes events into a pipe whose reading end is the parent's."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._waiting: deque[bytes] = deque()
        self._watching = False
        self._refused: Counter[str] = Counter()
        os.set_blocking(pipe, False)

    def __call__(self, event: Event) -> None:
        """Report `event`, now or within a second; never waits, never raises."""
        if event.step is Step.REFUSED:
            self._fold(event.reason, event.count)
        else:
            self.line(event_line(event))

    def line(self, line: bytes) -> None:
        """Write one line, of 4096 bytes at most, which go into a pipe whole (pipe(7))."""
        if len(self._waiting) >= MOST_WAITING:
            self._fold("too-many", 1)
            return
        self._waiting.append(line)
        self._write()

    def _fold(self, reason: str, count: int) -> None:
        if not self._refused:
            asyncio.get_running_loop().call_later(_FOLD_SECONDS, self._unfold)
        self._refused[reason] += count

    def _unfold(self) -> None:
        event = Event(datetime.now(UTC), Step.REFUSED)
        refused, self._refused = self._refused, Counter()
        if len(self._waiting) >= MOST_WAITING:  # then they are told in a later second
            for reason, count in refused.items():
                self._fold(reason, count)
            return
        for reason, count in refused.items():
            self._waiting.append(event_line(replace(event, reason=reason, count=count)))
        self._write()

    def _write(self) -> None:
        try:
            while self._waiting:
                os.write(self._pipe, self._waiting[0])
                self._waiting.popleft()
        except BlockingIOError:
            if not self._watching:
                self._watching = True
                asyncio.get_running_loop().add_writer(self._pipe, self._write)
            return
        except OSError:  # the parent has gone, and this process ends soon, for the same reason
            self._waiting.clear()
        if self._watching:
            self._watching = False
            with contextlib.suppress(OSError):
                asyncio.get_running_loop().remove_writer(self._pipe)
