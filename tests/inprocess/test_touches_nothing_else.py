"""What the integration really does to processes and files, seen by an audit hook of Python.

From the first step of the flow to the way back. A hit counts when any function of ours is under
way in that thread, so what Home Assistant writes because we asked counts, too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant, ServiceCall
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.model import Stage
from custom_components.housekey.onboarding import async_onboarding
from housekey.house.journal import State
from housekey.pki.keys import KeyType
from housekey.pki.names import parse_name
from tests.inprocess.dialog import Dialog
from tests.inprocess.parts import Kept, Server, Staged, sign_in
from tests.inprocess.test_flow import found, prove, to_the_page

__all__ = ["found"]  # a fixture

_OURS = ("/custom_components/housekey/", "/src/housekey/")
_PROCESSES = (
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
    *("os.spawn", "os.startfile", "pty.spawn"),
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Where among the arguments of an event a path stands, and the folder that it is relative to.
_PATHS = {
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.mkdir": ((0, 2),),
    "os.chmod": ((0, 2),),
    "os.chown": ((0, 3),),
    "os.truncate": ((0, None),),
    "sqlite3.connect": ((0, None),),
}


class Watch:
    """Everything that our code does to processes and files while it watches."""

    def __init__(self) -> None:
        self.on = False
        self.processes: list[str] = []
        self.files: set[Path] = set()

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """See one event; an audit hook can never be taken out again."""
        if not self.on or (event != "open" and event not in _PATHS and event not in _PROCESSES):
            return
        frame = sys._getframe(1)
        if not is_ours(frame):
            return
        if event in _PROCESSES:
            self.processes.append(f"{event} {args}")
        elif event != "open":
            for at, folder in _PATHS[event]:
                self.files.add(whole(args[at], None if folder is None else args[folder]))
        elif not isinstance(args[0], int) and int(args[2] or 0) & _WRITES:
            # The event does not tell the folder: house/files.py calls it so.
            self.files.add(whole(args[0], frame.f_locals.get("folder")))

    def strangers(self, config: Path, *allowed: str) -> set[str]:
        """Return the files outside the house that are none of those named in the configuration."""
        found = set()
        for path in self.files:
            # What house/files.py writes, a file or the whole house, lies beside it as
            # `.NAME.RANDOM.housekey-tmp` until it is whole.
            inside = path.relative_to(config).parts if path.is_relative_to(config) else ()
            name = inside[0] if inside else ""
            if name.endswith(".housekey-tmp"):
                name = name[1:].rsplit(".", 2)[0]
            if name == "housekey" or (len(inside) == 1 and name.startswith(allowed)):
                continue
            found.add(str(path))
        return found


def is_ours(frame: FrameType | None) -> bool:
    """Whether a function of ours is under way."""
    while frame is not None:
        if any(part in frame.f_code.co_filename for part in _OURS):
            return True
        frame = frame.f_back
    return False


def whole(path: Any, folder: Any) -> Path:
    """Return a path that may be relative to a folder, given as its descriptor."""
    told = Path(os.fsdecode(path)) if not isinstance(path, int) else Path(f"/proc/self/fd/{path}")
    if isinstance(path, int):
        return told.readlink()
    if str(path).startswith("file:"):
        return Path(unquote(urlsplit(str(path)).path))  # of SQLite
    if told.is_absolute():
        return told
    if isinstance(folder, int) and folder >= 0:
        return Path(f"/proc/self/fd/{folder}").readlink() / told
    return Path.cwd() / told


_WATCH = Watch()
sys.addaudithook(_WATCH.hook)


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Watching, from now on."""
    _WATCH.processes, _WATCH.files, _WATCH.on = [], set(), True
    yield _WATCH
    _WATCH.on = False


def allowed(server: Server) -> tuple[str, ...]:
    """The pair; and where http settings stand in YAML, that file."""
    pair = ("certificate", "privkey")
    return pair if server.trials else (*pair, "configuration.yaml")


async def test_the_flow_and_the_page(
    hass: HomeAssistant, server: Server, access: HouseAccess, watch: Watch
) -> None:
    await server.start()
    flow = hass.config_entries.flow
    dialog = Dialog(flow, await flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
    await to_the_page(dialog)
    await dialog.send(go_on=False)
    assert (await hass.async_add_executor_job(prove, dialog.told["url"]))["trusted"]
    await hass.async_block_till_done()
    await dialog.look()
    if dialog.shown["type"] == "progress_done":
        await dialog.look()
    await dialog.send(https_port=server.port, switch=False)
    assert dialog.shown["type"] == "create_entry"
    await hass.async_block_till_done()
    await async_onboarding(hass, access).async_stop()
    assert access.exists()
    assert any(path.is_relative_to(access.folder) for path in watch.files)
    assert watch.processes == []
    assert watch.strangers(access.config) == set()


@pytest.mark.usefixtures("with_names")
async def test_the_switch_its_renewal_and_the_way_back(
    hass: HomeAssistant,
    watch: Watch,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
    hass_access_token: str,
) -> None:
    await staged.start()
    coordinator = await set_up()
    await sign_in(server, hass_access_token)
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.KEPT
    await coordinator.async_renew(force=True)
    await coordinator.switch.async_back_to_http()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert staged.pair[1] in watch.files
    assert watch.processes == []
    assert watch.strangers(staged.access.config, *allowed(server)) == set()
    assert await hass.config_entries.async_remove(entry.entry_id)


async def test_another_kind_of_key_and_a_certificate_for_something_else(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    watch: Watch,
    free_ports: dict[str, int],
) -> None:
    hass.config_entries.async_update_entry(entry, options=free_ports)
    coordinator = await set_up()
    await coordinator.async_start_onboarding()
    await coordinator.async_stop_onboarding()
    await coordinator.async_issue([parse_name("printer.local")], KeyType.ECDSA_P256, 30)
    hass.config_entries.async_update_entry(entry, options={**free_ports, "key_type": "rsa-2048"})
    await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert kept.key.exists()
    assert {each.state for each in kept.access.mine()} == {State.KEPT}
    assert watch.processes == []
    assert watch.strangers(kept.access.config, *allowed(server)) == set()


def test_the_watch_sees_what_our_code_does(watch: Watch, access: HouseAccess) -> None:
    """Without it a silent hook would hold every promise."""
    stranger = access.config / "stranger"
    access.files.write(stranger, b"x")
    code = compile(
        "import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
        "/src/housekey/evil.py",
        "exec",
    )
    exec(code)
    assert watch.strangers(access.config, "certificate") != set()
    assert any(stranger.name in name for name in watch.strangers(access.config))
    assert [each.split()[0] for each in watch.processes] == ["os.posix_spawn"]
