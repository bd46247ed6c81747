"""The switch to HTTPS and back, on the road that this release has.

A start of Home Assistant is made from what the start before would have left: its http settings,
its YAML, the house and its journal. What a test stages before the server starts is staged by the
integration's own code.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.housekey import http_store, proof
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.http_store import ServerFacts
from custom_components.housekey.model import ProblemKind, Stage
from custom_components.housekey.settings import settings_of
from custom_components.housekey.switch_files import (
    TO_HTTP,
    Standing,
    announce,
    stage,
    standing,
    target_of,
)
from housekey.errors import FileTrouble, NotReady
from housekey.homeassistant.recorded import HTTP_CONFIG, RESTART
from housekey.house.journal import SettingChange, State
from tests.inprocess.parts import NAMES, Kept, Server, free_port


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


@pytest.fixture
def yaml(access: HouseAccess, server: Server) -> bytes:
    """The YAML of a Home Assistant on http."""
    path = access.config / "configuration.yaml"
    path.write_text(server.yaml() if not server.trials else "homeassistant:\nfrontend:\n")
    return path.read_bytes()


@pytest.fixture
def staged(house: HouseAccess, server: Server, yaml: bytes) -> Staged:
    """HTTPS is staged, and Home Assistant about to restart."""
    options = {"names": ["localhost", *NAMES]}
    facts = ServerFacts(
        tls=False,
        port=server.port,
        host="127.0.0.1",
        pair=None,
        trials=server.trials,
        stable=http_store.sendable(server.whole(server.settings)) if server.trials else {},
    )
    made = stage(house, facts, settings_of(options), internal_url=None)
    assert made is not None
    if made.config is not None:
        change = SettingChange(HTTP_CONFIG, dict(facts.stable), dict(made.config))
        announce(made.transaction, "configure", change, RESTART)
    return Staged(house, server, yaml, options, dict(made.config) if made.config else None)


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


@pytest.fixture
def with_names(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The entry has the names of the flow."""
    hass.config_entries.async_update_entry(entry, options={"names": ["localhost", *NAMES]})


def last(access: HouseAccess) -> Any:
    return access.mine()[-1]


@pytest.mark.usefixtures("with_names")
async def test_what_is_begun_is_staged_and_the_restart_asked_for(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    server: Server,
    hass_storage: dict[str, Any],
) -> None:
    coordinator = await set_up()
    await coordinator.switch.async_begin()
    assert len(restarts) == 1
    assert last(house).state is State.OPEN
    assert (house.config / "privkey.pem").stat().st_mode & 0o777 == 0o600
    if server.trials:
        pending = hass_storage["http"]["data"]["pending"]
        assert pending["ssl_key"] == str(house.config / "privkey.pem")
    else:
        assert "ssl_key" in (house.config / "configuration.yaml").read_text()
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.STAGED


@pytest.mark.usefixtures("with_names")
async def test_a_restart_that_is_refused_puts_everything_back(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], server: Server
) -> None:
    async def refuse(_call: ServiceCall) -> None:
        raise HomeAssistantError("the configuration has errors")

    hass.services.async_register("homeassistant", "restart", refuse)
    coordinator = await set_up()
    before = (house.config / "configuration.yaml").read_bytes()
    with pytest.raises(HomeAssistantError, match="has errors"):
        await coordinator.switch.async_begin()
    assert last(house).state is State.PUT_BACK
    assert not (house.config / "privkey.pem").exists()
    assert (house.config / "configuration.yaml").read_bytes() == before
    await coordinator.async_refresh()
    assert (coordinator.data.stage, coordinator.data.reason) == (
        Stage.REVERTED,
        "the configuration has errors",
    )
    assert {each.kind for each in coordinator.data.problems} == {ProblemKind.NOT_PROMOTED}


@pytest.mark.usefixtures("with_names")
async def test_anything_unforeseen_puts_everything_back_too(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    async def break_down(_call: ServiceCall) -> None:
        raise RuntimeError("boom")

    hass.services.async_register("homeassistant", "restart", break_down)
    coordinator = await set_up()
    with pytest.raises(HomeAssistantError, match="refused it: boom"):
        await coordinator.switch.async_begin()
    assert last(house).state is State.PUT_BACK


async def test_while_home_assistant_starts_nothing_is_begun(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], restarts: list[ServiceCall]
) -> None:
    coordinator = await set_up()
    hass.set_state(CoreState.starting)
    for begin in (coordinator.switch.async_begin, coordinator.switch.async_back_to_http):
        with pytest.raises(HomeAssistantError, match="still starting"):
            await begin()
    hass.set_state(CoreState.running)
    assert restarts == []


