"""Where Home Assistant's YAML says `http:`: configuration.yaml, what it includes, its packages.

Follows the files as Home Assistant's loader does (homeassistant/util/yaml/loader.py, from
2025 on the package annotatedyaml). Only what leads to an `http:` is read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from housekey.errors import FileTrouble
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Mapping as AnyMapping

    Read: TypeAlias = Callable[[Path], bytes]
    # os.walk, or what a test hands in: folder -> (folder, its folders, its files), top down
    Walk: TypeAlias = Callable[[Path], Iterator[tuple[str, list[str], list[str]]]]

_SECRETS = "secrets.yaml"
# cv.slug: what slugify() leaves as it is. A package of another name is not set up.
_SLUG = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_DECIMAL = re.compile(r"0|[1-9][0-9]*")
_MAPPING_FOLDERS = ("!include_dir_named", "!include_dir_merge_named")


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file: the keys that lead to it."""

    path: Path
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HttpPlace:
    """One `http:` that Home Assistant takes account of."""

    entry: Spot  # where the key `http:` stands
    block: Spot  # where its settings stand: the same, unless it is an !include
    settings: AnyMapping[str, str | int]  # its scalars; a tagged one without a value as written


@dataclass(frozen=True, slots=True)
class _Here:
    """A value, and where it stands."""

    doc: Document
    keys: tuple[str, ...]
    node: Node | None

    @property
    def path(self) -> Path:
        return self.doc.source

    @property
    def spot(self) -> Spot:
        return Spot(self.path, self.keys)

    @property
    def is_empty(self) -> bool:
        return self.node is None or (isinstance(self.node, Scalar) and self.node.is_null)


class Tree:
    """The configuration's files, from configuration.yaml down."""

    def __init__(self, config_dir: Path, read: Read, walk: Walk) -> None:
        self._config_dir = config_dir
        self._read = read
        self._walk = walk

    def root(self) -> _Here:
        """The main configuration: configuration.yaml, or what that includes as a whole."""
        return self._followed(self._file(self._config_dir / "configuration.yaml"))

    def places(self) -> tuple[HttpPlace, ...]:
        found: list[HttpPlace] = []
        for holder in (self.root(), *self._packages()):
            entry = self._child(holder, "http")
            if entry is None:
                continue
            place = self._place(entry)
            if any(place.block == other.block for other in found):
                raise Unsafe(place.block.path, "it is included twice")
            found.append(place)
        return tuple(found)

    def _place(self, entry: _Here) -> HttpPlace:
        block = self._followed(entry)
        settings: dict[str, str | int] = {}
        children = dict(self._children(block))
        if isinstance(block.node, Mapping):
            for name, node in block.doc.merged(block.node).items():
                children.setdefault(name, _Here(block.doc, (), node))
        for name, child in children.items():
            value = self._value(child)
            if value is not None:
                settings[name] = value
        return HttpPlace(entry=entry.spot, block=block.spot, settings=settings)

    def _packages(self) -> list[_Here]:
        """The packages that Home Assistant sets up."""
        core = self._child(self.root(), "homeassistant")
        packages = core and self._child(core, "packages")
        if packages is None:
            return []
        named: dict[str, list[_Here]] = {}
        for name, child in self._children(packages):
            package = self._followed(child)
            if _is_mapping(package.node) or isinstance(package.node, Sequence):
                named.setdefault(name, []).append(package)
            elif package.keys or not package.is_empty:
                return []  # one package that is no mapping or list, and none is set up
        found: list[_Here] = []
        for name, same in named.items():
            having = [
                one for one in same if self._child(one, "http") and self._is_set_up(name, one)
            ]
            if having and len(same) > 1:
                raise Unsafe(having[0].path, f"there are several packages named {name}")
            found += having
        return found

    def _is_set_up(self, name: str, package: _Here) -> bool:
        """_validate_package_definition: a slug of a name, every value a dict, a list or nothing."""
        texts = (
            child.node
            for _, child in self._children(package)
            if isinstance(child.node, Scalar) and not child.is_empty
        )
        included = all((text.tag or "").startswith("!include") for text in texts)
        return included and _SLUG.fullmatch(name) is not None

    # Going down

    def _child(self, here: _Here, name: str) -> _Here | None:
        here = self._followed(here)
        found = [child for key, child in self._children(here) if key == name]
        if len(found) > 1:
            raise Unsafe(found[1].path, f"it has {name}: twice")
        if isinstance(here.node, Mapping) and name in here.doc.merged(here.node) and not found:
            raise Unsafe(here.path, f"{name}: comes in through a merge (<<:)")
        return found[0] if found else None

    def _children(self, here: _Here) -> Iterator[tuple[str, _Here]]:
        """The keys and values of a mapping, or of a folder that stands for one."""
        here = self._followed(here)
        node = here.node
        if isinstance(node, Mapping):
            for key, value in node.entries:
                name = here.doc.key_text(key)
                if name is not None and name != "<<":
                    yield name, _Here(here.doc, (*here.keys, name), value)
        elif isinstance(node, Scalar) and node.tag == "!include_dir_named":
            for path in self._files(here, node.value):
                yield path.stem, self._file(path)
        elif isinstance(node, Scalar) and node.tag == "!include_dir_merge_named":
            for path in self._files(here, node.value):
                yield from self._children(self._file(path))

    def _followed(self, here: _Here) -> _Here:
        """Through every !include to a value; raises Unsafe for one that goes in circles."""
        seen = {here.path}
        while isinstance(here.node, Scalar) and here.node.tag == "!include":
            here = self._file(self._target(here, here.node.value))
            if here.path in seen:
                raise Unsafe(here.path, "it includes itself")
            seen.add(here.path)
        if isinstance(here.node, Alias):  # an edit at these keys finds it, and refuses
            here = replace(here, node=here.doc.resolved(here.node))
        return here

    def _target(self, here: _Here, value: str) -> Path:
        """!include is relative to the file that says so."""
        target = Path(os.path.normpath(here.path.parent / value))
        top = os.path.normpath(self._config_dir)
        if not target.is_relative_to(top):
            # In a container, what lies there is not what Home Assistant sees there.
            raise Unsafe(here.path, f"it includes {value}, outside the configuration folder")
        return self._config_dir / target.relative_to(top)

    def _files(self, here: _Here, value: str) -> Iterator[Path]:
        for folder, folders, names in self._walk(self._target(here, value)):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in sorted(names):
                if fnmatch(name, "*.yaml") and not name.startswith(".") and name != _SECRETS:
                    yield Path(folder) / name

    def _file(self, path: Path) -> _Here:
        doc = parse(self._read(path), path)
        return _Here(doc, (), doc.root)

    # Values

    def _value(self, here: _Here) -> str | int | None:
        here = self._followed(here)
        node = here.node
        if not isinstance(node, Scalar) or node.is_null:
            return None
        if node.tag == "!secret":
            return self._secret(here.path, node.value) or node.text
        if node.plain and node.tag is None and _DECIMAL.fullmatch(node.value):
            return int(node.value)
        return node.text

    def _secret(self, asking: Path, name: str) -> str | int | None:
        """From secrets.yaml beside the file that asks, or the nearest folder above it."""
        for folder in asking.parents:
            if not folder.is_relative_to(self._config_dir):
                return None
            try:
                secrets = self._file(folder / _SECRETS)
                found = self._child(secrets, name)
            except (OSError, FileTrouble, Unsafe):
                continue
            if found is not None:
                return self._value(found)
        return None


def _is_mapping(node: Node | None) -> bool:
    return isinstance(node, Mapping) or (isinstance(node, Scalar) and node.tag in _MAPPING_FOLDERS)
