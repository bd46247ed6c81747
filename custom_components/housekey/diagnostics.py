"""What a user may send to a stranger who helps: the state, without secrets and without the home.

No key, recovery code or token is anywhere in a snapshot. What tells one home from another (names,
addresses, what the root is called, its fingerprint) is taken out as well, also where it stands in
the words of a reason: reports end up in public.
"""

from __future__ import annotations

import re
from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from housekey import __version__

from .const import CONF_NAMES, CONF_ROAD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from homeassistant.core import HomeAssistant

    from .http_store import ServerFacts
    from .model import Snapshot
    from .runtime import HousekeyEntry

REDACTED = "**REDACTED**"
_ZONES = ("local", "lan", "home", "internal", "box", "arpa")  # of many homes: they tell nobody's


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: HousekeyEntry
) -> dict[str, Any]:
    """Return what the last look has found."""
    coordinator = entry.runtime_data.coordinator
    snapshot, config = coordinator.data, hass.config
    chosen = entry.data.get(CONF_ROAD, {}).get("settings", {})
    home = told_apart(
        *(snapshot.names, entry.options.get(CONF_NAMES, ()), map(str, coordinator.wanted)),
        map(str, coordinator.addresses),
        _hosts((*snapshot.onboarding_urls, snapshot.home_assistant_url)),
        _hosts((config.internal_url, config.external_url)),
        (snapshot.root_name, snapshot.root_sha256),
        (*chosen.get("names", ()), chosen.get("email")),
    )
    return {
        "library": __version__,
        "options": shown_options(entry.options),
        "looked": coordinator.last_update_success,
        "snapshot": shown(snapshot, home),
        "server": shown_server(coordinator.server, home),
    }


def told_apart(*texts: Iterable[str | None]) -> frozenset[str]:
    """Return what tells this home from another, of all these. Pure."""
    return frozenset(each for some in texts for each in some if each)


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options; of the names only their kinds. Pure."""
    return {key: kinds(value) if key == CONF_NAMES else value for key, value in options.items()}


def shown(snapshot: Snapshot, home: Collection[str]) -> dict[str, Any]:
    """Return a snapshot without what tells this home from another. Pure."""
    return {
        "at": snapshot.at.isoformat(),
        "stage": snapshot.stage.value,
        "reason": scrubbed(snapshot.reason, home),
        "delivery": snapshot.delivery.value,
        "road": "private" if snapshot.road is None else snapshot.road.value,
        "root_ends": snapshot.root_ends and snapshot.root_ends.isoformat(),
        "issuing_ends": snapshot.issuing_ends and snapshot.issuing_ends.isoformat(),
        "leaf_ends": snapshot.leaf_ends and snapshot.leaf_ends.isoformat(),
        "leaf_renews": snapshot.leaf_renews and snapshot.leaf_renews.isoformat(),
        "names": kinds(snapshot.names),
        "devices": [
            {"kind": device.kind, "browser": device.browser, "at": device.at.isoformat()}
            for device in snapshot.devices
        ],
        "onboarding": len(snapshot.onboarding_urls),
        "home_assistant": kinds(_hosts((snapshot.home_assistant_url,))),
        "problems": [
            {
                "kind": problem.kind.value,
                "fixable": problem.fixable,
                "data": {
                    key: REDACTED if key == "names" else scrubbed(value, home)
                    for key, value in problem.data
                },
            }
            for problem in snapshot.problems
        ],
    }


def shown_server(server: ServerFacts | None, home: Collection[str]) -> dict[str, Any] | None:
    """Return how Home Assistant's server runs. Pure."""
    if server is None:
        return None
    return {
        "tls": server.tls,
        "port": server.port,
        "trials": server.trials,
        "on_trial": server.on_trial,
        "pending": server.pending is not None,
        "pending_error": server.pending_error and scrubbed(server.pending_error, home),
        "revert_at": server.revert_at and server.revert_at.isoformat(),
        "asks_clients": server.asks_clients,
        "certificate": server.pair and scrubbed(str(server.pair.certificate), home),
    }


def kinds(names: Iterable[str]) -> dict[str, int]:
    """Return how many names of which kind there are: an address by version, a name by its zone."""
    return dict(Counter(_kind(name) for name in names))


def scrubbed(text: str, home: Collection[str]) -> str:
    """Return `text` without what is of this home. Pure."""
    for each in sorted(home, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(each)}(?!\w)", REDACTED, text, flags=re.IGNORECASE)
    return text


def _hosts(urls: Iterable[str | None]) -> list[str]:
    return [host for url in urls if url and (host := urlsplit(url).hostname)]


def _kind(name: str) -> str:
    try:
        return f"IPv{ip_address(name).version}"
    except ValueError:
        _, dot, zone = name.rstrip(".").rpartition(".")
        return f"*.{zone}" if dot and zone in _ZONES else "name"
