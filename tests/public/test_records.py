"""The records of the proof: really published, really seen, in a real DNS server's zones.

A CA may ask any server of a zone, and a failed proof counts: so what matters most is that nobody
is told "it is there" before every server shows it.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from housekey.errors import DnsFailed, DnsNotShown, ProviderRefused
from housekey.public.lookup import Lookup
from housekey.public.records import managed, records_of
from tests.public.dnsmasq import Dnsmasq
from tests.public.knot import Knot, free_address
from tests.public.parts import (
    TestWorld,
    lookup_in,
    records_in,
    require_ipv6,
    secrets,
    settings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "_acme-challenge.home.test"


@pytest.fixture
def knot() -> Iterator[Knot]:
    with Knot(zones=["home.test"]) as started:
        yield started


def test_the_values_of_a_name_and_its_wildcard_are_shown_together(knot: Knot) -> None:
    records = records_in(knot)
    asyncio.run(records.publish("home.test", ["for-the-name", "for-the-wildcard"]))
    assert knot.lookup(NAME) == ("for-the-name", "for-the-wildcard")
    asyncio.run(records.publish("*.home.test", ["for-another-order"]))
    assert knot.lookup(NAME) == ("for-another-order", "for-the-name", "for-the-wildcard")


def test_publishing_once_more_changes_nothing(knot: Knot) -> None:
    records = records_in(knot)
    asyncio.run(records.publish("home.test", ["one", "two"]))
    before = knot.lookup("home.test", "SOA")
    asyncio.run(records.publish("home.test", ["two", "one"]))
    assert knot.lookup("home.test", "SOA") == before  # no change reached the server


def test_withdrawing_takes_away_what_was_published_and_no_more(knot: Knot) -> None:
    records = records_in(knot)
    asyncio.run(records.publish("home.test", ["one", "two", "three"]))
    asyncio.run(records.withdraw("home.test", ["one", "two"]))
    assert knot.lookup(NAME) == ("three",)
    asyncio.run(records.withdraw("home.test", ["one", "two", "three"]))  # some are gone already
    assert knot.lookup(NAME) == ()


def test_what_cannot_be_withdrawn_is_told_and_fails_nothing(knot: Knot) -> None:
    world = TestWorld()
    records = records_in(knot, world=world, credentials=knot.wrong_credentials)
    asyncio.run(records.withdraw("home.test", ["one"]))
    ((label, text),) = world.told
    assert label == "heads up"
    assert text.startswith("a TXT record stays behind: the DNS provider ddns did not change")


def test_a_name_deep_below_its_zone_is_found_there(knot: Knot) -> None:
    asyncio.run(records_in(knot).publish("a.b.c.home.test", ["one"]))
    assert knot.lookup("_acme-challenge.a.b.c.home.test") == ("one",)


def test_it_waits_for_the_server_that_lags() -> None:
    with Knot(zones=["home.test"], secondaries=1, lag=True) as knot:
        world = TestWorld()

        def after_two_looks() -> None:
            assert knot.lookup(NAME) == ("one",)
            if len(world.pauses) == 2:
                assert knot.lookup(NAME, server=1) == ()
                knot.catch_up()

        world.between = after_two_looks
        asyncio.run(records_in(knot, world=world).publish("home.test", ["one"]))
        assert knot.lookup(NAME, server=1) == ("one",)
    assert world.pauses == [2.0, 3.0]  # longer each time
    assert world.waited_for[-2:] == [f"waiting until all DNS servers of home.test show {NAME}", ""]


def test_a_record_that_one_server_never_shows_is_told_with_that_server() -> None:
    with Knot(zones=["home.test"], secondaries=1, lag=True) as knot:
        unseen = records_in(knot, seconds=0.2)
        with pytest.raises(DnsNotShown) as failed:
            asyncio.run(unseen.publish("home.test", ["one"]))
        second = f"ns2.home.test ({knot.addresses[1]})"
        assert failed.value.record == NAME
        assert failed.value.places == ((second, "nothing"),)
        assert failed.value.message == (
            f"the TXT record {NAME} is not shown by all its servers after 0 seconds;"
            f" {second}: nothing"
        )
        # Another run goes on from here: nothing is published twice.
        knot.catch_up()
        before = knot.lookup("home.test", "SOA")
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        assert knot.lookup("home.test", "SOA") == before


def test_an_old_value_is_told_as_what_it_is() -> None:
    with Knot(zones={"home.test": f"{NAME}. TXT old"}, secondaries=1, lag=True) as knot:
        unseen = records_in(knot, seconds=0.1)
        with pytest.raises(DnsNotShown) as failed:
            asyncio.run(unseen.publish("home.test", ["one"]))
    ((_, found),) = failed.value.places
    assert found == "another value, old"


@pytest.mark.parametrize("how", ["ended", "silent"])
def test_a_dead_server_is_waited_for_some_time_and_then_left_out(how: str) -> None:
    with Knot(zones=["home.test"], secondaries=1) as knot:
        (knot.stop if how == "ended" else knot.silence)(1)
        world = TestWorld()
        asyncio.run(records_in(knot, world=world).publish("home.test", ["one"]))
        assert knot.lookup(NAME) == ("one",)
    assert len(world.pauses) == 2  # three looks


def test_a_server_at_an_address_that_this_network_cannot_reach_is_left_out() -> None:
    beyond = "@ NS far\nfar AAAA 2001:db8::53"
    with Knot(zones={"home.test": beyond}) as knot:
        asyncio.run(records_in(knot).publish("home.test", ["one"]))


def test_a_server_that_answers_garbage_is_left_out() -> None:
    address = free_address()
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        server.settimeout(0.1)

        def babble() -> None:
            while not stop.is_set():
                try:
                    _, asker = server.recvfrom(4096)
                except TimeoutError:
                    continue
                server.sendto(b"\xff" * 50, asker)

        thread = threading.Thread(target=babble)
        thread.start()
        try:
            with Knot(zones={"home.test": f"@ NS odd\nodd A {address}"}) as knot:
                asyncio.run(records_in(knot).publish("home.test", ["one"]))
            with pytest.raises(DnsFailed, match="the DNS gave no answer for"):
                asyncio.run(Lookup((address,), patience=0.1).zone_of("home.test"))
        finally:
            stop.set()
            thread.join()


def test_a_server_that_does_not_serve_the_zone_is_left_out() -> None:
    with (
        Knot(zones=["other.test"]) as lame,
        Knot(zones={"home.test": f"@ NS lame\nlame A {lame.address}"}) as knot,
    ):
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        zone = asyncio.run(lookup_in(knot).zone_of(NAME))
        said = [asyncio.run(lookup_in(knot).said_by(each, NAME, "TXT")) for each in zone.servers]
    assert [each.told for each in said if each.values is None] == ["it answered REFUSED"]


def test_each_address_of_a_server_is_asked_also_by_ipv6() -> None:
    require_ipv6()
    with Knot(zones=["home.test"], ipv6=True) as knot:
        assert knot.ipv6_port is not None
        lookup = Lookup((knot.address,), port=knot.ipv6_port)
        asyncio.run(records_in(knot, lookup=lookup).publish("home.test", ["one"]))
        zone = asyncio.run(lookup.zone_of(NAME))
        assert [each.address for each in zone.servers] == [knot.address, "::1"]
        for server in zone.servers:
            said = asyncio.run(lookup.said_by(server, NAME, "TXT"))
            assert said.values == frozenset(["one"]), server


def test_where_no_server_can_be_asked_this_networks_resolver_must_show_it() -> None:
    """The zone's own servers are out of reach, as behind a router that keeps DNS to itself."""
    with Knot(zones=["home.test"]) as knot, Knot(zones=["home.test"]) as elsewhere:
        nobody = free_address()
        knot.replace_servers("home.test", {"ns": nobody})
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        # What goes elsewhere this resolver never shows.
        unseen = records_in(knot, credentials=elsewhere.credentials, seconds=2.0)
        with pytest.raises(DnsNotShown) as failed:
            asyncio.run(unseen.publish("home.test", ["another"]))
    assert failed.value.places == ((f"ns.home.test ({nobody})", "no answer"),)


