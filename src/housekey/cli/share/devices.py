"""The devices as they come: a list that changes on a terminal, a line for each step elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Protocol

from housekey.cli.output import Output, line_of
from housekey.onboarding.devices import browser_label, called
from housekey.onboarding.events import Step

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from rich.console import RenderableType
    from rich.table import Table

    from housekey.onboarding.devices import Device, Devices
    from housekey.onboarding.events import Event
    from housekey.onboarding.visitor import Visitor

_STEPS = {
    Step.ARRIVED: "opened the page",
    Step.FETCHED: "downloaded the root",
    Step.TRUSTS: "trusts the root",
}
_SHORTLY = {Step.ARRIVED: "opened", Step.FETCHED: "downloaded", Step.TRUSTS: "trusts"}
_REASONS = {
    "wrong-host": "for a host that is not this page's",
    "no-such-page": "for something that is not here",
    "too-large": "too large",
    "too-slow": "too slow",
    "too-many": "too many at once",
    "bad-nonce": "a proof that was used before, is too old, or is not from this page",
}
_WIDE = 64  # columns from which device and browser have one each
_BESIDES = 4  # lines of the list that are no devices


class View(Protocol):
    """What shows the devices. Use it as a context manager."""

    def changed(self, event: Event, device: Device | None) -> None:
        """Show an event, and the device that came further by it."""

    def say(self, label: str, text: str) -> None:
        """Print one line of the story meanwhile."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def view_of(devices: Devices, output: Output, *, ends: str) -> View:
    """Choose how to show `devices`; `ends` says what ends the page."""
    live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not output.as_json
    return LiveList(devices, ends=ends) if live else Lines(output, ends=ends)


class Lines:
    """One line for each event."""

    def __init__(self, output: Output, *, ends: str) -> None:
        self._output = output
        self._ends = ends

    def changed(self, event: Event, device: Device | None) -> None:
        if event.step is Step.REFUSED:
            self.say("refused", refused_words(event.reason, event.count))
        elif device is not None:
            again = ", as before" if device.again else ""
            self.say(event.step.value, f"device {device.number}: {called(device.visitor)}{again}")

    def say(self, label: str, text: str) -> None:
        self._output.row(label, text)

    def __enter__(self) -> Self:
        self.say("waiting", f"for devices; {self._ends}")
        return self

    def __exit__(self, *_: object) -> None: ...


class LiveList:
    """A table that is drawn anew with each event."""

    def __init__(self, devices: Devices, *, ends: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - slow to import
        from rich.live import Live  # noqa: PLC0415

        self._devices = devices
        self._ends = ends
        self._over = False
        console = Console(highlight=False)
        self._live = Live(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def changed(self, event: Event, device: Device | None) -> None:
        if device is not None or event.step is Step.REFUSED:
            self._draw()

    def say(self, label: str, text: str) -> None:
        from rich.text import Text  # noqa: PLC0415 - loaded already

        self._live.console.print(Text.from_ansi(line_of(label, text)))

    def __enter__(self) -> Self:
        self._live.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        size = shutil.get_terminal_size()
        self._live.update(
            _drawn(self._devices, size=size, ends="" if self._over else self._ends), refresh=True
        )


def _drawn(devices: Devices, *, size: os.terminal_size, ends: str) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - loaded already
    from rich.padding import Padding  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    everybody = list(devices.by_number.values())
    # The last that moved, in the order in which they came: the rest has scrolled away.
    room = max(1, size.lines - _BESIDES - len(devices.refused))
    newest = sorted(everybody, key=lambda each: each.since)[-room:]
    shown = [each for each in everybody if each in newest]
    parts: list[RenderableType] = []
    if shown:
        parts.append(_table(shown, wide=size.columns >= _WIDE))
    if hidden := len(everybody) - len(shown):
        parts.append(Text(f"and {hidden} more"))
    parts += [
        Text(f"refused: {refused_words(reason, count)}", style="dim")
        for reason, count in devices.refused.items()
    ]
    if ends:
        waiting = "waiting for the next device" if shown else "waiting for the first device"
        parts.append(Text(f"{waiting}; {ends}", style="dim"))
    return Padding(Group(*parts), (0, 0, 0, 2))


def _table(shown: list[Device], *, wide: bool) -> Table:
    from rich.table import Table  # noqa: PLC0415 - loaded already
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", "device", "browser", "how far", "since") if wide else ("", "", "", ""):
        table.add_column(heading)
    table.show_header = wide
    for device in shown:
        way = (_STEPS if wide else _SHORTLY)[device.step]
        way += ", as before" if wide and device.again else ""
        how_far = Text(way, style="green" if device.step is Step.TRUSTS else "")
        since = f"{_local(device.since):%H:%M}"
        who = _columns(device.visitor) if wide else (called(device.visitor),)
        table.add_row(str(device.number), *who, how_far, since)
    return table


def _columns(visitor: Visitor) -> tuple[str, str]:
    return visitor.kind.label, browser_label(visitor.browser)


def refused_words(reason: str, count: int) -> str:
    """Say why requests were refused, and how many."""
    return f"{count} request{'' if count == 1 else 's'}, {_REASONS.get(reason, reason)}"


def _local(at: datetime) -> datetime:
    return at.astimezone()
