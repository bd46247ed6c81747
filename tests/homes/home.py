"""One running Home Assistant of a test, with a configuration folder of its own."""

from __future__ import annotations

import json
import shutil
import ssl
from typing import TYPE_CHECKING, Any, Self

from demo.api import Api, another_user, wait_for
from demo.instance import Supervised, free_port
from demo.release import small_configuration
from tests.homes.install import ADMIN, Installed, home_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ANSWERS_WITHIN = 60.0  # seconds; measured: 2 to 4


class Home:
    """A real Home Assistant: `hass`, started again when it exits with 100.

    `files` are the configuration's files by name, instead of the small
    `configuration.yaml`; `{port}` is not filled in: with a file of one's own
    under 2026.7 or earlier, hand in the `port` that its `http:` names. On 2026.11
    the port is the default one by SETUP_PORT, and `configuration.yaml` needs no
    `http:`; one that is there is imported as a trial at the first start, unless
    `migrated` says that this was done long ago (the stale block).

    `user` is the uid it runs as, and that owns its folder (only in a chroot). `resolv_conf` says
    whom it asks for names, in place of the machine's own (likewise).
    Use it as a context manager: at the end nothing of it is running.
    """

    def __init__(
        self,
        installed: Installed,
        folder: Path,
        *,
        files: Mapping[str, str] | None = None,
        port: int | None = None,
        migrated: bool = False,
        supervise: bool = True,
        user: int | None = None,
        resolv_conf: Path | None = None,
    ) -> None:
        self.installed = installed
        self.config = folder  # as this machine sees it
        self.port = port or free_port()
        self.token = installed.token
        self.log_file = folder.with_name(f"{folder.name}.log")
        shutil.copytree(installed.template, folder)
        small = {"configuration.yaml": small_configuration(installed.release, self.port)}
        for name, text in (files or small).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        if migrated:
            self._write_stored_http()
        if user is not None:
            self.give_to(user)
        command, self.config_dir = installed.command(folder, user=user, resolv_conf=resolv_conf)
        self.process = Supervised(
            command,
            env=home_environment(installed.root, self.port),
            log=self.log_file,
            wrapper_depth=1 if installed.root else 0,
        )
        self.process.restart = supervise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # ---- what it is

    @property
    def version(self) -> str:
        return self.installed.release.version

    @property
    def has_trials(self) -> bool:
        """Whether this release keeps its http settings itself, and tries them out."""
        return self.installed.release.has_trials

    @property
    def url(self) -> str:
        """Its plain address, whether or not it still answers there."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self.process.pid

    @property
    def starts(self) -> int:
        """How often its process was started."""
        return self.process.starts

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def storage(self, name: str) -> dict[str, Any]:
        """The data that it keeps under a name in `.storage`; empty when there is none."""
        try:
            text = (self.config / ".storage" / name).read_text()
        except FileNotFoundError:
            return {}
        data: dict[str, Any] = json.loads(text)["data"]
        return data

    # ---- what is done to it

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it has finished starting."""
        self.process.start()
        if wait:
            self.wait_until_running()

    def stop(self) -> None:
        """End it as its administrator would."""
        self.process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()

    @property
    def supervise(self) -> bool:
        """Whether it is started again when it asks for it; False: the next restart is its end."""
        return self.process.restart

    @supervise.setter
    def supervise(self, value: bool) -> None:
        self.process.restart = value

    def give_to(self, user: int) -> None:
        """Make a user the owner of everything in its folder."""
        for path in (self.config, *self.config.rglob("*")):
            shutil.chown(path, user, user)

    # ---- what it answers

    def api(self, *, root: Path | None = None, scheme: str = "http") -> Api:
        """Its administrator's calls; over https, verified against `root` or not at all."""
        if scheme == "http":
            return Api(self.url, self.token)
        return Api(self.https_url, self.token, _client(root))

    def scheme(self) -> str | None:
        """What it answers on its port right now: "http", "https", or nothing."""
        for scheme in ("http", "https"):
            try:
                self.api(scheme=scheme).get("/api/config")
            except (OSError, ValueError):
                continue
            return scheme
        return None

    def is_running(self, *, scheme: str | None = None) -> bool:
        """Whether it answers (over `scheme`, or either) and has finished starting."""
        for one in (scheme,) if scheme else ("http", "https"):
            try:
                return bool(self.api(scheme=one).get("/api/config")["state"] == "RUNNING")
            except (OSError, ValueError):
                continue
        return False

    def wait_until_running(
        self, *, scheme: str | None = None, timeout: float = _ANSWERS_WITHIN
    ) -> None:
        """Wait until is_running(); fails the test with the log's end otherwise."""
        if not wait_for(
            lambda: self.is_running(scheme=scheme),
            timeout=timeout,
            alive=lambda: self.process.running,
        ):
            state = "is running" if self.process.running else f"ended: {self.process.exit_code}"
            raise AssertionError(
                f"Home Assistant {self.version} does not answer"
                f" ({scheme or 'http or https'}; its process {state}); its log ends:\n"
                f"{self.log[-4000:]}"
            )

    def make_user(self, username: str = "eve", *, admin: bool = False) -> str:
        """A long-lived token of another user, an ordinary one unless `admin`."""
        group = "system-admin" if admin else "system-users"
        return another_user(
            self.api(scheme=self.scheme() or "http"),
            username=username,
            password=ADMIN[2],
            group=group,
        )

    # ---- helpers

    def _write_stored_http(self) -> None:
        """The http settings of an installation that took its YAML over long ago."""
        stable = {
            "server_port": self.port,
            "cors_allowed_origins": ["https://cast.home-assistant.io"],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": True,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": "2026-08-06T08:00:00+00:00",
            "error": None,
            "error_message": None,
        }
        (self.config / ".storage" / "http").write_text(
            json.dumps(
                {
                    "version": 3,
                    "minor_version": 1,
                    "key": "http",
                    "data": {"stable": stable, "pending": None, "yaml_migration_done": True},
                }
            )
        )


def _client(root: Path | None) -> ssl.SSLContext:
    if root is not None:
        return ssl.create_default_context(cafile=str(root))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
