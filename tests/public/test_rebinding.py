"""Whether the DNS at home holds back private addresses: seen with a router's own DNS program."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.errors import DnsFailed
from housekey.public import rebinding
from housekey.public.lookup import Lookup
from housekey.public.rebinding import Kind
from tests.public.dnsmasq import Dnsmasq
from tests.public.knot import Knot, free_address

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "ha.home.test"
PRIVATE, ULA = "192.168.1.7", "fd00::7"


def _look(at: str, name: str = NAME) -> rebinding.Rebinding:
    return asyncio.run(rebinding.look(name, lookup=Lookup((at,), patience=1.0)))


def test_a_router_that_filters_is_found_out() -> None:
    with (
        Knot(zones={"home.test": f"ha A {PRIVATE}\nha AAAA {ULA}"}) as knot,
        Dnsmasq(knot, filters=True) as router,
    ):
        found = _look(router.address)
    assert found.kind is Kind.FILTERED
    assert found.hidden == {ip_address(PRIVATE), ip_address(ULA)}
    said = rebinding.told(found)
    assert said is not None
    assert said[0] == (
        f"the DNS in this network holds back {PRIVATE}, {ULA}, which {NAME} leads to:"
        " at home the name will not work"
    )


@pytest.mark.parametrize("router", ["without a filter", "with the exception"])
def test_a_router_that_lets_it_through_is_left_alone(router: str) -> None:
    filters = router == "with the exception"
    with (
        Knot(zones={"home.test": f"ha A {PRIVATE}\nha AAAA {ULA}"}) as knot,
        # As docs/rebinding.md says it.
        Dnsmasq(knot, filters=filters, allowed=NAME if filters else "") as dnsmasq,
    ):
        found = _look(dnsmasq.address)
    assert (found.kind, rebinding.told(found)) == (Kind.OPEN, None)


def test_a_public_address_is_never_held_back() -> None:
    with (
        Knot(zones={"home.test": "ha A 9.9.9.9"}) as knot,
        Dnsmasq(knot, filters=True) as router,
    ):
        found = _look(router.address)
    assert (found.kind, rebinding.told(found)) == (Kind.PUBLIC, None)
    assert found.seen == {ip_address("9.9.9.9")}


def test_a_name_that_is_an_alias_is_followed() -> None:
    with (
        Knot(zones={"home.test": f"ha CNAME box\nbox A {PRIVATE}"}) as knot,
        Dnsmasq(knot, filters=True) as router,
    ):
        assert _look(router.address).kind is Kind.FILTERED
        assert _look(knot.address).kind is Kind.OPEN


def test_an_entry_in_the_router_is_told_as_what_it_is() -> None:
    with (
        Knot(zones={"home.test": f"ha A {PRIVATE}"}) as knot,
        Dnsmasq(knot, filters=False, own=f"/{NAME}/192.168.1.99") as router,
    ):
        found = _look(router.address)
    assert found.kind is Kind.OTHER
    said = rebinding.told(found)
    assert said is not None
    assert said[0] == (
        f"the DNS in this network says that {NAME} leads to 192.168.1.99,"
        f" its own servers say {PRIVATE}"
    )


def test_a_name_that_leads_nowhere_is_told() -> None:
    with Knot(zones=["home.test"]) as knot:
        found = _look(knot.address)
    assert (found.kind, rebinding.told(found)) == (
        Kind.NOWHERE,
        (
            f"{NAME} leads nowhere yet",
            "give it the address of Home Assistant, where its DNS is kept",
        ),
    )


def test_servers_that_cannot_be_asked_give_no_verdict() -> None:
    with Knot(zones={"home.test": f"ha A {PRIVATE}"}) as knot:
        knot.replace_servers("home.test", {"ns": free_address()})
        with pytest.raises(DnsFailed, match="none of the DNS servers of home"):
            _look(knot.address)


@pytest.mark.parametrize(
    ("published", "seen", "kind"),
    [
        ([PRIVATE], [], Kind.FILTERED),
        ([PRIVATE], ["0.0.0.0"], Kind.FILTERED),
        ([PRIVATE], ["127.0.0.1"], Kind.FILTERED),
        ([ULA], ["::"], Kind.FILTERED),
        (["100.64.1.2"], [], Kind.FILTERED),
        ([PRIVATE, ULA], [PRIVATE], Kind.FILTERED),  # one kind of address alone
        ([PRIVATE, "8.8.8.8"], ["8.8.8.8"], Kind.FILTERED),
        ([PRIVATE], [PRIVATE], Kind.OPEN),
        ([PRIVATE], [PRIVATE, ULA], Kind.OPEN),
        ([PRIVATE], ["192.168.1.8"], Kind.OTHER),
        ([PRIVATE], ["8.8.8.8"], Kind.OTHER),
        (["8.8.8.8"], ["8.8.8.8"], Kind.PUBLIC),
        (["8.8.8.8"], [], Kind.PUBLIC),
        ([], [], Kind.NOWHERE),
        ([], [PRIVATE], Kind.NOWHERE),
    ],
)
def test_the_decision_alone(published: Iterable[str], seen: Iterable[str], kind: Kind) -> None:
    found = rebinding.judge(
        NAME,
        published=frozenset(map(ip_address, published)),
        seen=frozenset(map(ip_address, seen)),
    )
    assert found.kind is kind
    assert (rebinding.told(found) is None) == (kind in (Kind.OPEN, Kind.PUBLIC))


def test_what_the_page_says_of_each_router_is_what_the_code_says() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rebinding.md").read_text()
    plain = re.sub(r"[*`]| <sup>\d</sup>", "", page)
    for system, how in rebinding.exceptions_for("myhome.duckdns.org"):
        assert f"| {system} | {how} |" in plain
