"""Offers for the tests of this room."""

from __future__ import annotations

from functools import cache

from housekey.onboarding.offer import Counts, FormerRoot, Offer
from housekey.onboarding.render import Page
from housekey.pki.encoding import to_der
from tests.pki.houses import a_house

HOSTS = ("homeassistant.local", "192.168.1.20", "fd00::20")


def an_offer(
    *,
    root: bytes | None = None,
    home: str = "Our Home",
    hosts: tuple[str, ...] = HOSTS,
    home_assistant: str | None = "https://homeassistant.local:8123",
    home_assistant_hosts: tuple[str, ...] = HOSTS[:2],
    crl_der: bytes | None = b"0",  # which nobody reads on its way
    former: tuple[FormerRoot, ...] = (),
    opens_later: bool = False,
) -> Offer:
    return Offer(
        root_der=to_der(a_house().root.certificate) if root is None else root,
        home=home,
        proof_port=8126,
        hosts=hosts,
        home_assistant=home_assistant,
        home_assistant_hosts=home_assistant_hosts,
        crl_der=crl_der,
        former=former,
        opens_later=opens_later,
    )


# A home that has been through all of it: a key that leaked, a root that is over, one that still
# counts beside today's.
FORMER = (
    FormerRoot("1" * 64, "housekey root for Our Home 2026 1111", Counts.LEAKED),
    FormerRoot("2" * 64, "housekey root for Our Home 2027 2222", Counts.OVER),
    FormerRoot("3" * 64, "housekey root for Our Home 2028 3333", Counts.OVER),
    FormerRoot("4" * 64, "housekey root for Our Home 2029 4444", Counts.BESIDE),
)


@cache
def a_page_with_a_past() -> Page:
    return Page(an_offer(former=FORMER))


@cache
def a_page() -> Page:
    return Page(an_offer())
