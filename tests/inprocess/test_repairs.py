"""The repairs: made and cleared as the house says, and mended through the browser's own flows."""

from __future__ import annotations

import json
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.issues import SEVERITIES, async_show, issues_of
from custom_components.housekey.model import Problem, ProblemKind, Stage
from housekey.errors import FileTrouble
from housekey.house.journal import State
from housekey.house.lock import house_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.inprocess.parts import Client, Kept, Machine, Server

STRINGS = Path(__file__).parents[2] / "custom_components/housekey/strings.json"


def shown(hass: HomeAssistant) -> set[str]:
    """Which repairs there are now."""
    return {i.issue_id for i in ir.async_get(hass).issues.values() if i.domain == DOMAIN}


def test_every_kind_of_problem_has_a_text_with_its_placeholders_and_a_severity() -> None:
    texts = json.loads(STRINGS.read_text())["issues"]
    assert set(SEVERITIES) == set(ProblemKind)
    for kind in ProblemKind:
        for fixable in (True, False):
            (issue,) = issues_of([Problem(kind, (("reason", "x"),), fixable=fixable)]).values()
            assert issue.translation_key in texts
            assert issue.issue_id == kind.value


def test_of_two_problems_of_a_kind_the_one_that_can_be_mended_is_shown() -> None:
    one = Problem(ProblemKind.FILES_MISSING, (("files", "a"),))
    two = Problem(ProblemKind.FILES_MISSING, (("files", "b"),), fixable=True)
    (issue,) = issues_of([one, two]).values()
    assert issue.placeholders == {"files": "b"}
    assert issue.fixable
    (by_hand,) = issues_of([one]).values()
    assert by_hand.translation_key == "files_missing_by_hand"


async def test_an_open_key_is_told_closed_and_forgotten(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client
) -> None:
    kept.key.chmod(0o644)
    await set_up()
    assert shown(hass) == {"key_open"}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "key_open")
    assert issue.translation_placeholders == {"file": str(kept.key)}
    assert issue.severity is ir.IssueSeverity.ERROR
    ended = await client.mend("key_open")
    assert ended["type"] == "create_entry"
    assert kept.key.stat().st_mode & 0o777 == 0o600
    assert shown(hass) == set()


async def test_a_repair_goes_by_itself_when_the_problem_does(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any]
) -> None:
    kept.key.chmod(0o644)
    coordinator = await set_up()
    assert shown(hass) == {"key_open"}
    kept.key.chmod(0o600)
    await coordinator.async_refresh()
    assert shown(hass) == set()


@pytest.mark.parametrize("which", ["issuing.key", "leaves/_home-assistant/privkey.pem"])
async def test_a_house_that_is_opened_to_others_while_it_runs_is_closed_again(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client, which: str
) -> None:
    coordinator = await set_up()
    key = kept.access.folder / which
    key.chmod(0o640)
    await coordinator.async_refresh()
    assert shown(hass) == {"key_open"}
    assert (await client.mend("key_open"))["type"] == "create_entry"
    assert key.stat().st_mode & 0o777 == 0o600
    assert shown(hass) == set()


async def test_a_house_that_is_open_at_the_start_can_be_closed_though_nothing_is_set_up(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    client: Client,
) -> None:
    house.folder.chmod(0o755)
    await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert shown(hass) == {"key_open"}
    assert (await client.mend("key_open"))["type"] == "create_entry"
    assert entry.state is ConfigEntryState.LOADED
    assert shown(hass) == set()


async def test_a_key_of_the_users_own_is_left_alone(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client
) -> None:
    coordinator = await set_up()
    other = kept.access.config / "other.pem"
    other.write_text("somebody else's")
    other.chmod(0o644)
    kept.key.chmod(0o644)
    await coordinator.async_refresh()
    await client.mend("key_open")
    assert other.stat().st_mode & 0o777 == 0o644


