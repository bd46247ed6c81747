"""What a row of the table is made of. Facts only: how they are shown is table.py's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class NotMeasured(Exception):
    """Something could not be measured on this machine; the text says why, for a person."""


class Unit(Enum):
    """What a figure counts. Of times and weights the smaller one is the better one."""

    PER_SECOND = "/s"
    MILLISECONDS = "ms"
    SECONDS = "s"
    KIB = "KiB"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the figures of a row have to be, and whether they are, this time."""

    text: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Ours and theirs, both medians of one run, both in `unit`."""

    ours: float
    theirs: float
    unit: Unit

    @property
    def ratio(self) -> float:
        """Ours by theirs."""
        return self.ours / self.theirs


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `figures` is None where it was not measured: then `how` says why."""

    what: str
    figures: Figures | None
    how: str
    wanted: Wanted | None = None  # None: told for the picture, nothing is asked of it


def not_measured(what: str, why: NotMeasured | str) -> Row:
    return Row(what, None, f"not measured: {why}")


def ratio_at_least(figures: Figures, bound: float) -> Wanted:
    return Wanted(f"ratio ≥ {bound:.2f}", figures.ratio >= bound)


def ratio_below(figures: Figures, bound: float) -> Wanted:
    return Wanted(f"ratio < {bound:g}", figures.ratio < bound)


def adds_at_most(figures: Figures, seconds: float) -> Wanted:
    """For two times in seconds: how much longer ours may take."""
    return Wanted(f"adds ≤ {seconds:g} s", figures.ours - figures.theirs <= seconds)


def below(figures: Figures, bound: float) -> Wanted:
    """For ours alone, in the unit of the figures."""
    return Wanted(f"ours < {bound:g} {figures.unit.value}", figures.ours < bound)
