"""What the examination of a house says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a finding matters."""

    WRONG = "wrong"  # something does not work, or a key is at risk
    NOTE = "note"  # good to know


@dataclass(frozen=True, slots=True)
class Finding:
    """One line, and what to do about it."""

    weight: Weight
    about: str  # a file of the house, or a word such as "clock"
    what: str
    do: str  # empty if there is nothing to do


def wrong(about: str, what: str, do: str) -> Finding:
    """Say what is wrong."""
    return Finding(Weight.WRONG, about, what, do)


def note(about: str, what: str, do: str = "") -> Finding:
    """Say what is good to know."""
    return Finding(Weight.NOTE, about, what, do)
