"""The switch to HTTPS and back, on the road that this release has.

A start of Home Assistant is made from what the start before would have left: its http settings,
its YAML, the house and its journal. What a test stages before the server starts is staged by the
integration's own code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import CoreState, HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

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
from housekey.errors import NotReady
from housekey.homeassistant.recorded import HTTP_CONFIG, RESTART
from housekey.house.journal import SettingChange, State
from tests.inprocess.parts import Kept, Server, free_port, last


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


async def _moved(
    hass: HomeAssistant, entry: MockConfigEntry, coordinator: Any, port: int
) -> dict[str, Any]:
    """Save another port for HTTPS, and take the step that leads there."""
    hass.config_entries.async_update_entry(entry, options={**entry.options, "https_port": port})
    manager = hass.config_entries.options
    shown: Any = await manager.async_init(entry.entry_id)
    assert shown["menu_options"] == ["settings", "move", "public", "back"]
    shown = await manager.async_configure(shown["flow_id"], {"next_step_id": "move"})
    assert shown["description_placeholders"] == {
        "url": f"https://homeassistant.local:{port}",
        "port": str(coordinator.server.port),
    }
    ended: dict[str, Any] = await manager.async_configure(shown["flow_id"], {})
    return ended


async def test_https_moves_to_another_port_by_a_trial_with_the_same_pair(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
    hass_storage: dict[str, Any],
) -> None:
    coordinator = await set_up()
    port, certificate = free_port(), kept.certificate.read_bytes()
    assert (await _moved(hass, entry, coordinator, port))["reason"] == "restarting"
    assert len(restarts) == 1
    assert kept.certificate.read_bytes() == certificate
    if server.trials:
        pending = hass_storage["http"]["data"]["pending"]
        assert (pending["server_port"], pending["ssl_key"]) == (port, str(kept.key))
    else:
        assert f"server_port: {port}" in (kept.access.config / "configuration.yaml").read_text()
    # Nothing is proven by the port from before: Home Assistant has not restarted yet.
    assert standing(last(kept.access), await http_store.server_facts(hass)) is Standing.ARMED


async def test_a_port_that_https_was_to_move_to_and_could_not_is_told_and_left(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
) -> None:
    async def refuse(_call: ServiceCall) -> None:
        raise HomeAssistantError("the configuration has errors")

    hass.services.async_register("homeassistant", "restart", refuse)
    coordinator = await set_up()
    yaml = (kept.access.config / "configuration.yaml").read_bytes()
    assert (await _moved(hass, entry, coordinator, free_port()))["reason"] == "failed"
    assert (kept.access.config / "configuration.yaml").read_bytes() == yaml
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.KEPT
    assert coordinator.data.https_port == server.port  # where it is, for whoever opens it
    assert [each.kind for each in coordinator.data.problems] == [ProblemKind.NOT_PROMOTED]
    hass.config_entries.async_update_entry(entry, options={})
    await coordinator.async_refresh()
    assert not coordinator.data.problems
