"""What a user may send to a stranger who helps: the state, without secrets and without the home.

No key, recovery code or token is anywhere in a snapshot. What tells one home from another (names,
addresses, what the root is called, its fingerprint) is taken out as well, also where it stands in
the words of a reason: reports end up in public.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from housekey import __version__

from .const import CONF_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.core import HomeAssistant

    from .http_store import ServerFacts
    from .model import Snapshot
    from .runtime import HousekeyEntry

REDACTED = "**REDACTED**"
_ZONES = ("local", "lan", "home", "internal", "box", "arpa")  # of many homes: they tell nobody's


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant,  # noqa: ARG001 - Home Assistant hands it in
    entry: HousekeyEntry,
) -> dict[str, Any]:
    """Return what the last look has found."""
    coordinator = entry.runtime_data.coordinator
    return {
        "library": __version__,
        "options": shown_options(entry.options),
        "looked": coordinator.last_update_success,
        "snapshot": shown(coordinator.data),
        "server": shown_server(coordinator.server, coordinator.data),
    }


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options; of the names only their kinds. Pure."""
    return {key: kinds(value) if key == CONF_NAMES else value for key, value in options.items()}


def shown(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot without what tells this home from another. Pure."""
    return {
        "at": snapshot.at.isoformat(),
        "stage": snapshot.stage.value,
        "reason": scrubbed(snapshot.reason, snapshot),
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
                    key: REDACTED if key == "names" else scrubbed(value, snapshot)
                    for key, value in problem.data
                },
            }
            for problem in snapshot.problems
        ],
    }


def shown_server(server: ServerFacts | None, snapshot: Snapshot) -> dict[str, Any] | None:
    """Return how Home Assistant's server runs. Pure."""
    if server is None:
        return None
    return {
        "tls": server.tls,
        "port": server.port,
        "trials": server.trials,
        "on_trial": server.on_trial,
        "pending": server.pending is not None,
        "pending_error": server.pending_error and scrubbed(server.pending_error, snapshot),
        "revert_at": server.revert_at and server.revert_at.isoformat(),
        "asks_clients": server.asks_clients,
        "certificate": server.pair and str(server.pair.certificate),
    }


def kinds(names: Iterable[str]) -> dict[str, int]:
    """Return how many names of which kind there are: an address by version, a name by its zone."""
    return dict(Counter(_kind(name) for name in names))


def scrubbed(text: str, snapshot: Snapshot) -> str:
    """Return `text` without names of this home."""
    urls = (*snapshot.onboarding_urls, snapshot.home_assistant_url)
    known = {*snapshot.names, *_hosts(urls), snapshot.root_name, snapshot.root_sha256}
    for each in sorted(filter(None, known), key=len, reverse=True):
        text = text.replace(each, REDACTED)
    return text


def _hosts(urls: Iterable[str | None]) -> list[str]:
    return [host for url in urls if url and (host := urlsplit(url).hostname)]


def _kind(name: str) -> str:
    try:
        return f"IPv{ip_address(name).version}"
    except ValueError:
        _, dot, zone = name.rstrip(".").rpartition(".")
        return (
            f"*.{zone}" if dot and zone in ("local", "lan", "home", "internal", "box") else "name"
        )
