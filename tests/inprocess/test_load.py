"""`housekey.load_certificate`: what another program wrote is presented, or it is said why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.exceptions import ServiceValidationError, Unauthorized
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.housekey.const import DOMAIN
from housekey.homeassistant.switch import LABEL
from housekey.pki.encoding import certificate_to_pem, fingerprint
from tests.inprocess.parts import Kept, Server
from tests.inprocess.test_renewal import presented


async def load(hass: HomeAssistant, **data: Any) -> dict[str, Any]:
    """Ask for it."""
    context = data.pop("context", None)
    answer = await hass.services.async_call(
        DOMAIN, "load_certificate", data, blocking=True, return_response=True, context=context
    )
    return dict(answer or {})


def renewed_by_another(kept: Kept) -> str:
    """Be the command line: renew in the house, and write the file; return the fingerprint."""
    with kept.access.held() as house:
        before = house.leaf(LABEL)
        assert before is not None
        leaf = house.issue(LABEL, before.names, reuse_key=True)
    kept.access.files.write(kept.certificate, leaf.chain_pem)
    return fingerprint(leaf.certificate)


async def test_what_another_wrote_is_presented_without_a_restart(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    restarts: list[ServiceCall],
) -> None:
    await set_up()
    before = fingerprint(await presented(server))
    wanted = renewed_by_another(kept)
    assert await load(hass, only_ask=True) == {"presented": None, "reason": ""}
    assert fingerprint(await presented(server)) == before
    with kept.access.opened() as house:
        root = certificate_to_pem(house.root).decode()
    assert await load(hass, root=root) == {"presented": wanted, "reason": ""}
    assert fingerprint(await presented(server)) == wanted
    assert await load(hass) == {"presented": wanted, "reason": ""}  # under the house's own root
    await hass.async_block_till_done(wait_background_tasks=True)
    assert restarts == []


async def test_half_of_a_pair_or_one_under_another_root_is_refused_and_said(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any]
) -> None:
    await set_up()
    before = fingerprint(await presented(server))
    other_root = certificate_to_pem(kept.access.prepare((), home="Elsewhere").root).decode()
    refused = await load(hass, root=other_root)
    assert refused["presented"] is None
    assert "devices would not accept it" in refused["reason"]
    kept.certificate.write_text("half")
    refused = await load(hass)
    assert (refused["presented"], bool(refused["reason"])) == (None, True)
    assert fingerprint(await presented(server)) == before


async def test_a_root_that_is_none_is_an_error(
    hass: HomeAssistant, kept: Kept, server: Server, set_up: Callable[[], Any]
) -> None:
    await set_up()
    with pytest.raises(ServiceValidationError) as refused:
        await load(hass, root="no root")
    assert refused.value.translation_key == "root_unreadable"


async def test_only_an_administrator_may_load(
    hass: HomeAssistant,
    kept: Kept,
    server: Server,
    set_up: Callable[[], Any],
    hass_read_only_user: MockUser,
) -> None:
    await set_up()
    with pytest.raises(Unauthorized):
        await load(hass, only_ask=True, context=Context(user_id=hass_read_only_user.id))


async def test_a_server_without_tls_says_so(
    hass: HomeAssistant, house: Any, set_up: Callable[[], Any]
) -> None:
    await set_up()
    answer = await load(hass, only_ask=True)
    assert (answer["presented"], bool(answer["reason"])) == (None, True)
