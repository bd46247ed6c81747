"""A YAML text as a tree that knows where each node stands, so that it can be spliced.

Nothing here writes YAML: an edit cuts and pastes characters of the text the user wrote,
and this module says where. ruamel.yaml reports the parser's events; the tree is built from
those rather than from composed nodes, because an alias then keeps its own place (a composed
alias *is* the node it points at, marks included).

Home Assistant reads with PyYAML over libyaml, so where ruamel.yaml differs from libyaml the
text is bent for the parser without moving a character (tabs, rare line breaks).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1, section 5.4
_RARE_BREAK = re.compile("[\x85\u2028\u2029]")
# A tab that follows something on its line: libyaml takes it for a space, ruamel.yaml refuses it.
_INNER_TAB = re.compile(r"(?<=[^\s])[ \t]*\t[ \t]*")
_COLON = re.compile(r"[ \t]*:")


class Unsafe(Exception):
    """This file cannot be edited, or followed, without guessing."""

    def __init__(self, source: Path, reason: str) -> None:
        super().__init__(reason)
        self.source = source
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Scalar:
    start: int  # of its anchor or tag, where it has one; all places count characters
    end: int
    tag: str | None
    anchor: str | None
    value: str
    plain: bool  # written without quotes, so that 8123 is a number and yes a boolean

    @property
    def is_null(self) -> bool:
        """Nothing at all, or a word that YAML 1.1 reads as nothing."""
        words = ("", "~", "null", "Null", "NULL")
        return self.plain and self.tag is None and self.value in words

    @property
    def text(self) -> str:
        """Its text, after its tag where it has one."""
        return self.value if self.tag is None else f"{self.tag} {self.value}"


@dataclass(frozen=True, slots=True)
class Alias:
    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Sequence:
    start: int
    end: int  # of its last item's last character, not of the comments that follow
    tag: str | None
    anchor: str | None
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    start: int
    end: int
    tag: str | None
    anchor: str | None
    flow: bool  # {in: braces}
    entries: tuple[tuple[Node, Node], ...]


Node: TypeAlias = Scalar | Alias | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a mapping."""

    key: Scalar
    value: Node
    colon: int  # the place right after the colon


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its text without the byte order mark, and the tree over it."""

    source: Path
    bom: bytes
    text: str
    lines: tuple[int, ...]  # where each line begins
    root: Node | None  # None: nothing but comments
    end: int  # where content may be added: before a `...` line, or the end of the text
    anchors: tuple[tuple[str, Node], ...]
    aliases: frozenset[str]

    def encoded(self, text: str) -> bytes:
        """`text` as the file's bytes, with the byte order mark that the file had."""
        return self.bom + text.encode()

    @property
    def line_break(self) -> str:
        """The line break this file uses."""
        found = re.search(r"\r\n|\n|\r", self.text)
        return found[0] if found else "\n"

    def line_start(self, place: int) -> int:
        """The first character of the line that `place` is on."""
        return self.lines[bisect_right(self.lines, place) - 1]

    def line_end(self, place: int) -> int:
        """The first character after the line that `place` is on, its break included."""
        below = bisect_right(self.lines, place)
        return self.lines[below] if below < len(self.lines) else len(self.text)

    def resolved(self, node: Node) -> Node:
        """`node`, or what it is an alias of; raises Unsafe when nothing has that anchor."""
        if not isinstance(node, Alias):
            return node
        for name, target in reversed(self.anchors):
            if name == node.name and target.end <= node.start:
                return target
        raise Unsafe(self.source, f"nothing in it is marked &{node.name}")

    def key_text(self, key: Node) -> str | None:
        """The text of a key; None for one that is not text at all."""
        key = self.resolved(key)
        return key.value if isinstance(key, Scalar) else None

    def entry(self, mapping: Mapping, name: str) -> Entry | None:
        """The entry `name` of `mapping`; raises Unsafe when it is not one that can be edited."""
        found = [(k, v) for k, v in mapping.entries if self.key_text(k) == name]
        if not found:
            return None
        if len(found) > 1:
            raise Unsafe(self.source, f"it has {name}: twice")
        key, value = found[0]
        if not isinstance(key, Scalar) or key.tag or key.anchor:
            raise Unsafe(self.source, f"the key {name}: is written in an unusual way")
        colon = _COLON.match(self.text, key.end)
        if colon is None:
            raise Unsafe(self.source, f"there is no colon beside the key {name}")
        return Entry(key=key, value=value, colon=colon.end())

    def merged(self, mapping: Mapping) -> dict[str, Node]:
        """What `<<:` brings into `mapping`; an entry of its own goes before these (YAML 1.1)."""
        brought: dict[str, Node] = {}
        for key, value in mapping.entries:
            if not (isinstance(key, Scalar) and key.plain and key.value == "<<"):
                continue
            target = self.resolved(value)
            parts = target.items if isinstance(target, Sequence) else (target,)
            for part in map(self.resolved, parts):
                if not isinstance(part, Mapping):
                    raise Unsafe(self.source, "it merges (<<:) something that is not a mapping")
                own = {self.key_text(k): v for k, v in part.entries}
                for name, node in (self.merged(part) | own).items():
                    if name is not None and name != "<<":
                        brought.setdefault(name, node)
        return brought


