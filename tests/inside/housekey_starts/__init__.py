"""Only for tests: tells what Home Assistant has imported, and spent, when all is set up.

In `start.json` of the configuration folder: `modules`, and seconds since the process began, of the
clock (`wall`) and of the processor (`cpu`). That moment is Home Assistant's own event of it, before
anything that waits for the end of the start goes on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from homeassistant.const import EVENT_HOMEASSISTANT_START
from homeassistant.core import Event, HomeAssistant, callback

_STARTED_AT = 19  # of /proc/PID/stat behind the program's name: field 22, in ticks (proc(5))


async def async_setup(hass: HomeAssistant, _config: dict[str, Any]) -> bool:
    """Wait for the event."""
    stat = await hass.async_add_executor_job(Path("/proc/self/stat").read_text)
    began = int(stat.rpartition(")")[2].split()[_STARTED_AT]) / os.sysconf("SC_CLK_TCK")

    @callback
    def all_is_set_up(_event: Event) -> None:
        told = {
            "cpu": time.process_time(),
            "wall": time.clock_gettime(time.CLOCK_BOOTTIME) - began,
            "modules": sorted(sys.modules),
        }
        place = Path(hass.config.config_dir) / "start.json"
        hass.async_add_executor_job(place.write_text, json.dumps(told))

    hass.bus.async_listen_once(EVENT_HOMEASSISTANT_START, all_is_set_up)
    return True
