"""What a house may speak for, and that its certificates say so: PLATFORMS.md section 9."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.errors import HouseBroken, PermitRefused
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, Constraints, Network, constraints_of
from housekey.pki.names import DnsName, parse_name
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    from cryptography import x509

LABEL = st.sampled_from(["a", "b", "lan", "home", "arpa", "xlan"])
HOST = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
NETWORK = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
).map(lambda pair: ip_network(pair, strict=False))


@pytest.mark.parametrize(
    "name",
    [
        "local", "ha.local", "*.house.local", "ha.lan", "ha.home.arpa", "ha.internal", "localhost",
        "homeassistant", "x.homeassistant", "HA.LAN.",
        "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.1", "127.0.0.1",
        "169.254.0.1", "100.64.0.1", "100.127.255.255",
        "fc00::1", "fdff::1", "fe80::1", "febf::1", "::1",
    ],
)  # fmt: skip
def test_the_default_constraints_cover_a_home(name: str) -> None:
    assert DEFAULT_CONSTRAINTS.permits(parse_name(name))


@pytest.mark.parametrize(
    "name",
    [
        "example.org", "notlocal", "xlan", "ha.local.example.org", "arpa", "1.arpa", "myserver",
        "home.arpa.example", "*.homeassistant.io",
        "9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255",
        "192.169.0.0", "126.255.255.255", "128.0.0.0", "169.253.0.1", "169.255.0.1",
        "100.63.255.255", "100.128.0.0", "8.8.8.8",
        "fbff::1", "fe00::1", "fec0::1", "::2", "2001:db8::1",
    ],
)  # fmt: skip
def test_the_default_constraints_cover_nothing_else(name: str) -> None:
    assert not DEFAULT_CONSTRAINTS.permits(parse_name(name))


def test_a_wildcard_lies_inside_its_parent_and_not_inside_its_child() -> None:
    constraints = DEFAULT_CONSTRAINTS.widened(names("y.example.org"))
    assert constraints.permits(DnsName("*.y.example.org"))
    assert not constraints.permits(DnsName("*.example.org"))


@given(HOST, HOST)
def test_dns_is_compared_by_whole_labels_from_the_right(host: str, zone: str) -> None:
    constraints = Constraints(dns=(zone,), networks=DEFAULT_CONSTRAINTS.networks)
    host_labels, zone_labels = host.split("."), zone.split(".")
    inside = host_labels[-len(zone_labels) :] == zone_labels
    assert constraints.permits(DnsName(host)) is inside


def test_refused_names_come_in_their_order() -> None:
    given_names = names("b.example.org", "ha.lan", "a.example.org", "8.8.8.8")
    assert DEFAULT_CONSTRAINTS.refused(given_names) == names(
        "b.example.org", "a.example.org", "8.8.8.8"
    )


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("myserver", "myserver"),
        ("ha.example.org", "ha.example.org"),
        ("*.example.org", "example.org"),
        ("myhome.duckdns.org", "myhome.duckdns.org"),
        ("ha.tail1234.ts.net", "ha.tail1234.ts.net"),
        ("*.tail1234.ts.net", "tail1234.ts.net"),
        ("8.8.8.8", "8.8.8.8/32"),
        ("2a02:8070:1:2:3:4:5:6", "2a02:8070:1:2::/64"),
        ("2001:db8::1", "2001:db8::1/128"),  # documentation: nobody's line
    ],
)
def test_a_name_widens_the_constraints_by_itself_and_no_more(name: str, added: str) -> None:
    wider = DEFAULT_CONSTRAINTS.widened(names(name))
    assert wider.permits(parse_name(name))
    assert set(wider.described()) - set(DEFAULT_CONSTRAINTS.described()) == {added}
    assert DEFAULT_CONSTRAINTS.added_by(names(name)) == (added,)


def test_what_is_covered_already_adds_nothing() -> None:
    covered = names("ha.lan", "192.168.1.20", "*.house.local")
    assert DEFAULT_CONSTRAINTS.widened(covered) == DEFAULT_CONSTRAINTS
    assert DEFAULT_CONSTRAINTS.added_by(covered) == ()
    twice = names("ha.example.org", "ha.example.org", "x.ha.example.org")
    assert DEFAULT_CONSTRAINTS.added_by(twice) == ("ha.example.org",)


@pytest.mark.parametrize(
    "name",
    [
        "com", "org", "net", "dev", "app", "de", "uk", "io", "arpa", "box",
        "co.uk", "com.au", "or.at", "*.co.uk",
        "duckdns.org", "*.duckdns.org", "ts.net", "*.ts.net", "nabu.casa", "ui.nabu.casa",
        "synology.me", "myfritz.net", "ddns.net", "nip.io",
    ],
)  # fmt: skip
def test_a_zone_of_strangers_is_never_permitted(name: str) -> None:
    with pytest.raises(PermitRefused) as refused:
        DEFAULT_CONSTRAINTS.widened(names(name))
    assert refused.value.name == name.removeprefix("*.")
    assert "full name" in refused.value.hint


@pytest.mark.parametrize("name", ["myserver", "nas", "pi4", "fritz.box", "example.co.uk", "me.de"])
def test_a_name_of_ones_own_is_permitted(name: str) -> None:
    assert DEFAULT_CONSTRAINTS.widened(names(name)).dns[-1] == name


@pytest.mark.parametrize("dns", [(), ("",), (".lan",), ("*.lan",), ("lan.",), ("LAN",)])
def test_a_spelling_that_engines_read_differently_is_not_written(dns: tuple[str, ...]) -> None:
    """NC-03, NC-09."""
    with pytest.raises(ValueError, match=r"engines read alike|each at least once"):
        Constraints(dns=dns, networks=DEFAULT_CONSTRAINTS.networks)


@pytest.mark.parametrize("version", [4, 6])
def test_one_family_of_addresses_alone_is_not_written(version: int) -> None:
    """NC-04."""
    networks = tuple(each for each in DEFAULT_CONSTRAINTS.networks if each.version == version)
    with pytest.raises(ValueError, match="each at least once"):
        Constraints(dns=("lan",), networks=networks)


@pytest.mark.parametrize("critical", [False, True])
def test_constraints_come_back_from_both_certificates_as_they_went_in(critical: bool) -> None:
    constraints = Constraints(
        dns=(*DEFAULT_CONSTRAINTS.dns, "ha.example.org"),
        networks=(*DEFAULT_CONSTRAINTS.networks, ip_network("2a02:8070:1:2::/64")),
        critical=critical,
    )
    house = a_house(constraints=constraints)
    assert constraints_of(house.root.certificate) == constraints
    assert constraints_of(house.issuing.certificate) == constraints


@given(
    st.lists(HOST, min_size=1, max_size=4),
    st.lists(NETWORK, max_size=4),
    st.booleans(),
)
def test_any_constraints_survive_their_encoding(
    dns: list[str],
    networks: list[Network],
    critical: bool,
) -> None:
    """Through DER, without a certificate around it."""
    constraints = Constraints(
        dns=tuple(dns), networks=(*networks, *DEFAULT_CONSTRAINTS.networks), critical=critical
    )
    subtrees = constraints.extension().permitted_subtrees
    assert subtrees is not None
    assert tuple(each.value for each in subtrees) == (*dns, *constraints.networks)
    assert constraints.extension().excluded_subtrees is None


def test_a_certificate_without_constraints_is_of_no_house(leaf: x509.Certificate) -> None:
    with pytest.raises(HouseBroken, match="not those of a house"):
        constraints_of(leaf)
