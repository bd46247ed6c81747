"""The fixture itself: a real DNS server, real changes, and none for who may not make them."""

from __future__ import annotations

import shutil
import subprocess

import dns.query
import dns.rcode
import dns.tsig
import dns.tsigkeyring
import dns.update
import pytest

from tests.needs import require
from tests.public.knot import Knot

NAME = "_acme-challenge.home.test"


def _add(knot: Knot, value: str, credentials: dict[str, str]) -> int:
    algorithm, key, secret = credentials["auth_token"].split(":")
    change = dns.update.UpdateMessage(
        "home.test", keyring=dns.tsigkeyring.from_text({key: (algorithm, secret)})
    )
    change.add("_acme-challenge", 5, "TXT", value)
    return dns.query.tcp(change, credentials["ddns_server"], timeout=60).rcode()


def test_it_takes_changes_with_its_key_alone() -> None:
    with Knot(zones=["home.test"]) as knot:
        assert _add(knot, "one", knot.credentials) == dns.rcode.NOERROR
        assert _add(knot, "two", knot.credentials) == dns.rcode.NOERROR
        with pytest.raises(dns.tsig.PeerBadSignature):
            _add(knot, "three", knot.wrong_credentials)
        with pytest.raises(dns.tsig.PeerBadKey):
            _add(knot, "three", knot.unpermitted_credentials)
        assert knot.lookup(NAME) == ("one", "two")
        folder = knot.resolv_conf.parent
    assert not folder.exists()


def test_a_secondary_that_is_told_shows_a_change_and_one_that_lags_does_not() -> None:
    with (
        Knot(zones={"home.test": "x A 192.0.2.1"}, secondaries=1) as told,
        Knot(zones=["home.test"], secondaries=1, lag=True) as lagging,
    ):
        for knot in (told, lagging):
            _add(knot, "one", knot.credentials)
        assert lagging.lookup(NAME) == ("one",)
        assert lagging.lookup(NAME, server=1) == ()
        lagging.catch_up()
        told.catch_up()
        assert lagging.lookup(NAME, server=1) == told.lookup(NAME, server=1) == ("one",)
        assert told.lookup("x.home.test", "A", server=1) == ("192.0.2.1",)


def test_a_program_asks_it_as_the_resolver_of_its_system() -> None:
    require(shutil.which("unshare") is not None, "unshare")
    with Knot(zones={"home.test": "x A 192.0.2.1"}) as knot:
        found = subprocess.run(
            knot.seen_by("getent", "ahostsv4", "x.home.test"),
            check=True,
            capture_output=True,
            text=True,
        )
    assert found.stdout.startswith("192.0.2.1")
