"""The road of a public name: the switch, the renewal, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch

import pytest
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey import chosen, http_store
from custom_components.housekey.apart import async_apart
from custom_components.housekey.const import CONF_ROAD, DOMAIN
from custom_components.housekey.house_access import HouseAccess, now
from custom_components.housekey.http_store import ServerFacts
from custom_components.housekey.model import ProblemKind, Stage
from custom_components.housekey.settings import chosen_at, settings_of
from custom_components.housekey.switch_files import announce, stage
from custom_components.housekey.way_back import WayBack
from housekey.errors import (
    CaRefused,
    NotProven,
    RenewalFailed,
)
from housekey.homeassistant.recorded import HTTP_CONFIG, LABEL, RESTART
from housekey.house.journal import SettingChange, State
from housekey.house.road import ROAD, Kind, Road
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.public.ari import Window, suggestion_for
from housekey.public.chosen import PublicRoad
from tests.inprocess.dialog import options
from tests.inprocess.fake_ca import NAME, TOKEN, FakeCa
from tests.inprocess.parts import Client, Kept, Machine, Server, Staged, last, sign_in
from tests.inprocess.public_dialog import take
from tests.inprocess.test_renewal import presented

pytestmark = pytest.mark.usefixtures("ca")


# The switch


@pytest.fixture
def on_trial(house: HouseAccess, server: Server, yaml: bytes, ca: FakeCa) -> Staged:
    """HTTPS is staged with the certificate for the public name."""
    facts = ServerFacts(
        tls=False,
        port=server.port,
        host="127.0.0.1",
        pair=None,
        trials=server.trials,
        stable=http_store.sendable(server.whole(server.settings)) if server.trials else {},
    )
    road = PublicRoad(ca.settings, LABEL)
    outside = f"http://{NAME}:{server.port}"
    made = stage(
        house, facts, settings_of({}), internal_url=None, external_url=outside, chosen=road
    )
    assert made is not None
    if made.config is not None:
        change = SettingChange(HTTP_CONFIG, dict(facts.stable), dict(made.config))
        announce(made.transaction, "configure", change, RESTART)
    return Staged(house, server, yaml, {}, dict(made.config) if made.config else None)


async def test_who_signs_in_by_https_keeps_it_and_no_device_was_told_anything(
    hass: HomeAssistant,
    on_trial: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    server: Server,
    hass_access_token: str,
    ca: FakeCa,
) -> None:
    data = {CONF_ROAD: chosen.to_public(ca.settings)}
    hass.config_entries.async_update_entry(entry, data=data)
    outside = f"http://{NAME}:{server.port}"
    await hass.config.async_update(external_url=outside)
    await on_trial.start()
    coordinator = await set_up()
    assert (coordinator.data.stage, coordinator.data.road) == (Stage.TRIAL, Kind.PUBLIC)
    await sign_in(server, hass_access_token)
    await coordinator.async_refresh()
    assert coordinator.data.stage is Stage.KEPT, coordinator.data
    assert CONF_ROAD not in entry.data
    assert hass.config.internal_url == f"https://{NAME}:{server.port}"
    # Where it was the same name over http, nobody answers any more.
    assert hass.config.external_url == f"https://{NAME}:{server.port}"
    assert hass.states.get("sensor.housekey_root_ends").state != "unknown"
    assert ca.orders == ["the first certificate"]
    await WayBack(hass, on_trial.access).async_finish(keep=False)
    assert (hass.config.internal_url, hass.config.external_url) == (None, outside)


async def test_what_is_presented_is_judged_under_the_roots_of_the_road_alone(
    hass: HomeAssistant,
    on_trial: Staged,
    set_up: Callable[[], Any],
    server: Server,
    hass_access_token: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    ca: FakeCa,
) -> None:
    judged: list[Any] = []

    def verified(_host: str, _port: int, *, root: Any, name: str) -> str:
        judged.append((root, name))
        return "unable to get local issuer certificate"

    monkeypatch.setattr("custom_components.housekey.proof.verified", verified)
    await on_trial.start()
    coordinator = await set_up()
    await sign_in(server, hass_access_token)
    assert judged == [((ca.tiers.root.certificate,), NAME)]
    assert coordinator.data.stage is Stage.TRIAL
    assert "HTTPS is not kept yet: unable to get" in caplog.text


async def test_a_switch_to_a_public_name_that_nobody_proves_leaves_the_house_as_it_was(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    server: Server,
    ca: FakeCa,
) -> None:
    data = {CONF_ROAD: chosen.to_public(ca.settings)}
    hass.config_entries.async_update_entry(entry, data=data)
    coordinator = await set_up()
    with kept.access.opened() as house:
        before = house.leaf(LABEL)
    await coordinator.switch.async_begin()
    assert len(restarts) == 1
    with kept.access.opened() as house:
        assert house.road_of(LABEL) is not None
        assert house.leaf(LABEL) != before
    # Nobody has restarted: at the next set-up it is taken back.
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    with kept.access.opened() as house:
        assert house.road_of(LABEL) is None
        assert house.leaf(LABEL) == before
    await hass.async_add_executor_job(kept.access.record_end_of_trial, "nobody came")
    coordinator = entry.runtime_data.coordinator
    await coordinator.async_refresh()
    assert (coordinator.data.stage, coordinator.data.road) == (Stage.KEPT, None)
    # It is told, and may be tried once more.
    assert {each.kind for each in coordinator.data.problems} == {ProblemKind.NOT_PROMOTED}
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "switch", "public", "private", "back"]
    assert (last(kept.access).state, CONF_ROAD in entry.data) == (State.PUT_BACK, True)


async def test_a_ca_that_refuses_before_the_switch_leaves_all_as_it_was(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    ca: FakeCa,
) -> None:
    data = {CONF_ROAD: chosen.to_public(ca.settings)}
    hass.config_entries.async_update_entry(entry, data=data)
    coordinator = await set_up()
    ca.trouble = CaRefused("not this name", hint="take another", code="rejected", status=400)
    with pytest.raises(HomeAssistantError, match="not this name"):
        await coordinator.switch.async_begin()
    assert (restarts, house.mine()) == ([], ())


# Renewal


async def test_it_is_renewed_live_under_the_roots_of_the_road(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    ca: FakeCa,
    restarts: list[ServiceCall],
    machine: Machine,
) -> None:
    coordinator = await set_up()
    before = await presented(server)
    assert (coordinator.data.stage, coordinator.data.road) == (Stage.KEPT, Kind.PUBLIC)
    # An address that is new is none of a public certificate's.
    machine.addresses = (*machine.addresses, ip_address("192.168.1.77"))
    await coordinator.async_refresh()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert (coordinator.data.problems, ca.orders) == ((), [])
    await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    after = await presented(server)
    assert after.serial_number != before.serial_number
    assert after.issuer == ca.tiers.issuing.certificate.subject
    assert (ca.orders, restarts, coordinator.data.problems) == (["asked for"], [], ())
    assert after.public_key() == before.public_key()
    assert {each.state for each in public.access.mine()} == {State.KEPT}


async def test_it_is_renewed_by_itself_when_it_is_due_and_looked_at_more_often_when_it_is_short(
    hass: HomeAssistant, house: HouseAccess, public: Kept, set_up: Callable[[], Any], ca: FakeCa
) -> None:
    ca.days = 6
    with house.held() as held:
        leaf = take(held, ca, age=timedelta(days=4, hours=6))
    house.files.write(public.key, leaf.key_pem, mode=0o600)
    house.files.write(public.certificate, leaf.chain_pem)
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    assert ca.orders == ["two thirds of its life are over"]
    assert coordinator.data.leaf_ends > now() + timedelta(days=5)
    assert timedelta(hours=6) < coordinator.update_interval < timedelta(hours=9)


async def test_a_renewal_that_fails_is_a_repair_in_the_words_of_whoever_refused(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    client: Client,
    ca: FakeCa,
) -> None:
    coordinator = await set_up()
    before = await presented(server)
    ca.trouble = NotProven("nothing was found", hint="look there", names=(NAME,), reason="")
    with pytest.raises(HomeAssistantError, match="nothing was found"):
        await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "expiring")
    assert issue is not None
    assert issue.is_fixable
    assert "nothing was found. Look there" in issue.translation_placeholders["reason"]
    assert await presented(server) == before
    ca.trouble = None
    ended = await client.mend("expiring")
    assert ended["type"] == "create_entry", ended
    assert ir.async_get(hass).async_get_issue(DOMAIN, "expiring") is None


@pytest.mark.parametrize("ill", [False, True])
async def test_a_ca_is_obeyed_that_wants_to_renew_early_but_not_of_each_new_certificate(
    hass: HomeAssistant,
    house: HouseAccess,
    public: Kept,
    set_up: Callable[[], Any],
    ca: FakeCa,
    ill: bool,
) -> None:
    coordinator = await set_up()
    first = coordinator.data.leaf_ends

    async def window(certificate: Any, *_: Any, **__: Any) -> Any:
        is_meant = ill or certificate.not_valid_after_utc == first
        start = now() - timedelta(hours=1) if is_meant else now() + timedelta(days=30)
        return Window(start, start + timedelta(minutes=1)), None

    with (
        patch("housekey.public.ari.suggestion_for", suggestion_for),
        patch("housekey.public.ari.suggested_window", window),
    ):
        for _ in range(3):
            await coordinator.async_refresh()
            await hass.async_block_till_done(wait_background_tasks=True)
    assert ca.orders == ["its CA suggests it"]
    assert coordinator.data.leaf_renews > now() + timedelta(days=29)


async def test_an_order_is_not_made_twice_while_one_is_under_way(
    hass: HomeAssistant, public: Kept, set_up: Callable[[], Any], ca: FakeCa
) -> None:
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    coordinator.renewal.is_ordering = True
    with patch("housekey.public.ari.due_at", lambda *_: now() - timedelta(hours=1)):
        await coordinator.async_renew_if_due()
    assert ca.orders == []


# What is told


async def test_diagnostics_tell_the_road_and_neither_a_secret_nor_the_name(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    client: Client,
    entry: MockConfigEntry,
    ca: FakeCa,
) -> None:
    coordinator = await set_up()
    ca.trouble = NotProven(f"{NAME} was not found", hint="look", names=(NAME,), reason="")
    with pytest.raises(HomeAssistantError):
        await coordinator.async_renew(force=True)
    await hass.async_block_till_done(wait_background_tasks=True)
    answer = await client.call("GET", f"/api/diagnostics/config_entry/{entry.entry_id}")
    text = json.dumps(answer)
    assert answer["data"]["snapshot"]["road"] == "public"
    assert answer["data"]["snapshot"]["problems"][0]["kind"] == "expiring"
    for hidden in (TOKEN, NAME, "PRIVATE"):
        assert hidden not in text


async def test_a_certificate_of_ones_own_ca_is_never_renewed_and_told_in_time(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
) -> None:
    road = Road(Kind.OWN, LABEL, (ca.tiers.root.certificate,))
    (public.access.folder / ROAD).write_bytes(road.to_json())
    coordinator = await set_up()
    await hass.async_block_till_done(wait_background_tasks=True)
    data = coordinator.data
    assert (data.stage, data.road, data.problems) == (Stage.KEPT, Kind.OWN, ())
    assert data.root_ends == ca.tiers.root.certificate.not_valid_after_utc
    assert data.issuing_ends == ca.tiers.issuing.certificate.not_valid_after_utc
    with pytest.raises(HomeAssistantError, match="your own CA has to sign it"):
        await coordinator.async_renew(force=True)
    later = data.leaf_renews + timedelta(hours=1)
    with patch("custom_components.housekey.coordinator.now", lambda: later):
        coordinator.renewal._trouble = ""
        await coordinator.async_refresh()
        await hass.async_block_till_done(wait_background_tasks=True)
    (problem,) = coordinator.data.problems
    assert (problem.kind, problem.fixable) == (ProblemKind.EXPIRING, False)
    issue = ir.async_get(hass).async_get_issue(DOMAIN, "expiring")
    assert issue is not None
    assert issue.translation_key == "expiring_by_hand"
    assert ca.orders == []
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "public", "private", "back"]


async def test_the_end_of_a_root_that_devices_came_with_is_not_known(
    hass: HomeAssistant, public: Kept, set_up: Callable[[], Any], ca: FakeCa
) -> None:
    settings = replace(ca.settings, roots_pem=None)
    (public.access.folder / ROAD).write_bytes(settings.road(LABEL).to_json())
    await set_up()
    root = hass.states.get("sensor.housekey_root_ends")
    assert (root.state, root.attributes["reason"]) == ("unknown", "not_ours")
    issuing = hass.states.get("sensor.housekey_issuing_ca_ends")
    assert dt_util.parse_datetime(issuing.state) is not None
    assert issuing.attributes["road"] == "public"


async def test_the_action_judges_under_public_roots_and_under_several(
    hass: HomeAssistant, public: Kept, set_up: Callable[[], Any], server: Server, ca: FakeCa
) -> None:
    coordinator = await set_up()

    async def load(**data: Any) -> dict[str, Any]:
        answer = await hass.services.async_call(
            DOMAIN, "load_certificate", data, blocking=True, return_response=True
        )
        return dict(answer or {})

    with public.access.opened() as house:
        both = chain_to_pem((house.root, ca.tiers.root.certificate)).decode()
        own = chain_to_pem((house.root,)).decode()
    wanted = fingerprint(await presented(server))
    assert await load(root=both) == {"presented": wanted, "reason": ""}
    assert await load() == {"presented": wanted, "reason": ""}  # under those of the road
    refused = await load(root="")  # a machine's own roots do not know this CA
    assert refused["presented"] is None
    assert "devices would not accept it" in refused["reason"]
    assert (await load(root=own))["presented"] is None
    assert coordinator.data.stage is Stage.KEPT


# In a thread of its own


async def test_work_apart_returns_raises_and_is_cancelled(hass: HomeAssistant) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    assert await async_apart(answer, name="housekey test") == 42

    async def fail() -> int:
        raise RenewalFailed("no", hint="none")

    with pytest.raises(RenewalFailed):
        await async_apart(fail, name="housekey test")

    async def cancelled() -> int:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await async_apart(cancelled, name="housekey test")


def test_what_an_entry_keeps_of_a_road_is_read_again(ca: FakeCa) -> None:
    assert chosen.chosen_of({}) is None
    assert chosen_at({}) is None
    kept = json.loads(json.dumps({CONF_ROAD: chosen.to_public(ca.settings)}))
    road = chosen.chosen_of(kept)
    assert isinstance(road, PublicRoad)
    assert asdict(road.settings) == asdict(ca.settings)
    assert (road.road, road.signer) == (ca.settings.road(LABEL), "ca.example.org")
    private = chosen.chosen_of({CONF_ROAD: chosen.to_private()})
    assert private is not None
    assert private.names is None
