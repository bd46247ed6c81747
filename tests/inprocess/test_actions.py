"""The actions: for administrators, refused in plain words, and with the key in the answer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

import pytest
import voluptuous as vol
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate, load_pem_x509_certificates
from homeassistant.core import Context
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)

from custom_components.housekey.const import DOMAIN, EVENT_CERTIFICATE
from housekey.house.lock import house_lock

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

    from custom_components.housekey.house_access import HouseAccess
    from tests.inprocess.parts import Kept


async def issue(hass: HomeAssistant, *names: str, **more: Any) -> dict[str, Any]:
    """Ask for a certificate."""
    context = more.pop("context", None)
    answer = await hass.services.async_call(
        DOMAIN,
        "issue",
        {"names": list(names), **more},
        blocking=True,
        return_response=True,
        context=context,
    )
    return dict(answer or {})


async def test_a_certificate_for_a_printer_comes_with_its_key_and_chain_and_is_told_on_the_bus(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    told: list[dict[str, Any]] = []
    hass.bus.async_listen(EVENT_CERTIFICATE, lambda event: told.append(dict(event.data)))
    await set_up()
    answer = await issue(hass, "printer.local", "192.168.1.30", "printer.local", days=30)
    await hass.async_block_till_done()
    leaf = load_pem_x509_certificate(answer["certificate"].encode())
    chain = load_pem_x509_certificates(answer["chain"].encode())
    key = load_pem_private_key(answer["key"].encode(), None)
    assert key.public_key() == leaf.public_key()
    assert chain[0] == leaf
    leaf.verify_directly_issued_by(chain[1])
    assert answer["names"] == ["printer.local", "192.168.1.30"]
    assert told == [
        {"action": "issued", "names": answer["names"], "not_after": answer["not_after"]}
    ]
    assert hass.states.get("event.housekey_certificate").attributes["event_type"] == "issued"
    assert "PRIVATE KEY" not in str(told)


async def test_the_kind_of_key_is_as_asked(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    answer = await issue(hass, "printer.local", key_type="rsa-2048")
    assert load_pem_private_key(answer["key"].encode(), None).key_size == 2048


@pytest.mark.parametrize(
    ("names", "said"),
    [(["not a name"], "not a name"), (["https://x.local"], "x.local"), (["*.*.local"], "local")],
)
async def test_what_is_no_name_is_refused_in_plain_words(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    names: list[str],
    said: str,
) -> None:
    await set_up()
    with pytest.raises(ServiceValidationError) as refused:
        await issue(hass, *names)
    assert refused.value.translation_key == "name_refused"
    assert said in str(refused.value.translation_placeholders)


async def test_a_name_that_is_not_of_this_home_is_refused(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    await set_up()
    with pytest.raises(HomeAssistantError, match=r"may not issue.*bank\.example\.com"):
        await issue(hass, "bank.example.com")


@pytest.mark.parametrize(
    "wrong", [{"names": []}, {"days": 826}, {"days": 0}, {"key_type": "dsa"}, {"more": 1}]
)
async def test_what_does_not_fit_the_form_is_refused(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], wrong: dict[str, Any]
) -> None:
    await set_up()
    with pytest.raises((vol.Invalid, ServiceValidationError)):
        await hass.services.async_call(
            DOMAIN,
            "issue",
            {"names": ["printer.local"], **wrong},
            blocking=True,
            return_response=True,
        )


@pytest.mark.parametrize("action", ["issue", "load_certificate", "renew"])
async def test_only_an_administrator_may(
    hass: HomeAssistant,
    kept: Kept,
    set_up: Callable[[], Any],
    hass_read_only_user: MockUser,
    hass_admin_user: MockUser,
    action: str,
) -> None:
    await set_up()
    data = {"names": ["printer.local"]} if action == "issue" else {}

    async def call(user: MockUser) -> None:
        await hass.services.async_call(
            DOMAIN,
            action,
            data,
            blocking=True,
            return_response=action != "renew",
            context=Context(user_id=user.id),
        )

    before = kept.certificate.read_bytes()
    with pytest.raises(Unauthorized):
        await call(hass_read_only_user)
    assert kept.certificate.read_bytes() == before
    assert not (kept.access.folder / "leaves" / "printer.local").exists()
    await call(hass_admin_user)


async def test_they_are_there_before_the_entry_is_and_say_what_is_missing(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any], entry: MockConfigEntry
) -> None:
    await set_up()
    await hass.config_entries.async_unload(entry.entry_id)
    assert hass.services.has_service(DOMAIN, "issue")
    for call in (issue(hass, "printer.local"), hass.services.async_call(DOMAIN, "renew", {}, True)):
        with pytest.raises(ServiceValidationError) as refused:
            await call
        assert refused.value.translation_key == "not_running"


async def test_renew_asks_for_a_new_certificate_whether_or_not_one_is_due(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = await set_up()
    renew = AsyncMock()
    monkeypatch.setattr(coordinator, "async_renew", renew)
    await hass.services.async_call(DOMAIN, "renew", {}, blocking=True)
    renew.assert_awaited_once_with(force=True)


async def test_while_another_housekey_holds_the_house_nothing_is_issued(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.housekey.house_access.LOCK_SECONDS", 0.1)
    await set_up()
    with (
        house_lock(house.folder, wait=1, files=house.files),
        pytest.raises(HomeAssistantError, match="another housekey is at work"),
    ):
        await issue(hass, "printer.local")
    assert (await issue(hass, "printer.local"))["key"]
