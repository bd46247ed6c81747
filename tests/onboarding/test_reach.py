"""Where the page answers: on the addresses of a home, under the names that lead here."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import NotPermitted
from housekey.onboarding.reach import Facts, Reach, decide, url
from housekey.pki.constraints import DEFAULT_CONSTRAINTS, Constraints
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from housekey.live.handshake import Address


def addresses(text: str) -> tuple[Address, ...]:
    return tuple(map(ip_address, text.split()))


def reach(
    has: str = "192.168.1.20",
    *,
    names: str = "pi.local pi",
    leads_to: dict[str, str] | None = None,
    bind: str = "",
    outward: str | None = None,
    constraints: Constraints = DEFAULT_CONSTRAINTS,
    **options: Any,
) -> Reach:
    facts = Facts(
        names=tuple(names.split()),
        addresses=addresses(has),
        loopback=addresses("127.0.0.1 ::1"),
        leads_to={host: addresses(found) for host, found in (leads_to or {}).items()},
        outward=ip_address(outward) if outward else None,
        **options,
    )
    return decide(facts, bind=addresses(bind), constraints=constraints)


def permitting(*names: str) -> Constraints:
    return DEFAULT_CONSTRAINTS.widened(map(parse_name, names))


def test_it_answers_at_every_address_of_a_home_and_at_no_other() -> None:
    found = reach("192.168.1.20 10.1.1.1 100.101.1.1 169.254.3.3 203.0.113.9 fd00::2 2001:db8::2")
    assert set(found.listen) == {
        *("192.168.1.20", "10.1.1.1", "100.101.1.1", "169.254.3.3", "fd00::2"),
        *("127.0.0.1", "::1"),
    }
    assert set(map(str, found.public)) == {"203.0.113.9", "2001:db8::2"}
    assert not {"203.0.113.9", "2001:db8::2"} & set(found.hosts)


@pytest.mark.parametrize(
    ("has", "outward", "best"),
    [
        ("10.8.0.1 192.168.1.20", "192.168.1.20", "192.168.1.20"),
        ("192.168.1.20 10.8.0.1", "10.8.0.1", "10.8.0.1"),
        ("100.101.1.1 192.168.1.20", "100.101.1.1", "192.168.1.20"),
        ("169.254.3.3 192.168.1.20", None, "192.168.1.20"),
        ("fd00::2 100.101.1.1", "100.101.1.1", "fd00::2"),
        ("169.254.3.3 fd00::2", None, "fd00::2"),
        ("203.0.113.9 fd00::2", "203.0.113.9", "fd00::2"),
    ],
)
def test_the_best_address_is_one_that_phones_reach(
    has: str, outward: str | None, best: str
) -> None:
    found = reach(has, outward=outward)
    assert str(found.address) == found.best == best


def test_names_come_before_addresses_and_loopback_last() -> None:
    found = reach(
        "192.168.1.20 fd00::2",
        names="pi.local pi pi.home.arpa",
        leads_to={"pi.home.arpa": "192.168.1.20"},
        constraints=permitting("pi"),
    )
    assert found.hosts == (
        *("pi.home.arpa", "pi.local", "pi", "192.168.1.20", "fd00::2"),
        *("localhost", "127.0.0.1", "::1"),
    )


def test_a_name_is_known_when_it_leads_here_and_only_perhaps_when_nobody_here_knows_it() -> None:
    known = reach(leads_to={"pi.local": "192.168.1.20"})
    assert (known.known, known.perhaps) == ("pi.local", None)
    for says_nothing in ({}, {"pi.local": "127.0.1.1"}):
        perhaps = reach(leads_to=says_nothing)
        assert (perhaps.known, perhaps.perhaps) == (None, "pi.local")
        assert "pi.local" in perhaps.hosts


def test_a_name_that_leads_elsewhere_is_none_of_this_page() -> None:
    found = reach(names="pi.local pi.lan", leads_to={"pi.lan": "192.168.1.99"})
    assert "pi.lan" not in found.hosts
    bound = reach("192.168.1.20 10.1.1.1", leads_to={"pi.local": "192.168.1.20"}, bind="10.1.1.1")
    assert bound.hosts == ("10.1.1.1",)


def test_what_is_no_name_for_a_certificate_is_left_out() -> None:
    assert reach(names="my_pi.local pi.local").hosts[0] == "pi.local"


def test_with_bind_it_answers_there_and_nowhere_else() -> None:
    found = reach("192.168.1.20 10.1.1.1", bind="10.1.1.1")
    assert found.listen == ("10.1.1.1",)
    assert found.hosts == ("pi.local", "10.1.1.1")
    # Its leaf is for a DNS name too, without which some engines refuse every chain (NC-10).
    assert {"localhost", "10.1.1.1"} <= set(map(str, found.leaf_names))
    assert reach(bind="127.0.0.1").hosts == ("localhost", "127.0.0.1")


def test_all_of_a_kind_is_one_listener_and_every_address_a_host() -> None:
    wide = permitting("203.0.113.9")
    found = reach("192.168.1.20 203.0.113.9 fd00::2", bind="0.0.0.0 192.168.1.20", constraints=wide)
    assert found.listen == ("0.0.0.0",)
    assert found.hosts == ("pi.local", "192.168.1.20", "203.0.113.9", "localhost", "127.0.0.1")
    assert reach("192.168.1.20 fd00::2", bind="::").hosts == (
        "pi.local",
        "fd00::2",
        "localhost",
        "::1",
    )
    assert reach(bind=":: 0.0.0.0").listen == ("::", "0.0.0.0")


def test_where_the_house_may_not_speak_there_is_no_page() -> None:
    found = reach(names="pi.local pi.example.org", leads_to={"pi.example.org": "192.168.1.20"})
    assert "pi.example.org" not in found.hosts
    assert list(map(str, found.refused)) == ["pi.example.org"]
    covered = reach(
        names="pi.example.org",
        leads_to={"pi.example.org": "192.168.1.20"},
        constraints=permitting("pi.example.org"),
    )
    assert (covered.known, covered.refused) == ("pi.example.org", ())
    # That a bare name is not covered is no news: nobody here knows it.
    assert reach(names="pi").refused == ()


def test_an_address_that_was_asked_for_and_is_not_covered_is_an_error() -> None:
    with pytest.raises(NotPermitted) as refusal:
        reach("203.0.113.9", bind="203.0.113.9")
    assert refusal.value.names == ("203.0.113.9",)
    found = reach("203.0.113.9", bind="203.0.113.9", constraints=permitting("203.0.113.9"))
    assert (found.hosts, found.public) == (("pi.local", "203.0.113.9"), ())


def test_without_a_private_address_only_this_machine_itself_is_served() -> None:
    found = reach("203.0.113.9", leads_to={"pi.local": "203.0.113.9"})
    assert found.listen == ("127.0.0.1", "::1")
    assert (found.address, found.known, found.perhaps) == (None, None, None)
    assert found.best == "localhost"


def test_an_address_is_written_as_people_type_it() -> None:
    assert url("pi.local", 8125) == "http://pi.local:8125"
    assert url("fd00::2", 8125) == "http://[fd00::2]:8125"
