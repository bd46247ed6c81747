"""Hundreds of chains that put every rule on both sides of its line, and random ones beside them.

Every chain is made anew around the current hour, because most engines know no other time than
now. Which chains there are, and what is in them, is always the same; only keys and dates differ.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from tests.engines import pools
from tests.engines.making import Maker
from tests.engines.themes import constraints, keys, links, names, odd, profile, times, usages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.engines.model import Case

_THEMES = (profile, names, constraints, usages, keys, links, times, odd)


def this_hour() -> datetime:
    """The hour that the corpus is made around, aware UTC."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@cache
def cases(at: datetime | None = None) -> tuple[Case, ...]:
    """Return every case, in a fixed order, each id once; made once in a process."""
    make = Maker(at or this_hour())
    found = tuple(case for theme in _THEMES for case in theme.cases(make))
    twice = {case.id for case in found if sum(case.id == each.id for each in found) > 1}
    assert not twice, f"the same id twice: {twice}"
    return found


def random_cases(count: int, *, seed: int = 0, at: datetime | None = None) -> tuple[Case, ...]:
    """Return `count` cases that combine two to five features each; the seed says which."""
    chosen = random.Random(seed)
    make = Maker(at or this_hour())
    return tuple(pools.draw(make, chosen, id_=f"random-{seed}-{number}") for number in range(count))


def sample(found: Iterable[Case], *, most_for_a_rule: int = 2) -> tuple[Case, ...]:
    """Return few cases that still have every rule id among them, the same ones every time."""
    seen: dict[str, int] = {}
    kept = []
    for case in found:
        if any(seen.get(rule, 0) < most_for_a_rule for rule in case.rules):
            kept.append(case)
            for rule in case.rules:
                seen[rule] = seen.get(rule, 0) + 1
    return tuple(kept)
