"""DuckDNS, by lexicon's own provider: asked as its description says, and nothing of it let out.

Its interface is played by a stand-in, its DNS is a real server.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import traceback
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from housekey.errors import DnsFailed, DnsNotShown
from housekey.public.duckdns import domain_of, point, point_all
from housekey.public.hiding import MASK
from housekey.public.records import records_of
from tests.public.duckdns_stand_in import HOST, DuckDnsStandIn, duckdns_certificate
from tests.public.knot import Knot, free_address
from tests.public.parts import TestWorld, lookup_in, secrets, settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "c0ffee00-7357-4a5b-8c1d-0123456789ab"
NAME = "_acme-challenge.myhome.duckdns.org"


@pytest.fixture
def knot() -> Iterator[Knot]:
    with Knot(zones=["duckdns.org"]) as started:
        yield started


@pytest.fixture
def duckdns(knot: Knot) -> Iterator[DuckDnsStandIn]:
    with DuckDnsStandIn(TOKEN, ("myhome",), dns=knot) as started, started.in_its_place():
        yield started


def _publish(
    knot: Knot, domain: str, *values: str, token: str = TOKEN, seconds: float = 60
) -> None:
    records = records_of(
        settings("duckdns"),
        secrets({"auth_token": token}),
        world=TestWorld(),
        lookup=lookup_in(knot),
        seconds=seconds,
    )
    asyncio.run(records.publish(domain, values))


def test_a_proof_is_published_and_withdrawn(knot: Knot, duckdns: DuckDnsStandIn) -> None:
    _publish(knot, "myhome.duckdns.org", "one")
    assert duckdns.requests == [
        {"domains": "myhome", "txt": "one", "token": TOKEN, "verbose": "true"}
    ]
    assert knot.lookup(NAME) == knot.lookup("myhome.duckdns.org") == ("one",)
    records = records_of(
        settings("duckdns"),
        secrets({"auth_token": TOKEN}),
        world=(world := TestWorld()),
        lookup=lookup_in(knot),
    )
    asyncio.run(records.withdraw("myhome.duckdns.org", ["one"]))
    assert (knot.lookup(NAME), world.told) == ((), [])
    assert duckdns.requests[1:] == [
        {"domains": "myhome", "txt": "", "clear": "true", "token": TOKEN, "verbose": "true"}
    ]


def test_a_name_below_ones_own_is_proven_there(knot: Knot, duckdns: DuckDnsStandIn) -> None:
    _publish(knot, "ha.myhome.duckdns.org", "one")
    assert knot.lookup("_acme-challenge.ha.myhome.duckdns.org") == ("one",)
    assert [request["domains"] for request in duckdns.requests] == ["myhome"]


def test_two_proofs_at_once_are_refused_before_one_overwrites_the_other(
    knot: Knot, duckdns: DuckDnsStandIn
) -> None:
    with pytest.raises(DnsFailed) as failed:
        _publish(knot, "myhome.duckdns.org", "for-the-name", "for-the-wildcard")
    assert failed.value.message == (
        "DuckDNS shows one proof at a time, and myhome.duckdns.org needs 2 at once"
    )
    assert duckdns.requests == []
    # One after the other is the way.
    _publish(knot, "myhome.duckdns.org", "for-the-name")
    _publish(knot, "*.myhome.duckdns.org", "for-the-wildcard")
    assert knot.lookup(NAME) == ("for-the-wildcard",)


def test_an_older_proof_that_is_shown_again_is_published_again(
    knot: Knot, duckdns: DuckDnsStandIn
) -> None:
    for value in ("one", "two", "one"):
        _publish(knot, "myhome.duckdns.org", value)
        assert knot.lookup(NAME) == (value,)
    assert [request["txt"] for request in duckdns.requests] == ["one", "two", "one"]


def test_a_name_elsewhere_is_refused_unless_it_leads_there(duckdns: DuckDnsStandIn) -> None:
    zones = {
        "duckdns.org": "",
        "home.test": "_acme-challenge CNAME myhome.duckdns.org.",
        "other.test": "",
    }
    with Knot(zones=zones) as knot:
        duckdns.dns = knot
        _publish(knot, "home.test", "one")
        assert knot.lookup("myhome.duckdns.org") == ("one",)
        with pytest.raises(DnsFailed) as failed:
            _publish(knot, "other.test", "one")
    assert failed.value.message == "_acme-challenge.other.test is not a name of DuckDNS"
    assert len(duckdns.requests) == 1


@pytest.mark.parametrize(
    ("addresses", "asked", "shown"),
    [
        (("192.168.1.7",), [("ip", "192.168.1.7")], {"A": ("192.168.1.7",), "AAAA": ()}),
        (
            ("192.168.1.7", "fd00::7"),
            [("ip", "192.168.1.7"), ("ipv6", "fd00::7")],
            {"A": ("192.168.1.7",), "AAAA": ("fd00::7",)},
        ),
        (("fd00::7",), [("ipv6", "fd00::7")], {"A": (), "AAAA": ("fd00::7",)}),
        ((), [("ip", "")], {"A": ("203.0.113.7",), "AAAA": ()}),
    ],
)
def test_a_name_is_pointed_to_addresses(
    knot: Knot,
    duckdns: DuckDnsStandIn,
    addresses: tuple[str, ...],
    asked: list[tuple[str, str]],
    shown: dict[str, tuple[str, ...]],
) -> None:
    world = TestWorld()
    asyncio.run(
        point(
            "ha.myhome.duckdns.org",
            [ip_address(each) for each in addresses],
            secrets({"auth_token": TOKEN}),
            world=world,
        )
    )
    common = {"domains": "myhome", "token": TOKEN, "verbose": "true"}
    assert duckdns.requests == [{**common, name: value} for name, value in asked]
    for kind, found in shown.items():
        assert knot.lookup("myhome.duckdns.org", kind) == found
        assert knot.lookup("ha.myhome.duckdns.org", kind) == found


def test_each_name_that_was_registered_is_pointed_and_those_that_failed_are_told(
    knot: Knot, duckdns: DuckDnsStandIn
) -> None:
    world = TestWorld()
    names = ("someone.duckdns.org", "myhome.duckdns.org", "*.myhome.duckdns.org")
    credentials = secrets({"auth_token": TOKEN})
    with pytest.raises(DnsFailed) as failed:
        asyncio.run(point_all(names, [ip_address("192.168.1.7")], credentials, world=world))
    assert failed.value.message.startswith(
        "of 2 names, 1 could not be led to 192.168.1.7 (someone.duckdns.org):"
        " the DNS provider duckdns did not change the A record someone.duckdns.org: "
    )
    assert [request["domains"] for request in duckdns.requests] == ["someone", "myhome"]
    assert knot.lookup("myhome.duckdns.org", "A") == ("192.168.1.7",)
    assert world.told == [("points", "myhome.duckdns.org leads to 192.168.1.7")]
    # One name alone is told as it failed.
    with pytest.raises(DnsFailed, match=r"^the DNS provider duckdns did not change"):
        asyncio.run(point_all(names[:1], [ip_address("192.168.1.7")], credentials, world=world))


def test_more_than_one_address_of_a_kind_is_refused() -> None:
    addresses = [ip_address("192.168.1.7"), ip_address("192.168.1.8")]
    with pytest.raises(DnsFailed, match="one IPv4 and one IPv6"):
        asyncio.run(
            point("x.duckdns.org", addresses, secrets({"auth_token": "t"}), world=TestWorld())
        )


def test_a_name_elsewhere_is_none_of_duckdns() -> None:
    assert domain_of("A.myhome.DuckDNS.org.") == "myhome.duckdns.org"
    for name in ("duckdns.org", "myhome.example.org", "duckdns.org.example.org", "aduckdns.org"):
        with pytest.raises(DnsFailed, match="is not a name of DuckDNS"):
            domain_of(name)


def test_a_wrong_token_is_told_without_it(
    knot: Knot, duckdns: DuckDnsStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "0badc0de-7357-4a5b-8c1d-fedcba987654"
    with pytest.raises(DnsFailed) as failed:
        _publish(knot, "myhome.duckdns.org", "one", token=wrong)
    assert failed.value.message == (
        f"the DNS provider duckdns did not change the TXT record {NAME}:"
        " Exception: KO: {'domains': 'myhome', 'txt': 'one'}"
    )
    assert duckdns.requests[0]["token"] == wrong


_ANSWERS = {
    "an error": (500, b"oops"),
    "nothing": (200, b""),
    "garbage": (200, bytes(range(128, 256))),
    "a page": (404, b"<html>"),
}


@pytest.mark.parametrize("what", list(_ANSWERS))
def test_whatever_it_answers_the_token_gets_nowhere(
    knot: Knot, duckdns: DuckDnsStandIn, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The token is in the address that is asked, which requests and urllib3 like to tell."""
    caplog.set_level(logging.DEBUG)
    duckdns.says = _ANSWERS[what]
    with pytest.raises(DnsFailed) as failed:
        _publish(knot, "myhome.duckdns.org", "one", seconds=0.1)
    assert duckdns.requests[0]["token"] == TOKEN
    _assert_hidden(failed.value, caplog)
    assert f"token={MASK}" in caplog.text  # urllib3 did log it
    if what in ("an error", "a page"):
        assert f"token={MASK}" in failed.value.message  # and requests told it
    theirs = "that is not for you to mend: try again later"
    assert (failed.value.hint == theirs) == (what == "an error")


