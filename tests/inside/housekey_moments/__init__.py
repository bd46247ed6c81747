"""Only for tests: ends Home Assistant, as a power cut would, at one moment of the journal.

The moment stands in the file `moment` of the configuration folder; without it nothing happens.
With a file `taken`, something else than housekey chooses the server's certificate already.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant  # noqa: TC002 - as Home Assistant's own

from custom_components.housekey import house_access


async def async_setup(hass: HomeAssistant, _config: dict[str, Any]) -> bool:
    """Listen to the journal."""
    wanted = Path(hass.config.config_dir) / "moment"

    def reached(moment: str) -> None:
        if wanted.exists() and wanted.read_text() == moment:
            wanted.unlink()
            # Not a signal: in its own namespace this is process 1, which none can end.
            os._exit(137)

    house_access.moment = reached
    context = getattr(hass.http, "context", None)
    if context is not None and wanted.with_name("taken").exists():
        context.sni_callback = lambda *_: None
    return True
