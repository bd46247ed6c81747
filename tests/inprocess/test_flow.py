"""The config flow, the options and the reconfiguring, step by step."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

import pytest
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.found_names import async_found_names
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.onboarding import async_onboarding
from custom_components.housekey.options_flow import shared_ports
from housekey.errors import FileTrouble
from housekey.house.journal import State
from housekey.pki.names import parse_name
from tests.inprocess.dialog import Dialog, options
from tests.inprocess.parts import NAMES, Kept, Server, free_port

FOUND = tuple(parse_name(each) for each in (*NAMES, "localhost"))


@pytest.fixture(autouse=True)
def found(socket_enabled: None) -> Iterator[None]:
    """What leads to this Home Assistant, and ports for the page that are free."""

    async def names(_hass: HomeAssistant) -> tuple[Any, ...]:
        return FOUND

    with (
        patch("custom_components.housekey.found_names.async_found_names", names),
        patch("custom_components.housekey.config_flow.PORT", free_port()),
        patch("custom_components.housekey.config_flow.PROOF_PORT", free_port()),
    ):
        yield


@pytest.fixture
async def dialog(hass: HomeAssistant, server: Server) -> Dialog:
    """The flow, begun."""
    await server.start()
    flow = hass.config_entries.flow
    return Dialog(flow, await flow.async_init(DOMAIN, context={"source": SOURCE_USER}))


async def to_the_page(dialog: Dialog) -> None:
    """From the first step to the page with the QR code."""
    await dialog.send(next_step_id="names")
    assert dialog.step == "names"
    await dialog.send(names=[str(each) for each in FOUND])
    assert dialog.step in ("impact", "no_impact")
    await dialog.send(lane=False)
    if dialog.step == "house":
        await dialog.send(first_group=dialog.told["code"][:5].lower(), noted=True)
    assert dialog.step == "onboarding", dialog.shown


def prove(page: str) -> dict[str, Any]:
    """Be a device that has installed the root, in a thread of its own."""
    here = f"http://127.0.0.1:{page.rpartition(':')[2]}"
    with urlopen(f"{here}/housekey.pem") as answer:
        root = answer.read().decode()
    with urlopen(f"{here}/about.json") as answer:
        port = json.load(answer)["proof"]["port"]
    with urlopen(f"{here}/nonce?kind=iphone") as answer:
        nonce = json.load(answer)["nonce"]
    context = ssl.create_default_context(cadata=root)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        asked = f"GET /proof?nonce={nonce} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        secured.sendall(f"{asked}Connection: close\r\n\r\n".encode())
        answered = b""
        while part := secured.recv(1 << 16):
            answered += part
    return json.loads(answered.partition(b"\r\n\r\n")[2])


async def test_a_clock_of_1970_makes_no_house_and_is_named(
    dialog: Dialog, access: HouseAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("custom_components.housekey.house_access.now", lambda: moment)
    await dialog.send(next_step_id="names")
    shown = await dialog.send(names=[str(each) for each in FOUND])
    assert dialog.step == "names"
    assert shown["errors"] == {"base": "not_possible"}
    assert "clock of this machine is wrong" in dialog.told["reason"]
    assert not access.exists()


async def test_the_whole_way_with_a_device_that_proves_its_trust(
    hass: HomeAssistant, dialog: Dialog, access: HouseAccess, server: Server
) -> None:
    assert dialog.step == "user"
    await to_the_page(dialog)
    assert access.exists()
    await dialog.send(go_on=False)
    assert (dialog.step, dialog.shown["type"]) == ("wait", "progress")
    said = await hass.async_add_executor_job(prove, dialog.told["url"])
    assert said["trusted"], said
    await hass.async_block_till_done()
    await dialog.look()
    if dialog.shown["type"] == "progress_done":
        await dialog.look()
    assert dialog.step == "switch", dialog.shown
    assert dialog.told["devices"] == "1"
    await dialog.send(https_port=server.port, switch=False)
    assert dialog.shown["type"] == "create_entry"
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.options["names"] == [str(each) for each in FOUND]
    assert hass.states.get("sensor.housekey_devices_that_trust_this_home").state == "1"
    await async_onboarding(hass, access).async_stop()


async def test_a_device_that_comes_while_somebody_looks_is_led_on(
    hass: HomeAssistant, dialog: Dialog, access: HouseAccess, caplog: pytest.LogCaptureFixture
) -> None:
    await to_the_page(dialog)
    await dialog.send(go_on=False)
    page, come, real = dialog.told["url"], threading.Event(), HouseAccess.look

    def slowly(self: HouseAccess) -> Any:
        come.wait(10)
        return real(self)

    with patch.object(HouseAccess, "look", slowly):
        looking = hass.async_create_task(dialog.look())
        await asyncio.sleep(0.1)
        assert (await hass.async_add_executor_job(prove, page))["trusted"]
        await asyncio.sleep(0.5)  # Home Assistant itself takes the step again, and is done
        come.set()
        await looking
    await hass.async_block_till_done()
    assert "progress task" not in caplog.text
    assert dialog.step == "switch", dialog.shown
    await async_onboarding(hass, access).async_stop()


async def test_nothing_is_on_disk_before_the_code_was_noted_and_a_wrong_group_is_told(
    hass: HomeAssistant, dialog: Dialog, access: HouseAccess
) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    await dialog.send(lane=True)
    assert dialog.step == "house"
    code = dialog.told["code"]
    for group, noted, wrong in (
        (code[:5], False, {"noted": "not_noted"}),
        (
            "00000" if not code.startswith("00000") else "11111",
            True,
            {"first_group": "wrong_group"},
        ),
        ("!!", False, {"noted": "not_noted", "first_group": "wrong_group"}),
    ):
        await dialog.send(first_group=group, noted=noted)
        assert dialog.shown["errors"] == wrong
        assert dialog.told["code"] == code
        assert dialog.shown["data_schema"]({"first_group": ""})["noted"] is noted
        assert not access.exists()
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()
    assert not access.exists()


@pytest.mark.parametrize(
    ("names", "errors"),
    [
        ([], {"names": "no_name"}),
        (["no name"], {"names": "name_refused"}),
        (["bank.example.com", "com"], {"base": "not_possible"}),
        (["com"], {"base": "not_possible"}),
    ],
)
async def test_names_that_cannot_be_are_told(
    dialog: Dialog, names: list[str], errors: dict[str, str]
) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=names)
    assert dialog.step == "names"
    assert dialog.shown["errors"] == errors


async def test_what_a_private_certificate_affects_here_is_told(
    hass: HomeAssistant, dialog: Dialog
) -> None:
    MockConfigEntry(domain="sonos").add_to_hass(hass)
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    assert dialog.step == "impact"
    assert "**sonos**" in dialog.told["affected"]
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])


async def test_a_disk_that_takes_no_house_ends_the_flow_with_the_reason(dialog: Dialog) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    await dialog.send(lane=False)

    def full(self: HouseAccess, _new: object) -> None:
        raise FileTrouble(self.folder, "No space left on device", hint="make room")

    with patch.object(HouseAccess, "create", full):
        await dialog.send(first_group=dialog.told["code"][:5], noted=True)
    assert (dialog.shown["type"], dialog.shown["reason"]) == ("abort", "not_created")
    assert "No space left" in dialog.told["reason"]


async def test_a_house_that_is_damaged_before_its_page_is_shown_ends_the_flow(
    dialog: Dialog, house: HouseAccess
) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    (house.folder / "root.pem").write_text("damaged")
    await dialog.send(lane=False)
    assert (dialog.shown["type"], dialog.shown["reason"]) == ("abort", "house_broken")
    assert "missing or damaged" in dialog.told["reason"]


async def test_where_secure_was_here_before_the_flow_takes_its_https_over(
    hass: HomeAssistant, kept: Kept, free_ports: dict[str, int]
) -> None:
    manager = hass.config_entries.flow
    dialog = Dialog(manager, await manager.async_init(DOMAIN, context={"source": SOURCE_USER}))
    await to_the_page(dialog)
    await dialog.send(go_on=True)
    assert dialog.shown["type"] == "create_entry"
    assert dialog.shown["data"] == {"switch": False}
    await hass.async_block_till_done()
    await async_onboarding(hass, kept.access).async_stop()


@pytest.mark.parametrize(
    ("free", "proposed"), [((443, 8443), 443), ((8443,), 8443), ((), None)], ids=str
)
async def test_with_the_lane_https_is_to_have_a_port_of_its_own(
    hass: HomeAssistant, dialog: Dialog, server: Server, free: tuple[int, ...], proposed: int | None
) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    await dialog.send(lane=True)
    await dialog.send(first_group=dialog.told["code"][:5], noted=True)
    with patch("custom_components.housekey.config_flow.is_free", lambda port: port in free):
        await dialog.send(go_on=True)
    assert dialog.step == "switch"
    (field,) = (each for each in dialog.shown["data_schema"].schema if each == "https_port")
    assert field.default() == (proposed or server.port)
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()


async def test_a_port_of_the_page_that_is_taken_is_asked_for_anew(
    hass: HomeAssistant, dialog: Dialog
) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        with patch("custom_components.housekey.config_flow.PORT", taken.getsockname()[1]):
            await dialog.send(next_step_id="names")
            await dialog.send(names=list(NAMES))
            await dialog.send(lane=False)
            await dialog.send(first_group=dialog.told["code"][:5], noted=True)
            assert dialog.step == "ports"
            assert dialog.shown["errors"] == {"base": "port_taken"}
            await dialog.send(page_port=free_port(), proof_port=free_port())
    assert dialog.step == "onboarding"
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()


async def test_nobody_comes_and_the_user_may_go_back_to_the_code_or_on(
    hass: HomeAssistant, dialog: Dialog, access: HouseAccess, server: Server
) -> None:
    await to_the_page(dialog)
    with patch("custom_components.housekey.config_flow._WAIT_SECONDS", 0.01):
        await dialog.send(go_on=False)
        await asyncio.sleep(0.1)
        await hass.async_block_till_done()
        await dialog.look()
        if dialog.shown["type"] == "progress_done":
            await dialog.look()
    assert (dialog.step, dialog.shown["type"]) == ("nobody", "menu")
    await dialog.send(next_step_id="onboarding")
    assert dialog.step == "onboarding"
    await dialog.send(go_on=True)
    assert dialog.step == "switch"
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        await dialog.send(https_port=taken.getsockname()[1], switch=True)
        assert dialog.shown["errors"] == {"https_port": "port_taken"}
    port = free_port()
    await dialog.send(https_port=port, switch=False)
    assert dialog.shown["type"] == "create_entry"
    assert dialog.shown["options"]["https_port"] == port
    await hass.async_block_till_done()
    await async_onboarding(hass, access).async_stop()


async def test_closing_the_dialog_closes_the_page_and_keeps_the_house(
    hass: HomeAssistant, dialog: Dialog, access: HouseAccess
) -> None:
    await to_the_page(dialog)
    page = async_onboarding(hass, access)
    assert page.urls
    await dialog.send(go_on=False)
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()
    assert page.urls == ()
    assert access.exists()


async def test_a_house_that_is_there_is_taken_over_without_a_new_code(
    hass: HomeAssistant, house: HouseAccess, dialog: Dialog
) -> None:
    await dialog.send(next_step_id="names")
    await dialog.send(names=[*NAMES, "ha.example.org"])
    await dialog.send(lane=False)
    assert dialog.step == "onboarding"
    await dialog.send(go_on=True)
    await dialog.send(https_port=hass.http.server_port, switch=False)
    assert dialog.shown["options"]["names"] == list(NAMES)
    await hass.async_block_till_done()
    await async_onboarding(hass, house).async_stop()


async def test_before_another_certificate_is_replaced_the_user_is_asked(
    hass: HomeAssistant, house: HouseAccess, server: Server
) -> None:
    with house.held() as held:
        other = held.issue("printer", [parse_name("localhost")])
    pair = house.config / "theirs.pem", house.config / "theirs.key"
    pair[0].write_bytes(other.chain_pem)
    pair[1].write_bytes(other.key_pem.reveal())
    await server.start(tls=pair)
    flow = hass.config_entries.flow
    dialog = Dialog(flow, await flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
    await to_the_page(dialog)
    await dialog.send(go_on=True)
    assert dialog.step == "switch", dialog.shown
    await dialog.send(https_port=server.port, switch=False)
    assert dialog.shown["data"] == {"switch": False}
    await async_onboarding(hass, house).async_stop()


async def test_ruins_of_a_house_end_the_flow_with_the_reason(
    access: HouseAccess, dialog: Dialog
) -> None:
    access.folder.mkdir(mode=0o700)
    (access.folder / "root.pem").write_text("ruins")
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    assert dialog.shown["errors"] == {"base": "not_possible"}


async def test_there_is_only_one_entry(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    shown = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert (shown["type"], shown["reason"]) == ("abort", "single_instance_allowed")


async def test_names_are_looked_for_anew(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    flow = hass.config_entries.flow
    context = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    dialog = Dialog(flow, await flow.async_init(DOMAIN, context=context))
    assert dialog.step == "reconfigure"
    await dialog.send(names=["no name"])
    assert dialog.shown["errors"] == {"names": "name_refused"}
    await dialog.send(names=["localhost", "192.168.1.20", "localhost"])
    assert (dialog.shown["type"], dialog.shown["reason"]) == ("abort", "reconfigure_successful")
    assert entry.options["names"] == ["localhost", "192.168.1.20"]
    await hass.async_block_till_done()


async def test_the_options_are_kept_and_read_and_a_wrong_name_is_told(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "switch", "public"]
    await dialog.send(next_step_id="settings")
    schema = dialog.shown["data_schema"]({"names": ["x"]})
    await dialog.send(**{**schema, "names": ["no name"]})
    assert dialog.shown["errors"] == {"names": "name_refused"}
    chosen = {
        **schema,
        "names": ["homeassistant.local"],
        "key_type": "rsa-2048",
        "days": 90.0,
        "page_port": float(free_port()),
        "quiet_from": "01:00:00",
        "trust_outgoing": False,
    }
    await dialog.send(**{**chosen, "proof_port": chosen["page_port"]})
    assert dialog.shown["errors"] == {"proof_port": "port_twice"}
    await dialog.send(**chosen)
    assert dialog.shown["type"] == "create_entry"
    await hass.async_block_till_done()
    settings = entry.runtime_data.coordinator.settings
    assert (settings.days, settings.key_type.value) == (90, "rsa-2048")
    assert not settings.trust_outgoing
    assert [str(name) for name in settings.names] == ["homeassistant.local"]


@pytest.mark.parametrize(
    ("given", "shared"),
    [
        ({"page_port": 1, "proof_port": 2}, []),
        ({"page_port": 1.0, "proof_port": 1}, ["proof_port"]),
        ({"page_port": 8123, "proof_port": 2}, ["page_port"]),
        ({"page_port": 1, "proof_port": 2, "lane": True, "lane_port": 2}, ["lane_port"]),
        ({"page_port": 1, "proof_port": 2, "lane": True, "lane_port": 8123}, ["lane_port"]),
        ({"page_port": 1, "proof_port": 2, "lane": False, "lane_port": 2}, []),
        ({"page_port": 1, "proof_port": 2, "lane": True}, []),
    ],
)
def test_a_port_is_given_once(given: dict[str, Any], shared: list[str]) -> None:
    assert shared_ports(given, 8123) == shared


@pytest.mark.parametrize("step", ["switch", "back"])
async def test_switching_from_the_options_says_that_it_restarts_or_what_failed(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    coordinator = await set_up()
    fails = [HomeAssistantError("it is still starting"), None]

    async def act() -> None:
        if (trouble := fails.pop(0)) is not None:
            raise trouble

    name = {"switch": "async_begin", "back": "async_back_to_http"}[step]
    monkeypatch.setattr(coordinator.switch, name, act)
    for reason in ("failed", "restarting"):
        dialog = await options(hass, entry)
        flow = hass.config_entries.options._progress[dialog.shown["flow_id"]]
        shown = await getattr(flow, f"async_step_{step}")()
        assert (shown["type"], shown["step_id"]) == ("form", step)
        shown = await getattr(flow, f"async_step_{step}")({})
        assert (shown["type"], shown["reason"]) == ("abort", reason)
        hass.config_entries.options.async_abort(dialog.shown["flow_id"])


async def test_where_https_is_kept_the_way_back_is_offered(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "public", "back"]


async def test_of_an_entry_that_is_not_set_up_only_the_settings_may_be_changed(
    hass: HomeAssistant, server: Server, entry: MockConfigEntry
) -> None:
    await server.start()
    await hass.config_entries.async_setup(entry.entry_id)
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings"]


async def test_names_are_found_by_the_librarys_own_rules(
    hass: HomeAssistant, server: Server
) -> None:
    await server.start()
    names = await async_found_names(hass)
    assert all(str(name) for name in names)


async def test_a_switch_that_the_flow_asked_for_is_begun_and_its_failure_told(
    hass: HomeAssistant,
    house: HouseAccess,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    caplog: pytest.LogCaptureFixture,
) -> None:
    hass.config_entries.async_update_entry(
        entry, data={"switch": True}, options={"names": list(NAMES)}
    )
    await server.start()
    yaml = house.config / "configuration.yaml"
    yaml.write_text("http: !include nowhere.yaml\n")
    await set_up()
    assert entry.data["switch"] is False
    assert "HTTPS could not be tried" in caplog.text
    assert restarts == []
    assert yaml.read_text() == "http: !include nowhere.yaml\n"


async def test_a_switch_is_begun_too_where_the_house_has_a_past(
    hass: HomeAssistant,
    house: HouseAccess,
    server: Server,
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
) -> None:
    before = house.journal().begin({"folder": str(house.config), "way": "http"})
    before.close(State.UNDONE)
    later = MockConfigEntry(
        domain=DOMAIN,
        data={"switch": True},
        options={"names": ["localhost", *NAMES]},
    )
    await hass.config_entries.async_remove(entry.entry_id)
    later.add_to_hass(hass)
    await server.start()
    await hass.config_entries.async_setup(later.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert later.data["switch"] is False
    assert len(restarts) == 1
