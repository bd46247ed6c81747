"""The labels of leaves: how people are shown them, and which is meant by what they typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from housekey.house.house import House


def shown(label: str) -> str:
    """Return a label as people are shown it: without what keeps housekey's own from any name."""
    return label.removeprefix("_")


def labels_meant(house: House, text: str) -> tuple[str, ...]:
    """Return the label that `text` is, or else those whose leaf has a name that it is.

    A leaf that cannot be read has no name here; it hides no other.
    """
    wanted, labels = text.lower(), house.labels()
    exact = next((each for each in labels if wanted in (each, shown(each))), None)
    if exact is not None:
        return (exact,)
    return tuple(each for each in labels if wanted in _names_under(house, each))


def _names_under(house: House, label: str) -> tuple[str, ...]:
    try:
        leaf = house.leaf(label)
    except HousekeyError:
        return ()
    return () if leaf is None else tuple(map(str, leaf.names))
