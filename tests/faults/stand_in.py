"""A stand-in for Home Assistant, for thousands of switches: it restarts in milliseconds.

Not the real one: that is what tests/homes is for, with three real releases. But it really reads
its folder at every start, really serves the pair that its configuration names over TLS, and tells
when it could not start. Of Home Assistant it knows what housekey asks, on both roads: `yaml` (up to
2026.7) and `trial` (from 2026.8 on), where new settings are tried until they are promoted; the five
minutes after which it gives them up are not modelled.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

import yaml
from aiohttp import web

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

TOKEN = "a-token-of-an-administrator"
VERSIONS = {"yaml": "2024.3.3", "trial": "2026.11.0"}
DOWN_SECONDS = 0.1  # longer than housekey's looks are apart here: it waits to see it go
CONFIGURATION = """\
# our home
homeassistant:
  name: Home

http:
  server_port: {port}  # as the router knows it
  ip_ban_enabled: true

automation: []
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def furnish(folder: Path, road: str, port: int) -> None:
    """Make the configuration folder of a Home Assistant that has been set up."""
    (folder / ".storage").mkdir(parents=True)
    (folder / ".HA_VERSION").write_text(VERSIONS[road])
    text = CONFIGURATION.format(port=port)
    if road == "trial":
        text = text.split("http:")[0] + "automation: []\n"
        stable = {"server_port": port, "ip_ban_enabled": True, "created_at": "2026-08-06"}
        _store(folder, "http", {"stable": stable, "pending": None, "yaml_migration_done": True})
    (folder / "configuration.yaml").write_text(text)
    _store(folder, "core.config", {"location_name": "Home", "internal_url": None})


