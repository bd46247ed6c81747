"""What becomes of a trial: kept once somebody came by HTTPS, else all is as before.

A start of Home Assistant is made from what the start before would have left: its http settings,
its YAML, the house and its journal, staged by the integration's own code.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.model import Stage
from housekey.errors import FileTrouble
from housekey.house.journal import State
from tests.inprocess.parts import Server, Staged, last, sign_in


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
            "custom_components.housekey.proof.verified", lambda *_, **__: "certificate has expired"
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
    assert facts.reason == "nobody used HTTPS within five minutes"


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

    monkeypatch.setattr("custom_components.housekey.proof.verified", slow)
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
