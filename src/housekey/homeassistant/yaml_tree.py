"""The edit of `http:` in a whole configuration: in which file, and does it take effect.

Home Assistant merges packages into the main block: the main one first, then the packages in
their order; of two equal keys the first counts (merge_packages_config in its config.py).
Nothing is written here: an `Edit` says what to write.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.homeassistant.yaml_edit import HTTP, refusal, remove_http, set_http
from housekey.homeassistant.yaml_follow import HttpPlace, Spot, Tree
from housekey.homeassistant.yaml_marks import Unsafe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from housekey.homeassistant.yaml_edit import Changes
    from housekey.homeassistant.yaml_follow import Read, Walk


@dataclass(frozen=True, slots=True)
class Edit:
    """One file, before and after."""

    path: Path
    before: bytes
    after: bytes


def find_http(config_dir: Path, read: Read, *, walk: Walk = os.walk) -> HttpPlace | None:
    """The `http:` of the main configuration, or else of the first package that has one.

    Raises YamlRefused when the files cannot be followed, and what `read` raises.
    """
    return next(iter(http_places(config_dir, read, walk=walk)), None)


def http_places(config_dir: Path, read: Read, *, walk: Walk = os.walk) -> tuple[HttpPlace, ...]:
    """Every `http:` that counts, in the order in which Home Assistant merges them."""
    try:
        return Tree(config_dir, read, walk).places()
    except Unsafe as error:
        raise refusal(error, {}) from error


def http_settings(config_dir: Path, read: Read, *, walk: Walk = os.walk) -> Mapping[str, str | int]:
    """What all `http:` blocks together say, as far as it is single values.

    A decimal number is an int. `!secret` is looked up as Home Assistant does; one that is not
    found, and `!env_var`, is the text as written, tag included. Raises YamlRefused.
    """
    return merged(http_places(config_dir, read, walk=walk))


def plan_http_edit(config_dir: Path, read: Read, changes: Changes, *, walk: Walk = os.walk) -> Edit:
    """The one file to change so that Home Assistant's `http:` has `changes` (None: without it).

    The block that has one of these keys already, or else the main one, or else a package's;
    without any, a new one at the end of configuration.yaml. Raises YamlRefused.
    """
    try:
        tree = Tree(config_dir, read, walk)
        places = tree.places()
        _refuse_repeated(places)
        spot = _spot_for(changes, places) or Spot(tree.root().path, HTTP)
    except Unsafe as error:
        raise refusal(error, changes) from error
    before = read(spot.path)
    after = set_http(before, changes, source=spot.path, at=spot.keys)
    edit = Edit(spot.path, before, after)

    wanted: dict[str, str | int] = {**merged(places)}
    for key, value in changes.items():
        wanted.pop(key, None)
        if value is not None:
            wanted[key] = value
    if http_settings(config_dir, _with(read, (edit,)), walk=walk) != wanted:
        reason = "the edit would not have the effect that it should"
        raise refusal(Unsafe(spot.path, reason), changes)
    return edit


def plan_http_removal(config_dir: Path, read: Read, *, walk: Walk = os.walk) -> tuple[Edit, ...]:
    """Every `http:` taken out, one edit a file; an included file stays. Raises YamlRefused."""
    edits: dict[Path, Edit] = {}
    for place in http_places(config_dir, read, walk=walk):
        path = place.entry.path
        edit = edits.get(path) or Edit(path, before := read(path), before)
        after = remove_http(edit.after, source=path, at=place.entry.keys)
        edits[path] = replace(edit, after=after)
    planned = tuple(edits.values())
    if left := find_http(config_dir, _with(read, planned), walk=walk):
        raise refusal(Unsafe(left.entry.path, "an http: would be left in it"), {})
    return planned


def _spot_for(changes: Changes, places: tuple[HttpPlace, ...]) -> Spot | None:
    having = [place for place in places if not changes.keys().isdisjoint(place.settings)]
    if len(having) > 1:
        also = having[1].block.path.name
        raise Unsafe(having[0].block.path, f"these settings are spread over it and {also}")
    return (having or places)[0].block if places else None


def _refuse_repeated(places: tuple[HttpPlace, ...]) -> None:
    """Home Assistant drops the rest of a package's block from the first repeated key on."""
    seen: dict[str, Path] = {}
    for place in places:
        for key in place.settings:
            if key in seen:
                reason = f"http has {key}: both here and in {place.block.path.name}"
                raise Unsafe(seen[key], reason)
            seen[key] = place.block.path


def merged(places: tuple[HttpPlace, ...]) -> dict[str, str | int]:
    """What all these blocks together say: of two equal keys the first counts."""
    merged: dict[str, str | int] = {}
    for place in places:
        for key, value in place.settings.items():
            merged.setdefault(key, value)
    return merged


def _with(read: Read, edits: tuple[Edit, ...]) -> Read:
    """Read as if `edits` were made already."""
    made = {edit.path: edit.after for edit in edits}
    return lambda path: made[path] if path in made else read(path)
