"""Renewal in the running server: new handshakes present the new leaf, nothing restarts."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.housekey.const import EVENT_CERTIFICATE
from custom_components.housekey.model import Delivery, ProblemKind, Stage
from housekey.errors import FileTrouble, PairRefused, SwapRefused
from housekey.house.files import Files
from housekey.house.journal import State
from housekey.live.contexts import NotLive, Obstacle
from tests.inprocess.parts import Kept, Machine, Server


async def presented(server: Server) -> x509.Certificate:
    """Return the leaf that a new connection is shown."""
    pem = await server.hass.async_add_executor_job(
        ssl.get_server_certificate, ("127.0.0.1", server.port)
    )
    return x509.load_pem_x509_certificate(pem.encode())


async def test_a_renewal_keeps_the_key_and_is_presented_at_once(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
) -> None:
    told: list[dict[str, Any]] = []
    hass.bus.async_listen(EVENT_CERTIFICATE, lambda event: told.append(dict(event.data)))
    coordinator = await set_up()
    assert coordinator.data.delivery is Delivery.LIVE
    before, key = await presented(server), kept.key.read_bytes()
    button = {"entity_id": "button.housekey_renew_certificate"}
    await hass.services.async_call("button", "press", button, blocking=True)
    await hass.async_block_till_done()
    after = await presented(server)
    assert after.serial_number != before.serial_number
    assert kept.key.read_bytes() == key
    assert restarts == []
    assert told[0]["action"] == "renewed"
    assert hass.states.get("event.housekey_certificate").attributes["event_type"] == "renewed"
    assert {each.state for each in kept.access.mine()} == {State.KEPT}


async def test_another_kind_of_key_goes_to_other_files_and_the_settings_follow(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    coordinator = await set_up()
    assert isinstance((await presented(server)).public_key(), EllipticCurvePublicKey)
    hass.config_entries.async_update_entry(entry, options={"key_type": "rsa-2048"})
    await coordinator.async_renew()
    await hass.async_block_till_done()
    assert isinstance((await presented(server)).public_key(), RSAPublicKey)
    other = str(kept.access.config / "certificate-2.pem")
    if server.trials:
        data = hass_storage["http"]["data"]
        assert (data["pending"], data["stable"]["ssl_certificate"]) == (None, other)
    else:
        assert other in (kept.access.config / "configuration.yaml").read_text()
    assert kept.certificate.exists()
    assert coordinator.data.stage is Stage.KEPT
    assert not coordinator.data.problems


async def test_a_new_address_is_renewed_into_the_certificate_by_itself_but_not_all_the_time(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], machine: Machine
) -> None:
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)  # the look after the set-up
    machine.addresses = (*machine.addresses, ip_address("192.168.1.77"))
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=6))
    await hass.async_block_till_done(wait_background_tasks=True)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=7))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "192.168.1.77" in coordinator.data.names
    # The next one has to wait: an address that comes and goes is no reason for more.
    machine.addresses = (*machine.addresses, ip_address("192.168.1.78"))
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "192.168.1.78" not in coordinator.data.names
    assert {each.kind for each in coordinator.data.problems} == {ProblemKind.NOT_COVERED}


async def test_one_that_is_asked_for_while_another_is_under_way_comes_after_it(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any]
) -> None:
    coordinator = await set_up()
    before = await presented(server)
    async with coordinator.work:
        # As a look finds it in the middle of a renewal.
        under_way = kept.access.journal().begin(
            {"folder": str(kept.access.config), "way": "renewal"}
        )
        await coordinator.async_refresh()
        assert coordinator.data.stage is Stage.TRIAL
        asked = hass.async_create_task(coordinator.async_renew(force=True))
        await asyncio.sleep(0.1)
        assert not asked.done()
        under_way.close(State.KEPT)
    await asked
    assert await presented(server) != before
    assert coordinator.data.stage is Stage.KEPT


async def test_nothing_is_renewed_before_home_assistant_has_started(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], machine: Machine
) -> None:
    hass.set_state(CoreState.starting)
    coordinator = await set_up()
    machine.addresses = (*machine.addresses, ip_address("192.168.1.77"))
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert {each.kind for each in coordinator.data.problems} == {ProblemKind.NOT_COVERED}
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert "192.168.1.77" in coordinator.data.names
    assert coordinator.data.problems == ()


async def test_a_disk_that_fails_leaves_all_as_it_was_and_is_a_problem_until_it_works_again(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    before, certificate = await presented(server), kept.certificate.read_bytes()
    write = coordinator.access.files.write

    def full(path: Any, *args: Any, **more: Any) -> None:
        if path == kept.certificate:
            raise FileTrouble(path, "No space left on device", hint="make room")
        write(path, *args, **more)

    with monkeypatch.context() as broken:
        broken.setattr(coordinator.access.files, "write", full)
        with pytest.raises(HomeAssistantError, match="No space left"):
            await coordinator.async_renew(force=True)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert await presented(server) == before
    assert kept.certificate.read_bytes() == certificate
    assert ProblemKind.EXPIRING in {each.kind for each in coordinator.data.problems}
    reasons = hass.states.get("binary_sensor.housekey_problem").attributes["reasons"]
    assert "expiring" in reasons
    await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert hass.states.get("binary_sensor.housekey_problem").state == "off"


async def test_a_pair_that_the_server_refuses_is_taken_back(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    certificate = kept.certificate.read_bytes()

    async def refuse(*_: Any, **__: Any) -> None:
        raise PairRefused("the key does not fit")

    monkeypatch.setattr(coordinator.renewal._server, "async_present", refuse)
    with pytest.raises(HomeAssistantError, match="does not fit"):
        await coordinator.async_renew(force=True)
    assert kept.certificate.read_bytes() == certificate


@pytest.mark.parametrize("hour", [3, 12])
async def test_where_the_running_server_cannot_be_led_it_restarts_in_the_quiet_hours(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    monkeypatch: pytest.MonkeyPatch,
    freezer: Any,
    hour: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await hass.config.async_set_time_zone("UTC")
    freezer.move_to(dt_util.utcnow().replace(hour=hour, minute=30) + timedelta(days=1))
    coordinator = await set_up()

    async def refuse(*_: Any, **__: Any) -> None:
        raise SwapRefused("the context is gone")

    monkeypatch.setattr(coordinator.renewal._server, "async_present", refuse)
    await coordinator.async_renew(force=True)
    await coordinator.async_renew(force=True)
    if hour == 12:
        assert restarts == []
        freezer.tick(timedelta(hours=15))
        async_fire_time_changed(hass)
        await hass.async_block_till_done(wait_background_tasks=True)
    assert restarts
    assert "a restart is needed, because the certificate cannot be changed" in caplog.text


async def _refuse(*_: Any, **__: Any) -> None:
    raise SwapRefused("the context is gone")


async def test_a_restart_that_is_waited_for_outlasts_a_reload_and_follows_new_quiet_hours(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    monkeypatch: pytest.MonkeyPatch,
    freezer: Any,
) -> None:
    await hass.config.async_set_time_zone("UTC")
    noon = dt_util.utcnow().replace(hour=12, minute=30) + timedelta(days=1)
    freezer.move_to(noon)
    coordinator = await set_up()
    monkeypatch.setattr(coordinator.renewal._server, "async_present", _refuse)
    await coordinator.async_renew(force=True)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert restarts == []
    hass.config_entries.async_update_entry(entry, options={"quiet_from": "14:00:00"})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert restarts == []
    freezer.move_to(noon + timedelta(hours=2))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1


@pytest.mark.usefixtures("long_ago")
async def test_a_restart_does_not_wait_for_quiet_hours_after_the_end_of_what_is_presented(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    monkeypatch: pytest.MonkeyPatch,
    freezer: Any,
) -> None:
    """After a reload, too, when the end that is known is that of the new one."""
    await hass.config.async_set_time_zone("UTC")
    # The one that is presented is 300 days old: it ends in 97, at this time of the day.
    freezer.move_to((dt_util.utcnow() + timedelta(days=390)).replace(hour=12, minute=30))
    monkeypatch.setattr("custom_components.housekey.renewal.RunningServer.async_present", _refuse)
    await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert restarts == []
    freezer.tick(timedelta(days=7, hours=-4))
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1


async def test_another_kind_of_key_that_waits_for_a_restart_is_not_taken_back_by_a_reload(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    hass_storage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    freezer: Any,
) -> None:
    await hass.config.async_set_time_zone("UTC")
    noon = dt_util.utcnow().replace(hour=12, minute=30) + timedelta(days=1)
    freezer.move_to(noon)
    monkeypatch.setattr("custom_components.housekey.renewal.RunningServer.async_present", _refuse)
    coordinator = await set_up()
    hass.config_entries.async_update_entry(entry, options={"key_type": "rsa-2048"})
    await coordinator.async_renew()
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    if server.trials:
        pending = hass_storage["http"]["data"]["pending"]
        assert pending["ssl_certificate"].endswith("certificate-2.pem")
    else:
        assert "certificate-2.pem" in (kept.access.config / "configuration.yaml").read_text()
    assert (kept.access.config / "privkey-2.pem").exists()
    assert restarts == []
    freezer.move_to(noon + timedelta(hours=15))
    async_fire_time_changed(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(restarts) == 1


async def test_a_restart_that_was_refused_is_tried_again(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    freezer: Any,
) -> None:
    asked: list[ServiceCall] = []

    async def refuse(call: ServiceCall) -> None:
        asked.append(call)
        raise HomeAssistantError("the configuration has errors")

    hass.services.async_register("homeassistant", "restart", refuse)
    hass.config_entries.async_update_entry(
        entry, options={"quiet_from": "00:00:00", "quiet_until": "00:00:00"}
    )
    coordinator = await set_up()
    monkeypatch.setattr(coordinator.renewal._server, "async_present", _refuse)
    await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    before = len(asked)
    freezer.tick(timedelta(days=1))
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(asked) == before + 1
    (problem,) = coordinator.data.problems
    assert dict(problem.data)["reason"] == "the configuration has errors"


async def test_another_kind_of_key_that_needs_a_restart_is_tried_then(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    monkeypatch.setattr(coordinator.renewal._server, "_led", NotLive(Obstacle.NO_TLS, "none"))
    hass.config_entries.async_update_entry(entry, options={"key_type": "rsa-2048"})
    assert coordinator.renewal.not_live is not None
    await coordinator.async_renew()
    await hass.async_block_till_done(wait_background_tasks=True)
    if server.trials:
        pending = hass_storage["http"]["data"]["pending"]
        assert pending["ssl_certificate"].endswith("certificate-2.pem")
        assert coordinator.data.stage is Stage.STAGED
    else:
        yaml = (kept.access.config / "configuration.yaml").read_text()
        assert "certificate-2.pem" in yaml
        assert coordinator.data.stage is Stage.KEPT
    assert (kept.access.config / "privkey-2.pem").exists()
    assert kept.key.exists()


@pytest.fixture
def long_ago(freezer: Any) -> None:
    """What is made in other fixtures is made 300 days ago; OpenSSL's clock cannot be turned on."""
    freezer.tick(-timedelta(days=300))


