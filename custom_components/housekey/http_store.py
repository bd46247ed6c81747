"""Home Assistant's own http settings, from inside: what runs, what is on trial, what is kept.

From 2026.8 on they are in a store with a stable and a pending slot (components/http/config.py);
read in 2026.11.0: `async_get_and_load_store`, `HTTP_STORAGE_SCHEMA`, and of the store `stable`,
`pending`, `active_config_type`, `revert_deadline`, `async_set_pending`, `async_promote_pending`.
Up to 2026.7 (read in 2026.7.4) there is none, and `http:` in YAML counts. The running server is
`hass.http` in both, with `ssl_certificate`, `ssl_key`, `server_host`, `server_port`.

None of this is promised to integrations, and this is the one module that knows it. Where a name is
missing, `server_facts` says that there is no store, and the caller offers the other way or none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.homeassistant.plan import Pair

try:
    from homeassistant.const import MAJOR_VERSION, MINOR_VERSION
except ImportError:  # where the tests of pure modules run
    MAJOR_VERSION = MINOR_VERSION = 0  # type: ignore[misc, unused-ignore]

try:
    from homeassistant.components.http import config as http_config
except ImportError:  # up to 2026.7
    http_config = None  # type: ignore[assignment, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from homeassistant.core import HomeAssistant

_STORES_SINCE = (2026, 8)
_MODULE = ("async_get_and_load_store", "HTTP_STORAGE_SCHEMA")
_STORE = (
    "stable",
    "pending",
    "active_config_type",
    "revert_deadline",
    "async_set_pending",
    "async_promote_pending",
)
_META = ("created_at", "error", "error_message")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - looked for, not listened on
_DEFAULT_PORT = 8123


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """How Home Assistant's server runs, and how it would after its next start."""

    tls: bool  # the running server speaks TLS
    port: int  # of the running server
    host: str  # an address of this machine at which it listens
    pair: Pair | None  # what the running server has loaded
    trials: bool  # Home Assistant tries http settings out itself (2026.8 and later)
    unknown: bool = False  # it keeps them in a way that is not known here: nothing may be changed
    asks_clients: bool = False  # every client is asked for a certificate of its own
    stable: Mapping[str, Any] = field(default_factory=dict)  # empty without trials
    pending: Mapping[str, Any] | None = None
    pending_error: str | None = None  # why the pending settings were given up
    on_trial: bool = False  # the running server has the pending settings
    revert_at: datetime | None = None


def running_port(hass: HomeAssistant) -> int:
    """Return the port of the running server."""
    return int(getattr(getattr(hass, "http", None), "server_port", 0) or _DEFAULT_PORT)


async def server_facts(hass: HomeAssistant) -> ServerFacts:
    """Ask the running server and the store."""
    http = getattr(hass, "http", None)
    certificate = getattr(http, "ssl_certificate", None)
    key = getattr(http, "ssl_key", None)
    running = ServerFacts(
        tls=getattr(http, "context", None) is not None or certificate is not None,
        port=running_port(hass),
        host=_reachable(getattr(http, "server_host", None)),
        pair=pair_of({"ssl_certificate": certificate, "ssl_key": key}),
        trials=False,
        asks_clients=bool(getattr(http, "ssl_peer_certificate", None)),
    )
    store = await _store(hass)
    if store is None:
        return replace(running, unknown=(MAJOR_VERSION, MINOR_VERSION) >= _STORES_SINCE)
    pending = store.pending
    error = pending.get("error") if pending else None
    words = pending.get("error_message") if pending else None
    return replace(
        running,
        trials=True,
        stable=sendable(store.stable),
        pending=sendable(pending) if pending else None,
        pending_error=f"{error}: {words}" if error and words else error,
        on_trial=str(store.active_config_type) == "pending",
        revert_at=store.revert_deadline,
    )


async def async_try(hass: HomeAssistant, config: Mapping[str, Any]) -> None:
    """Make `config` what Home Assistant tries at its next start. Raises what its check raises."""
    store = await _store(hass)
    if store is None:
        raise RuntimeError("this Home Assistant tries no http settings out")
    # It looks whether the files are there.
    checked = await hass.async_add_executor_job(http_config.HTTP_STORAGE_SCHEMA, dict(config))
    await store.async_set_pending(checked)


async def async_forget_trial(hass: HomeAssistant) -> None:
    """Take what is pending out; the running server stays as it is."""
    if (store := await _store(hass)) is not None:
        await store.async_set_pending(None)


async def async_keep_trial(hass: HomeAssistant) -> None:
    """Make what is on trial permanent. Raises HomeAssistantError when there is nothing."""
    store = await _store(hass)
    if store is None:
        raise RuntimeError("this Home Assistant tries no http settings out")
    await store.async_promote_pending()


def sendable(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return http settings without what Home Assistant itself keeps beside them."""
    return {
        key: str(value) if isinstance(value, str) else value
        for key, value in config.items()
        if key not in _META
    }


def pair_of(config: Mapping[str, Any]) -> Pair | None:
    """Return the pair that http settings name."""
    certificate, key = config.get("ssl_certificate"), config.get("ssl_key")
    return Pair(Path(certificate), Path(key)) if certificate and key else None


def port_of(config: Mapping[str, Any]) -> int:
    """Return the port that http settings name."""
    return int(config.get("server_port") or _DEFAULT_PORT)


async def _store(hass: HomeAssistant) -> Any:
    """Return the loaded store; None where there is none, or one that is not as it was read."""
    if not all(hasattr(http_config, name) for name in _MODULE):
        return None
    store = await http_config.async_get_and_load_store(hass)
    return store if all(hasattr(store, name) for name in _STORE) else None


def _reachable(hosts: object) -> str:
    """Return an address by which this machine reaches its own server."""
    named = [hosts] if isinstance(hosts, str) else list(hosts) if isinstance(hosts, list) else []
    if not named or any(host in _WILDCARDS for host in named):
        return "127.0.0.1"
    return str(named[0])
