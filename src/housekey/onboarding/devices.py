"""The devices of one run: how far each has come. What happens is handed in, event by event."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.house.records import DEVICE_TRUSTS
from housekey.onboarding.events import Step
from housekey.onboarding.visitor import Browser, Kind, Visitor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from housekey.onboarding.events import Event

TRUSTS = DEVICE_TRUSTS
_WAY = (Step.ARRIVED, Step.FETCHED, Step.TRUSTS)
_NOBODY = Visitor(Kind.OTHER, Browser.OTHER)


_BROWSERS = {
    Browser.SAFARI: "Safari",
    Browser.CHROME: "Chrome",
    Browser.EDGE: "Edge",
    Browser.FIREFOX: "Firefox",
    Browser.SAMSUNG: "Samsung Internet",
    Browser.HOME_ASSISTANT: "Home Assistant app",
    Browser.OTHER: "",
}


@dataclass(slots=True)
class Device:
    """One device, for as long as the page is served."""

    number: int
    visitor: Visitor
    steps: dict[Step, datetime] = field(default_factory=dict)  # when each was taken first
    again: bool = False  # it had proved it before, in an earlier run

    @property
    def step(self) -> Step:
        """Return how far it has come."""
        return max(self.steps, key=_WAY.index)

    @property
    def since(self) -> datetime:
        """Return since when it stands there."""
        return self.steps[self.step]


@dataclass(slots=True)
class Devices:
    """All of them, in the order in which they came.

    Of more than `most` those are forgotten that came first, and of these the ones that have
    proved nothing: whoever floods the page must not fill the memory.
    """

    most: int = 1024
    by_number: dict[int, Device] = field(default_factory=dict)
    came: int = 0
    proofs: int = 0  # devices that have proved trust in this run, each counted once
    refused: Counter[str] = field(default_factory=Counter)  # requests, by the reason

    def take(self, event: Event) -> Device | None:
        """Take note of an event; return the device if it has come further by it."""
        if event.step is Step.REFUSED:
            self.refused[event.reason] += event.count
            return None
        device = self.by_number.get(event.device)
        if device is None:
            device = Device(event.device, event.visitor or _NOBODY)
            self.by_number[event.device] = device
            self.came += 1
            self._forget()
        if event.step in device.steps:
            return None
        device.steps[event.step] = event.at
        if event.step is Step.TRUSTS:
            device.again = event.again
            self.proofs += 1
        return device

    def _forget(self) -> None:
        if len(self.by_number) <= self.most:
            return
        older = list(self.by_number.values())[:-1]
        gone = next((each for each in older if Step.TRUSTS not in each.steps), older[0])
        del self.by_number[gone.number]


def called(visitor: Visitor) -> str:
    """Call a device by what is known of it: `iPhone (Safari)`."""
    browser = browser_label(visitor.browser)
    return f"{visitor.kind.label} ({browser})" if browser else visitor.kind.label


def browser_label(browser: Browser) -> str:
    """Return what a browser is called; empty when it is not known."""
    return _BROWSERS[browser]


def data_of(event: Event) -> dict[str, str]:
    """Return all that the ledger keeps of a device that has proved trust."""
    visitor = event.visitor or _NOBODY
    return {"device": visitor.kind.value, "browser": visitor.browser.value}


def visitor_of(data: Mapping[str, object]) -> Visitor:
    """Read what `data_of` wrote; what a later housekey calls otherwise is another device."""
    kinds = {each.value: each for each in Kind}
    browsers = {each.value: each for each in Browser}
    return Visitor(
        kinds.get(str(data.get("device")), Kind.OTHER),
        browsers.get(str(data.get("browser")), Browser.OTHER),
    )
