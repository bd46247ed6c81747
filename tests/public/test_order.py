"""An order with Pebble, Let's Encrypt's own test server, from the account to the certificate."""

from __future__ import annotations

import asyncio
import base64
import logging
import stat
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import CaRefused, PublicTrouble
from housekey.house.road import (
    ACCOUNT,
    ACCOUNT_KEY,
    ORDER,
    ORDER_CHAIN,
    ORDER_KEY,
    ORDER_STATE,
    REHEARSAL,
)
from housekey.pki.encoding import matches
from housekey.pki.keys import KeyType, PrivateKey, Secret
from housekey.pki.names import names_of
from housekey.public.account import about, account_of
from housekey.public.ari import id_of
from housekey.public.order import taken
from tests.leaks.needles import Needles
from tests.public.ordered import (
    LABEL,
    NAMES,
    TestWorld,
    need_for,
    obtained,
    registered,
    settings_for,
)
from tests.public.pebble import TERMS, Pebble
from tests.public.troubled import Troubled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from housekey.house.house import House
    from housekey.public.order import Obtained
    from tests.public.challtest import ChallTest, ChallTestRecords


@pytest.fixture(scope="module")
def ca(pebble: Pebble) -> Iterator[Troubled]:
    with Troubled(pebble) as proxy:
        yield proxy


@pytest.fixture
def settings(ca: Troubled, house: House) -> Any:
    """What is settled with the CA, and the house is registered there."""
    settled = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settled, terms=TERMS)
    ca.asked.clear()
    ca.wanted.clear()
    return settled


def _is_served_alone(got: Obtained, *names: str) -> None:
    leaf, *above = got.chain
    assert {str(name) for name in names_of(leaf)} == set(names)
    assert matches(leaf, got.key)
    leaf.verify_directly_issued_by(above[0])
    assert all(each.subject != each.issuer for each in got.chain)  # the root is the devices' own


@pytest.mark.parametrize("key_type", [KeyType.ECDSA_P256, KeyType.RSA_2048])
def test_an_order_brings_a_certificate_for_the_names_and_a_new_key(
    key_type: KeyType, house: House, settings: Any, records: ChallTestRecords
) -> None:
    got = obtained(house, settings, records, need=need_for(key_type=key_type))
    _is_served_alone(got, *NAMES)
    assert got.key.key_type is key_type
    assert records.published == records.withdrawn == list(NAMES)


