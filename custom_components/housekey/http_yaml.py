"""The `http:` of Home Assistant's YAML, read, and its edits planned. For an executor.

The reader of YAML that keeps comments and places is loaded with the first call: no start of Home
Assistant waits for it. All raise YamlRefused where the files cannot be followed.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.homeassistant.yaml_follow import HttpPlace
    from housekey.homeassistant.yaml_tree import Edit

    from .house_access import HouseAccess


def places(access: HouseAccess) -> tuple[HttpPlace, ...]:
    """Return every `http:`, in the order in which Home Assistant merges them."""
    from housekey.homeassistant.yaml_tree import http_places

    return http_places(access.config, access.files.read)


def settings(access: HouseAccess) -> Mapping[str, str | int]:
    """Return what they say together."""
    from housekey.homeassistant.yaml_tree import http_settings

    return http_settings(access.config, access.files.read)


def plan_edit(access: HouseAccess, changes: Mapping[str, str | int | None]) -> Edit:
    """Return the one file to change so that they have `changes`."""
    from housekey.homeassistant.yaml_tree import plan_http_edit

    return plan_http_edit(access.config, access.files.read, changes)


def plan_removal(access: HouseAccess) -> tuple[Edit, ...]:
    """Return them all taken out, one edit a file."""
    from housekey.homeassistant.yaml_tree import plan_http_removal

    return plan_http_removal(access.config, access.files.read)
