"""When it becomes crowded, who has been there for longest goes, and nobody at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from housekey.onboarding.crowd import Crowd, Limits, Visit

LIMITS = Limits(connections=4, per_address=2, grace_seconds=2)


def entered(crowd: Crowd, address: str, now: float) -> Visit:
    visit, leaver = crowd.enter(address, now)
    assert visit is not None
    assert leaver is None
    return visit


def test_there_is_room_for_so_many() -> None:
    crowd = Crowd(LIMITS)
    for number in range(4):
        assert crowd.wait_seconds(10) == 0
        entered(crowd, f"10.0.0.{number}", 10)
    assert crowd.wait_seconds(10) == 2
    assert crowd.wait_seconds(11.5) == 0.5


def test_who_came_first_goes_first_when_its_grace_is_over() -> None:
    crowd = Crowd(LIMITS)
    first, second, *_ = (entered(crowd, f"10.0.0.{number}", 10 + number) for number in range(4))
    assert crowd.wait_seconds(13) == 0
    visit, leaver = crowd.enter("10.0.0.9", 13)
    assert visit is not None
    assert leaver is first
    assert len(crowd) == 4
    visit, leaver = crowd.enter("10.0.0.8", 14)
    assert leaver is second


def test_who_leaves_makes_room() -> None:
    crowd = Crowd(LIMITS)
    visits = [entered(crowd, f"10.0.0.{number}", 10) for number in range(4)]
    crowd.leave(visits[2])
    assert crowd.wait_seconds(10) == 0
    crowd.leave(visits[2])
    assert len(crowd) == 3


def test_one_address_cannot_take_all_the_room() -> None:
    crowd = Crowd(LIMITS)
    mine = [entered(crowd, "10.0.0.1", 10) for _ in range(2)]
    assert crowd.enter("10.0.0.1", 11) == (None, None)  # all of its own are young: refused
    entered(crowd, "10.0.0.2", 11)
    visit, leaver = crowd.enter("10.0.0.1", 12)
    assert visit is not None
    assert leaver is mine[0]  # its own, not another's


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3), st.booleans()), max_size=200))
def test_it_never_holds_more_than_it_may(steps: list[tuple[int, float, bool]]) -> None:
    crowd, now, inside = Crowd(LIMITS), 0.0, list[Visit]()
    for number, passed, leaves in steps:
        now += passed
        if leaves and inside:
            crowd.leave(inside.pop(0))
        if crowd.wait_seconds(now) == 0:
            visit, leaver = crowd.enter(f"10.0.0.{number}", now)
            if leaver is not None:
                assert now >= leaver.since + LIMITS.grace_seconds
                inside.remove(leaver)
            if visit is not None:
                inside.append(visit)
        assert len(crowd) == len(inside) <= LIMITS.connections
        for address in {visit.address for visit in inside}:
            assert sum(visit.address == address for visit in inside) <= LIMITS.per_address
    for visit in inside:
        crowd.leave(visit)
    assert len(crowd) == 0
    assert crowd._by_address == {}
