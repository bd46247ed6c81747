"""The road of a public name in the first flow: what it asks, what it takes, what may fail."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from unittest.mock import patch

import pytest
from homeassistant import requirements
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant

from custom_components.housekey import for_public
from custom_components.housekey.const import CONF_ROAD, DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.model import ProblemKind, Stage
from custom_components.housekey.public_forms import (
    settings_from,
    suggested_names,
)
from custom_components.housekey.troubles import told_of
from housekey.errors import (
    CaRefused,
    CaUnreachable,
    DnsFailed,
    DnsNotShown,
    NotProven,
    TermsChanged,
)
from housekey.house.road import ROAD, Kind
from housekey.public.credentials import kept as kept_in_house
from housekey.public.directories import LETS_ENCRYPT, STAGING
from tests.inprocess.dialog import Dialog
from tests.inprocess.fake_ca import NAME, TERMS, TOKEN, FakeCa
from tests.inprocess.parts import NAMES, Kept, Machine, Server
from tests.inprocess.public_dialog import begun, form, settled, to_the_order

pytestmark = pytest.mark.usefixtures("ca")


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
    assert {"value": "ovh", "label": "OVH"} in providers
    assert dialog.shown["data_schema"]({"advanced": {}})["public_names"] == [""]  # to type into
    assert len(providers) > 60
    await dialog.send(**form(ca))
    assert dialog.step == "credentials"
    assert dialog.told["terms"] == TERMS
    await dialog.send(auth_token="", agree=False, point=False)
    assert dialog.shown["errors"] == {"agree": "not_agreed", "base": "not_possible"}
    assert not access.exists()
    await dialog.send(auth_token=TOKEN, agree=True, point=False)
    assert dialog.step == "house_public", dialog.shown  # no device needs its root
    await dialog.send(first_group="WRONG", noted=True)
    assert (dialog.step, dialog.shown["errors"]) == (
        "house_public",
        {"first_group": "wrong_group"},
    )
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
        ({"public_names": ["192.168.1.20"]}, "192.168.1.20 is an address"),
        ({"public_names": ["*.example.org"]}, "name by which to open Home Assistant is missing"),
        ({"public_names": ["", " "]}, "name by which to open Home Assistant is missing"),
        ({"public_names": ["two words"]}, "two words is no name for a certificate"),
        ({"public_names": ["ha.home"], "advanced": {}}, "No public CA signs for ha.home"),
        ({"public_names": ["co.uk"], "advanced": {}}, "No public CA signs for co.uk"),
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


async def test_all_names_of_duckdns_are_led_here_when_that_is_wished_and_who_fails_is_told(
    hass: HomeAssistant, server: Server, ca: FakeCa, machine: Machine
) -> None:
    led: list[Any] = []
    refused = {"second.duckdns.org"}

    async def point(name: str, addresses: Any, credentials: Any, **_: Any) -> None:
        led.append((name, [str(each) for each in addresses], set(credentials)))
        if name in refused:
            raise DnsFailed(f"KO for {name}", hint="whose is it?")

    machine.names = (NAME,)  # of three, one leads somewhere
    three = (NAME, f"*.{NAME}", "second.duckdns.org", "third.duckdns.org", "ha.example.org")
    registered = [NAME, "second.duckdns.org", "third.duckdns.org"]
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
        await dialog.send(**form(ca, *three))
        assert dialog.shown["data_schema"]({"agree": True})["point"] is True
        await dialog.send(auth_token=TOKEN, agree=False, point=False)
        assert dialog.shown["data_schema"]({"agree": True})["point"] is False  # as it was chosen
        await dialog.send(auth_token=TOKEN, agree=True, point=True)
        await dialog.send(first_group=dialog.told["code"][:5], noted=True)
        await settled(dialog, "order_failed")
        assert led == [(name, ["192.168.1.20"], {"auth_token"}) for name in registered]
        assert (
            "of 3 names, 1 could not be led to 192.168.1.20 (second.duckdns.org): KO"
            in (dialog.told["reason"])
        )
        assert ca.orders == []
        refused.clear()
        machine.names = ()
        await dialog.send(next_step_id="order")
        await settled(dialog, "switch_public")
    assert len(led) == 6
    # Told, and no more: a router may lead it here.
    assert dialog.shown["errors"] == {"base": "leads_elsewhere"}


async def test_a_name_elsewhere_whose_proof_is_at_duckdns_is_led_nowhere(
    hass: HomeAssistant, server: Server, ca: FakeCa
) -> None:
    dialog = await begun(hass, server)
    await dialog.send(next_step_id="public")
    await settled(dialog, "public_name")
    await dialog.send(**form(ca, "ha.example.org"))
    assert dialog.step == "credentials"
    assert "point" not in dialog.shown["data_schema"].schema


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
        assert told_of(trouble).values == {"detail": "no", "hint": "H"}
    for terms, page, shown in (("t", "p", ("t", "p")), ("t", None, ("t", "t")), (None, None, "--")):
        changed = TermsChanged("no", hint="h", code="c", status=403, terms=terms, page=page)
        told = told_of(changed)
        assert (told.key, *told.values.values()) == ("terms_changed", *shown)


# What it takes


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
