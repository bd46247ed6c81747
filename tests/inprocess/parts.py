"""What the tests in process act through: the server, an administrator's browser, this machine."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
from homeassistant.components import http
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess

NAMES = ("homeassistant.local", "192.168.1.20")
ADDRESSES = (ip_address("192.168.1.20"),)


class Socket:
    """A signed-in WebSocket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._id = 0
        self._kept: list[dict[str, Any]] = []  # events that came before an answer

    async def ask(self, kind: str) -> dict[str, Any]:
        """Send a command; return its result."""
        self._id += 1
        await self._socket.send_json({"id": self._id, "type": kind})
        while True:
            answer = await self.next()
            if answer["id"] == self._id and answer["type"] == "result":
                return answer
            self._kept.append(answer)

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        message: dict[str, Any] = await self._socket.receive_json(timeout=10)
        return message

    async def event(self) -> dict[str, Any]:
        """Return the next event."""
        message = self._kept.pop(0) if self._kept else await self.next()
        while message["type"] != "event":
            message = await self.next()
        event: dict[str, Any] = message["event"]
        return event


@contextlib.asynccontextmanager
async def signed_in(server: Server, token: str, *, tls: bool = False) -> AsyncIterator[Socket]:
    """Open one."""
    url = f"http{'s' if tls else ''}://127.0.0.1:{server.port}/api/websocket"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, ssl=False) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        yield Socket(socket)


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Client:
    """An administrator's browser: REST over the server's own port, TLS or not."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return what is answered, as JSON."""
        scheme = "http" if self._server.hass.http.ssl_certificate is None else "https"
        url = f"{scheme}://127.0.0.1:{self._server.port}{path}"
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, url, json=body, ssl=False) as response,
        ):
            return await response.json()

    async def mend(self, issue: str) -> dict[str, Any]:
        """Walk through the fix flow of a repair; return its last step."""
        path = "/api/repairs/issues/fix"
        begun = await self.call("POST", path, {"handler": DOMAIN, "issue_id": issue})
        assert (begun["type"], begun["step_id"]) == ("form", "confirm"), begun
        ended: dict[str, Any] = await self.call("POST", f"{path}/{begun['flow_id']}", {})
        await self._server.hass.async_block_till_done()
        return ended


@dataclass
class Machine:
    """This machine, as far as its addresses go, and the names that lead to it."""

    addresses: tuple[Any, ...] = ADDRESSES
    names: tuple[str, ...] = ("localhost", "homeassistant.local")

    async def resolve(self, host: str, **_more: Any) -> tuple[Any, ...]:
        """Return where a name leads, without asking anybody."""
        return (ip_address("127.0.0.1"),) if str(host) in self.names else ()


@dataclass
class Server:
    """Home Assistant's own http server, listening on loopback alone."""

    hass: HomeAssistant
    storage: dict[str, Any]
    port: int
    trials: bool = hasattr(http, "make_server")  # Home Assistant tries http settings out itself

    @property
    def settings(self) -> dict[str, Any]:
        """Its http settings without TLS."""
        return {"server_host": ["127.0.0.1"], "server_port": self.port}

    async def start(
        self,
        *,
        tls: tuple[Path, Path] | None = None,
        pending: dict[str, Any] | None = None,
        error: str | None = None,
        words: str | None = None,
        write: bool = True,
    ) -> None:
        """Start it, with a pair or without.

        `pending` is what is on trial, unless it was given up with an `error`; where there are
        trials. `write` its settings, or leave its YAML as it is.
        """
        settings = self.settings
        if tls is not None:
            settings |= {"ssl_certificate": str(tls[0]), "ssl_key": str(tls[1])}
        if self.trials:
            self.store(settings, pending, error, words)
            assert await async_setup_component(self.hass, "http", {})
        else:
            assert pending is None
            if write:
                yaml = Path(self.hass.config.config_dir) / "configuration.yaml"
                yaml.write_text(self.yaml(**settings))
            assert await async_setup_component(self.hass, "http", {"http": settings})
        for each in ("frontend", "repairs", "diagnostics", "system_health", "config"):
            assert await async_setup_component(self.hass, each, {})
        await self.hass.async_block_till_done()

    def yaml(self, **settings: Any) -> str:
        """What stands in configuration.yaml with these settings."""
        wanted = settings or self.settings
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in wanted.items())
        return f"homeassistant:\nfrontend:\nhttp:\n{lines}"

    def whole(
        self, settings: dict[str, Any], error: str | None = None, words: str | None = None
    ) -> dict[str, Any]:
        """Return http settings as Home Assistant keeps them."""
        config = import_module("homeassistant.components.http.config")
        return {
            **config.HTTP_STORAGE_SCHEMA(settings),
            "created_at": "2026-11-01T00:00:00+00:00",
            "error": error,
            "error_message": words,
        }

    def store(
        self,
        stable: dict[str, Any],
        pending: dict[str, Any] | None,
        error: str | None = None,
        words: str | None = None,
    ) -> None:
        """Write Home Assistant's http settings as it would."""
        config = import_module("homeassistant.components.http.config")
        self.storage["http"] = {
            "version": config.STORAGE_VERSION,
            "minor_version": config.STORAGE_MINOR_VERSION,
            "key": "http",
            "data": {
                "stable": self.whole(stable),
                "pending": self.whole(pending, error, words) if pending else None,
                "yaml_migration_done": True,
            },
        }


@dataclass
class Kept:
    """A Home Assistant with HTTPS by a certificate of the house."""

    access: HouseAccess
    certificate: Path
    key: Path


@dataclass
class Staged:
    """What lies ready for the restart, and then for the trial."""

    access: HouseAccess
    server: Server
    before: bytes  # configuration.yaml
    settings: dict[str, Any]
    config: dict[str, Any] | None = None

    @property
    def pair(self) -> tuple[Any, Any]:
        return self.access.config / "certificate.pem", self.access.config / "privkey.pem"

    async def start(self, *, error: str | None = None, words: str | None = None) -> None:
        """Start Home Assistant into the trial; or with what it gave up, on the trial road."""
        if not self.server.trials:
            await self.server.start(tls=self.pair, write=False)
            return
        await self.server.start(pending=self.config, error=error, words=words, tls=None)

    async def start_as_before(self) -> None:
        """Start Home Assistant without its having restarted for the trial."""
        await self.server.start(write=self.server.trials, pending=None)


def last(access: HouseAccess) -> Any:
    """The last change of Home Assistant."""
    return access.mine()[-1]


async def sign_in(server: Server, token: str) -> None:
    """Open a WebSocket over TLS, as a frontend does."""
    url = f"https://127.0.0.1:{server.port}/api/websocket"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, ssl=False) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": token})
        assert (await socket.receive_json())["type"] == "auth_ok"
    await server.hass.async_block_till_done(wait_background_tasks=True)
