"""What the tests of the road of a public name do in its dialogs, and a certificate of its CA."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import now
from housekey.homeassistant.recorded import LABEL
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.inprocess.dialog import Dialog
from tests.inprocess.fake_ca import DIRECTORY, NAME, TOKEN, FakeCa
from tests.inprocess.parts import Server


def take(house: Any, ca: FakeCa, *, age: timedelta = timedelta(days=2)) -> Any:
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
    if dialog.step == "house_public":
        await dialog.send(first_group=dialog.told["code"][:5], noted=True)
