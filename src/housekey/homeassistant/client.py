"""Home Assistant's own interface, as far as housekey needs it: REST and WebSocket.

Every call opens what it needs, has a time-out and closes again: a server that restarts in the
middle is the normal case here. Facts come back as frozen dataclasses. The only mappings that
leave this module are HTTP configurations, which Home Assistant wants back whole.

Read in the sources of 2024.3.3, 2026.7.4 and 2026.11.0 (paths inside `homeassistant`):
`components/api`, `components/config/core.py`, `components/config/config_entries.py`,
`components/auth`, `components/http/websocket_api.py`, `components/websocket_api`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from housekey.errors import CommandFailed
from housekey.homeassistant.wire import (
    VanishedError,
    Wire,
    as_mapping,
    of_type,
    optional_number,
    optional_text,
    text_of,
    trusts,
)
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.homeassistant.wire import JsonMapping
    from housekey.live.tls import Called, Trust

TIMEOUT_SECONDS = 15.0
# Home Assistant loads every integration's code to check a configuration: a minute on a small
# machine. A restart checks first.
CHECK_SECONDS = 180.0
_LISTENING_SECONDS = 0.1  # how often to look whether it still listens
LONG_LIVED_DAYS = 3650  # what Home Assistant's own profile page asks for

_META = frozenset({"created_at", "error", "error_message"})


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """What `GET /api/config` tells of a running Home Assistant."""

    version: str
    config_dir: str  # as Home Assistant sees it
    config_source: str  # "storage", "yaml" or "default": where name and place were set
    location_name: str
    country: str | None  # ISO 3166, two letters
    time_zone: str | None
    latitude: float | None
    longitude: float | None
    internal_url: str | None
    external_url: str | None
    components: frozenset[str]
    state: str  # "RUNNING" once it has finished starting
    recovery_mode: bool
    safe_mode: bool


@dataclass(frozen=True, slots=True)
class User:
    """Whose token it is."""

    id: str
    name: str
    is_admin: bool


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """One configured integration."""

    domain: str
    title: str
    enabled: bool  # neither disabled nor ignored


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Home Assistant's HTTP configurations (2026.8 and later)."""

    stable: Mapping[str, object]
    pending: Mapping[str, object] | None
    active: str  # "stable", "pending", "default" or "default_legacy_port"
    revert_at: datetime | None  # UTC; when a trial ends unless it is promoted

    @property
    def pending_error(self) -> str | None:
        """Why the pending configuration will never be tried again, in Home Assistant's words."""
        if self.pending is None or not (code := optional_text(self.pending, "error")):
            return None
        detail = optional_text(self.pending, "error_message")
        return f"{code}: {detail}" if detail else code


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the integration answers that was to give the running server another certificate."""

    sha256: str | None  # of the leaf that is presented from now on; None: it cannot, or only asked
    reason: str  # why it cannot, for people; empty when it can


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What Home Assistant says of the configuration on its disk."""

    valid: bool
    errors: str | None
    warnings: str | None


def sendable(config: Mapping[str, object]) -> dict[str, object]:
    """Return `config` as `configure` takes it: without what Home Assistant noted beside it."""
    return {key: value for key, value in config.items() if key not in _META}


