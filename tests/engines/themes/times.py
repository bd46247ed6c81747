"""When each certificate begins and ends. Nothing here is closer to now than two hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engines import der
from tests.engines.forge import DAY, HOUR, ISSUING, LEAF, ROOT, YEAR

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.engines.making import Maker
    from tests.engines.model import Case

_DATES = ("CHR-05", "FFX-14", "JAV-01", "RUS-01", "APL-20", "AND-05", "WIN-01")
_LIFE = ("APL-01", "APL-03", "CHR-06", "FFX-20", "AND-10", "BR-02")


def cases(make: Maker) -> Iterator[Case]:
    """Each tier before its time and after it; each length of a leaf's life; odd ways to write."""
    for where, tier in (("leaf", LEAF), ("issuing", ISSUING), ("root", ROOT)):
        for id_, changed in {
            "ended-yesterday": tier.but(start=-300 * DAY, end=-DAY),
            "ended-two-hours-ago": tier.but(start=-300 * DAY, end=-2 * HOUR),
            "ends-in-three-hours": tier.but(start=-300 * DAY, end=3 * HOUR),
            "begins-tomorrow": tier.but(start=DAY),
            "begins-in-three-hours": tier.but(start=3 * HOUR),
            "ends-before-it-begins": tier.but(start=DAY, end=-DAY),
        }.items():
            yield make(f"time-{where}-{id_}", *_DATES, **{where: changed})
        generalized = tier.but(time_tag=der.GENERALIZED_TIME)
        yield make(f"time-{where}-generalized", "RFC-01", **{where: generalized})
    for days in (1, 47, 90, 100, 200, 397, 398, 399, 824, 825, 826, 1000, 3650):
        leaf = LEAF.but(end=LEAF.start + days * DAY)
        yield make(f"life-leaf-{days}-days", *_LIFE, leaf=leaf, root=ROOT.but(end=20 * YEAR))
    yield make("life-leaf-3650-days-direct", *_LIFE, issuing=None, leaf=LEAF.but(end=3650 * DAY))
    yield make("life-leaf-outlives-issuing", "APL-20", issuing=ISSUING.but(end=30 * DAY))
    yield make("life-leaf-outlives-root", "APL-20", root=ROOT.but(end=30 * DAY))
    yield make("life-leaf-older-than-root", "BR-03", root=ROOT.but(start=-2 * HOUR),
               leaf=LEAF.but(start=-DAY))  # fmt: skip
    yield make("life-issuing-older-than-root", "BR-03", root=ROOT.but(start=-2 * HOUR))
    for years in (23, 24, 40, 1000):
        far = {"root": ROOT.but(end=years * 365.25 * DAY)}
        yield make(f"life-root-{years}-years", "RFC-01", "BR-03", **far)
    yield make("life-root-of-1990", "RFC-01", root=ROOT.but(start=-36 * YEAR))
    yield make("life-leaf-of-2018", "APL-01", leaf=LEAF.but(start=-3000 * DAY))
