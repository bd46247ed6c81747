"""The log of what runs without a person: one line an event, on standard error, without secrets.

For a person with the time, for systemd's journal with a priority (sd-daemon(3)): the journal has
the time already.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

import click

from housekey.cli.output import LABEL_WIDTH, Output, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

ERROR, WARNING, INFO = 3, 4, 6  # syslog(3)
_LEVELS = {"failed": ERROR, "warning": WARNING, "heads up": WARNING, "refused": WARNING}


@dataclass(frozen=True, slots=True)
class Log:
    """Where the events of a service go."""

    clock: Callable[[], datetime]
    journal: bool  # systemd's journal reads along
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def say(self, label: str, text: str) -> None:
        """Write one line."""
        shown = " ".join(visible(text).split())
        if self.journal:
            line = f"<{_LEVELS.get(label, INFO)}>{label}: {shown}"
        else:
            at = self.clock().astimezone()
            line = f"{at:%Y-%m-%d %H:%M:%S}  {label:<{LABEL_WIDTH - 1}} {shown}"
        click.echo(line, file=self.stream)


def to_journal(environ: Mapping[str, str]) -> bool:
    """Whether standard error leads to systemd's journal (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(sys.stderr.fileno())
        return (int(device), int(inode)) == (status.st_dev, status.st_ino)
    except (OSError, ValueError):
        return False


class LoggedOutput(Output):
    """An `Output` whose story goes into the log, for what a command and a service share."""

    def __init__(self, log: Log) -> None:
        super().__init__(as_json=True)  # nobody is asked: a missing answer is an error
        self._log = log

    def row(self, label: str, text: str) -> None:
        """Write one line, unless it belongs to a story that nobody follows."""
        if label not in _STORY:
            self._log.say(label or "note", text)

    def busy(self, text: str) -> None:
        """Nothing: nobody waits."""


# What `secure` tells a person who watches.
_STORY = {"found", "names", "left out", "edited", "trial"}