def test_the_proof_may_be_delegated_to_another_zone() -> None:
    zones = {"home.test": "_acme-challenge CNAME home.proofs.test.", "proofs.test": ""}
    with Knot(zones=zones) as knot:
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        assert knot.lookup("home.proofs.test") == ("one",)
        asyncio.run(records_in(knot).withdraw("home.test", ["one"]))
        assert knot.lookup("home.proofs.test") == ()


def test_a_zone_of_its_own_for_the_proof_is_found() -> None:
    """Delegated with NS records, as for a server that may change nothing else."""
    zones = {"home.test": "_acme-challenge NS ns1", NAME: "@ A 192.0.2.1"}
    with Knot(zones=zones) as knot:
        assert asyncio.run(lookup_in(knot).zone_of(NAME)).name == NAME
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        assert knot.lookup(NAME) == ("one",)


@pytest.mark.parametrize(
    ("zone", "record", "domain"),
    [
        ("duckdns.org", "_acme-challenge.a.myhome.duckdns.org", "myhome.duckdns.org"),
        ("dynu.com", "_acme-challenge.myhome.dynu.com", "myhome.dynu.com"),
        ("myhome.dedyn.io", "_acme-challenge.ha.myhome.dedyn.io", "myhome.dedyn.io"),
        ("example.org", "_acme-challenge.a.b.example.org", "example.org"),
        ("example.co.uk", "_acme-challenge.example.co.uk", "example.co.uk"),
        ("home.test", "home.test", "home.test"),
        ("duckdns.org", "duckdns.org", "duckdns.org"),
    ],
)
def test_a_provider_is_asked_for_the_name_that_it_knows(
    zone: str, record: str, domain: str
) -> None:
    assert managed(zone, record) == domain


