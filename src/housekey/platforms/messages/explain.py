"""What a text tells of: find the known messages in it, and say what is the matter.

    line ──> the messages in it ──> those that say most ──> one explanation for each matter

A whole log may be handed in line by line; what is kept of it is one line for each message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.platforms.messages.model import Explanation, Message, Seen
from housekey.platforms.messages.wording import Wording, plain, values_of, wordings, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PIECE = 4000  # characters of a line that are looked through at once
_OVERLAP = 1000  # characters that two pieces share, so that no message is cut in two
_SHOWN = 240  # characters of a line that an explanation repeats
_REPORT = 200  # lines: a shorter text is about one trouble, not a log of many
_PARAGRAPH = 2000  # characters: a longer text is a log, and its lines are not one sentence


def explain(text: str, catalogue: Iterable[Message]) -> tuple[Explanation, ...]:
    """Explain every known message in `text`; those that say most come first."""
    reader = Reader(catalogue)
    reader.read(text.splitlines())
    return reader.explanations()


@dataclass(frozen=True, slots=True)
class _Found:
    """A message in a line: where, and with which values."""

    message: Message
    start: int
    end: int
    values: Mapping[str, str]


@dataclass(slots=True)
class _Record:
    """What is kept of a message."""

    line: int
    text: str
    values: Mapping[str, str]
    count: int = 0


@dataclass(slots=True)
class Reader:
    """Reads a text line by line, and remembers what it tells of."""

    catalogue: Iterable[Message]
    lines: int = 0  # read so far
    _start: list[str] = field(default_factory=list, repr=False)  # of a text that is still short
    _size: int = 0  # characters read so far
    _records: dict[str, _Record] = field(default_factory=dict, repr=False)
    _messages: dict[str, Message] = field(default_factory=dict, repr=False)
    _wordings: dict[str, list[tuple[Message, Wording]]] = field(default_factory=dict, repr=False)
    _alone: dict[str, Message] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for message in self.catalogue:
            self._messages[message.id] = message
            self._alone |= dict.fromkeys(map(str.lower, message.alone), message)
            for wording in wordings(message.texts):
                self._wordings.setdefault(wording.word, []).append((message, wording))

    def read(self, lines: Iterable[str]) -> None:
        """Read on."""
        for line in lines:
            self.lines += 1
            self._size += len(line)
            if self._size <= _PARAGRAPH:
                self._start.append(line)
            told: set[str] = set()  # a message counts once in a line
            for piece in _pieces(line):
                self._look(plain(piece), told)

    def explanations(self) -> tuple[Explanation, ...]:
        """Explain what was found: what says most first, and then in the order of the lines.

        A short text in which no line tells anything is looked at as one line, too: a sentence
        that a window or a mail has folded.
        """
        if not self._records and self.lines > 1 and self._size <= _PARAGRAPH:
            self._look(plain(" ".join(self._start)), set())
        seen = [
            Seen(self._messages[id_], record.line, record.text, record.count)
            for id_, record in self._records.items()
        ]
        telling = [each for each in seen if not (each.message.vague or each.message.follows)]
        if telling and self.lines <= _REPORT:
            seen = [each for each in seen if not each.message.vague]
        seen.sort(key=lambda each: (each.message.follows, each.message.vague, each.line))
        matters = dict.fromkeys(each.message.matter for each in seen)
        return tuple(
            self._explanation([each for each in seen if each.message.matter == matter])
            for matter in matters
        )

    def _explanation(self, seen: Sequence[Seen]) -> Explanation:
        values: dict[str, str] = {}
        for each in seen:
            values = {**self._records[each.message.id].values, **values}
        return Explanation(seen[0].message.matter, tuple(seen), values)

    def _look(self, line: str, told: set[str]) -> None:
        found = list(self._found(line))
        if not found:
            return
        values = {kind: value for each in found for kind, value in each.values.items()}
        for each in _telling(found):
            if each.message.id in told:
                continue
            told.add(each.message.id)
            record = self._records.get(each.message.id)
            if record is None:
                record = _Record(self.lines, _cut(line, each.start, each.end), values)
                self._records[each.message.id] = record
            record.count += 1

    def _found(self, line: str) -> Iterator[_Found]:
        message = self._alone.get(line.lower().strip(" .:()[]"))
        if message is not None:
            yield _Found(message, 0, len(line), {})
        for word in self._wordings.keys() & words(line):
            for message, wording in self._wordings[word]:
                if match := wording.find(line):
                    yield _Found(message, match.start(), match.end(), values_of(match))


def _telling(found: Sequence[_Found]) -> list[_Found]:
    """Leave out what another message of the line says better, or as a part of more words."""
    telling = [each for each in found if not each.message.vague] or found
    kept: list[_Found] = []
    for each in sorted(telling, key=lambda each: (each.start - each.end, each.message.id)):
        if not any(other.start <= each.start and each.end <= other.end for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda each: each.start)


def _pieces(line: str) -> Iterator[str]:
    """A line of a sane length is one piece; the pieces of a longer one overlap."""
    if len(line) <= _PIECE:
        yield line
        return
    for at in range(0, len(line), _PIECE - _OVERLAP):
        yield line[at : at + _PIECE]


def _cut(line: str, start: int, end: int) -> str:
    """Return what stands around a message, shortened."""
    if len(line) <= _SHOWN:
        return line
    room = max(_SHOWN - (end - start), 0) // 2
    first, last = max(start - room, 0), min(max(end, start) + room, len(line))
    last = min(last, first + 2 * _SHOWN)
    return f"{'…' if first else ''}{line[first:last]}{'…' if last < len(line) else ''}"
