"""Under which names Home Assistant is reached."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import NameRefused, UsageError
from housekey.homeassistant.names import (
    Candidate,
    Machine,
    Source,
    choose_names,
    gather,
    internal_url_host,
    local_addresses,
    temporary_in,
    this_machine,
)
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from housekey.live.handshake import Address

PI = Machine("pi", "pi.home.arpa", (ip_address("192.168.1.20"), ip_address("fd00::20")))


def gathered(url: str, *, knows: dict[str, str] | None = None, **options: Any) -> set[str]:
    async def resolver(host: str) -> tuple[Address, ...]:
        return tuple(ip_address(each) for each in (knows or {}).get(host, "").split())

    options.setdefault("machine", PI)
    return {each.text for each in asyncio.run(gather(url, resolver=resolver, **options))}


def chosen(*texts: str, source: Source = Source.HOST, **options: Any) -> list[str]:
    names = choose_names([Candidate(text, source) for text in texts], **options)
    return [str(name) for name in names.chosen]


def test_home_assistant_on_this_machine_has_this_machines_names() -> None:
    for url, knows in (
        ("http://127.0.0.1:8123", {}),
        ("http://192.168.1.20:8123", {}),
        ("http://[fd00::20]:8123", {}),
        ("http://pi:8123", {"pi": "127.0.1.1"}),
    ):
        found = gathered(url, knows=knows)
        assert found >= {"pi.local", "pi", "pi.home.arpa", "192.168.1.20", "fd00::20"}
        assert found >= {"localhost", "127.0.0.1", "::1"}
        assert "homeassistant.local" not in found


def test_home_assistant_elsewhere_has_its_own_names_and_none_of_this_machine() -> None:
    found = gathered(
        "http://ha.lan:8123",
        knows={"ha.lan": "192.168.1.7 fd00::7", "homeassistant.local": "192.168.1.7"},
        internal_url="http://homeassistant.local:8123",
        announced=("http://192.168.1.7:8123", None, ""),
    )
    assert found == {"ha.lan", "192.168.1.7", "fd00::7", "homeassistant.local"}


def test_the_default_name_belongs_when_it_leads_here() -> None:
    found = gathered("http://127.0.0.1:8123", knows={"homeassistant.local": "192.168.1.20"})
    assert "homeassistant.local" in found


def test_an_external_address_is_a_name_but_for_home_assistant_cloud() -> None:
    for url, belongs in (
        ("https://my.duckdns.org", True),
        ("https://abcdef.ui.nabu.casa", False),
        ("https://nabu.casa", False),
    ):
        found = gathered("http://127.0.0.1:8123", external_url=url)
        assert (url.removeprefix("https://") in found) is belongs


def test_broken_addresses_in_the_configuration_are_passed_over() -> None:
    found = gathered("http://127.0.0.1:8123", internal_url="http://[oops", announced=("junk",))
    assert "pi.local" in found


def test_a_machine_called_localhost_has_no_name_of_its_own() -> None:
    machine = Machine("localhost", "localhost.localdomain", PI.addresses)
    found = gathered("http://127.0.0.1:8123", machine=machine)
    assert found == {"192.168.1.20", "fd00::20", "localhost", "127.0.0.1", "::1"}


def test_the_reverse_name_of_an_address_is_no_name() -> None:
    machine = Machine("pi", "20.1.168.192.in-addr.arpa", PI.addresses)
    assert not any("arpa" in each for each in gathered("http://127.0.0.1:8123", machine=machine))


def test_the_best_host_name_comes_first_and_this_machines_own_last() -> None:
    candidates = [
        Candidate("::1", Source.LOOPBACK),
        Candidate("fd00::20", Source.ADDRESS),
        Candidate("localhost", Source.LOOPBACK),
        Candidate("192.168.1.20", Source.GIVEN_URL),
        Candidate("pi", Source.HOST),
        Candidate("pi.local", Source.HOST),
        Candidate("my.duckdns.org", Source.EXTERNAL_URL),
        Candidate("homeassistant.local", Source.INTERNAL_URL),
        Candidate("HomeAssistant.local.", Source.ANNOUNCED),
    ]
    assert [str(name) for name in choose_names(candidates).chosen] == [
        "homeassistant.local", "pi.local", "pi", "my.duckdns.org",
        "192.168.1.20", "fd00::20", "localhost", "::1",
    ]  # fmt: skip


def test_what_cannot_be_a_name_is_skipped_with_the_reason_unless_it_was_asked_for() -> None:
    names = choose_names([Candidate("my_pi", Source.HOST), Candidate("pi.local", Source.HOST)])
    assert [str(name) for name in names.chosen] == ["pi.local"]
    ((text, reason),) = names.skipped
    assert text == "my_pi"
    assert "underscore" in reason
    with pytest.raises(NameRefused):
        chosen("pi.local", add=["my_pi"])
    with pytest.raises(NameRefused):
        chosen("pi.local", remove=["my_pi"])


def test_names_are_added_and_removed() -> None:
    assert chosen("pi", "pi.local", add=["ha.lan"], remove=["PI."]) == ["ha.lan", "pi.local"]
    with pytest.raises(UsageError, match=r"ha\.lan is both"):
        chosen("pi", add=["ha.lan"], remove=["HA.lan"])
    with pytest.raises(UsageError, match="no name is left"):
        chosen("pi", remove=["pi"])


@pytest.mark.parametrize(
    ("names", "existing", "resolving", "host"),
    [
        ("pi.local ha.lan", "http://HA.lan:8123", "", "ha.lan"),
        ("pi.local ha.lan", "http://gone.lan:8123", "", "pi.local"),
        ("pi.local ha.lan", "http://192.168.1.2:8123", "ha.lan", "ha.lan"),
        ("pi pi.local", None, "pi pi.local", "pi.local"),
        ("192.168.1.2 pi localhost", None, "", "pi"),
        ("192.168.1.2 localhost 127.0.0.1", "http://localhost:8123", "localhost", None),
        ("*.home.lan 192.168.1.2", None, "", None),
    ],
)
def test_the_internal_url_is_a_host_name_or_nothing(
    names: str, existing: str | None, resolving: str, host: str | None
) -> None:
    assert (
        internal_url_host(
            [parse_name(each) for each in names.split()],
            existing=existing,
            resolving={parse_name(each) for each in resolving.split()},
        )
        == host
    )


def test_an_address_that_changes_daily_is_told_from_one_that_stays() -> None:
    table = (
        "20010db8000000000000000000000001 02 40 00 00     eth0\n"
        "20010db800000000abcdabcdabcdabcd 02 40 00 01     eth0\n"
        "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
        "nonsense\n"
    )
    assert temporary_in(table) == {ip_address("2001:db8::abcd:abcd:abcd:abcd")}


def test_this_machine_tells_addresses_that_other_devices_can_use() -> None:
    addresses = local_addresses()
    assert not any(each.is_loopback for each in addresses)
    assert not any(each.version == 6 and each.is_link_local for each in addresses)
    assert list(addresses) == sorted(addresses, key=lambda each: each.version)
    assert this_machine().addresses == addresses
    assert this_machine().hostname
