"""Modules that are loaded when they are needed, and not at the start of Home Assistant.

In its import executor: to read and run a module in the event loop would hold everybody up.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


async def async_load(hass: HomeAssistant, name: str) -> Any:
    """Return the module of that name beside this one; of the library, with its whole name."""
    whole = name if name.startswith("housekey.") else f"{__package__}.{name}"
    if whole in sys.modules:
        return import_module(whole)
    return await hass.async_add_import_executor_job(import_module, whole)
