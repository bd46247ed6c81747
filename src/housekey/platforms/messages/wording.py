"""How a message's text is found in a line: case does not matter, blanks are one blank.

A line of a log may be hostile. So a text becomes a pattern in which nothing is tried twice: each
hole is an atomic group that ends at the first occurrence of what follows it, and holds at most
400 characters. Looking through a line takes at most its length times its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HOLES = {  # kind: the characters that it may have
    "host": r"[\w.:*%\[\]-]{1,255}",
    "client": r"[\w.:%\[\]-]{1,255}",
    "path": r"[^'\"`<>|]{1,400}",
    "port": r"[0-9]{1,5}",
    "setting": r"[\w>.\[\]' -]{1,120}",
    "component": r"[\w.]{1,80}",
}
_GAP = r".{0,400}"
_WORD = re.compile(r"\w+")
_HOLE = re.compile(r"…|\{(\w+)\}")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\xa0": " "})


def plain(line: str) -> str:
    """Return a line as it is looked through and shown: no colours, no control characters."""
    if not line.isascii() or not line.isprintable():
        line = _ESCAPES.sub("", line).translate(_PLAIN)
        line = "".join(each if each.isprintable() else " " for each in line)
    return " ".join(line.split())


@dataclass(frozen=True, slots=True)
class Wording:
    """One text of a message, ready to be looked for."""

    text: str
    word: str  # in lower case: a line without this word need not be looked through
    expression: str  # what finds it; compiled only when it is needed

    @classmethod
    def of(cls, text: str) -> Wording:
        """Prepare `text`; raises ValueError when it could not be looked for safely."""
        fixed, kinds = _parts(text)
        whole = [word for part in _whole(fixed) for word in words(part)]
        if not fixed[0] or not whole:
            raise ValueError(f"a text begins with something fixed, and has a whole word: {text!r}")
        pattern = _edge(fixed[0][0], before=True) + re.escape(fixed[0])
        for kind, after in zip(kinds, fixed[1:], strict=True):
            pattern += _hole(kind, after)
        if fixed[-1]:
            pattern += _edge(fixed[-1][-1], before=False)
        return cls(text, max(whole, key=_rarity), pattern)

    def find(self, line: str) -> re.Match[str] | None:
        """Return where the text stands in a `plain` line."""
        return _compiled(self.expression).search(line)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return _WORD.findall(text.lower())


def values_of(match: re.Match[str]) -> Mapping[str, str]:
    """Return the values that a text gave, without the punctuation around them."""
    found = ((kind, value.strip(" .:,;'")) for kind, value in match.groupdict("").items())
    return {kind: value for kind, value in found if value}


def _parts(text: str) -> tuple[list[str], list[str | None]]:
    fixed, kinds, at = [], [], 0
    for hole in _HOLE.finditer(text):
        fixed.append(text[at : hole.start()])
        kinds.append(hole[1])
        at = hole.end()
    return [*fixed, text[at:]], kinds


def _rarity(word: str) -> tuple[bool, int]:
    """A number or a long word is seldom in a log by chance; "error" is in every one."""
    return any(map(str.isdigit, word)), len(word)


def _whole(fixed: list[str]) -> Iterator[str]:
    """Leave out the halves of words on both sides of a hole."""
    for number, part in enumerate(fixed):
        if number > 0:
            part = re.sub(r"^\w+", "", part)  # noqa: PLW2901
        if number < len(fixed) - 1:
            part = re.sub(r"\w+$", "", part)  # noqa: PLW2901
        yield part


def _hole(kind: str | None, after: str) -> str:
    inside = _GAP if kind is None else HOLES[kind]
    inside += "?" if after else "+"  # up to what follows; or all it may hold, and never back
    if kind is not None:
        inside = f"(?P<{kind}>{inside})"
    return f"(?>{inside}{re.escape(after)})"


def _edge(character: str, *, before: bool) -> str:
    """A code is not found inside a longer one."""
    if not (character.isalnum() or character in "_-"):
        return ""
    return r"(?<![\w-])" if before else r"(?!\w)"


@cache
def wordings(texts: tuple[str, ...]) -> tuple[Wording, ...]:
    """Prepare all the texts of a message."""
    return tuple(map(Wording.of, texts))