@dataclass(slots=True)
class StandIn:
    """One Home Assistant on one folder. Start and stop it; between two starts the folder may
    become another."""

    folder: Path
    road: str
    port: int
    host: str = "127.0.0.1"  # where it listens
    starts: int = 0
    trouble: str = ""  # why the last start was not as configured
    active: str = "stable"
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _runner: web.AppRunner | None = None
    _thread: threading.Thread | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self) -> None:
        """Start it, or start it again, with what is in its folder now."""
        self._call(self._restart())

    def stop(self) -> None:
        self._call(self._stop())

    def settle(self) -> None:
        """Wait until it is up again, if it was told to restart."""
        self._call(self._settled())

    async def _settled(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    # ---- its life

    async def _restart(self) -> None:
        await self._stop()
        await self._start()

    async def _stop(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _start(self) -> None:
        self.starts += 1
        self.trouble, self.active = "", "stable"
        settings, context = self._stable_settings(), None
        if self.road == "trial" and not self.trouble:
            http = _stored(self.folder, "http")
            pending = http["pending"]
            if pending is not None and not pending.get("error"):
                try:
                    context = _context(pending)
                    settings, self.active = pending, "pending"
                except (OSError, ssl.SSLError) as error:
                    pending |= {"error": "apply_failed", "error_message": str(error)}
                    _store(self.folder, "http", http)
        if self.active == "stable":
            try:
                context = _context(settings)
            except (OSError, ssl.SSLError) as error:
                self.trouble = f"recovery mode: {error}"
        app = web.Application()
        app.router.add_get("/api/config", self._config)
        app.router.add_post("/api/config/core/check_config", self._check)
        app.router.add_post("/api/services/homeassistant/restart", self._ordered_restart)
        app.router.add_get("/api/websocket", self._websocket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        port = settings.get("server_port", 8123)
        site = web.TCPSite(self._runner, self.host, port, ssl_context=context, reuse_address=True)
        await site.start()

    def _stable_settings(self) -> dict[str, Any]:
        if self.road == "trial":
            try:
                stable: dict[str, Any] = _stored(self.folder, "http")["stable"]
            except OSError as error:
                self.trouble = f"recovery mode: {error}"
                return {"server_port": self.port}
            return stable
        try:
            settings = yaml.safe_load((self.folder / "configuration.yaml").read_text())
            http: dict[str, Any] = settings["http"]
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            self.trouble = f"recovery mode: {error}"
            return {"server_port": self.port}
        return http

    def _restart_soon(self) -> None:
        async def soon() -> None:
            await asyncio.sleep(0.002)  # the answer goes out first
            await self._stop()
            await asyncio.sleep(DOWN_SECONDS)
            await self._start()

        task = self._loop.create_task(soon())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- what it answers

    def _known(self, request: web.Request) -> None:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise web.HTTPUnauthorized

    async def _config(self, request: web.Request) -> web.Response:
        self._known(request)
        core = _stored(self.folder, "core.config")
        return web.json_response(
            {
                "version": VERSIONS[self.road],
                "config_dir": str(self.folder),
                "config_source": "storage",
                "country": "DE",
                "components": ["http", "api", "config"],
                "state": "RUNNING",
                "recovery_mode": bool(self.trouble),
                **core,
            }
        )

    async def _check(self, request: web.Request) -> web.Response:
        self._known(request)
        try:
            yaml.safe_load((self.folder / "configuration.yaml").read_text())
            _context(self._stable_settings())
        except (OSError, ssl.SSLError, yaml.YAMLError) as error:
            return web.json_response({"result": "invalid", "errors": str(error), "warnings": None})
        return web.json_response({"result": "valid", "errors": None, "warnings": None})

    async def _ordered_restart(self, request: web.Request) -> web.Response:
        self._known(request)
        self._restart_soon()
        return web.json_response([])

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        channel = web.WebSocketResponse()
        await channel.prepare(request)
        await channel.send_json({"type": "auth_required"})
        given = await channel.receive_json()
        if given.get("access_token") != TOKEN:
            await channel.send_json({"type": "auth_invalid"})
            return channel
        await channel.send_json({"type": "auth_ok"})
        asked = await channel.receive_json()
        answer: dict[str, Any] = {"id": asked["id"], "type": "result"}
        try:
            answer |= {"success": True, "result": self._obey(asked)}
        except LookupError:
            answer |= {"success": False, "error": {"code": "unknown_command", "message": "?"}}
        await channel.send_json(answer)
        return channel

    def _obey(self, asked: dict[str, Any]) -> Any:
        what = asked["type"]
        if what == "auth/current_user":
            return {"id": "1", "name": "Ada", "is_admin": True}
        if what == "config_entries/get":
            return []
        if what == "config/core/update":
            core = _stored(self.folder, "core.config")
            new = {key: value for key, value in asked.items() if key.endswith("_url")}
            _store(self.folder, "core.config", {**core, **new})
            return None
        if self.road != "trial":
            raise LookupError(what)
        http = _stored(self.folder, "http")
        if what == "http/config":
            return {**http, "active_config_type": self.active, "revert_at": None}
        if what == "http/config/configure":
            wanted = asked["config"]
            http["pending"] = None if wanted is None else {**wanted, "created_at": "2026-11-29"}
            _store(self.folder, "http", http)
            self._restart_soon()
            return {"restart": True}
        if what == "http/config/promote":
            if self.active != "pending":
                raise LookupError(what)
            http |= {"stable": http["pending"], "pending": None}
            self.active = "stable"
            _store(self.folder, "http", http)
            return None
        raise LookupError(what)


def _context(settings: dict[str, Any]) -> ssl.SSLContext | None:
    certificate, key = settings.get("ssl_certificate"), settings.get("ssl_key")
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _stored(folder: Path, name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / ".storage" / name).read_text())["data"]
    return data


def _store(folder: Path, name: str, data: dict[str, Any]) -> None:
    """Whole or not at all, as Home Assistant does, on a full disk too."""
    path = folder / ".storage" / name
    new = path.with_name(f"{name}.new")
    try:
        new.write_text(json.dumps({"version": 1, "key": name, "data": data}))
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