class Client:
    """One Home Assistant at `base_url`, spoken to with one token.

    HTTPS trusts `root`, or `besides` it (while a house has two roots), or the very certificate
    with the SHA-256 `pin` (the one that is known to be served, because it lies in Home Assistant's
    folder), and nothing else; without any, what this machine trusts.

    All calls raise `Unreachable` when nothing answers in time, or not as Home Assistant does,
    `SignInRefused` for the token, `NotReady` while it starts or stops and `CommandFailed` for
    a refused command.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret | None,
        *,
        root: Trust | Called | None = None,
        besides: Sequence[Trust | Called] = (),
        pin: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._wire = Wire(
            self.base_url, token, trusts=trusts(root, pin, besides=besides), timeout=timeout
        )

    def __repr__(self) -> str:
        return f"<Client {self.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing: no connection outlives its call."""

    # Facts

    async def get_config(self) -> InstanceConfig:
        """Return what Home Assistant tells of itself; needs a token, of any user."""
        return _instance_config(await self._wire.request("GET", "/api/config"))

    async def current_user(self) -> User:
        """Return whose token it is."""
        answer = as_mapping(await self._wire.command("auth/current_user"))
        return User(
            id=text_of(answer, "id"),
            name=optional_text(answer, "name") or "",
            is_admin=answer.get("is_admin") is True,
        )

    async def config_entries(self) -> tuple[ConfigEntry, ...]:
        """Return the configured integrations."""
        answer = await self._wire.command("config_entries/get")
        entries = [as_mapping(each) for each in of_type(answer, list)]
        return tuple(
            ConfigEntry(
                domain=text_of(entry, "domain"),
                title=optional_text(entry, "title") or "",
                enabled=entry.get("disabled_by") is None and entry.get("source") != "ignore",
            )
            for entry in entries
        )

    # The two ways of configuration

    async def http_config(self) -> HttpConfig | None:
        """Return the HTTP configurations, or None where YAML is the way (before 2026.8)."""
        try:
            answer = as_mapping(await self._wire.command("http/config"))
        except CommandFailed as refusal:
            if refusal.code == "unknown_command":
                return None
            raise
        pending, revert_at = answer.get("pending"), optional_text(answer, "revert_at")
        return HttpConfig(
            stable=as_mapping(answer.get("stable")),
            pending=None if pending is None else as_mapping(pending),
            active=text_of(answer, "active_config_type"),
            revert_at=datetime.fromisoformat(revert_at).astimezone(UTC) if revert_at else None,
        )

    async def configure(self, config: Mapping[str, object] | None) -> bool:
        """Make `config` pending, or with None forget the pending one.

        Returns whether Home Assistant restarts now. Losing the connection after the command
        went out is what a restart looks like, and is answered with True.
        """
        try:
            answer = await self._wire.command(
                "http/config/configure", {"config": config}, may_vanish=True
            )
        except VanishedError:
            return True
        return as_mapping(answer).get("restart") is True

    async def promote(self) -> None:
        """Make the pending configuration the stable one."""
        await self._wire.command("http/config/promote")

    async def check_config(self) -> CheckResult:
        """Let Home Assistant check the configuration on its disk; may take minutes."""
        answer = await self._wire.request(
            "POST", "/api/config/core/check_config", timeout=max(self._timeout, CHECK_SECONDS)
        )
        return CheckResult(
            valid=answer.get("result") == "valid",
            errors=optional_text(answer, "errors"),
            warnings=optional_text(answer, "warnings"),
        )

    async def restart(self) -> None:
        """Ask for a restart. Home Assistant refuses it while its configuration is invalid.

        Hangs up when Home Assistant stops listening: before it ends, it waits ten seconds for
        every connection that is still open (`shutdown_timeout` in components/http), this one
        included, and it shields the service from a lost connection (components/api; read in
        2024.3.3, 2026.7.4 and 2026.11.0).
        """
        request = asyncio.ensure_future(
            self._wire.request(
                "POST",
                "/api/services/homeassistant/restart",
                timeout=max(self._timeout, CHECK_SECONDS),
                may_vanish=True,
            )
        )
        try:
            while not request.done():
                await asyncio.wait({request}, timeout=_LISTENING_SECONDS)
                if not await self._wire.listens():
                    return
            await request
        except VanishedError:
            return
        finally:
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)

    async def update_urls(self, **urls: str | None) -> None:
        """Set `internal_url` and/or `external_url`; None removes one, what is not named stays."""
        if unknown := urls.keys() - {"internal_url", "external_url"}:
            raise TypeError(f"update_urls() got {sorted(unknown)}")
        await self._wire.command("config/core/update", urls)

    # The integration, where it is there

    async def load_certificate(self, *, root_pem: bytes, only_ask: bool = False) -> Loaded:
        """Let the integration give the running server the pair that it is configured with.

        It is judged under `root_pem`. With `only_ask` nothing is changed. That there is no
        integration, or none that can, is an answer as well.
        """
        try:
            answer = as_mapping(
                await self._service(
                    "housekey",
                    "load_certificate",
                    {"root": root_pem.decode(), "only_ask": only_ask},
                    answers=True,
                )
            )
        except CommandFailed as refusal:
            if refusal.code == "not_found":
                return Loaded(None, "Home Assistant has no housekey integration that could")
            return Loaded(None, refusal.reason.rstrip("."))
        response = as_mapping(answer.get("response"))
        return Loaded(optional_text(response, "presented"), optional_text(response, "reason") or "")

    async def notify(self, notification_id: str, *, title: str, message: str) -> None:
        """Show a notification to every user; one of the same id is replaced."""
        fields = {"notification_id": notification_id, "title": title, "message": message}
        await self._service("persistent_notification", "create", fields)

    async def dismiss(self, notification_id: str) -> None:
        """Take a notification away; none of that id is as good."""
        fields = {"notification_id": notification_id}
        await self._service("persistent_notification", "dismiss", fields)

    async def _service(
        self, domain: str, service: str, data: Mapping[str, object], *, answers: bool = False
    ) -> object:
        fields: dict[str, object] = {
            "domain": domain,
            "service": service,
            "service_data": data,
        }
        if answers:
            fields["return_response"] = True
        return await self._wire.command("call_service", fields)

    # Tokens

    async def create_long_lived_token(self, name: str, *, days: int = LONG_LIVED_DAYS) -> Secret:
        """Create a token of `days`; Home Assistant allows each `name` once per user."""
        answer = await self._wire.command(
            "auth/long_lived_access_token", {"client_name": name, "lifespan": days}
        )
        return Secret(of_type(answer, str).encode())

    async def delete_token(self, token_id: str) -> None:
        """Delete a token of this user, by the id of its entry in `.storage/auth`."""
        await self._wire.command("auth/delete_refresh_token", {"refresh_token_id": token_id})

    async def token_names(self) -> frozenset[str]:
        """Return the names of this user's long-lived tokens."""
        answer = await self._wire.command("auth/refresh_tokens")
        tokens = [as_mapping(each) for each in of_type(answer, list)]
        return frozenset(name for each in tokens if (name := optional_text(each, "client_name")))

    async def post_form(self, path: str, fields: Mapping[str, str]) -> JsonMapping:
        """Post a form, as `/auth/token` takes it; an empty answer is an empty mapping."""
        return await self._wire.request("POST", path, form=fields)


def _instance_config(answer: JsonMapping) -> InstanceConfig:
    components = of_type(answer.get("components"), list)
    return InstanceConfig(
        version=text_of(answer, "version"),
        config_dir=text_of(answer, "config_dir"),
        config_source=text_of(answer, "config_source"),
        location_name=text_of(answer, "location_name"),
        country=optional_text(answer, "country"),
        time_zone=optional_text(answer, "time_zone"),
        latitude=optional_number(answer, "latitude"),
        longitude=optional_number(answer, "longitude"),
        internal_url=optional_text(answer, "internal_url"),
        external_url=optional_text(answer, "external_url"),
        components=frozenset(str(each) for each in components),
        state=text_of(answer, "state"),
        recovery_mode=answer.get("recovery_mode") is True,
        safe_mode=answer.get("safe_mode") is True,
    )
