"""Whether a record counts as shown, by what its zone's servers said, look after look. Pure."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.public.lookup import Said

# Looks in a row in which a server is not heard, until it no longer counts. Some addresses are
# never reached from a home (IPv6 without IPv6), some servers are dead; a CA asks another one then.
LOOKS = 3


class State(Enum):
    """What is to be done."""

    SHOWN = auto()  # the CA may look
    WAITING = auto()  # somebody does not show it yet
    UNHEARD = auto()  # nobody can be asked from here


def state_of(looks: Sequence[Sequence[Said]], wanted: frozenset[str]) -> State:
    """Judge by `looks`, the last one last, each with one word of every server.

    A server that can be heard must show all of `wanted`. One of which no address is heard is
    waited for, for some looks.
    """
    last = looks[-1]
    if any(said.values is not None and not wanted <= said.values for said in last):
        return State.WAITING
    heard = _heard(last)
    recently = frozenset().union(*map(_heard, looks[-LOOKS:]))
    silent = {said.server.name for said in last} - heard
    if silent and (len(looks) < LOOKS or silent & recently):
        return State.WAITING
    return State.SHOWN if heard else State.UNHEARD


def _heard(look: Sequence[Said]) -> frozenset[str]:
    """The names of the servers that were heard, at one address of theirs or more."""
    return frozenset(said.server.name for said in look if said.values is not None)