@pytest.mark.usefixtures("long_ago")
async def test_what_became_due_while_home_assistant_was_off_is_renewed_at_its_start(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any], freezer: Any
) -> None:
    before = await presented(server)
    freezer.tick(timedelta(days=300))
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (await presented(server)).serial_number != before.serial_number
    assert coordinator.data.leaf_ends > dt_util.utcnow() + timedelta(days=390)
    assert not coordinator.data.problems


@pytest.mark.usefixtures("long_ago")
async def test_why_a_renewal_that_is_due_did_not_come_about_is_told_at_once(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    freezer: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    freezer.tick(timedelta(days=300))

    def full(self: Files, path: Any, *_: Any, **__: Any) -> None:
        raise FileTrouble(path, "No space left on device", hint="make room")

    with monkeypatch.context() as broken:
        broken.setattr(Files, "write", full)
        coordinator = await set_up()
        await hass.async_block_till_done(wait_background_tasks=True)
    (problem,) = coordinator.data.problems
    assert problem.kind is ProblemKind.EXPIRING
    assert "No space left on device" in dict(problem.data)["reason"]


async def test_a_clock_that_jumps_ahead_and_back_breaks_nothing(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    freezer: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A Raspberry Pi has no clock: it starts in the past, and the network puts it right."""
    coordinator = await set_up()
    first = await presented(server)
    here = dt_util.utcnow()
    freezer.move_to(here - timedelta(days=2000))
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await presented(server) == first
    freezer.move_to(here + timedelta(days=4000))  # beyond the root's end: nothing can be issued
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await presented(server) == first
    assert ProblemKind.EXPIRING in {each.kind for each in coordinator.data.problems}
    freezer.move_to(here)
    await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not coordinator.data.problems
    assert [r for r in caplog.records if r.levelname == "ERROR" and "housekey" in r.name] == []