async def test_missing_files_are_written_again_from_the_house(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client
) -> None:
    before = kept.certificate.read_bytes(), kept.key.read_bytes()
    coordinator = await set_up()
    kept.certificate.unlink()
    kept.key.unlink()
    await coordinator.async_refresh()
    assert "files_missing" in shown(hass)
    assert (await client.mend("files_missing"))["type"] == "create_entry"
    assert (kept.certificate.read_bytes(), kept.key.read_bytes()) == before
    assert kept.key.stat().st_mode & 0o777 == 0o600
    assert "files_missing" not in shown(hass)
    assert {each.state for each in kept.access.mine()} == {State.KEPT}


async def test_a_certificate_is_never_written_beside_a_key_that_it_does_not_belong_to(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], client: Client
) -> None:
    coordinator = await set_up()
    kept.certificate.unlink()
    kept.key.write_text("somebody else's")
    await coordinator.async_refresh()
    ended = await client.mend("files_missing")
    assert (ended["type"], ended["reason"]) == ("abort", "failed")
    assert "is not the key" in ended["description_placeholders"]["reason"]
    assert not kept.certificate.exists()
    assert kept.key.read_text() == "somebody else's"
    assert "files_missing" in shown(hass)


async def test_files_that_housekey_did_not_write_are_not_written_by_it(
    hass: HomeAssistant,
    leaf: HouseAccess,
    server: Server,
    set_up: Callable[[], Any],
    client: Client,
) -> None:
    with leaf.opened() as house:
        pair = house.leaf("_home-assistant")
    theirs = leaf.config / "fullchain.pem", leaf.config / "theirs.pem"
    theirs[0].write_bytes(pair.chain_pem)
    theirs[1].write_bytes(pair.key_pem.reveal())
    await server.start(tls=theirs)
    coordinator = await set_up()
    theirs[0].unlink()
    await coordinator.async_refresh()
    ended = await client.mend("files_missing")
    assert (ended["type"], ended["reason"]) == ("abort", "failed")
    assert "not written by housekey" in ended["description_placeholders"]["reason"]
    assert not theirs[0].exists()


async def test_a_stale_block_is_taken_out_and_the_file_as_it_was_is_kept(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any], client: Client
) -> None:
    if not server.trials:
        pytest.skip("this Home Assistant reads the block")
    yaml = kept.access.config / "configuration.yaml"
    text = "homeassistant:\n# mine\nhttp:\n  server_port: 8123\nfrontend:\n"
    yaml.write_text(text)
    await set_up()
    assert shown(hass) == {"stale_yaml"}
    assert (await client.mend("stale_yaml"))["type"] == "create_entry"
    assert yaml.read_text() == "homeassistant:\n# mine\nfrontend:\n"
    assert shown(hass) == set()
    copies = [each.read_text() for each in kept.access.folder.rglob("*configuration.yaml")]
    assert copies == [text]


async def test_while_home_assistant_starts_its_yaml_is_not_looked_at_and_repairs_stay(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any]
) -> None:
    if server.trials:
        (kept.access.config / "configuration.yaml").write_text("http:\n  server_port: 8123\n")
    async_show(hass, [Problem(ProblemKind.STALE_YAML, (("file", "x"),), fixable=True)])
    ir.async_ignore_issue(hass, DOMAIN, "stale_yaml", ignore=True)
    hass.set_state(CoreState.starting)
    coordinator = await set_up()
    first = coordinator.data
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not coordinator.in_full
    assert coordinator.data.stage is Stage.KEPT
    assert coordinator.data.problems == ()
    assert shown(hass) == {"stale_yaml"}
    assert ir.async_get(hass).async_get_issue(DOMAIN, "stale_yaml").dismissed_version is not None

    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert coordinator.in_full
    assert coordinator.data.at > first.at
    # From 2026.8 on the block is ignored; before that it is what Home Assistant runs by.
    assert shown(hass) == ({"stale_yaml"} if server.trials else set())


