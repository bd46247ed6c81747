"""How a Home Assistant looks from outside: its files, its settings, the certificate it presents."""

from __future__ import annotations

import hashlib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from demo.api import Api
    from tests.homes.home import Home

# What Home Assistant itself writes while it runs.
_ITS_OWN = (".storage", "home-assistant.log", ".ha_run.lock", ".HA_VERSION", "home-assistant_v2.db")
# What a release adds to a folder at its first start.
_FIRST_START = ("blueprints", "deps", "tts", "www", "custom_components")
_NOTES = ("created_at", "error", "error_message")  # what it writes beside a configuration


@dataclass(frozen=True, slots=True)
class State:
    """All that housekey may change of a Home Assistant, and must bring back."""

    scheme: str | None
    files: Mapping[str, tuple[bytes, int]]
    stable: Mapping[str, Any] | None  # its http configuration; None: in the files
    pending: Mapping[str, Any] | None
    internal_url: str | None


def state_of(home: Home) -> State:
    """Return how a running Home Assistant stands."""
    http = home.storage("http")  # written at once when it changes
    stable, pending = (
        slot and {key: value for key, value in slot.items() if key not in _NOTES}
        for slot in (http.get("stable"), http.get("pending"))
    )
    url = anyhow(home).get("/api/config")["internal_url"]
    return State(home.scheme(), contents(home), stable, pending, url)


def contents(home: Home) -> dict[str, tuple[bytes, int]]:
    """Return every file of the folder that is not Home Assistant's own, with its mode."""
    return {
        str(path.relative_to(home.config)): (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in sorted(home.config.rglob("*"))
        if path.is_file()
        and not path.relative_to(home.config).parts[0].startswith((*_ITS_OWN, *_FIRST_START))
    }


def presented(home: Home, root: Path, name: str = "localhost", *, host: str | None = None) -> str:
    """Return the SHA-256 of the leaf that a client which trusts only `root` is shown.

    `host`: where it connects, if `name` leads nowhere from this process.
    """
    context = ssl.create_default_context(cafile=str(root))
    with (
        socket.create_connection((host or name, home.port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        encoded = secured.getpeercert(binary_form=True)
    assert encoded is not None
    return hashlib.sha256(encoded).hexdigest()


def anyhow(home: Home) -> Api:
    """Return its administrator's calls, over whatever it speaks now."""
    return home.api(scheme=home.scheme() or "http")