def test_a_wildcard_and_the_name_below_it_are_proven_by_one_record_with_two_values(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    names = ("home.example.org", "*.home.example.org")
    _is_served_alone(obtained(house, settings, records, need=need_for(*names)), *names)
    assert records.published == ["home.example.org"]


def test_where_there_is_room_for_one_value_one_proof_follows_the_other(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    records.one_at_a_time = True
    names = ("home.example.org", "*.home.example.org", "more.home.example.org")
    _is_served_alone(obtained(house, settings, records, need=need_for(*names)), *names)
    assert sorted(records.published) == sorted(name.removeprefix("*.") for name in names)


def test_a_key_that_is_to_be_used_again_is(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    got = obtained(house, settings, records, need=need_for(key=key))
    assert matches(got.chain[0], key)


def test_until_it_is_taken_the_same_certificate_comes_without_asking_the_ca(
    house: House, settings: Any, records: ChallTestRecords, ca: Troubled
) -> None:
    orders = ca.pebble.orders
    first = obtained(house, settings, records)
    asked = len(ca.asked)
    assert obtained(house, settings, records).chain == first.chain
    assert len(ca.asked) == asked
    house.take(LABEL, chain=first.chain, key=first.key, data={})
    taken(house)
    assert not (house.folder / ORDER).exists()
    assert obtained(house, settings, records).chain != first.chain
    assert ca.pebble.orders == orders + 2


def test_one_that_was_taken_before_a_kill_is_not_given_again(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    first = obtained(house, settings, records)
    house.take(LABEL, chain=first.chain, key=first.key, data={})  # and then the power went
    assert obtained(house, settings, records).chain != first.chain


def test_everything_is_for_the_owner_alone_from_its_birth(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    obtained(house, settings, records)
    for name in (ACCOUNT, ACCOUNT_KEY, *(f"{ORDER}/{each}" for each in _FILES)):
        assert stat.S_IMODE((house.folder / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE((house.folder / ORDER).stat().st_mode) == 0o700


_FILES = (ORDER_STATE, ORDER_KEY, ORDER_CHAIN)


def test_each_step_is_in_the_ledger_before_the_ca_hears_of_it(
    house: House, settings: Any, records: ChallTestRecords
) -> None:
    story: list[str] = []
    obtained(house, settings, records, hook=story.append)
    for step, question in (
        ("new-order", "ask new order"),
        ("publish", "published"),
        ("answer", "ask to look at the record"),
        ("finalize", "ask for the certificate"),
        ("download", "ask the chain"),
    ):
        assert story.index(f"after {step} in the ledger") < story.index(question), step
    assert story.index("after the order's folder") < story.index("ask new order")
    steps = [event.data["step"] for event in reversed(house.ledger.events(kind="order"))]
    assert steps == ["account", "new-order", "publish", "answer", "finalize", "download"]


def test_what_the_ca_has_seen_proven_is_not_proven_again(
    house: House, challtest: ChallTest, records: ChallTestRecords
) -> None:
    with Pebble(dns=challtest.dns, authz_reuse=100) as pebble:
        settings = settings_for(pebble.directory, pebble.roots_pem())
        registered(house, settings, terms=TERMS)
        for _ in range(2):
            obtained(house, settings, records)
            taken(house)
    assert records.published == list(NAMES)


def test_half_of_all_nonces_refused_and_a_ca_that_takes_its_time_are_borne(
    house: House, challtest: ChallTest, records: ChallTestRecords
) -> None:
    with Pebble(dns=challtest.dns, nonce_reject=50, sleep=1, chain_length=2) as pebble:
        settings = settings_for(pebble.directory, pebble.roots_pem())
        registered(house, settings, terms=TERMS)
        got = obtained(house, settings, records)
        assert pebble.orders == pebble.certificates == 1
    assert len(got.chain) == 3
    _is_served_alone(got, *NAMES)


def test_another_need_gives_up_the_order_of_the_one_before(
    house: House, settings: Any, records: ChallTestRecords, ca: Troubled
) -> None:
    ca.trouble("certificate", times=99, status=500)
    with pytest.raises(PublicTrouble):
        obtained(house, settings, records)
    ca.peace()
    other = need_for("other.example.org")
    _is_served_alone(
        obtained(house, settings, records, need=other, by_hand=True), "other.example.org"
    )
    assert len(ca.wanted) == 2
    [given_up, _] = house.ledger.events(kind="order-failed")
    assert given_up.data["code"] == "given-up"


def test_an_order_for_a_key_that_was_revoked_meanwhile_is_given_up(
    house: House, settings: Any, records: ChallTestRecords, ca: Troubled
) -> None:
    first = obtained(house, settings, records)
    house.take(LABEL, chain=first.chain, key=first.key, data={})
    taken(house)
    ca.trouble("certificate", times=99, status=500)
    with pytest.raises(PublicTrouble):
        obtained(house, settings, records, need=need_for(key=first.key))
    ca.peace()
    got = obtained(house, settings, records, need=need_for(key=None), by_hand=True)
    assert not matches(got.chain[0], first.key)
    # And that one is gone on with, until it is taken.
    assert obtained(house, settings, records).chain == got.chain


def test_the_certificate_that_is_renewed_and_the_profile_are_told_where_the_ca_listens(
    house: House, settings: Any, records: ChallTestRecords, ca: Troubled
) -> None:
    first = obtained(house, settings, records)
    taken(house)
    need = need_for(replaces=first.chain[0])
    obtained(
        house, settings_for(ca.directory, settings.roots_pem, profile="tls"), records, need=need
    )
    taken(house)
    ca.renewal = {}
    try:
        obtained(house, settings, records, need=need)
    finally:
        ca.renewal = None
    silent, with_profile, with_both = (
        {key: wanted[key] for key in ("profile", "replaces") if key in wanted}
        for wanted in ca.wanted
    )
    assert (silent, with_profile) == ({}, {"profile": "tls"})
    assert with_both == {"replaces": id_of(first.chain[0])}


@pytest.mark.parametrize(("code", "status"), [("alreadyReplaced", 409), ("malformed", 404)])
def test_a_certificate_that_may_not_be_replaced_is_ordered_all_the_same(
    code: str,
    status: int,
    house: House,
    settings: Any,
    records: ChallTestRecords,
    ca: Troubled,
) -> None:
    first = obtained(house, settings, records)
    taken(house)
    orders = ca.pebble.orders
    ca.renewal = {}
    ca.problem("newOrder", code, "the certificate has been replaced", status=status)
    try:
        obtained(house, settings, records, need=need_for(replaces=first.chain[0]))
    finally:
        ca.renewal = None
    assert ca.pebble.orders == orders + 1


def test_a_rehearsal_leaves_an_order_in_earnest_alone_and_is_over_with_itself(
    ca: Troubled, house: House, records: ChallTestRecords
) -> None:
    """Another CA in earnest would have been asked for nothing, and for a second certificate."""
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    registered(house, settings, terms=TERMS)
    ordered = len(ca.wanted)
    first = obtained(house, settings, records)  # it lies ready; a switch may have failed
    other = need_for("rehearsed.example.org")
    rehearsed = obtained(house, settings, records, need=other, rehearsal=True)
    assert rehearsed.chain != first.chain
    again = obtained(house, settings, records, need=other, rehearsal=True)
    assert again.chain == rehearsed.chain
    taken(house, rehearsal=True)
    assert not (house.folder / REHEARSAL).exists()
    assert obtained(house, settings, records).chain == first.chain
    assert len(ca.wanted) == ordered + 2
    taken(house)


def test_a_ca_says_what_it_is_before_anybody_registers(ca: Troubled, in_memory: Path) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    said = asyncio.run(about(settings, world=TestWorld(), house=in_memory / "none"))
    assert (said.terms, said.needs_eab, said.profiles) == (TERMS, False, ())
    assert said.name == ca.directory.split("/")[2]


def test_nobody_is_registered_who_has_not_agreed_to_the_terms(ca: Troubled, house: House) -> None:
    settings = settings_for(ca.directory, ca.pebble.roots_pem())
    ca.asked.clear()
    with pytest.raises(PublicTrouble, match="registers only who agrees to its terms: data:text"):
        registered(house, settings, terms=None)
    assert ca.asked == ["directory"]
    assert not (house.folder / ACCOUNT_KEY).exists()


def test_to_register_twice_is_to_register_once(
    ca: Troubled, house: House, settings: Any, records: ChallTestRecords
) -> None:
    first = account_of(house, settings.directory)
    accounts = ca.pebble.accounts
    (house.folder / ACCOUNT).unlink()  # a kill after the CA answered
    registered(house, settings, terms=TERMS)
    assert account_of(house, settings.directory) == first
    assert ca.pebble.accounts == accounts


def test_a_ca_that_knows_its_customers_registers_with_their_key_only(
    house: House, records: ChallTestRecords, challtest: ChallTest
) -> None:
    key = base64.urlsafe_b64encode(b"a key that the CA has given out.").decode().rstrip("=")
    with Pebble(dns=challtest.dns, eab={"kid-1": key}) as pebble:
        nobody = settings_for(pebble.directory, pebble.roots_pem())
        with pytest.raises(PublicTrouble, match="registers only whom it knows"):
            registered(house, nobody, terms=TERMS)
        customer = settings_for(pebble.directory, pebble.roots_pem(), eab_kid="kid-1")
        wrong = base64.urlsafe_b64encode(b"another key, by mistake pasted..")
        with pytest.raises(CaRefused, match="refused") as refused:
            registered(house, customer, terms=TERMS, eab_hmac=Secret(wrong))
        assert "compare the key id" in refused.value.hint
        with pytest.raises(PublicTrouble, match="not in base64url"):
            registered(house, customer, terms=TERMS, eab_hmac=Secret(b"a"))
        registered(house, customer, terms=TERMS, eab_hmac=Secret(key.encode()))
        _is_served_alone(obtained(house, customer, records), *NAMES)


def test_a_house_that_tried_another_ca_is_known_again_without_the_key_for_new_accounts(
    ca: Troubled, house: House, records: ChallTestRecords, challtest: ChallTest
) -> None:
    """A key for new accounts is good for one, and the house forgets it; a rehearsal is enough."""
    key = base64.urlsafe_b64encode(b"a key that the CA has given out.")
    with Pebble(dns=challtest.dns, eab={"kid-1": key.rstrip(b"=").decode()}) as pebble:
        customer = settings_for(pebble.directory, pebble.roots_pem(), eab_kid="kid-1")
        registered(house, customer, terms=TERMS, eab_hmac=Secret(key))
        first = account_of(house, customer.directory)
        registered(house, settings_for(ca.directory, ca.pebble.roots_pem()), terms=TERMS)
        assert account_of(house, customer.directory) is None
        registered(house, customer, terms=TERMS)
        assert account_of(house, customer.directory) == first
        (house.folder / ACCOUNT).unlink()
        (house.folder / ACCOUNT_KEY).unlink()
        (house.folder / ACCOUNT_KEY).touch(mode=0o600)
        (house.folder / ACCOUNT_KEY).write_bytes(
            PrivateKey.generate(KeyType.ECDSA_P256).to_pem().reveal()
        )
        with pytest.raises(PublicTrouble, match="registers only whom it knows"):
            registered(house, customer, terms=TERMS)  # another key, that it never heard of


def test_no_secret_is_logged_sent_or_kept_where_it_does_not_belong(
    house: House,
    records: ChallTestRecords,
    challtest: ChallTest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The library, requests and urllib3 log all that is sent and answered."""
    hmac = base64.urlsafe_b64encode(b"a key that the CA has given out.").rstrip(b"=")
    caplog.set_level(logging.DEBUG)
    with Pebble(dns=challtest.dns, eab={"kid-1": hmac.decode()}) as pebble:
        settings = settings_for(pebble.directory, pebble.roots_pem(), eab_kid="kid-1")
        registered(house, settings, terms=TERMS, eab_hmac=Secret(hmac))
        got = obtained(house, settings, records)
        seen_by_the_ca = pebble.log.encode()
    needles = Needles()
    needles.text("the CA's key for new accounts", hmac)
    needles.key("the account's key", (house.folder / ACCOUNT_KEY).read_bytes())
    needles.key("the certificate's key", got.key.to_pem().reveal())
    log = caplog.text.encode()
    assert b"/finalize-order/" in log  # it was looked at where they would be
    ledger = repr(list(house.ledger.events(-1))).encode()
    state = (house.folder / ORDER / ORDER_STATE).read_bytes()
    for place in (log, ledger, state, seen_by_the_ca, (house.folder / ACCOUNT).read_bytes()):
        assert list(needles.found_in(place)) == []


def test_a_house_without_an_account_is_told_so(house: House, records: ChallTestRecords) -> None:
    with pytest.raises(PublicTrouble, match=r"has no account with 127\.0\.0\.1"):
        obtained(house, settings_for("https://127.0.0.1:1/dir", None), records)  # type: ignore[arg-type]


def test_a_directory_without_tls_is_refused(house: House) -> None:
    with pytest.raises(PublicTrouble, match="does not begin with https"):
        registered(house, settings_for("http://127.0.0.1:1/dir", None), terms=None)  # type: ignore[arg-type]


def test_only_the_roots_that_were_given_are_trusted(ca: Troubled, house: House) -> None:
    with pytest.raises(PublicTrouble, match="is not trusted here") as refused:
        registered(house, settings_for(ca.directory, ca.pebble.issuing_root_pem()), terms=TERMS)
    assert "--acme-root" in refused.value.hint
