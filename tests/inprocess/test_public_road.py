"""The road of a public name: the flow, the switch, the renewal, and what is told of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch

import pytest
from homeassistant import requirements
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey import chosen, for_public, http_store
from custom_components.housekey.apart import async_apart
from custom_components.housekey.const import CONF_ROAD, DOMAIN, LETS_ENCRYPT, STAGING
from custom_components.housekey.house_access import HouseAccess, now
from custom_components.housekey.http_store import ServerFacts
from custom_components.housekey.model import ProblemKind, Stage
from custom_components.housekey.public_forms import (
    settings_from,
    suggested_names,
)
from custom_components.housekey.settings import chosen_at, settings_of
from custom_components.housekey.switch_files import announce, stage
from custom_components.housekey.troubles import told_of
from custom_components.housekey.way_back import WayBack
from housekey.errors import (
    CaRefused,
    CaUnreachable,
    DnsFailed,
    DnsNotShown,
    NotProven,
    RenewalFailed,
    TermsChanged,
)
from housekey.homeassistant.recorded import HTTP_CONFIG, LABEL, RESTART
from housekey.house.journal import SettingChange, State
from housekey.house.road import ROAD, Kind, Road
from housekey.pki.encoding import chain_to_pem, fingerprint
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.pki.secret import Secret
from housekey.public.ari import Window, suggestion_for
from housekey.public.authority import PublicAuthority
from housekey.public.credentials import keep
from housekey.public.credentials import kept as kept_in_house
from housekey.public.providers import provider
from tests.inprocess.fake_ca import DIRECTORY, NAME, TERMS, TOKEN, FakeCa
from tests.inprocess.parts import NAMES, Client, Kept, Machine, Server, Staged, last, sign_in
from tests.inprocess.test_flow import Dialog, options
from tests.inprocess.test_renewal import presented


@pytest.fixture(autouse=True)
def ca(machine: Machine) -> Iterator[FakeCa]:
    """The CA; nothing of it is reached over a network."""
    fake = FakeCa()
    machine.names = (*machine.names, NAME)

    async def prepare(authority: Any, plan: Any, _names: Any) -> bool:
        return await fake.prepare(authority, plan)

    async def unsuggested(*_: Any, **__: Any) -> None:
        return None

    with (
        patch.object(PublicAuthority, "prepare", prepare),
        patch("housekey.public.order.taken", fake.taken),
        patch("housekey.public.ari.suggestion_for", unsuggested),
        patch("custom_components.housekey.ordering.async_about", fake.about),
    ):
        yield fake


@pytest.fixture
async def public(house: HouseAccess, server: Server, ca: FakeCa) -> Kept:
    """HTTPS is permanent, with a certificate for a public name."""
    pair = Kept(house, house.config / "certificate.pem", house.config / "privkey.pem")
    with house.held() as held:
        house.files.write(house.folder / ROAD, ca.settings.road(LABEL).to_json(), mode=0o600)
        credentials = {"auth_token": Secret(TOKEN.encode())}
        keep(house.folder, provider("duckdns"), credentials, files=house.files)
        _take(held, ca)
    with house.opened() as opened:
        present = opened.leaf(LABEL)
    assert present is not None
    transaction = house.journal().begin({"folder": str(house.config), "way": "https"})
    for path, data, mode in (
        (pair.key, present.key_pem.reveal(), 0o600),
        (pair.certificate, present.chain_pem, 0o644),
    ):
        with transaction.step(path.name, transaction.writing(path, data)):
            house.files.write(path, data, mode=mode)
    transaction.close(State.KEPT)
    await server.start(tls=(pair.certificate, pair.key))
    return pair


def _take(house: Any, ca: FakeCa, *, age: timedelta = timedelta(days=2)) -> Any:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    certificate = issue_leaf(
        public_key=key.public_key,
        names=ca.settings.dns_names,
        issuer=ca.tiers.issuing,
        now=now() - age,
        days=ca.days,
    )
    chain = (certificate, ca.tiers.issuing.certificate)
    return house.take(LABEL, chain=chain, key=key, data={"directory": DIRECTORY, "profile": None})


async def begun(hass: HomeAssistant, server: Server) -> Dialog:
    await server.start()
    flow = hass.config_entries.flow
    return Dialog(flow, await flow.async_init(DOMAIN, context={"source": SOURCE_USER}))


def form(ca: FakeCa, *names: str, **advanced: Any) -> dict[str, Any]:
    return {
        "public_names": list(names) or [NAME],
        "provider": "duckdns",
        "advanced": {
            "staging": False,
            "directory": DIRECTORY,
            "roots": ca.root_pem.replace("\n", " "),
            **advanced,
        },
    }


async def settled(dialog: Dialog, *steps: str) -> None:
    """Wait until a task behind the dialog is done, and it shows one of these steps."""
    for _ in range(200):
        if dialog.step in steps and dialog.shown["type"] in ("form", "menu"):
            return
        await asyncio.sleep(0.05)
        await dialog.look()
    raise AssertionError(dialog.shown)


async def to_the_order(dialog: Dialog, ca: FakeCa) -> None:
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    await dialog.send(**form(ca))
    assert dialog.step == "credentials", dialog.shown
    await dialog.send(auth_token=TOKEN, agree=True, point=False)
    if dialog.step == "house":
        await dialog.send(first_group=dialog.told["code"][:5], noted=True)


# The flow


async def test_the_whole_way_to_an_entry_and_no_secret_in_it(
    hass: HomeAssistant,
    server: Server,
    access: HouseAccess,
    ca: FakeCa,
    hass_storage: dict[str, Any],
) -> None:
    dialog = await begun(hass, server)
    assert dialog.shown["menu_options"] == ["names", "public"]
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    providers = dialog.shown["data_schema"].schema["provider"].config["options"]
    assert providers[0] == {"value": "duckdns", "label": "DuckDNS"}
    assert len(providers) > 60
    await dialog.send(**form(ca))
    assert dialog.step == "credentials"
    assert dialog.told["terms"] == TERMS
    await dialog.send(auth_token="", agree=False, point=False)
    assert dialog.shown["errors"] == {"agree": "not_agreed", "base": "not_possible"}
    assert not access.exists()
    await dialog.send(auth_token=TOKEN, agree=True, point=False)
    assert dialog.step == "house", dialog.shown
    await dialog.send(first_group=dialog.told["code"][:5], noted=True)
    await settled(dialog, "switch_public")
    assert ca.orders == ["the first certificate"]
    assert dialog.told["url"] == f"https://{NAME}:{server.port}"
    await dialog.send(https_port=server.port, switch=False)
    assert dialog.shown["type"] == "create_entry", dialog.shown
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.data[CONF_ROAD]["settings"]["names"] == [NAME]
    assert TOKEN not in json.dumps([dict(entry.data), dict(entry.options)])
    assert TOKEN not in json.dumps(hass_storage, default=str)
    found = kept_in_house(access.folder, "duckdns", files=access.files)
    assert found is not None
    assert found["auth_token"].reveal() == TOKEN.encode()
    assert (access.folder / "public/dns.json").stat().st_mode & 0o77 == 0
    # Not switched yet, so the house itself knows of no other road.
    assert not (access.folder / ROAD).exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"public_names": ["192.168.1.20"]}, "an address"),
        ({"public_names": ["*.example.org"]}, "no name by which to open"),
        ({"public_names": []}, "no name by which to open"),
        ({"advanced": {"staging": False, "directory": "http://ca"}}, "not the address"),
        ({"advanced": {"staging": False, "roots": "nonsense"}}, "not a certificate"),
        ({"provider": "gransy"}, None),
    ],
)
async def test_what_cannot_be_is_told_in_the_form(
    hass: HomeAssistant, server: Server, ca: FakeCa, given: dict[str, Any], said: str | None
) -> None:
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    if said is None:  # it takes a package that is not here, and is not offered
        listed = dialog.shown["data_schema"].schema["provider"].config["options"]
        assert given["provider"] not in [each["value"] for each in listed]
        return
    await dialog.send(**{**form(ca), **given})
    assert dialog.step == "public_name"
    assert dialog.shown["errors"] == {"base": "not_possible"}
    assert said in dialog.told["reason"]


async def test_a_ca_that_does_not_answer_is_told_and_one_without_terms_asks_for_none(
    hass: HomeAssistant, server: Server, ca: FakeCa
) -> None:
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    ca.trouble = CaUnreachable("ca.example.org does not answer", hint="try again")
    await dialog.send(**form(ca))
    assert dialog.told["reason"].startswith("The CA does not answer as it should: ca.example.org")
    ca.trouble = None
    ca.without_terms()
    await dialog.send(**form(ca))
    assert dialog.step == "credentials_no_terms", dialog.shown
    assert "agree" not in dialog.shown["data_schema"].schema


async def test_an_order_that_fails_says_why_and_goes_on_with_other_credentials(
    hass: HomeAssistant, server: Server, access: HouseAccess, ca: FakeCa
) -> None:
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    await dialog.send(**form(ca))
    ca.trouble = DnsNotShown(
        f"the TXT record _acme-challenge.{NAME} is not shown", hint="wait", record="", places=()
    )
    await dialog.send(auth_token="another", agree=True, point=False)
    await dialog.send(first_group=dialog.told["code"][:5], noted=True)
    await settled(dialog, "order_failed")
    assert f"_acme-challenge.{NAME} is not shown" in dialog.told["reason"]
    assert dialog.shown["menu_options"] == ["order", "credentials", "public_name"]
    assert kept_in_house(access.folder, "duckdns", files=access.files) is None
    assert ca.asked == 1
    await dialog.send(next_step_id="order")
    await settled(dialog, "order_failed")
    assert ca.asked == 2
    ca.trouble = None
    await dialog.send(next_step_id="credentials")
    await dialog.send(auth_token=TOKEN, agree=True, point=False)
    await settled(dialog, "switch_public")
    assert len(ca.orders) == 1
    found = kept_in_house(access.folder, "duckdns", files=access.files)
    assert found is not None
    assert found["auth_token"].reveal() == TOKEN.encode()
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()


async def test_a_rehearsal_switches_nothing_and_leads_to_the_real_ca(
    hass: HomeAssistant, server: Server, access: HouseAccess, ca: FakeCa
) -> None:
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    await dialog.send(**{**form(ca), "advanced": {"staging": True}})
    await dialog.send(auth_token=TOKEN, agree=True, point=False)
    await dialog.send(first_group=dialog.told["code"][:5], noted=True)
    await settled(dialog, "ordered")
    assert dialog.shown["menu_options"] == ["in_earnest", "public_name"]
    ca.trouble = CaUnreachable("Let's Encrypt does not answer", hint="try again")
    await dialog.send(next_step_id="in_earnest")
    assert dialog.step == "order_failed"
    ca.trouble = None
    await dialog.send(next_step_id="public_name")
    await dialog.send(**{**form(ca), "advanced": {"staging": True}})
    await dialog.send(agree=True, auth_token=TOKEN, point=False)
    await settled(dialog, "ordered")
    await dialog.send(next_step_id="in_earnest")
    assert dialog.step == "credentials", dialog.shown
    await dialog.send(agree=True, point=False)  # the token is known
    await settled(dialog, "switch_public")
    flow = hass.config_entries.flow._progress[dialog.shown["flow_id"]]
    assert flow._public.directory == LETS_ENCRYPT
    assert access.mine() == ()
    hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
    await hass.async_block_till_done()


async def test_what_nobody_expected_is_told_too_and_logged(
    hass: HomeAssistant, server: Server, ca: FakeCa, caplog: pytest.LogCaptureFixture
) -> None:
    dialog = await begun(hass, server)
    ca.trouble = None

    async def broken(*_: Any) -> bool:
        raise KeyError("surprise")

    with patch.object(ca, "prepare", broken):
        await to_the_order(dialog, ca)
        await settled(dialog, "order_failed")
    assert dialog.told["reason"] == "KeyError: 'surprise'"
    assert "This should not happen" in caplog.text


async def test_a_name_of_duckdns_is_led_here_when_that_is_wished(
    hass: HomeAssistant, server: Server, ca: FakeCa, machine: Machine
) -> None:
    led: list[Any] = []

    async def point(name: str, addresses: Any, credentials: Any, **_: Any) -> None:
        led.append((name, [str(each) for each in addresses], set(credentials)))

    machine.names = ()
    dialog = await begun(hass, server)
    with (
        patch("housekey.public.duckdns.point", point),
        patch(
            "custom_components.housekey.public_steps.local_addresses",
            lambda: [ip_address("fd00::20"), ip_address("192.168.1.20")],
        ),
    ):
        await dialog.send(next_step_id="public")
        await settled(dialog, "public_name")
        await dialog.send(**form(ca))
        assert dialog.shown["data_schema"]({"agree": True})["point"] is True
        await dialog.send(auth_token=TOKEN, agree=True, point=True)
        await dialog.send(first_group=dialog.told["code"][:5], noted=True)
        await settled(dialog, "switch_public")
    # Told, and no more: a router may lead it here.
    assert dialog.shown["errors"] == {"base": "leads_elsewhere"}
    assert led == [(NAME, ["192.168.1.20"], {"auth_token"})]


async def test_a_dialog_that_is_closed_ends_the_order(
    hass: HomeAssistant, server: Server, ca: FakeCa
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def for_ever(*_: Any) -> bool:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            loop.call_soon_threadsafe(ended.set)
            raise
        return True

    dialog = await begun(hass, server)
    with patch.object(ca, "prepare", for_ever):
        await to_the_order(dialog, ca)
        assert (dialog.step, dialog.shown["type"]) == ("order", "progress")
        await asyncio.sleep(0.3)
        hass.config_entries.flow.async_abort(dialog.shown["flow_id"])
        await asyncio.wait_for(ended.wait(), 20)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_where_the_command_line_has_been_the_entry_takes_over(
    hass: HomeAssistant, public: Kept, ca: FakeCa
) -> None:
    flow = hass.config_entries.flow
    dialog = Dialog(flow, await flow.async_init(DOMAIN, context={"source": SOURCE_USER}))
    assert dialog.step == "found"
    await dialog.send()
    assert dialog.shown["type"] == "create_entry"
    await hass.async_block_till_done()
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    snapshot = entry.runtime_data.coordinator.data
    assert (snapshot.stage, snapshot.road, snapshot.problems) == (Stage.KEPT, Kind.PUBLIC, ())
    context = {"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    dialog = Dialog(flow, await flow.async_init(DOMAIN, context=context))
    assert dialog.shown["reason"] == "names_of_road"


async def test_a_house_that_cannot_be_opened_is_no_reason_not_to_begin(
    hass: HomeAssistant, house: HouseAccess, server: Server
) -> None:
    (house.folder / "issuing.pem").unlink()
    dialog = await begun(hass, server)
    assert (dialog.step, dialog.shown["menu_options"]) == ("user", ["names", "public"])
    await dialog.send(next_step_id="names")
    await dialog.send(names=list(NAMES))
    assert dialog.shown["errors"] == {"base": "not_possible"}


def test_a_form_is_read_as_it_is_meant(ca: FakeCa) -> None:
    settings, hmac = settings_from(
        {
            "public_names": ["HA.example.org", "*.example.org", "ha.example.org"],
            "provider": "cloudflare",
            "email": " me@example.org ",
            "advanced": {"staging": True, "eab_kid": "kid", "eab_hmac": "c2VjcmV0"},
        }
    )
    assert settings.names == ("ha.example.org", "*.example.org")
    assert (settings.directory, settings.email, settings.eab_kid) == (
        STAGING,
        "me@example.org",
        "kid",
    )
    assert hmac is not None
    assert hmac.reveal() == b"c2VjcmV0"
    plain, _ = settings_from({"public_names": [NAME], "provider": "duckdns"})
    assert (plain.directory, plain.roots_pem) == (LETS_ENCRYPT, None)
    urls = (
        "https://my.duckdns.org:8123",
        "http://homeassistant.local:8123",
        None,
        "http://10.0.0.1",
    )
    assert suggested_names(urls) == ("my.duckdns.org",)
    for trouble, key in (
        (CaRefused("no", hint="h", code="unauthorized", status=403), "ca_refused"),
        (NotProven("no", hint="h", names=(NAME,), reason="r"), "not_proven"),
    ):
        assert told_of(trouble).key == key
        assert told_of(trouble).values == {"detail": "no", "hint": "h"}
    for terms, page, shown in (("t", "p", ("t", "p")), ("t", None, ("t", "t")), (None, None, "--")):
        changed = TermsChanged("no", hint="h", code="c", status=403, terms=terms, page=page)
        told = told_of(changed)
        assert (told.key, *told.values.values()) == ("terms_changed", *shown)


# What it takes


@pytest.fixture
def lacking() -> Iterator[set[str]]:
    """Packages that are not installed here."""
    missing = {"dns-lexicon>=3.17", "dnspython>=2.4"}
    with patch(
        "custom_components.housekey.for_public.package.is_installed",
        lambda requirement: requirement not in missing,
    ):
        yield missing


async def test_what_is_missing_is_installed_by_home_assistants_own_way_while_the_dialog_waits(
    hass: HomeAssistant, server: Server, lacking: set[str]
) -> None:
    hass.config.skip_pip = False
    asked: list[Any] = []
    go_on = asyncio.Event()

    async def install(_hass: Any, name: str, wanted: list[str], is_built_in: bool) -> None:
        asked.append((name, wanted, is_built_in))
        await go_on.wait()
        lacking.clear()

    dialog = await begun(hass, server)
    with patch.object(requirements, "async_process_requirements", install):
        await dialog.send(next_step_id="public")
        assert (dialog.step, dialog.shown["type"]) == ("public", "progress")
        assert dialog.shown["progress_action"] == "install"
        go_on.set()
        await settled(dialog, "public_name")
    assert asked == [(DOMAIN, ["dns-lexicon>=3.17", "dnspython>=2.4"], False)]
    assert set(for_public.REQUIREMENTS) >= set(asked[0][1])


async def test_without_the_internet_it_says_so_and_tries_again(
    hass: HomeAssistant, server: Server, lacking: set[str]
) -> None:
    hass.config.skip_pip = False
    tries: list[str] = []

    def no_internet(requirement: str, **_: Any) -> bool:
        tries.append(requirement)
        return len(tries) > 6

    dialog = await begun(hass, server)
    with patch("homeassistant.requirements.pkg_util.install_package", no_internet):
        await dialog.send(next_step_id="public")
        await settled(dialog, "not_installed")
        assert dialog.told["reason"].startswith("Home Assistant could not install dns-lexicon"), (
            dialog.told
        )
        assert "reaches the internet" in dialog.told["reason"]
        # Home Assistant itself would not try again before its next start.
        await dialog.send(next_step_id="public")
        await settled(dialog, "public_name")
    assert len(tries) == 8


async def test_where_nothing_may_be_installed_it_says_what_is_missing(
    hass: HomeAssistant, server: Server, lacking: set[str]
) -> None:
    hass.config.skip_pip = True
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "not_installed")
    assert "dns-lexicon, dnspython" in dialog.told["reason"]
    assert "--skip-pip" in dialog.told["reason"]


@pytest.mark.parametrize("due", [False, True])
async def test_at_a_start_without_them_only_a_certificate_that_is_due_is_a_problem(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    lacking: set[str],
    caplog: pytest.LogCaptureFixture,
    ca: FakeCa,
    due: bool,
) -> None:
    hass.config.skip_pip = True
    with patch("custom_components.housekey.renewal._is_due", lambda *_: due):
        coordinator = await set_up()
        await hass.async_block_till_done(wait_background_tasks=True)
    assert coordinator.data.stage is Stage.KEPT
    kinds = {each.kind for each in coordinator.data.problems}
    assert kinds == ({ProblemKind.EXPIRING} if due else set())
    assert ("Before the certificate is due" in caplog.text) is not due
    assert ca.orders == []


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
    road = chosen.PublicRoad(ca.settings)
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
        leaf = _take(held, ca, age=timedelta(days=4, hours=6))
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
    assert "nothing was found. look there" in issue.translation_placeholders["reason"]
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


# The options


async def test_the_options_offer_other_credentials_another_name_and_the_way_to_the_own_ca(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    assert dialog.shown["menu_options"] == ["settings", "provider", "public", "private", "back"]

    # Settings that the road leaves no choice in are not asked for.
    await dialog.send(next_step_id="settings")
    assert not {"names", "days"} & set(dialog.shown["data_schema"].schema)
    await dialog.send(**dialog.shown["data_schema"]({}))
    assert dialog.shown["type"] == "create_entry", dialog.shown
    await hass.async_block_till_done(wait_background_tasks=True)

    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    await dialog.send(auth_token="")
    assert dialog.shown["errors"] == {"base": "not_possible"}
    await dialog.send(auth_token="a-new-token")
    assert dialog.shown["reason"] == "saved"
    found = kept_in_house(public.access.folder, "duckdns", files=public.access.files)
    assert found is not None
    assert found["auth_token"].reveal() == b"a-new-token"

    # Another name: as a renewal, without a restart.
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    assert dialog.shown["data_schema"]({"advanced": {}})["public_names"] == [NAME]
    await dialog.send(**form(ca, NAME, f"*.{NAME}"))
    await dialog.send(agree=True, point=False)  # the house has a token
    for _ in range(200):
        if dialog.shown["type"] == "abort":
            break
        await asyncio.sleep(0.05)
        await dialog.look()
    assert dialog.shown["reason"] == "saved", dialog.shown
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.runtime_data.coordinator.data.names == (NAME, f"*.{NAME}")
    assert restarts == []

    # And back to the house's own CA.
    dialog = await options(hass, entry)
    with patch("custom_components.housekey.found_names.async_found_names", _found):
        await dialog.send(next_step_id="private")
    await dialog.send(names=["bank.example.com"])
    assert dialog.shown["errors"] == {"names": "name_refused"}
    await dialog.send(names=[])
    assert dialog.shown["errors"] == {"names": "no_name"}
    await dialog.send(names=["localhost", *NAMES])
    assert dialog.shown["reason"] == "restarting", dialog.shown
    assert len(restarts) == 1
    with public.access.opened() as house:
        leaf = house.leaf(LABEL)
        assert house.road_of(LABEL) is None
        assert leaf is not None
        assert house.is_by_house(leaf.certificate)
    assert entry.data[CONF_ROAD]["kind"] == "private"


async def _found(_hass: HomeAssistant) -> tuple[Any, ...]:
    return tuple(map(parse_name, NAMES))


async def test_from_http_the_options_lead_to_a_public_name(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    await to_the_order(dialog, ca)
    await settled(dialog, "switch_public")
    assert entry.data[CONF_ROAD]["kind"] == "public"
    await dialog.send()
    assert dialog.shown["reason"] == "restarting", dialog.shown
    assert len(restarts) == 1
    with house.opened() as opened:
        assert opened.road_of(LABEL) is not None


async def test_who_goes_back_to_http_finds_the_public_name_again(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
) -> None:
    coordinator = await set_up()
    await coordinator.switch.async_back_to_http()
    assert entry.data[CONF_ROAD]["settings"]["names"] == [NAME]
    assert len(restarts) == 1


async def test_where_what_it_takes_is_missing_the_options_say_so(
    hass: HomeAssistant,
    public: Kept,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    lacking: set[str],
) -> None:
    hass.config.skip_pip = True
    await set_up()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    assert dialog.shown["reason"] == "failed"
    (public.access.folder / ROAD).unlink()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    assert dialog.shown["reason"] == "not_running"


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
        coordinator.renewal.trouble = ""
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
    assert isinstance(road, chosen.PublicRoad)
    assert asdict(road.settings) == asdict(ca.settings)
    assert (road.road, road.signer) == (ca.settings.road(LABEL), "ca.example.org")
    private = chosen.chosen_of({CONF_ROAD: chosen.to_private()})
    assert private is not None
    assert private.names is None


async def test_other_credentials_that_do_not_work_are_told_and_the_ones_from_before_stay(
    hass: HomeAssistant,
    public: Kept,
    server: Server,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    ca: FakeCa,
) -> None:
    await set_up()
    dialog = await options(hass, entry)
    await dialog.send(next_step_id="provider")
    ca.trouble = DnsFailed("the DNS provider duckdns did not change it", hint="check it")
    await dialog.send(auth_token="a-wrong-token")
    assert dialog.shown["errors"] == {"base": "not_possible"}
    assert "did not change it" in dialog.shown["description_placeholders"]["reason"]
    found = kept_in_house(public.access.folder, "duckdns", files=public.access.files)
    assert found is not None
    assert found["auth_token"].reveal() == TOKEN.encode()
    assert ca.orders == []