def test_a_delegation_may_take_several_steps() -> None:
    zones = {
        "home.test": "_acme-challenge CNAME a.mid.test.",
        "mid.test": "a CNAME b\nb CNAME c.proofs.test.",
        "proofs.test": "",
    }
    with Knot(zones=zones) as knot:
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
        assert knot.lookup("c.proofs.test") == ("one",)


def test_a_delegation_that_is_newer_than_what_this_network_remembers_is_followed() -> None:
    with (
        Knot(zones=["home.test", "proofs.test"]) as knot,
        Dnsmasq(knot, filters=True) as router,
    ):
        lookup = Lookup((router.address,))
        assert asyncio.run(lookup.seen(NAME, "CNAME")) == frozenset()
        knot.set_alias(NAME, "home.proofs.test")
        assert asyncio.run(lookup.seen(NAME, "CNAME")) == frozenset()  # it remembers
        asyncio.run(records_in(knot, lookup=lookup).publish("home.test", ["one"]))
        assert knot.lookup("home.proofs.test") == ("one",)


def test_a_delegation_in_a_circle_is_told_with_its_steps() -> None:
    with (
        Knot(zones={"home.test": "_acme-challenge CNAME a\na CNAME b\nb CNAME a"}) as knot,
        pytest.raises(DnsFailed) as failed,
    ):
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
    assert failed.value.message == (
        f"the CNAME record of {NAME} leads in a circle:"
        f" {NAME} -> a.home.test -> b.home.test -> a.home.test"
    )


def test_a_delegation_without_end_is_told() -> None:
    steps = "\n".join(f"s{number} CNAME s{number + 1}" for number in range(20))
    with (
        Knot(zones={"home.test": f"_acme-challenge CNAME s0\n{steps}"}) as knot,
        pytest.raises(DnsFailed, match="leads on and on"),
    ):
        asyncio.run(records_in(knot).publish("home.test", ["one"]))


def test_a_delegation_to_a_zone_that_is_not_there_is_told(knot: Knot) -> None:
    with (
        Knot(zones={"home.test": "_acme-challenge CNAME home.nowhere.test."}) as leading,
        pytest.raises(DnsFailed) as failed,
    ):
        asyncio.run(records_in(leading).publish("home.test", ["one"]))
    assert failed.value.message == (
        "the DNS gave no answer for home.nowhere.test (SOA), asked at"
        f" {leading.address}: it failed or refused"
    )


