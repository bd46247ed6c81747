"""Where an edit of the `http:` block cuts into the text, and what it puts there.

A place in the tree is named by the keys that lead to it. What is found here is only a
proposal: `yaml_edit` applies it and checks what comes out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from housekey.homeassistant.yaml_marks import (
    Alias,
    Document,
    Entry,
    Mapping,
    Node,
    Scalar,
    Unsafe,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as AnyMapping

    Settings: TypeAlias = AnyMapping[str, str | int]
    Splice: TypeAlias = tuple[int, int, str]  # from, to, what comes there instead

# A path that means the same with and without quotes, inside braces too.
_PLAIN = re.compile(r"/[A-Za-z0-9_./-]*")
_COMMA_AFTER = re.compile(r"\s*, ?")
_COMMA_BEFORE = re.compile(r",\s*\Z")


# Finding


def mapping_at(doc: Document, at: tuple[str, ...]) -> Mapping | None:
    """The mapping at `at`; None where there is nothing, or null.

    Raises Unsafe for one that cannot be edited without an effect elsewhere, and for what is
    not a mapping.
    """
    node: Node | None = doc.root
    for depth in range(len(at) + 1):
        where = f"{at[depth - 1]}:" if depth else "the file"
        if node is None or (isinstance(node, Scalar) and node.is_null and node.anchor is None):
            return None
        if isinstance(node, Alias) or (node.anchor is not None and node.anchor in doc.aliases):
            raise Unsafe(doc.source, f"{where} is shared with other parts by an anchor (& and *)")
        if isinstance(node, Scalar) and node.tag is not None:
            raise Unsafe(doc.source, f"{where} comes from elsewhere ({node.text})")
        if not isinstance(node, Mapping) or node.tag is not None:
            raise Unsafe(doc.source, f"{where} is not a plain mapping of keys to values")
        if depth == len(at):
            return node
        entry = own_entry(doc, node, at[depth])
        node = entry.value if entry else None
    raise AssertionError


def entry_at(doc: Document, at: tuple[str, ...]) -> Entry | None:
    """The entry that the last key of `at` names; None where there is none."""
    holder = mapping_at(doc, at[:-1])
    return own_entry(doc, holder, at[-1]) if holder else None


def own_entry(doc: Document, mapping: Mapping, key: str) -> Entry | None:
    """`mapping`'s entry for `key`; Unsafe when it has that only through a merge."""
    entry = doc.entry(mapping, key)
    if entry is None and key in doc.merged(mapping):
        raise Unsafe(doc.source, f"{key} comes in through a merge (<<:)")
    return entry


# Setting


def ways_to_set(doc: Document, settings: Settings, at: tuple[str, ...]) -> Iterator[list[Splice]]:
    """How `settings` can be put into the mapping at `at`, best way first."""
    block = mapping_at(doc, at)
    splices = _replaced(doc, block, settings) if block else []
    missing = {
        key: value
        for key, value in settings.items()
        if block is None or doc.entry(block, key) is None
    }
    lines = [f"{key}: {written(value)}" for key, value in missing.items()]
    entry = entry_at(doc, at) if at else None
    if not lines:
        yield splices
    elif block is not None and block.flow:
        yield [*splices, _into_braces(doc, block, lines)]
    elif entry is not None and block is not None:
        # Below `http:` and not at the block's end: there, what belongs to a value (the blank
        # lines of a block scalar) and what merely follows it cannot always be told apart.
        below = doc.line_end(entry.colon)
        yield [*splices, _lines_at(doc, below, _column(doc, block), lines)]
    elif entry is not None:
        yield _into_nothing(doc, entry, lines, at)
    elif len(at) > 1:
        raise Unsafe(doc.source, f"there is no {' > '.join(at)} in it")
    else:
        for splice in _into_root(doc, lines, at):
            yield [*splices, splice]


def _replaced(doc: Document, block: Mapping, settings: Settings) -> list[Splice]:
    splices: list[Splice] = []
    for key, value in settings.items():
        entry = doc.entry(block, key)
        if entry is None or says(entry.value, value):
            continue
        old = entry.value
        if isinstance(old, (Scalar, Alias)) and old.start < old.end:
            splices.append((old.start, old.end, written(value)))
        else:  # a list (which may begin on the next line), or nothing
            splices.append((entry.colon, old.end, " " + written(value)))
    return splices


def _into_braces(doc: Document, block: Mapping, pairs: list[str]) -> Splice:
    place = doc.text.index("{", block.start) + 1
    return place, place, ", ".join(pairs) + (", " if block.entries else "")


