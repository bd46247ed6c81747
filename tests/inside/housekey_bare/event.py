"""One entity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.event import EventEntity

from . import BareEntity

if TYPE_CHECKING:
    from collections.abc import Callable


async def async_setup_entry(_hass: Any, _entry: Any, add: Callable[[list[Any]], None]) -> None:
    """Add it."""
    add([BareEventEntity("C")])


class BareEventEntity(BareEntity, EventEntity):
    """It says nothing."""

    _attr_event_types = ["none"]  # noqa: RUF012 - Home Assistant only reads it