@pytest.mark.usefixtures("with_names")
async def test_https_is_kept_once_somebody_has_signed_in(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    hass_access_token: str,
    hass_storage: dict[str, Any],
    server: Server,
) -> None:
    await staged.start()
    coordinator = await set_up()
    assert coordinator.data.stage is Stage.TRIAL
    await sign_in(server, hass_access_token)
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.KEPT, coordinator.data
    assert last(staged.access).state is State.KEPT
    assert hass.config.internal_url == f"https://homeassistant.local:{server.port}"
    if server.trials:
        assert hass_storage["http"]["data"]["pending"] is None
        stable = hass_storage["http"]["data"]["stable"]
        assert stable["ssl_certificate"] == str(staged.pair[0])


@pytest.mark.usefixtures("with_names")
async def test_a_sign_in_is_no_proof_while_a_device_would_not_trust_what_is_presented(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    hass_access_token: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await staged.start()
    coordinator = await set_up()
    with monkeypatch.context() as broken:
        broken.setattr(
            "custom_components.housekey.switch.verified", lambda *_, **__: "certificate has expired"
        )
        await sign_in(server, hass_access_token)
    assert coordinator.data.stage is Stage.TRIAL
    assert "HTTPS is not kept yet: certificate has expired" in caplog.text
    await sign_in(server, hass_access_token)
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.KEPT


@pytest.mark.usefixtures("with_names")
async def test_keeping_that_fails_is_told_and_tried_again_with_the_next_sign_in(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    hass_access_token: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if not server.trials:
        pytest.skip("nothing is promoted on the YAML road")
    await staged.start()
    coordinator = await set_up()

    async def gone(_hass: HomeAssistant) -> None:
        raise HomeAssistantError("No pending config")

    monkeypatch.setattr("custom_components.housekey.switch.async_keep_trial", gone)
    await sign_in(server, hass_access_token)
    assert "HTTPS could not be kept: No pending config" in caplog.text
    assert last(staged.access).state is State.OPEN
    assert coordinator.data.stage is Stage.TRIAL


@pytest.mark.usefixtures("with_names")
async def test_nobody_signs_in_and_all_is_as_before(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    server: Server,
) -> None:
    if server.trials:
        await staged.start(error="not_promoted")
        coordinator = await set_up()
    else:
        await staged.start()
        coordinator = await set_up()
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=301))
        await hass.async_block_till_done(wait_background_tasks=True)
        assert len(restarts) == 1
    assert last(staged.access).state is State.PUT_BACK
    assert (staged.access.config / "configuration.yaml").read_bytes() == staged.before
    assert not staged.pair[0].exists()
    assert not staged.pair[1].exists()
    await coordinator.async_refresh()
    if server.trials:
        assert coordinator.data.stage is Stage.REVERTED
    facts = await hass.async_add_executor_job(staged.access.look)
    assert facts.reason == "nobody signed in over HTTPS within five minutes"


def moved(access: HouseAccess) -> None:
    """A house that is elsewhere."""
    access.folder.rename(access.folder.with_name("elsewhere"))


@pytest.mark.usefixtures("with_names")
async def test_a_trial_ends_though_the_house_cannot_be_opened_at_the_start(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    (staged.access.folder / "root.pem").write_text("damaged")
    await staged.start()
    await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=301))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert last(staged.access).state is State.PUT_BACK
    assert (staged.access.config / "configuration.yaml").read_bytes() == staged.before
    assert not any(path.exists() for path in staged.pair)


@pytest.mark.usefixtures("with_names")
async def test_a_trial_ends_though_the_house_is_moved_away_meanwhile(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    server: Server,
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    await staged.start()
    await set_up()
    moved(staged.access)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=301))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert "ssl_" not in (staged.access.config / "configuration.yaml").read_text()


@pytest.mark.usefixtures("with_names")
async def test_a_house_that_comes_back_ends_the_trial_that_it_left_alone(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
) -> None:
    """Without the journal nobody knows of a trial: that is told, and looked at again."""
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    moved(staged.access)
    await staged.start()
    await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert ir.async_get(hass).async_get_issue("housekey", "house_broken") is not None
    staged.access.folder.with_name("elsewhere").rename(staged.access.folder)
    assert await hass.config_entries.async_reload(entry.entry_id)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=301))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert last(staged.access).state is State.PUT_BACK


