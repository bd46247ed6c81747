"""When a record counts as shown: the decision alone, look after look."""

from __future__ import annotations

import pytest

from housekey.public.lookup import Said, Server
from housekey.public.shown import LOOKS, State, state_of

WANTED = frozenset(["one", "two"])
YES, HALF, NO = WANTED, frozenset(["one"]), frozenset[str]()
SILENT = None

# Two servers, the second with two addresses.
SERVERS = (Server("ns1", "192.0.2.1"), Server("ns2", "192.0.2.2"), Server("ns2", "2001:db8::2"))
Look = tuple[frozenset[str] | None, ...]


def _state(*looks: Look) -> State:
    said = [[Said(*each) for each in zip(SERVERS, look, strict=True)] for look in looks]
    return state_of(said, WANTED)


@pytest.mark.parametrize(
    ("look", "state"),
    [
        ((YES, YES, YES), State.SHOWN),
        ((YES, YES, NO), State.WAITING),  # an address is another machine, perhaps
        ((HALF, YES, YES), State.WAITING),
        ((NO, NO, NO), State.WAITING),
        ((YES | {"older"}, YES, YES), State.SHOWN),
        ((YES, YES, SILENT), State.SHOWN),  # no IPv6 here
        ((YES, SILENT, SILENT), State.WAITING),
        ((SILENT, SILENT, SILENT), State.WAITING),
        ((NO, SILENT, SILENT), State.WAITING),
    ],
)
def test_one_look(look: Look, state: State) -> None:
    assert _state(look) is state


def test_a_silent_server_is_left_out_after_some_looks_in_a_row() -> None:
    silent = (YES, SILENT, SILENT)
    assert _state(*[silent] * (LOOKS - 1)) is State.WAITING
    assert _state(*[silent] * LOOKS) is State.SHOWN


def test_a_server_that_falls_silent_after_it_was_heard_is_waited_for_anew() -> None:
    """Else a packet that is lost at the end would hide that a server lags."""
    lags, silent = (YES, NO, NO), (YES, SILENT, SILENT)
    for looks in range(1, LOOKS):
        assert _state(*[lags] * 9, *[silent] * looks) is State.WAITING
    assert _state(*[lags] * 9, *[silent] * LOOKS) is State.SHOWN


def test_where_nobody_is_heard_nothing_counts_as_shown() -> None:
    nobody = (SILENT, SILENT, SILENT)
    for looks in range(LOOKS, LOOKS + 20):
        assert _state(*[nobody] * looks) is State.UNHEARD


def test_a_silent_server_excuses_no_other() -> None:
    assert _state(*[(HALF, SILENT, SILENT)] * 20) is State.WAITING