@lru_cache(maxsize=128)  # a plan reads the same files several times
def parse(data: bytes, source: Path) -> Document:
    """The one YAML document in `data`.

    Raises Unsafe for what is not UTF-8, not YAML, or several documents.
    """
    bom = _BOM if data.startswith(_BOM) else b""
    try:
        text = data[len(bom) :].decode()
    except UnicodeDecodeError as error:
        raise Unsafe(source, "it is not UTF-8 text") from error
    if "\ufeff" in text:
        raise Unsafe(source, "it has a byte order mark (U+FEFF) in its midst")
    try:
        return _Builder(text, source).document(bom)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark is not None else ""
        raise Unsafe(source, f"it is not valid YAML{where}") from error
    except RecursionError as error:
        raise Unsafe(source, "it is nested too deeply") from error


class _Builder:
    """Turns the parser's events into the tree."""

    def __init__(self, text: str, source: Path) -> None:
        self._text = text
        self._lines = (0, *(found.end() for found in _LINE_BREAK.finditer(text)))
        self._source = source
        self._anchors: list[tuple[str, Node]] = []
        self._aliases: set[str] = set()
        yaml = YAML(typ="safe", pure=True)
        yaml.version = (1, 1)
        # Same length, so that every mark still fits the text.
        text = _RARE_BREAK.sub("\n", text)
        text = _INNER_TAB.sub(lambda found: " " * len(found[0]), text)
        self._events: Iterator[Any] = yaml.parse(text)

    def document(self, bom: bytes) -> Document:
        root: Node | None = None
        end = len(self._text)
        count = 0
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                count += 1
                if count > 1:
                    raise Unsafe(self._source, "it holds several documents (---)")
                if event.version or event.tags:
                    raise Unsafe(self._source, "it has a % directive")
                root = self._node(next(self._events))
            elif kind == "DocumentEndEvent" and event.explicit:
                end = event.start_mark.index
        return Document(
            source=self._source,
            bom=bom,
            text=self._text,
            lines=self._lines,
            root=root,
            end=end,
            anchors=tuple(sorted(self._anchors, key=lambda named: named[1].start)),
            aliases=frozenset(self._aliases),
        )

    def _node(self, event: Any) -> Node:
        kind = type(event).__name__
        start, end = event.start_mark.index, event.end_mark.index
        if kind == "AliasEvent":
            self._aliases.add(event.anchor)
            return Alias(start=start, end=end, name=event.anchor)
        tag = None if event.tag is None else str(event.tag)
        node: Node
        if kind == "ScalarEvent":
            if event.style in ("|", ">"):  # their mark lies behind the blank lines after them
                end = start + len(self._text[start:end].rstrip())
            plain = event.style is None
            node = Scalar(start, end, tag, event.anchor, event.value, plain)
            if start == end:
                place = self._back_over_comments(start)
                node = replace(node, start=place, end=place)
        elif kind == "SequenceStartEvent":
            items, stop = self._items(flow=event.flow_style)
            node = Sequence(start, stop or end, tag, event.anchor, items)
        else:
            nodes, stop = self._items(flow=event.flow_style)
            pairs = tuple(self._pair(k, v) for k, v in zip(nodes[::2], nodes[1::2], strict=True))
            if pairs and not event.flow_style:
                stop = max(pairs[-1][0].end, pairs[-1][1].end)
            node = Mapping(start, stop or end, tag, event.anchor, event.flow_style, pairs)
        if event.anchor is not None:
            self._anchors.append((event.anchor, node))
        return node

    def _items(self, *, flow: bool) -> tuple[tuple[Node, ...], int | None]:
        """The nodes up to the end of this collection, and where that end is."""
        items: list[Node] = []
        for event in self._events:
            if type(event).__name__ in ("SequenceEndEvent", "MappingEndEvent"):
                if flow:
                    return tuple(items), event.end_mark.index
                break
            items.append(self._node(event))
        return tuple(items), items[-1].end if items else None

    def _pair(self, key: Node, value: Node) -> tuple[Node, Node]:
        """An absent value stands right after its colon (its mark is that of the next token)."""
        if isinstance(value, Scalar) and value.start == value.end:
            colon = _COLON.match(self._text, key.end)
            place = colon.end() if colon else key.end
            value = replace(value, start=place, end=place)
        return key, value

    def _back_over_comments(self, place: int) -> int:
        """The end of the last line before `place` that is more than blanks and a comment."""
        while place > 0:
            start = self._lines[bisect_right(self._lines, place) - 1]
            line = self._text[start:place].rstrip()
            if line and not line.lstrip().startswith("#"):
                return start + len(line)
            place = start - 1
        return 0
