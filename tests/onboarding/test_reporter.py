"""What a process tells its parent: folded, bounded, and read back as it was told."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housekey.onboarding.events import Event, Step
from housekey.onboarding.reporter import MOST_WAITING, Reporter
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.onboarding.wire import (
    LINE_BYTES,
    REASONS,
    Task,
    confined_from,
    event_from,
    event_line,
    ready_line,
    task_from,
    task_line,
)
from housekey.pki.secret import Secret
from tests.onboarding.sharing import an_offer

NOW = datetime(2026, 11, 29, 5, 15, tzinfo=UTC)
ARRIVED = Event(NOW, Step.ARRIVED, 1, Visitor(Kind.MAC, Browser.SAFARI))


def lines_in(pipe: int) -> list[Event]:
    os.set_blocking(pipe, False)
    read = b""
    try:
        while chunk := os.read(pipe, 65536):
            read += chunk
    except BlockingIOError:
        pass
    return [event_from(line) for line in read.splitlines(keepends=True)]


def test_a_step_is_told_at_once_and_refusals_once_a_second() -> None:
    async def story() -> None:
        reading, writing = os.pipe()
        reporter = Reporter(writing)
        for number in range(500):
            reporter(Event(NOW, Step.REFUSED, reason=("too-slow", "wrong-host")[number % 2]))
        reporter(ARRIVED)
        assert lines_in(reading) == [ARRIVED]
        await asyncio.sleep(1.2)
        told = {event.reason: event.count for event in lines_in(reading)}
        assert told == {"too-slow": 250, "wrong-host": 250}
        await asyncio.sleep(1.2)
        assert lines_in(reading) == []
        os.close(reading)
        os.close(writing)

    asyncio.run(story())


def test_what_nobody_reads_waits_up_to_a_bound_and_the_rest_is_counted() -> None:
    async def story() -> None:
        reading, writing = os.pipe()
        reporter = Reporter(writing)
        for _ in range(10_000):
            reporter(ARRIVED)
        assert len(reporter._waiting) == MOST_WAITING
        met: list[Event] = []
        async with asyncio.timeout(10):
            while not any(event.step is Step.REFUSED for event in met):
                met += lines_in(reading)
                await asyncio.sleep(0.05)
        dropped = sum(event.count for event in met if event.reason == "too-many")
        assert sum(event.step is Step.ARRIVED for event in met) + dropped == 10_000
        assert MOST_WAITING < len(met) < 10_000
        reporter(ARRIVED)
        assert lines_in(reading) == [ARRIVED]
        os.close(reading)
        os.close(writing)

    asyncio.run(story())


def test_a_parent_that_has_gone_is_no_error() -> None:
    async def story() -> None:
        reading, writing = os.pipe()
        reporter = Reporter(writing)
        for _ in range(5000):
            reporter(ARRIVED)
        os.close(reading)
        await asyncio.sleep(0.1)
        reporter(ARRIVED)
        assert len(reporter._waiting) == 0
        os.close(writing)

    asyncio.run(story())


@given(
    st.builds(
        Event,
        at=st.floats(1e9, 4e9).map(lambda at: datetime.fromtimestamp(at, UTC)),
        step=st.sampled_from([Step.ARRIVED, Step.FETCHED, Step.TRUSTS]),
        device=st.integers(1, 2**32),
        visitor=st.builds(Visitor, st.sampled_from(Kind), st.sampled_from(Browser)),
        again=st.booleans(),
    )
)
def test_an_event_is_read_as_it_was_told(event: Event) -> None:
    assert event_from(event_line(event)) == event
    assert len(event_line(event)) < LINE_BYTES


def test_a_refusal_is_read_as_it_was_told() -> None:
    for reason in REASONS:
        event = Event(NOW, Step.REFUSED, reason=reason, count=7)
        assert event_from(event_line(event)) == event


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(
    told=st.fixed_dictionaries(
        {},
        optional={
            "at": JSON | st.just(1.0),
            "step": JSON | st.sampled_from([step.value for step in Step]),
            "device": JSON | st.just(1),
            "again": JSON | st.just(True),
            "kind": JSON | st.just("mac"),
            "browser": JSON | st.just("safari"),
            "reason": JSON | st.sampled_from(sorted(REASONS)),
            "count": JSON | st.just(1),
        },
    )
)
def test_a_line_is_an_event_or_refused_as_none(told: dict[str, object]) -> None:
    try:
        event = event_from(json.dumps(told).encode())
    except ValueError:
        return
    assert event.at.tzinfo is UTC
    assert event.reason in REASONS if event.step is Step.REFUSED else event.visitor is not None


@given(st.binary(max_size=100) | st.just(b"[" * 4000))
def test_any_other_bytes_are_refused(line: bytes) -> None:
    for read in (event_from, confined_from):
        with pytest.raises(ValueError):
            read(line)


def test_a_task_is_read_as_it_was_given() -> None:
    task = Task(an_offer("ha", "fd00::5"), 8125, (3, 4), Secret(b"s" * 32), b"chain", Secret(b"k"))
    assert task_from(task_line(task)) == task
    page = Task(replace(an_offer(), opens_later=True), 8125, (3,), Secret(b"s" * 32))
    assert task_from(task_line(page)) == page
    assert "k" not in repr(task.key_pem)
    assert confined_from(ready_line(("landlock", "limits"))) == ("landlock", "limits")