def test_a_name_in_no_zone_is_not_looked_for_in_a_registry() -> None:
    """The top of the DNS answers that there is no such name: nobody could publish there."""
    with (
        Knot(zones=["com"]) as knot,
        pytest.raises(DnsFailed, match="no zone was found that holds") as failed,
    ):
        asyncio.run(records_in(knot).publish("no-such-home.com", ["one"]))
    assert "below com" in failed.value.message


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("wrong_credentials", "PeerBadSignature: The peer didn't like the signature we sent"),
        ("unpermitted_credentials", "PeerBadKey: The peer didn't know the key we used"),
    ],
)
def test_a_key_that_is_not_accepted_is_told(knot: Knot, which: str, said: str) -> None:
    credentials = getattr(knot, which)
    with pytest.raises(DnsFailed) as failed:
        asyncio.run(records_in(knot, credentials=credentials).publish("home.test", ["one"]))
    assert failed.value.message == (
        f"the DNS provider ddns did not change the TXT record {NAME}: {said}"
    )
    assert failed.value.hint == "check the credentials, and that they may change home.test"
    assert knot.lookup(NAME) == ()


def test_credentials_in_the_wrong_form_are_told_with_the_right_one(knot: Knot) -> None:
    credentials = {**knot.credentials, "auth_token": "only-one-part"}
    with pytest.raises(DnsFailed) as failed:
        asyncio.run(records_in(knot, credentials=credentials).publish("home.test", ["one"]))
    assert "auth_token: the TSIG key whose updates the server takes, as ALGORITHM:NAME:SECRET" in (
        failed.value.hint
    )
    assert "only-one-part" not in failed.value.message + failed.value.hint


def test_a_server_that_refuses_is_not_waited_for(knot: Knot) -> None:
    """lexicon itself does not look at what an RFC 2136 server answers."""
    knot.freeze("home.test")
    with pytest.raises(DnsFailed) as failed:
        asyncio.run(records_in(knot).publish("home.test", ["one"]))
    assert failed.value.message == (
        f"the DNS provider ddns did not change the TXT record {NAME}:"
        " LexiconError: the server answered REFUSED"
    )


def test_a_server_of_other_zones_is_told(knot: Knot) -> None:
    with Knot(zones=["other.test"]) as other:
        records = records_in(knot, credentials=other.credentials)
        with pytest.raises(DnsFailed, match="the DNS provider ddns did not change"):
            asyncio.run(records.publish("home.test", ["one"]))


def test_a_provider_that_is_not_reached_is_told(knot: Knot) -> None:
    credentials = {**knot.credentials, "ddns_server": free_address()}
    with pytest.raises(DnsFailed) as failed:
        asyncio.run(records_in(knot, credentials=credentials).publish("home.test", ["one"]))
    assert failed.value.message.startswith("the DNS provider ddns was not reached: ")
    assert failed.value.hint == "look whether this computer reaches the internet, and try again"


def test_a_network_without_dns_is_told() -> None:
    nobody = free_address()
    with Knot(zones=["home.test"]) as knot:
        records = records_in(knot, lookup=Lookup((nobody,), patience=0.1))
        with pytest.raises(DnsFailed) as failed:
            asyncio.run(records.publish("home.test", ["one"]))
    assert failed.value.message.startswith(f"the DNS gave no answer for {NAME} (SOA), asked at")
    assert nobody in failed.value.message


def test_a_provider_without_credentials_is_refused_before_anything_is_asked() -> None:
    records = records_of(settings("duckdns"), {}, world=TestWorld(), lookup=Lookup(("no",)))
    for ask in (records.ready(), records.publish("home.duckdns.org", ["one"])):
        with pytest.raises(ProviderRefused) as refused:
            asyncio.run(ask)
        assert refused.value.message == "the DNS provider duckdns needs credentials: auth_token"


def test_a_provider_that_hangs_is_not_waited_for_for_ever(knot: Knot) -> None:
    with socket.socket() as deaf:
        address = free_address()
        deaf.bind((address, 53))
        deaf.listen()
        credentials = {**knot.credentials, "ddns_server": address}
        records = records_of(
            settings(),
            secrets(credentials),
            world=TestWorld(),
            lookup=lookup_in(knot),
            provider_seconds=0.2,
        )
        with pytest.raises(DnsFailed, match="did not answer within 0 seconds"):
            asyncio.run(records.publish("home.test", ["one"]))
        left = [thread for thread in threading.enumerate() if thread.name == "housekey dns"]
        assert [thread.daemon for thread in left] == [True]  # the end of a process waits for none
