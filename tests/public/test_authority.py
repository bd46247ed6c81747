"""What the authority of a public name finds out before it asks anybody outside."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from housekey.errors import HouseBroken, ProviderRefused
from housekey.house.records import REVOKED
from housekey.house.road import ACCOUNT, ACCOUNT_KEY, DNS, ORDER, ORDER_STATE
from housekey.pki.constraints import DEFAULT_CONSTRAINTS
from housekey.pki.encoding import fingerprint
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import DnsName
from housekey.pki.secret import Secret
from housekey.public.account import account_of
from housekey.public.authority import Given, PublicAuthority
from housekey.public.order import Obtained
from housekey.public.steps import Steps
from tests.pki.houses import a_house
from tests.public.ordered import LABEL, NAMES, TestWorld, settings_for

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

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


@pytest.mark.parametrize("leaked", [False, True])
def test_a_certificate_from_before_is_not_taken_again_whose_key_was_in_one_that_is_revoked(
    house: House, leaked: bool
) -> None:
    """It is a certificate of its own, and good; whoever has the key of the other has its key."""
    settings = settings_for("https://ca.test/directory", "")
    names = [DnsName(name) for name in NAMES]
    constraints = DEFAULT_CONSTRAINTS.widened(names)
    ca = a_house(constraints=constraints, born=house.clock() - timedelta(days=9))
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    authority = PublicAuthority(house, settings, LABEL, TestWorld())

    def signed() -> Certificate:
        return issue_leaf(
            public_key=key.public_key, names=names, issuer=ca.issuing, now=house.clock(), days=90
        )

    for _ in range(2):  # renewed once, with the same key
        authority._obtained = Obtained((signed(), ca.issuing.certificate), key)
        second = authority.issue(PLAN, names, None)
    previous = house.previous_leaf(LABEL)
    assert previous is not None
    house.issue(LABEL, [DnsName("homeassistant.local")])  # back on the house's own road
    if leaked:
        house.ledger.record_event(
            REVOKED, at=house.clock(), by="anna", sha256=fingerprint(previous.certificate)
        )
    again = authority._once_more(PLAN)
    assert (again is None) is leaked
    if again is not None:
        assert again.chain[0] == second.certificate


def test_files_of_a_newer_housekey_are_told_as_what_they_are(house: House) -> None:
    """What is new in them could be the very thing that keeps an order from being made twice."""
    document = b'{"version": 2, "directory": "https://ca.test/directory"}'
    for name in (ACCOUNT, f"{ORDER}/{ORDER_STATE}"):
        house.files.make_folder((house.folder / name).parent, 0o700)
        house.files.write(house.folder / name, document, mode=0o600)
    for read in (
        lambda: account_of(house, "https://ca.test/directory"),
        Steps(house, lambda _moment: None).state,
    ):
        with pytest.raises(HouseBroken, match="was written by a newer housekey") as refused:
            read()
        assert refused.value.hint == "install that version of housekey"
