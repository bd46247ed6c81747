"""Hosts as they stand in addresses."""

from __future__ import annotations

import pytest

from housekey.pki.hosts import bracketed, is_address, is_loopback


def test_only_an_ipv6_address_gets_brackets() -> None:
    assert [bracketed(each) for each in ("::1", "127.0.0.1", "ha.lan")] == [
        "[::1]",
        "127.0.0.1",
        "ha.lan",
    ]


@pytest.mark.parametrize("host", ["192.168.1.20", "::1", "fd00::1", "fe80::1%eth0"])
def test_an_address_is_one(host: str) -> None:
    assert is_address(host)


@pytest.mark.parametrize("host", ["ha.lan", "1.2.3", "10.0.0.0/8", "[::1]", "", "12"])
def test_what_is_no_address_is_none(host: str) -> None:
    assert not is_address(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST.", "ha.localhost"]
)
def test_what_leads_to_the_same_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["192.168.1.20", "fe80::1", "ha.lan", "localhost.lan", "127.lan"])
def test_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)
