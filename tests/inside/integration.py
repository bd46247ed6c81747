"""The integration in a real Home Assistant, over REST and WebSocket as a browser would use it."""

from __future__ import annotations

import re
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from demo.api import wait_for
from release.__main__ import pack

if TYPE_CHECKING:
    from demo.api import Api
    from tests.homes.home import Home

FLOW = "/api/config/config_entries/flow"
OPTIONS = "/api/config/config_entries/options/flow"
DOMAIN = "housekey"
# What every Home Assistant says of any custom integration.
_OF_ANY = ("We found a custom integration housekey which has not been tested",)
_LINE = re.compile(r"^(?:\x1b\[\d+m)*\d{4}-\d\d-\d\d \S+ (?P<level>WARNING|ERROR|CRITICAL) ")


@cache
def packed() -> Path:
    """The folder that a user copies, packed once."""
    target = Path(mkdtemp(prefix="housekey-packed-"))
    pack(target)
    return target / "custom_components" / DOMAIN


def give(home: Home) -> None:
    """Copy the integration into the folder of a Home Assistant that has not started yet."""
    folder = home.config / "custom_components" / DOMAIN
    shutil.copytree(packed(), folder)


def entry_of(api: Api) -> dict[str, Any] | None:
    """The integration's entry."""
    entries = api.get("/api/config/config_entries/entry")
    found: list[dict[str, Any]] = [each for each in entries if each["domain"] == DOMAIN]
    return found[0] if found else None


def loaded(api: Api) -> bool:
    """Whether the entry is set up; waits a little."""
    return wait_for(lambda: (entry_of(api) or {}).get("state") == "loaded", timeout=20)


def complaints(home: Home) -> list[str]:
    """All warnings and errors in the log that are about the integration, with what follows them."""
    found: list[str] = []
    about = False
    for line in home.log.splitlines():
        if _LINE.match(line):
            about = ("housekey" in line or "asyncio" in line) and not any(
                each in line for each in _OF_ANY
            )
            if about:
                found.append(line)
        elif about and not re.match(r"^(?:\x1b\[\d+m)*\d{4}-\d\d-\d\d ", line):
            found[-1] += f"\n{line}"
        else:
            about = False
    return found
