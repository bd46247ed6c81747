"""A real Home Assistant on HTTPS with the device lane on its old port, and who asks there."""

from __future__ import annotations

import http.client
import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.api import Api, wait_for
from demo.instance import free_port
from tests.command import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import NewHome
    from tests.homes.home import Home

_CHECKOUT = Path(__file__).parents[2]
_HERE = Path(__file__).parent
_INTEGRATION = "custom_components/housekey"
# All that serves paths and needs no package that the tests' homes lack.
_COMPONENTS = (
    *("api", "assist_pipeline", "backup", "calendar", "config", "conversation", "diagnostics"),
    *("file_upload", "history", "image_upload", "intent", "logbook", "media_source", "mobile_app"),
    *("my", "repairs", "search", "stt", "sun", "todo", "webhook"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over plain HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def where(self) -> str:
        """Where it leads; empty when nowhere."""
        return self.headers.get("location", "")

    @property
    def what(self) -> str:
        """`through`, `to https` or `refused`."""
        if self.status == 307 and self.where.startswith("https://"):
            return "to https"
        of_the_lane = self.headers.get("cache-control") == "no-store" and self.status >= 400
        return "refused" if of_the_lane else "through"


@dataclass(slots=True)
class AtHome:
    """A Home Assistant on HTTPS, its owner, and the lane on `port`."""

    owner: Owner
    port: int
    https_port: int

    @property
    def home(self) -> Home:
        """The Home Assistant."""
        return self.owner.home

    @property
    def root(self) -> Path:
        """What devices that are set up trust."""
        return self.owner.house / "root.pem"

    def api(self) -> Api:
        """Its administrator, over HTTPS."""
        tls = ssl.create_default_context(cafile=str(self.root))
        return Api(f"https://localhost:{self.https_port}", self.home.token, tls)

    def state(self, entity: str) -> dict[str, Any]:
        """An entity's state."""
        state: dict[str, Any] = self.api().get(f"/api/states/{entity}")
        return state

    def call(self, action: str, **data: Any) -> None:
        """Call an action, to its end."""
        self.api().post(f"/api/services/{action.replace('.', '/')}", data)

    def played(self, media: str) -> str:
        """The address that a player is given for a medium."""
        self.call(
            "media_player.play_media",
            entity_id="media_player.probe",
            media_content_id=media,
            media_content_type="music",
        )
        return str(self.state("media_player.probe")["attributes"]["played"])

    def ask(
        self,
        target: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        *,
        host: str = "127.0.0.1",
        body: bytes | None = None,
    ) -> Answer:
        """One plain request of a device that knows no root, with these headers and no others."""
        connection = http.client.HTTPConnection(host, self.port, timeout=15)
        try:
            headers = {"Host": f"{host}:{self.port}", **(headers or {})}
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            # A stream never ends: what is looked at is how it begins.
            text = answer.read1(4096) if answer.length is None else answer.read()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, text)
        finally:
            connection.close()


def at_home(new_home: NewHome, folder: Path) -> AtHome:
    """Take a new Home Assistant to HTTPS on another port; the lane opens on the old one."""
    port, https_port = free_port(), free_port()
    home = new_home(start=False, files={"configuration.yaml": ""}, port=port)
    platforms = ("camera", "image", "media_player", "tts")
    lines = [
        "homeassistant:",
        "frontend:",
        *(f"{name}:" for name in _COMPONENTS),
        *(f"{name}:\n  - platform: lane_probe" for name in platforms),
        f"lane_probe:\n  port: {port}",
        "alexa:\n  flash_briefings:\n    password: secret\n    news:\n      - title: none",
        "rss_feed_template:\n  news:\n    requires_api_password: false\n    items: []",
        "" if home.has_trials else f"http:\n  server_port: {port}",
    ]
    (home.config / "configuration.yaml").write_text("\n".join(lines) + "\n")
    (home.config / "www").mkdir(exist_ok=True)
    (home.config / "www" / "bell.mp3").write_bytes(b"a bell")
    (home.config / "www" / "page.html").write_bytes(b"<p>a page")
    (home.config / "media").mkdir(exist_ok=True)
    (home.config / "media" / "a song.mp3").write_bytes(b"a song")
    components = home.config / "custom_components"
    shutil.copytree(_HERE / "lane_probe", components / "lane_probe")
    (components / "housekey").mkdir()
    for module in (_CHECKOUT / _INTEGRATION).glob("lane*.py"):
        shutil.copy(module, components / "housekey" / module.name)
    shutil.copytree(
        _CHECKOUT / "src" / "housekey",
        home.config / "housekey-library" / "housekey",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    home.start()
    owner = Owner.of(home, folder)
    done = owner.secure("--port", str(https_port))
    assert done.code == 0, done
    home.port = https_port
    home.wait_until_running(scheme="https")
    here = AtHome(owner, port, https_port)
    assert wait_for(lambda: here.state("lane_probe.lane")["state"] == "open", timeout=30), home.log
    return here
