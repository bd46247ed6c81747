"""What is shown to strangers: diagnostics and system health, without secrets or the home."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_components.housekey.diagnostics import kinds
from custom_components.housekey.model import Problem, ProblemKind
from custom_components.housekey.system_health import async_info
from housekey.homeassistant.plan import Pair
from housekey.house.journal import State
from tests.inprocess.parts import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.housekey.house_access import HouseAccess
    from tests.inprocess.parts import Client, Kept, Machine, Server


async def told(client: Client, entry: MockConfigEntry) -> dict[str, Any]:
    """What the button in the browser downloads."""
    answer = await client.call("GET", f"/api/diagnostics/config_entry/{entry.entry_id}")
    data: dict[str, Any] = answer["data"]
    return data


async def test_the_state_is_told(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    entry: MockConfigEntry,
) -> None:
    hass.config_entries.async_update_entry(entry, options={"names": ["homeassistant.local"]})
    kept.key.chmod(0o644)
    await set_up()
    shown = await told(client, entry)
    assert shown["looked"] is True
    assert shown["options"] == {"names": {"*.local": 1}}
    assert shown["snapshot"]["stage"] == "kept"
    assert shown["snapshot"]["names"] == {"*.local": 1, "IPv4": 1}
    assert shown["snapshot"]["problems"] == [
        {"kind": "key_open", "fixable": True, "data": {"file": str(kept.key)}}
    ]
    assert shown["server"]["tls"] is True


async def test_no_secret_and_nothing_of_the_home_is_in_it(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    entry: MockConfigEntry,
    machine: Machine,
) -> None:
    machine.addresses = (ip_address("192.168.1.20"), ip_address("192.168.1.77"))
    coordinator = await set_up()
    text = json.dumps(await told(client, entry))
    secrets = [
        each.read_text()
        for each in kept.access.folder.rglob("*")
        if each.is_file() and ("key" in each.name)
    ]
    assert len(secrets) >= 3
    for secret in secrets:
        for line in secret.splitlines():
            assert line not in text
    data = coordinator.data
    for home in ("192.168.1", "homeassistant.local", data.root_name, data.root_sha256, "Test Home"):
        assert home not in text
    assert "PRIVATE" not in text


async def test_a_reason_loses_the_names_it_speaks_of(
    hass: HomeAssistant,
    leaf: HouseAccess,
    set_up: Callable[[], Any],
    client: Client,
    entry: MockConfigEntry,
) -> None:
    leaf.journal().begin({"folder": str(leaf.config), "way": "https"}).close(State.PUT_BACK)
    leaf.record_end_of_trial("homeassistant.local did not answer")
    await set_up()
    shown = (await told(client, entry))["snapshot"]
    assert shown["reason"] == "**REDACTED** did not answer"
    assert shown["problems"][0]["data"] == {"reason": "**REDACTED** did not answer"}


async def test_names_that_no_certificate_has_yet_are_not_in_it_either(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    client: Client,
    entry: MockConfigEntry,
    machine: Machine,
) -> None:
    """Those that were chosen, those of this machine, the addresses that are configured, files."""
    machine.addresses = (*machine.addresses, ip_address("192.168.1.77"))
    await hass.config.async_update(
        internal_url="https://inside.example.org", external_url="https://outside.example.org:444"
    )
    hass.config_entries.async_update_entry(entry, options={"names": ["new.example.net"]})
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)  # a look would overwrite these
    said = "192.168.1.77, new.example.net, inside.example.org and outside.example.org: no"
    coordinator.server = replace(
        coordinator.server,
        pending_error=f"apply_failed: {said}",
        pair=Pair(Path("/ssl/inside.example.org/fullchain.pem"), Path("/ssl/key.pem")),
    )
    coordinator.data = replace(
        coordinator.data,
        reason=said,
        problems=(Problem(ProblemKind.EXPIRING, (("ends", "2027-01-01"), ("reason", said))),),
    )
    shown = await told(client, entry)
    text = json.dumps(shown)
    for name in ("192.168.1.77", "new.example.net", "inside.example", "outside.example"):
        assert name not in text, shown
    assert shown["server"]["certificate"] == "/ssl/**REDACTED**/fullchain.pem"


def test_names_are_told_by_their_kind() -> None:
    names = ["a.local", "b.local.", "10.0.0.1", "fd00::1", "ha.example.org", "printer"]
    assert kinds([*names, "ha.home.arpa"]) == {
        "*.arpa": 1,
        "*.local": 2,
        "IPv4": 1,
        "IPv6": 1,
        "name": 2,
    }


async def test_system_health_tells_where_https_stands(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    coordinator = await set_up()
    info = await async_info(hass)
    assert info["stage"] == "kept"
    assert info["leaf_ends"] == coordinator.data.leaf_ends
    assert (info["devices"], info["problems"]) == (0, "-")
    await hass.config_entries.async_unload(entry.entry_id)
    assert set(await async_info(hass)) == {"library"}


async def test_system_health_is_asked_for_it(
    house: HouseAccess, set_up: Callable[[], Any], server: Server, hass_access_token: str
) -> None:
    await set_up()
    async with signed_in(server, hass_access_token) as socket:
        await socket.ask("system_health/info")
        told = await socket.event()
        assert told["type"] == "initial"
        assert told["data"]["housekey"]["info"]["stage"] == "plain"