def _into_nothing(
    doc: Document, entry: Entry, lines: list[str], at: tuple[str, ...]
) -> list[Splice]:
    """Give an empty `http:` its first keys."""
    holder = mapping_at(doc, at[:-1])
    if holder is not None and holder.flow:
        return [(entry.colon, entry.value.end, f" {{{', '.join(lines)}}}")]
    column = _column(doc, holder) + _indent_step(doc)
    below = _lines_at(doc, doc.line_end(entry.value.end), column, lines)
    return [below, (entry.colon, entry.value.end, "")]


def _into_root(doc: Document, lines: list[str], at: tuple[str, ...]) -> Iterator[Splice]:
    """New lines of the top level: a whole `http:`, or the keys of a file that is the block."""
    root = mapping_at(doc, ())
    if root is not None and root.flow:
        yield _into_braces(doc, root, [f"{at[0]}: {{{', '.join(lines)}}}"])
        return
    if at:
        lines = [f"{at[0]}:", *(" " * _indent_step(doc) + line for line in lines)]
    yield _lines_at(doc, doc.end, _column(doc, root), lines)
    if root is not None:  # the last value may reach to the very end: "a: |", without a line break
        yield _lines_at(doc, doc.line_start(root.start), _column(doc, root), lines)


def _lines_at(doc: Document, place: int, column: int, lines: list[str]) -> Splice:
    nl = doc.line_break
    lines = [" " * column + line for line in lines]
    if doc.line_start(place) != place:  # behind the last line, which has no break
        return place, place, nl + nl.join(lines)
    return place, place, "".join(line + nl for line in lines)


def _column(doc: Document, block: Mapping | None) -> int:
    first = block.entries[0][0].start if block and block.entries else 0
    return first - doc.line_start(first)


def _indent_step(doc: Document) -> int:
    """How far this file indents below a top-level key; 2 where it does not say."""
    root = mapping_at(doc, ())
    for _, value in root.entries if root else ():
        if isinstance(value, Mapping) and not value.flow:
            return _column(doc, value) - _column(doc, root)
    return 2


# Removing


def ways_out(doc: Document, at: tuple[str, ...], *, leave: str) -> Iterator[list[Splice]]:
    """How the entry at `at` can be taken out, best way first; none when there is no entry.

    `leave` is what follows the parent's colon when that is left with nothing.
    """
    holder, entry = mapping_at(doc, at[:-1]), entry_at(doc, at)
    if holder is None or entry is None:
        return
    if holder.flow:
        yield [_flow_span(doc, entry)]
        return
    parent = entry_at(doc, at[:-1]) if len(at) > 1 else None
    alone = parent is not None and len(holder.entries) == 1
    for span in _line_spans(doc, entry):
        yield [span, (parent.colon, parent.colon, leave)] if parent and alone else [span]


def _line_spans(doc: Document, entry: Entry) -> Iterator[Splice]:
    start = doc.line_start(entry.key.start)
    if doc.text[start : entry.key.start].strip(" "):
        raise Unsafe(doc.source, f"{entry.key.value}: does not begin its line")
    end = doc.line_end(entry.value.end)
    if start and doc.line_start(end) != end:  # the file's end: it stays without a line break
        yield start - (2 if doc.text[:start].endswith("\r\n") else 1), end, ""
    yield start, end, ""  # the break may belong to the value above: "a: |"
    # Such a value would take the block's own comments, left alone, for more of its text.
    column = entry.key.start - start
    while (line := doc.text[end : doc.line_end(end)]) and (
        not line.strip() or (line.startswith(" " * (column + 1)) and line.lstrip()[0] == "#")
    ):
        end += len(line)
    yield start, end, ""


def _flow_span(doc: Document, entry: Entry) -> Splice:
    start, end = entry.key.start, entry.value.end
    if after := _COMMA_AFTER.match(doc.text, end):
        return start, after.end(), ""
    if before := _COMMA_BEFORE.search(doc.text[:start]):
        start = before.start()
    return start, end, ""


# Writing


def written(value: str | int) -> str:
    """A value in YAML: a number, a plain path, or text in double quotes."""
    if isinstance(value, int):
        return str(value)
    if _PLAIN.fullmatch(value):
        return value
    return '"' + "".join(_escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def says(node: Node, value: str | int) -> bool:
    """Whether `node` is read as exactly `value`, text as text and a number as a number."""
    if not isinstance(node, Scalar) or node.tag is not None or node.value != str(value):
        return False
    if isinstance(value, int):
        return node.plain
    return not node.plain or value.startswith("/")
