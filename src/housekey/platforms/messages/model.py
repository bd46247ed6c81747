"""The words of an explanation: matter, message, what was seen, and the explanation itself.

A text of a message is written as it is printed, with two kinds of holes:

    …         anything, as long as it stands in the same line
    {host}    a value that the answer repeats; the kinds are in `wording.py`
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.platforms.model import Platform


@dataclass(frozen=True, slots=True)
class Matter:
    """What can be the matter. Its texts may name the values of a message: `{host}`, `{path}`."""

    id: str
    means: str  # one sentence in plain words
    causes: tuple[str, ...]  # the likeliest first
    steps: tuple[str, ...]  # what mends it: a command, or where to look; the first thing first


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that a program says."""

    id: str
    by: str  # who says it, in the words of people
    matter: Matter
    source: str  # where it is known from
    texts: tuple[str, ...]
    platform: Platform | None = None  # None: Home Assistant, a server, or more than one platform
    rules: tuple[str, ...] = ()  # rules of PLATFORMS.md that end in it
    steps: tuple[str, ...] = ()  # what only this program needs; told before the matter's own
    # Alone it tells little: a wrapper around another error. It keeps quiet where a message that
    # says more stands in the same line, or in the same short report, and comes late otherwise.
    vague: bool = False
    follows: bool = False  # it is what another trouble led to: told last
    # Numbers that are this message only if nothing else stands in the line: "-1202".
    alone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that stands in a text."""

    message: Message
    line: int  # where it stands first, counted from 1
    text: str  # the words there, cut to what is about it, without control characters
    count: int  # in how many lines it stands


@dataclass(frozen=True, slots=True)
class Explanation:
    """One matter, and all the messages that tell of it."""

    matter: Matter
    seen: tuple[Seen, ...]
    values: Mapping[str, str] = field(default_factory=dict)  # as the first message gave them

    @property
    def means(self) -> str:
        """What it means, with the values filled in."""
        return self._filled(self.matter.means)

    @property
    def causes(self) -> tuple[str, ...]:
        """The likely causes, the likeliest first."""
        return tuple(map(self._filled, self.matter.causes))

    @property
    def steps(self) -> tuple[str, ...]:
        """What mends it, the first thing first."""
        own = (step for each in self.seen for step in each.message.steps)
        return tuple(self._filled(step) for step in dict.fromkeys((*own, *self.matter.steps)))

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules behind it."""
        return tuple(dict.fromkeys(rule for each in self.seen for rule in each.message.rules))

    def _filled(self, text: str) -> str:
        return filled(text, self.values)


# What stands for a value that the text did not tell.
_UNTOLD = {
    "host": "ADDRESS",
    "path": "the path that it names",
    "client": "a device",
    "port": "its port",
    "setting": "http",
    "component": "http",
}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Fill the values into a text of a matter."""
    for kind, untold in _UNTOLD.items():
        text = text.replace(f"{{{kind}}}", values.get(kind, untold))
    return text
