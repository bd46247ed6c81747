"""The service: rounds, the page, the watch over addresses, each going on when another cannot.

It keeps nothing in memory that the next start would miss: what is due is found out anew in every
round. Time is handed in, so that a test can let a year pass.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Protocol

from housekey.cli.renewing import told, told_of_copies
from housekey.errors import HousekeyError
from housekey.homeassistant.site import Interrupted
from housekey.pki.span import span
from housekey.renewal.due import Why
from housekey.renewal.round import Became
from housekey.renewal.schedule import later, next_round

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime
    from typing import Any

    from housekey.cli.log import Log
    from housekey.cli.run.notify import Systemd
    from housekey.renewal.delivery import QuietHours
    from housekey.renewal.round import Item

# No longer at a time: a machine that slept, or whose clock was set, is noticed within this.
_NAP_SECONDS = 600.0
_PAGE_LASTS = timedelta(hours=20)  # a round a day serves it anew, one after a failure does not
# A clock that goes back further was wrong before: what was worked out by it lies years ahead.
_SET_BACK = timedelta(hours=1)
_HOUSE_SECONDS = 60.0  # how often to look whether somebody else has changed the house


class Page(Protocol):
    """The onboarding page, while it is served."""

    async def watch(self) -> None:
        """Take what devices report, until the page is closed. Raises ShareFailed when it died."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of, each handed in."""

    go_round: Callable[[], Awaitable[tuple[Item, ...]]]
    serve: Callable[[], AbstractAsyncContextManager[Page]] | None  # None: without the page
    machine_changed: Callable[[], Awaitable[object]]  # returns when it has
    house_mark: Callable[[], object]  # another one when somebody else has changed the house
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]
    spread: Callable[[], float]  # from 0 to 1, by chance
    quiet: QuietHours
    log: Log
    systemd: Systemd


