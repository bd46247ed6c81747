"""The road that the user has chosen, from the flow until Home Assistant has been taken there.

The entry keeps it, without any secret. What counts afterwards is the house's own `road.json`, which
the switch writes; and a switch that is put back leaves this here, to be tried once more.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from housekey.homeassistant.authority import OwnPrivateRoad
from housekey.homeassistant.recorded import LABEL
from housekey.house.road import Kind

from .const import CONF_ROAD
from .house_access import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.homeassistant.authority import Chosen
    from housekey.public.settings import PublicSettings

_PRIVATE = "private"


def to_public(settings: PublicSettings) -> dict[str, Any]:
    """Return what the entry keeps of a public name."""
    told = {**asdict(settings), "names": list(settings.names)}
    return {"kind": Kind.PUBLIC.value, "at": now().isoformat(), "settings": told}


def to_private() -> dict[str, Any]:
    """Return what the entry keeps of the way back to the house's own CA."""
    return {"kind": _PRIVATE, "at": now().isoformat()}


def chosen_of(data: Mapping[str, Any]) -> Chosen | None:
    """Return the road that an entry keeps; None: as the house stands."""
    kept = data.get(CONF_ROAD)
    if not kept:
        return None
    if kept["kind"] != Kind.PUBLIC.value:
        return OwnPrivateRoad()
    from housekey.public.chosen import PublicRoad  # noqa: PLC0415 - only on this road
    from housekey.public.settings import PublicSettings  # noqa: PLC0415 - likewise

    settings = kept["settings"]
    return PublicRoad(PublicSettings(**{**settings, "names": tuple(settings["names"])}), LABEL)
