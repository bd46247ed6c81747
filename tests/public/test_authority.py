"""What the authority of a public name finds out before it asks anybody outside."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from housekey.errors import ProviderRefused
from housekey.house.road import ACCOUNT_KEY, DNS
from housekey.pki.keys import KeyType
from housekey.pki.secret import Secret
from housekey.public.authority import Given, PublicAuthority
from tests.public.ordered import LABEL, TestWorld, settings_for

if TYPE_CHECKING:
    from housekey.house.house import House

PLAN = SimpleNamespace(issue="asked for", reuse_key=False, key_type=KeyType.ECDSA_P256)


@pytest.mark.parametrize(
    ("provider", "message"),
    [("nosuch", "nosuch"), ("cloudflare", "the DNS provider cloudflare needs credentials")],
)
def test_what_cannot_be_published_is_told_before_the_ca_is_asked(
    house: House, provider: str, message: str
) -> None:
    nobody = settings_for("https://127.0.0.1:1/directory", "", provider=provider)
    given = Given({"nonsense": Secret(b"a secret of somebody")})
    authority = PublicAuthority(house, nobody, LABEL, TestWorld(), given=given)
    with pytest.raises(ProviderRefused, match=message):
        asyncio.run(authority.prepare(PLAN, nobody.dns_names))
    assert not (house.folder / ACCOUNT_KEY).exists()
    assert not (house.folder / DNS).exists()