def test_an_unreachable_duckdns_gives_no_token_away(
    knot: Knot, duckdns: DuckDnsStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    duckdns.address = free_address()  # where nobody listens
    with pytest.raises(DnsFailed, match="the DNS provider duckdns was not reached") as failed:
        _publish(knot, "myhome.duckdns.org", "one")
    assert f"token={MASK}" in failed.value.message
    _assert_hidden(failed.value, caplog)


def test_a_record_that_never_shows_gives_no_token_away(
    knot: Knot, duckdns: DuckDnsStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    duckdns.dns = None
    with pytest.raises(DnsNotShown) as failed:
        _publish(knot, "myhome.duckdns.org", "one", seconds=0.1)
    _assert_hidden(failed.value, caplog)


def _assert_hidden(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    written = "".join(
        traceback.TracebackException.from_exception(error, capture_locals=False).format()
    )
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    everything = [written, caplog.text, *(repr(each) + repr(vars(each)) for each in causes)]
    for record in caplog.records:
        everything += [repr(vars(record)), record.getMessage()]
    for form in (TOKEN, quote(TOKEN), TOKEN[:13]):
        assert form not in "\n".join(everything)


def test_the_real_provider_asks_the_real_address_by_https(knot: Knot, tmp_path: Path) -> None:
    """Nothing of lexicon is exchanged: its address is looked up, its certificate verified."""
    pair = duckdns_certificate(tmp_path)
    address = free_address()
    knot.set_address(HOST, address)
    with DuckDnsStandIn(
        TOKEN, ("myhome",), dns=knot, address=address, port=443, certificate=pair
    ) as duckdns:
        silent, logged = (
            subprocess.run(
                knot.seen_by(sys.executable, "-W", "error", "-c", _PUBLISH, TOKEN, *more),
                env={**os.environ, "REQUESTS_CA_BUNDLE": str(pair)},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            for more in ([], ["with logs"])
        )
        for done in (silent, logged):
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout) == {"told": []}
    assert [sorted(request) for request in duckdns.requests] == [
        ["domains", "token", "txt", "verbose"]
    ] * 2
    assert knot.lookup(NAME) == ("two",)
    assert silent.stderr == ""  # nothing of any library gets between the lines
    assert TOKEN not in logged.stderr
    assert f"token={MASK}" in logged.stderr


# As a command does it: with this computer's resolver, and maybe all logs on standard error.
_PUBLISH = """
import asyncio, json, logging, sys
if len(sys.argv) > 2:
    logging.basicConfig(level=logging.DEBUG)
from housekey.pki.secret import Secret
from housekey.public.records import records_of
from tests.public.parts import TestWorld, settings
world = TestWorld()
records = records_of(settings("duckdns"), {"auth_token": Secret(sys.argv[1].encode())}, world=world)
value = "two" if len(sys.argv) > 2 else "one"
asyncio.run(records.publish("myhome.duckdns.org", [value]))
json.dump({"told": world.told}, sys.stdout)
"""