async def test_nothing_to_take_out_is_as_good(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any], client: Client
) -> None:
    if not server.trials:
        pytest.skip("this Home Assistant reads the block")
    yaml = kept.access.config / "configuration.yaml"
    yaml.write_text("http:\n  server_port: 8123\n")
    await set_up()
    yaml.write_text("frontend:\n")
    assert (await client.mend("stale_yaml"))["type"] == "create_entry"
    assert yaml.read_text() == "frontend:\n"


async def test_a_block_that_cannot_be_taken_out_is_left_and_the_reason_told(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any], client: Client
) -> None:
    if not server.trials:
        pytest.skip("this Home Assistant reads the block")
    yaml = kept.access.config / "configuration.yaml"
    text = "homeassistant:\nhttp: &web\n  server_port: 8123\nother: *web\n"
    yaml.write_text(text)
    await set_up()
    ended = await client.mend("stale_yaml")
    assert (ended["type"], ended["reason"]) == ("abort", "failed")
    assert "by hand" in ended["description_placeholders"]["reason"]
    assert yaml.read_text() == text
    assert shown(hass) == {"stale_yaml"}


async def test_an_address_that_the_certificate_lacks_is_renewed_into_it(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    monkeypatch.setattr(coordinator, "async_renew_if_due", AsyncMock())
    machine.addresses = (*machine.addresses, ip_address("192.168.1.77"))
    await coordinator.async_refresh()
    assert shown(hass) == {"not_covered"}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "not_covered")
    assert issue.translation_placeholders == {"names": "192.168.1.77"}
    ended = await client.mend("not_covered")
    assert ended["type"] == "create_entry", ended
    assert "192.168.1.77" in coordinator.data.names
    assert shown(hass) == set()


