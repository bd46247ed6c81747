"""Everything real at once: two CAs that know nothing of each other, DNS with zones, lexicon.

Pebble is Let's Encrypt's test server; Caddy's is built on step-ca's. The records are published by
RFC 2136 and looked up by the CAs themselves.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import DnsNotShown
from housekey.house.road import ORDER
from housekey.pki.names import names_of
from housekey.public.account import about, account_of
from housekey.public.lookup import Lookup
from housekey.public.records import DnsRecords, records_of
from housekey.public.revoking import revoke
from tests.public.caddy import Caddy
from tests.public.knot import Knot
from tests.public.ordered import TestWorld, need_for, obtained, registered, settings_for
from tests.public.parts import secrets
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.house.house import House
    from housekey.public.settings import PublicSettings

NAMES = ("home.test", "*.home.test", "other.home.test")


@pytest.fixture(scope="module")
def knot() -> Iterator[Knot]:
    with Knot(
        zones={"home.test": "", "elsewhere.test": "_acme-challenge CNAME proofs.home.test."}
    ) as dns:
        yield dns


@pytest.fixture(scope="module", params=["pebble", "caddy"])
def ca(request: pytest.FixtureRequest, knot: Knot) -> Iterator[Pebble | Caddy]:
    with (
        Pebble(dns=(knot.address, knot.port), nonce_reject=20)
        if request.param == "pebble"
        else Caddy(knot)
    ) as started:
        yield started


def _settled(ca: Pebble | Caddy, house: House) -> PublicSettings:
    settings = settings_for(ca.directory, ca.roots_pem(), names=NAMES)
    terms = asyncio.run(about(settings, world=TestWorld(), house=house.folder)).terms
    registered(house, settings, terms=terms)
    return settings


def _records(knot: Knot, settings: PublicSettings, *, seconds: float = 60.0) -> DnsRecords:
    return records_of(
        settings,
        secrets(knot.credentials),
        world=TestWorld(),
        lookup=Lookup((knot.address,)),
        seconds=seconds,
    )


def test_a_name_its_wildcard_and_a_name_whose_proof_is_delegated_are_in_one_certificate(
    ca: Pebble | Caddy, knot: Knot, house: House
) -> None:
    settings = _settled(ca, house)
    got = obtained(house, settings, _records(knot, settings), need=need_for(*NAMES))
    assert {str(name) for name in names_of(got.chain[0])} == set(NAMES)
    got.chain[0].verify_directly_issued_by(got.chain[1])
    got.chain[-1].verify_directly_issued_by(settings.roots[-1])
    for name in ("_acme-challenge.home.test", "proofs.home.test"):
        assert knot.lookup(name) == ()  # nothing stays behind


def test_an_order_whose_answer_never_came_is_found_in_the_list_of_the_ca(
    ca: Pebble | Caddy, knot: Knot, house: House
) -> None:
    settings = _settled(ca, house)
    records = _records(knot, settings)

    class Killed(BaseException):
        pass

    def kill(moment: str) -> None:
        if moment == "have new order":
            raise Killed

    with pytest.raises(Killed):
        obtained(house, settings, records, hook=kill, need=need_for("home.test"))
    asked: list[str] = []
    obtained(house, settings, records, hook=asked.append, need=need_for("home.test"))
    assert "ask new order" not in asked
    assert "ask orders" in asked
    account = account_of(house, settings.directory)
    assert account is not None
    assert account.orders is not None


def test_a_record_that_one_server_does_not_show_is_no_failure_of_the_ca_and_no_second_order(
    house: House,
) -> None:
    with (
        Knot(zones=["home.test"], secondaries=1, lag=True) as knot,
        Pebble(dns=(knot.address, knot.port)) as ca,
    ):
        settings = _settled(ca, house)
        with pytest.raises(DnsNotShown) as not_shown:
            obtained(
                house, settings, _records(knot, settings, seconds=0.2), need=need_for("home.test")
            )
        assert "_acme-challenge.home.test" in not_shown.value.message
        assert f"ns2.home.test ({knot.addresses[1]}): nothing" in not_shown.value.message
        assert (house.folder / ORDER).is_dir()  # it waits
        knot.catch_up()
        obtained(
            house,
            settings,
            _records(knot, settings, seconds=60),
            need=need_for("home.test"),
            world=TestWorld(sleep=_catching_up(knot)),
            by_hand=True,
        )
        assert (ca.orders, ca.certificates) == (1, 1)


def _catching_up(knot: Knot) -> Any:
    async def sleep(_: float) -> None:
        await asyncio.to_thread(knot.catch_up)

    return sleep


def test_a_certificate_is_revoked(knot: Knot, house: House) -> None:
    with Pebble(dns=(knot.address, knot.port)) as ca:
        settings = _settled(ca, house)
        got = obtained(house, settings, _records(knot, settings), need=need_for("home.test"))
        assert ca.status_of(got.chain[0]) == "Valid"
        for _ in range(2):  # once more is as good
            asyncio.run(revoke(house, got.chain[0], settings, leaked=True, world=TestWorld()))
        assert ca.status_of(got.chain[0]) == "Revoked"