@dataclass(slots=True)
class Service:
    """One run of it."""

    parts: Parts
    rounds: int = 0
    renewed: int = 0
    failed: tuple[str, ...] = ()  # what failed in the last round
    _sooner: asyncio.Event = field(default_factory=asyncio.Event)
    _page_anew: asyncio.Event = field(default_factory=asyncio.Event)
    _page_settled: asyncio.Event = field(default_factory=asyncio.Event)
    _page_since: datetime | None = None

    async def run(self) -> None:
        """Stay until cancelled. What is not a trouble of housekey's own ends it.

        Raises `Interrupted` when a change of Home Assistant was put back for that.
        """
        parts = self.parts
        work: list[Coroutine[Any, Any, None]] = [self._go_rounds(), self._watch_machine()]
        work.append(self._watch_house())
        if parts.serve is not None:
            work.append(self._keep_page(parts.serve))
        else:
            self._page_settled.set()
        if parts.systemd.watchdog_seconds is not None:
            work.append(self._live(parts.systemd.watchdog_seconds))
        tasks = [asyncio.ensure_future(each) for each in work]
        try:
            ready = asyncio.ensure_future(self._page_settled.wait())
            await asyncio.wait([ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            parts.systemd.tell("READY=1")
            await asyncio.gather(*tasks)
        finally:
            parts.systemd.tell("STOPPING=1")
            for each in tasks:
                each.cancel()
            # A switch under way is put back first.
            await asyncio.gather(*tasks, return_exceptions=True)

    # Rounds

    async def _go_rounds(self) -> None:
        tries = 0
        while True:
            self._sooner.clear()
            try:
                items = await self.parts.go_round()
            except Interrupted as over:
                self._say("put back", over.message)
                raise
            except HousekeyError as trouble:
                self.rounds += 1
                self._say("failed", f"{trouble.message}; {trouble.hint}")
                at = self._now() + later(tries)
                tries += 1
            else:
                self._take(items)
                at = next_round(
                    self._now(),
                    self.parts.quiet,
                    items,
                    tries=tries,
                    spread=self.parts.spread(),
                )
                tries = tries + 1 if any(each.trouble for each in items) else 0
            local = at.astimezone(self._now().tzinfo)
            self._say("next", f"round on {local:%Y-%m-%d} at {local:%H:%M}")
            self.parts.systemd.tell(f"STATUS=next round on {local:%Y-%m-%d} at {local:%H:%M}")
            if not await self._until(at):
                tries = 0

    def _take(self, items: tuple[Item, ...]) -> None:
        """Note and tell what a round came to; what is good is told in one line."""
        self.rounds += 1
        now = self._now()
        good = [each for each in items if each.became is Became.GOOD and each.trouble is None]
        for item in items:
            for label, text in told_of_copies(item):
                self._say(label, text)
            if item in good:
                continue
            label, text = told(item, now=now)
            if item.trouble is not None:
                text += f": {item.trouble.message}" if item.became is Became.GOOD else ""
                text += f"; {item.trouble.hint}"
                label = label if item.became is Became.FAILED else "warning"
            self._say(label, text)
            for warning in item.warnings:
                self._say("warning", warning)
        if good:
            left = max(min(each.ends for each in good if each.ends is not None) - now, timedelta())
            many = f"{len(good)} certificate{'' if len(good) == 1 else 's'}"
            self._say("good", f"{many}; the first ends in {span(left)}")
        renewed = [each for each in items if each.became is Became.RENEWED]
        self.renewed += len(renewed)
        if any(each.due is not None and each.due.why is Why.ROOT for each in renewed):
            self._page_anew.set()  # what was presented refused a device with the new root alone
        self.failed = tuple(each.label for each in items if each.became is Became.FAILED)

    async def _until(self, at: datetime) -> bool:
        """Wait until then; False when something happened that makes it sooner."""
        latest = self.parts.clock()
        while (left := (at - self.parts.clock()).total_seconds()) > 0:
            nap = asyncio.ensure_future(self.parts.sleep(min(left, _NAP_SECONDS)))
            called = asyncio.ensure_future(self._sooner.wait())
            try:
                await asyncio.wait([nap, called], return_when=asyncio.FIRST_COMPLETED)
            finally:
                nap.cancel()
                called.cancel()
                await asyncio.gather(nap, called, return_exceptions=True)
            if self._sooner.is_set():
                return False
            latest = max(latest, now := self.parts.clock())
            if now < latest - _SET_BACK:
                self._say("changed", "this machine's clock was set back")
                self._page_anew.set()
                return False
        if self._page_since is None or self.parts.clock() - self._page_since > _PAGE_LASTS:
            self._page_anew.set()  # its leaf is renewed as it is served anew
        return True

    # What makes a round sooner

    async def _watch_machine(self) -> None:
        while True:
            await self.parts.machine_changed()
            self._say("changed", "this machine has another address or name")
            self._changed()

    async def _watch_house(self) -> None:
        mark = self.parts.house_mark()
        while True:
            await self.parts.sleep(_HOUSE_SECONDS)
            if (found := self.parts.house_mark()) != mark:
                mark = found
                self._say("changed", "the house has another root, issuing CA or list")
                self._changed()

    def _changed(self) -> None:
        self._sooner.set()
        self._page_anew.set()

    # The page

    async def _keep_page(self, serve: Callable[[], AbstractAsyncContextManager[Page]]) -> None:
        tries = 0
        while True:
            self._page_anew.clear()
            try:
                async with serve() as page:
                    tries = 0
                    self._page_since = self.parts.clock()
                    self._page_settled.set()
                    await self._while_served(page)
            except HousekeyError as trouble:
                self._page_settled.set()
                self._say("failed", f"the page: {trouble.message}; {trouble.hint}")
                await self._nap_or_anew(later(tries))
                tries += 1

    async def _while_served(self, page: Page) -> None:
        watching = asyncio.ensure_future(page.watch())
        anew = asyncio.ensure_future(self._page_anew.wait())
        try:
            await asyncio.wait([watching, anew], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                await watching
        finally:
            for each in (watching, anew):
                each.cancel()
            with contextlib.suppress(asyncio.CancelledError, HousekeyError):
                await asyncio.gather(watching, anew, return_exceptions=True)

    async def _nap_or_anew(self, wait: timedelta) -> None:
        nap = asyncio.ensure_future(self.parts.sleep(wait.total_seconds()))
        anew = asyncio.ensure_future(self._page_anew.wait())
        try:
            await asyncio.wait([nap, anew], return_when=asyncio.FIRST_COMPLETED)
        finally:
            nap.cancel()
            anew.cancel()
            await asyncio.gather(nap, anew, return_exceptions=True)

    async def _live(self, seconds: float) -> None:
        """Say that the loop turns. By the real clock: systemd has no other."""
        while True:
            self.parts.systemd.tell("WATCHDOG=1")
            await asyncio.sleep(seconds)

    def _say(self, label: str, text: str) -> None:
        self.parts.log.say(label, text)

    def _now(self) -> datetime:
        """Return the time as the clock on the wall has it."""
        return self.parts.clock().astimezone(UTC).astimezone()