@pytest.mark.usefixtures("with_names")
async def test_a_restart_that_is_refused_at_the_end_of_a_trial_is_asked_for_again(
    hass: HomeAssistant, staged: Staged, set_up: Callable[[], Any], server: Server
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    asked = []

    async def refuse_once(_call: ServiceCall) -> None:
        asked.append(1)
        if len(asked) == 1:
            raise HomeAssistantError("the configuration has errors")

    hass.services.async_register("homeassistant", "restart", refuse_once)
    await staged.start()
    await set_up()
    for seconds in (301, 400):
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await hass.async_block_till_done(wait_background_tasks=True)
    assert len(asked) == 2
    assert last(staged.access).state is State.PUT_BACK


@pytest.mark.usefixtures("with_names")
async def test_a_journal_that_cannot_be_read_at_the_start_is_told(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    entries = last(staged.access).folder / "entries.jsonl"
    whole = entries.read_bytes()
    entries.write_bytes(b"damaged\n" + whole)
    await staged.start()
    await set_up()
    assert "Whether HTTPS is on trial cannot be told" in caplog.text
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert ir.async_get(hass).async_get_issue("housekey", "house_broken") is not None


@pytest.mark.parametrize("how", ["disabled", "removed"])
@pytest.mark.usefixtures("with_names")
async def test_a_trial_ends_at_once_when_the_entry_is_taken_out(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
    how: str,
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    await staged.start()
    await set_up()
    if how == "disabled":
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert last(staged.access).state is State.PUT_BACK
    assert (staged.access.config / "configuration.yaml").read_bytes() == staged.before


@pytest.mark.parametrize("how", ["disabled", "removed"])
@pytest.mark.usefixtures("with_names")
async def test_a_trial_that_lies_ready_is_called_off_when_the_entry_is_taken_out(
    hass: HomeAssistant,
    house: HouseAccess,
    yaml: bytes,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
    how: str,
) -> None:
    """Home Assistant does not load an entry that is disabled, so nobody would count its time."""
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    coordinator = await set_up()
    before = (house.config / "configuration.yaml").read_bytes()
    await coordinator.switch.async_begin()
    assert (house.config / "configuration.yaml").read_bytes() != before
    if how == "disabled":
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert last(house).state is State.PUT_BACK
    assert (house.config / "configuration.yaml").read_bytes() == before
    assert not (house.config / "privkey.pem").exists()
    assert len(restarts) == 1


@pytest.mark.usefixtures("with_names")
async def test_somebody_who_signs_in_at_the_last_moment_and_proves_nothing_does_not_stop_the_end(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    hass_access_token: str,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if server.trials:
        pytest.skip("Home Assistant keeps the time itself")
    await staged.start()
    await set_up()

    asked, over = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> str:
        asked.set()
        over.wait(10)
        return "certificate has expired"

    monkeypatch.setattr("custom_components.housekey.switch.verified", slow)
    begun = hass.async_create_task(sign_in(server, hass_access_token))
    while not asked.is_set():
        await asyncio.sleep(0.01)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=301))
    await asyncio.sleep(0)
    over.set()
    await begun
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1
    assert last(staged.access).state is State.PUT_BACK


@pytest.mark.usefixtures("with_names")
async def test_a_trial_that_cannot_be_taken_up_at_once_is_taken_up_later(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await staged.start_as_before()
    with monkeypatch.context() as broken:

        def full(*_: object) -> None:
            raise FileTrouble(staged.access.folder, "No space left on device", hint="make room")

        broken.setattr("custom_components.housekey.switch.put_back", full)
        await set_up()
        assert entry.state is ConfigEntryState.SETUP_RETRY
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert last(staged.access).state is State.PUT_BACK


@pytest.mark.usefixtures("with_names")
async def test_what_home_assistant_could_not_start_with_is_told_in_its_words(
    hass: HomeAssistant, staged: Staged, set_up: Callable[[], Any], server: Server
) -> None:
    if not server.trials:
        pytest.skip("Home Assistant tries nothing out")
    await staged.start(error="apply_failed", words="port 443 is taken")
    coordinator = await set_up()
    assert coordinator.data.stage is Stage.REVERTED
    assert coordinator.data.reason == "Home Assistant could not start with it: port 443 is taken"


@pytest.mark.usefixtures("with_names")
async def test_a_start_that_came_before_the_trial_was_armed_puts_it_back(
    hass: HomeAssistant, staged: Staged, set_up: Callable[[], Any], hass_storage: dict[str, Any]
) -> None:
    """The power went between writing the files and telling Home Assistant, or restarting."""
    await staged.start_as_before()
    coordinator = await set_up()
    assert last(staged.access).state is State.PUT_BACK
    assert not staged.pair[1].exists()
    assert coordinator.data.stage is Stage.PLAIN
    assert (staged.access.config / "configuration.yaml").read_bytes() == staged.before


@pytest.mark.usefixtures("with_names")
async def test_from_https_that_is_kept_it_goes_back_to_http(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    server: Server,
    hass_storage: dict[str, Any],
) -> None:
    coordinator = await set_up()
    assert coordinator.data.stage is Stage.KEPT
    await coordinator.switch.async_back_to_http()
    assert len(restarts) == 1
    if server.trials:
        assert "ssl_key" not in hass_storage["http"]["data"]["pending"]
        assert last(kept.access).target["way"] == TO_HTTP
        assert kept.key.exists()  # until http runs
    else:
        assert {each.state for each in kept.access.mine()} == {State.UNDONE}
        assert not kept.key.exists()


async def test_back_on_http_the_files_are_taken_away(
    hass: HomeAssistant, leaf: HouseAccess, server: Server, set_up: Callable[[], Any]
) -> None:
    if not server.trials:
        pytest.skip("on the YAML road they go before the restart")
    pair = leaf.config / "certificate.pem", leaf.config / "privkey.pem"
    first = leaf.journal().begin({"folder": str(leaf.config), "way": "https"})
    for path in pair:
        with first.step(path.name, first.writing(path, b"ours")):
            leaf.files.write(path, b"ours")
    first.close(State.KEPT)
    stable = http_store.sendable(server.whole(server.settings))
    tls = {**stable, "ssl_certificate": str(pair[0]), "ssl_key": str(pair[1])}
    facts = ServerFacts(tls=True, port=server.port, host="127.0.0.1", pair=None, trials=True)
    back = leaf.journal().begin(target_of(leaf, facts, TO_HTTP))
    announce(back, "configure", SettingChange(HTTP_CONFIG, tls, stable), RESTART)
    await server.start(pending=stable)
    coordinator = await set_up()
    assert {each.state for each in leaf.mine()} == {State.UNDONE}
    assert not any(path.exists() for path in pair)
    assert coordinator.data.stage is Stage.PLAIN
    assert server.storage["http"]["data"]["pending"] is None


async def test_there_is_no_way_back_from_http(
    hass: HomeAssistant, leaf: HouseAccess, set_up: Callable[[], Any], restarts: list[ServiceCall]
) -> None:
    coordinator = await set_up()
    await coordinator.switch.async_back_to_http()
    assert restarts == []


def facts_of(**more: Any) -> ServerFacts:
    return ServerFacts(
        **{"tls": False, "port": 8123, "host": "127.0.0.1", "pair": None, "trials": True, **more}
    )


def test_without_a_change_under_way_nothing_stands_open(leaf: HouseAccess) -> None:
    assert standing(None, facts_of()) is Standing.NOTHING
    begun = leaf.journal().begin({"folder": str(leaf.config)})
    assert standing(begun, facts_of()) is Standing.BROKEN_OFF
    assert standing(begun, facts_of(trials=False)) is Standing.BROKEN_OFF
    change = SettingChange(HTTP_CONFIG, {}, {"server_port": 1})
    announce(begun, "configure", change)
    assert standing(begun, facts_of(stable={"server_port": 1})) is Standing.KEPT
    assert standing(begun, facts_of(pending={"server_port": 1})) is Standing.ARMED
    begun.close(State.KEPT)
    assert standing(begun, facts_of()) is Standing.NOTHING


def test_a_server_that_asks_clients_for_certificates_is_left_alone(leaf: HouseAccess) -> None:
    with pytest.raises(NotReady, match="ssl_peer_certificate"):
        stage(leaf, facts_of(asks_clients=True), settings_of({}), internal_url=None)


def test_a_handshake_says_why_a_device_would_not_trust(
    house: HouseAccess, socket_enabled: None
) -> None:
    with house.opened() as opened:
        root = opened.root
    said = proof.verified("127.0.0.1", free_port(), root=root, name="x.local")
    assert said is not None
    assert "refused" in said


async def test_a_release_without_trials_says_so(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_store, "http_config", None)
    assert (await http_store.server_facts(hass)).trials is False
    for act in (http_store.async_try(hass, {}), http_store.async_keep_trial(hass)):
        with pytest.raises(RuntimeError, match="tries no http settings out"):
            await act
    await http_store.async_forget_trial(hass)


def test_where_a_server_listens_on_everything_it_is_reached_by_loopback() -> None:
    for hosts in (None, [], ["0.0.0.0"], "::"):
        assert http_store._reachable(hosts) == "127.0.0.1"
    assert http_store._reachable(["192.168.1.20"]) == "192.168.1.20"
    assert http_store.pair_of({"ssl_certificate": "a"}) is None
