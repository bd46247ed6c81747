"""One entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.button import ButtonEntity

from . import BareEntity

if TYPE_CHECKING:
    from collections.abc import Callable


async def async_setup_entry(_hass: Any, _entry: Any, add: Callable[[list[Any]], None]) -> None:
    """Add it."""
    add([BareButtonEntity("B")])


class BareButtonEntity(BareEntity, ButtonEntity):
    """It says nothing."""