async def test_what_still_is_there_after_mending_is_said(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file system that takes modes and forgets them."""
    kept.key.chmod(0o644)
    coordinator = await set_up()
    monkeypatch.setattr(coordinator.access.files, "set_mode", lambda *_: None)
    ended = await client.mend("key_open")
    assert (ended["type"], ended["reason"]) == ("abort", "still_there")
    assert shown(hass) == {"key_open"}


async def test_another_try_of_https_is_begun(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaf.journal().begin({"folder": str(leaf.config), "way": "https"}).close(State.PUT_BACK)
    leaf.record_end_of_trial("nobody signed in")
    coordinator = await set_up()
    assert shown(hass) == {"not_promoted"}
    begin = AsyncMock(side_effect=[HomeAssistantError("still starting"), None])
    monkeypatch.setattr(coordinator.switch, "async_begin", begin)
    ended = await client.mend("not_promoted")
    assert ended["description_placeholders"] == {"reason": "still starting"}
    assert (await client.mend("not_promoted"))["type"] == "create_entry"
    assert begin.await_count == 2


@pytest.mark.parametrize("which", ["page_port", "proof_port"])
async def test_the_port_that_the_page_could_not_have_is_told_until_it_is_free(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    free_ports: dict[str, int],
    which: str,
) -> None:
    hass.config_entries.async_update_entry(entry, options=free_ports)
    coordinator = await set_up()
    port = free_ports[which]
    with socket.create_server(("0.0.0.0", port)):
        with pytest.raises(HomeAssistantError, match=str(port)):
            await coordinator.async_start_onboarding()
        await coordinator.async_refresh()
        assert shown(hass) == {"port_taken"}
        issue = ir.async_get(hass).async_get_issue(DOMAIN, "port_taken")
        assert issue.translation_placeholders == {"port": str(port)}
    await coordinator.async_refresh()
    assert shown(hass) == set()


@pytest.mark.usefixtures("with_names")
async def test_another_try_of_https_is_staged_and_restarted_for_as_the_first_was(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    client: Client,
    server: Server,
    restarts: list[ServiceCall],
    hass_storage: dict[str, Any],
) -> None:
    leaf.journal().begin({"folder": str(leaf.config), "way": "https"}).close(State.PUT_BACK)
    leaf.record_end_of_trial("nobody signed in")
    coordinator = await set_up()
    assert shown(hass) == {"not_promoted"}
    assert (await client.mend("not_promoted"))["type"] == "create_entry"
    assert len(restarts) == 1
    assert leaf.mine()[-1].state is State.OPEN
    if server.trials:
        assert hass_storage["http"]["data"]["pending"]["ssl_key"].endswith("/privkey.pem")
    else:
        assert "ssl_key" in (leaf.config / "configuration.yaml").read_text()
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.STAGED
    assert shown(hass) == set()


async def test_a_renewal_that_failed_is_made_up_for_once_its_cause_is_gone(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    before = kept.certificate.read_bytes()

    def full(path: Path, *_: Any, **__: Any) -> None:
        raise FileTrouble(path, "No space left on device", hint="make room")

    with monkeypatch.context() as broken:
        broken.setattr(coordinator.access.files, "write", full)
        with pytest.raises(HomeAssistantError, match="No space"):
            await coordinator.async_renew(force=True)
        assert shown(hass) == {"expiring"}
        ended = await client.mend("expiring")
        assert (ended["type"], ended["reason"]) == ("abort", "failed")
        assert "No space left" in ended["description_placeholders"]["reason"]
        assert shown(hass) == {"expiring"}
    assert kept.certificate.read_bytes() == before
    assert (await client.mend("expiring"))["type"] == "create_entry"
    assert kept.certificate.read_bytes() != before
    assert shown(hass) == set()


async def test_a_ledger_that_another_housekey_holds_is_waited_for_and_then_told(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.housekey.house_access.LOCK_SECONDS", 0.1)
    coordinator = await set_up()
    kept.certificate.unlink()
    await coordinator.async_refresh()
    with house_lock(kept.access.folder, wait=1, files=kept.access.files):
        ended = await client.mend("files_missing")
        assert "Another housekey is at work" in ended["description_placeholders"]["reason"]
    assert (await client.mend("files_missing"))["type"] == "create_entry"


async def test_without_an_entry_that_runs_a_flow_says_so(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    client: Client,
) -> None:
    await set_up()
    async_show(hass, [Problem(ProblemKind.STALE_YAML, (("file", "x"),), fixable=True)])
    await hass.config_entries.async_unload(entry.entry_id)
    ended = await client.mend("stale_yaml")
    assert (ended["type"], ended["reason"]) == ("abort", "not_running")


async def test_a_house_that_is_taken_away_while_it_runs_is_told_and_its_return_noticed(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    coordinator = await set_up()
    # A round of renewal that is under way would make its lock where the house was.
    await hass.async_block_till_done(wait_background_tasks=True)
    away = kept.access.folder.with_name("elsewhere")
    kept.access.folder.rename(away)
    for _ in range(3):
        await coordinator.async_refresh()
        await hass.async_block_till_done()
    assert shown(hass) == {"house_broken"}
    assert hass.states.get("binary_sensor.housekey_problem").attributes["reasons"] == [
        "house_broken"
    ]
    # What was known is still true: the certificate goes on.
    assert hass.states.get("sensor.housekey_certificate_ends").state != "unavailable"
    away.rename(kept.access.folder)
    await coordinator.async_refresh()
    await hass.async_block_till_done()
    assert shown(hass) == set()
    assert hass.states.get("binary_sensor.housekey_problem").state == "off"
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []


async def test_a_house_that_is_not_there_at_the_start_is_told_too(
    hass: HomeAssistant, set_up: Callable[[], Any], entry: MockConfigEntry, access: HouseAccess
) -> None:
    await set_up()
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert shown(hass) == {"house_broken"}
    assert not access.folder.exists()


async def test_an_ignored_repair_stays_ignored_over_a_reload_and_all_go_with_the_entry(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    kept.key.chmod(0o644)
    await set_up()
    ir.async_ignore_issue(hass, DOMAIN, "key_open", ignore=True)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert ir.async_get(hass).async_get_issue(DOMAIN, "key_open").dismissed_version
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await hass.async_block_till_done()
    assert shown(hass) == set()
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await hass.async_block_till_done()
    assert shown(hass) == {"key_open"}
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert shown(hass) == {"https_stays", "unattended"}
    assert kept.access.exists()
