"""What the integration keeps while it is set up, for all its platforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from homeassistant.config_entries import ConfigEntry

if TYPE_CHECKING:
    from .coordinator import HousekeyCoordinator


@dataclass(slots=True)
class HousekeyData:
    """Of one entry; there is one."""

    coordinator: HousekeyCoordinator  # its .data is a Snapshot, never None after set-up


HousekeyEntry: TypeAlias = ConfigEntry[HousekeyData]
