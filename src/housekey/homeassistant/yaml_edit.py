"""Changes to the `http:` block of one YAML file, bytes to bytes.

The text is spliced and never written anew: what is not a line of the block stays byte for
byte. Every result is parsed again and compared with the tree from before plus the changes;
what does not come out exactly so is refused, with the lines to add by hand.

`at` names the keys that lead to the block within the file: `("http",)` in
configuration.yaml, `("homeassistant", "packages", "door", "http")` for a package inside it,
`()` for a file that is itself the block (`http: !include http.yaml`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from housekey.errors import YamlRefused
from housekey.homeassistant.yaml_marks import (
    Alias,
    Document,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Unsafe,
    parse,
)
from housekey.homeassistant.yaml_splice import (
    entry_at,
    mapping_at,
    says,
    ways_out,
    ways_to_set,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as AnyMapping
    from pathlib import Path

    from housekey.homeassistant.yaml_splice import Settings, Splice

    Changes: TypeAlias = AnyMapping[str, str | int | None]  # None takes the key away

HTTP = ("http",)


@dataclass(frozen=True, slots=True)
class HttpBlock:
    """What one file says under `http:`."""

    exists: bool  # the key is there
    settings: AnyMapping[str, str]  # its scalars as text; a tagged one as written: "!secret x"
    elsewhere: str | None = None  # the whole block comes from there: "!include http.yaml"


def http_block(data: bytes, *, source: Path, at: tuple[str, ...] = HTTP) -> HttpBlock:
    """Read the block of one file; raises YamlRefused for a file that cannot be followed."""
    try:
        doc = parse(data, source)
        entry = entry_at(doc, at) if at else None
        if entry is not None and isinstance(entry.value, Scalar) and entry.value.tag is not None:
            elsewhere = entry.value.text
            return HttpBlock(exists=True, settings={}, elsewhere=elsewhere)
        block = mapping_at(doc, at)
    except Unsafe as error:
        raise refusal(error, {}) from error
    settings = {
        key.value: value.text
        for key, value in (block.entries if block else ())
        if isinstance(key, Scalar) and isinstance(value, Scalar) and not value.is_null
    }
    return HttpBlock(exists=entry is not None or block is not None, settings=settings)


def set_http(data: bytes, changes: Changes, *, source: Path, at: tuple[str, ...] = HTTP) -> bytes:
    """The file with `changes` made to its block; a missing block is added at the file's end.

    A file that did not end in a line break still does not. A block that loses its last key
    stays, empty. Raises YamlRefused, with the lines to add by hand, for what cannot be done
    without touching more than the block.
    """
    settings = {key: value for key, value in changes.items() if value is not None}
    try:
        if settings:
            data = _set(data, settings, source, at)
        for key in changes:
            if key not in settings:
                data = _removed(data, source, (*at, key), leave="")
    except Unsafe as error:
        raise refusal(error, changes) from error
    return data


def remove_http(data: bytes, *, source: Path, at: tuple[str, ...] = HTTP) -> bytes:
    """The file without the block: from the line of its key to the end of its value.

    Takes back exactly what `set_http` adds to a file without a block. A package that loses
    its only key becomes `{}`: were it empty, Home Assistant would drop every package
    (PACKAGES_CONFIG_SCHEMA in its config.py). Raises YamlRefused.
    """
    try:
        return _removed(data, source, at, leave=" {}")
    except Unsafe as error:
        raise refusal(error, {}) from error


def refusal(error: Unsafe, changes: Changes) -> YamlRefused:
    """What the user is told: why, and what to do by hand; no changes: the block goes."""
    lines = tuple(f"{key}: {written(v)}" for key, v in changes.items() if v is not None)
    gone = " and ".join(key for key, value in changes.items() if value is None)
    return YamlRefused(error.source, error.reason, lines=lines, without=gone or "http:")


def _set(data: bytes, settings: Settings, source: Path, at: tuple[str, ...]) -> bytes:
    before = parse(data, source)
    return _first_good(before, ways_to_set(before, settings, at), at, settings)


def _removed(data: bytes, source: Path, at: tuple[str, ...], *, leave: str) -> bytes:
    if not at:
        raise Unsafe(source, "the whole file is the block")
    before = parse(data, source)
    return _first_good(before, ways_out(before, at, leave=leave), at[:-1], {at[-1]: None})


def _first_good(
    before: Document, ways: Iterator[list[Splice]], at: tuple[str, ...], wanted: Changes
) -> bytes:
    """What the first way gives that passes the check; the file as it is where there are none."""
    problem: Unsafe | None = None
    for splices in ways:
        try:
            return _checked(before, splices, at, wanted)
        except Unsafe as error:
            problem = problem or error
    if problem is not None:
        raise problem
    return before.encoded(before.text)


# The check after every edit


def _checked(
    before: Document, splices: list[Splice], at: tuple[str, ...], wanted: Changes
) -> bytes:
    """The spliced text, if it reads as before with `wanted` in the mapping at `at`."""
    text = before.text
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        data = before.encoded(text)
    except UnicodeEncodeError as error:
        raise Unsafe(before.source, "a value is not valid text") from error
    after = parse(data, before.source)
    keys = frozenset(wanted)
    same = _outline(before, before.root, at, keys) == _outline(after, after.root, at, keys)
    if not (same and _says_all(after, at, wanted)):
        raise Unsafe(before.source, "the edited file would not say what it should")
    for name in after.aliases:
        if _definitions(before, name) != _definitions(after, name):
            raise Unsafe(before.source, f"other parts refer to &{name}, which would change")
    return data


def _says_all(doc: Document, at: tuple[str, ...], wanted: Changes) -> bool:
    block = mapping_at(doc, at)
    for key, value in wanted.items():
        entry = doc.entry(block, key) if block else None
        if value is None:
            if entry is not None:
                return False
        elif entry is None or not says(entry.value, value):
            return False
    return True


def _definitions(doc: Document, name: str) -> int:
    return sum(anchor == name for anchor, _ in doc.anchors)


def _outline(doc: Document, node: Node | None, at: tuple[str, ...], keys: frozenset[str]) -> object:
    """All that a file says, but for `keys` of the mapping at `at`; nothing and empty are one."""
    if node is None or (isinstance(node, Scalar) and node.is_null and node.anchor is None):
        node = Mapping(0, 0, None, None, flow=False, entries=())
    if not isinstance(node, Mapping):
        return _shape(node)
    apart = {at[0]} if at else keys
    rest = tuple(
        (_shape(key), _shape(value))
        for key, value in node.entries
        if doc.key_text(key) not in apart
    )
    if not at:
        return node.tag, node.anchor, rest
    entry = doc.entry(node, at[0])
    inner = _outline(doc, entry.value if entry else None, at[1:], keys)
    return node.tag, node.anchor, rest, inner


def _shape(node: Node) -> object:
    """A node without its place: equal for what is read as equal."""
    match node:
        case Alias():
            return "alias", node.name
        case Scalar():
            return "scalar", node.tag, node.anchor, node.plain, node.value
        case Sequence():
            return "sequence", node.tag, node.anchor, tuple(_shape(item) for item in node.items)
        case Mapping():
            pairs = tuple((_shape(key), _shape(value)) for key, value in node.entries)
            return "mapping", node.tag, node.anchor, pairs
