"""What is said where the root of a house is handed out that Home Assistant does not need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from housekey.house.road import Road


def another_road(road: Road | None) -> str | None:
    """Say that Home Assistant itself needs another root, or none; None: it needs the house's."""
    if road is None:
        return None
    rest = "this root is for what else the house signs"
    if not road.roots:
        return (
            "Home Assistant's certificate is one that every device accepts already: for it,"
            f" nothing has to be installed on any; {rest}"
        )
    return f"Home Assistant's certificate comes from another CA, whose root devices need; {rest}"
