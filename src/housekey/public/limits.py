"""How much may be asked of a CA, and when again: pure; counted from the ledger's events.

Three things make one wait, and the latest counts: what the CA asked for (`Retry-After`), what it
publishes as its limits, and, for what runs by itself, a back-off that grows with each failure.

An event that lies in the future was written by a clock that was ahead, and says nothing of when it
was: it counts for nothing, for it would make one wait until then. That no order is made twice does
not hang on this, but on the order that lies in the house.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from housekey.house.records import OBTAINED
from housekey.public.later import LONGEST, rounded_up, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from housekey.house.records import Event

ORDER = "order"  # the kind of event: a step that is about to be taken; data: see `noted`
FAILED = "order-failed"
ACCOUNT_STEP = "account"  # the values of "step" that are counted
ORDER_STEP = "new-order"
FINALIZE_STEP = "finalize"
WAIT = "wait"  # the value of "code" for a CA that asks to be left alone

_FUTURE = timedelta(minutes=5)  # two clocks, or a small step back


class Counted(Enum):
    """What a limit counts."""

    ACCOUNTS = "new accounts"
    ORDERS = "new orders"
    OF_DOMAIN = "certificates for {}"
    OF_NAMES = "certificates for the same names"
    FAILURES = "failed proofs of {}"


@dataclass(frozen=True, slots=True)
class Limit:
    """So many within so long, as the CA publishes it."""

    counts: Counted
    most: int
    within: timedelta
    source: str


@dataclass(frozen=True, slots=True)
class Wait:
    """That one has to wait, and for what."""

    until: datetime
    why: str  # for people, without a full stop


_PUBLISHED = "https://letsencrypt.org/docs/rate-limits/"  # as of 12 June 2025
_STAGING = "https://letsencrypt.org/docs/staging-environment/"
# Let's Encrypt refills what is used bit by bit; to count all of the last hours is the stricter
# reading, so that keeping these keeps theirs.
LETS_ENCRYPT = (
    Limit(Counted.ACCOUNTS, 10, timedelta(hours=3), _PUBLISHED),  # of one IP address
    Limit(Counted.ORDERS, 300, timedelta(hours=3), _PUBLISHED),  # of one account
    Limit(Counted.OF_DOMAIN, 50, timedelta(days=7), _PUBLISHED),
    Limit(Counted.OF_NAMES, 5, timedelta(days=7), _PUBLISHED),
    Limit(Counted.FAILURES, 5, timedelta(hours=1), _PUBLISHED),  # of one name and account
)
# The same limits with higher numbers. What wears on its servers is kept as in earnest; how many
# certificates it gives is what it is there to try.
LETS_ENCRYPT_STAGING = tuple(
    Limit(each.counts, each.most, each.within, _STAGING)
    for each in LETS_ENCRYPT
    if each.counts not in (Counted.OF_DOMAIN, Counted.OF_NAMES)
)
_BY_HOST = {
    "acme-v02.api.letsencrypt.org": LETS_ENCRYPT,
    "acme-staging-v02.api.letsencrypt.org": LETS_ENCRYPT_STAGING,
}

_NAMES = {
    "acme-v02.api.letsencrypt.org": "Let's Encrypt",
    "acme-staging-v02.api.letsencrypt.org": "Let's Encrypt (staging)",
}

# What Let's Encrypt's integration guide proposes for renewals that fail: after one minute, ten,
# a hundred, and then daily (https://letsencrypt.org/docs/integration-guide/, "Retrying failures").
# A little less than a day, so that a daily round is not a day late each time.
BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(minutes=100),
    timedelta(hours=23),
)


def name_of(directory: str) -> str:
    """Return what people call the CA of this directory."""
    split = urlsplit(directory)
    return _NAMES.get(split.hostname or "", split.netloc or directory)


def limits_of(directory: str) -> tuple[Limit, ...]:
    """Return the limits that the CA of this directory publishes, as far as they are known."""
    return _BY_HOST.get(urlsplit(directory).hostname or "", ())


def asked_to_wait(events: Iterable[Event], *, directory: str, now: datetime) -> Wait | None:
    """Return until when the CA itself wants not to be asked; None: it may be. `events` unsorted."""
    waits = (wait for wait in wishes(events, directory=directory, now=now) if now < wait.until)
    return max(waits, key=lambda wait: wait.until, default=None)


def wishes(events: Iterable[Event], *, directory: str, now: datetime) -> Iterator[Wait]:
    """Yield each time at which the CA has asked to be left alone, over or not.

    A wait that is longer than any limit is cut: the clock jumped.
    """
    for event in _past(events, directory, now):
        if event.kind == FAILED and (until := _moment(event.data.get("until"))) is not None:
            why = str(event.data.get("reason") or "it asked for that")
            yield Wait(min(until, event.at + LONGEST), why)


def backed_off(
    events: Iterable[Event], *, directory: str, label: str, now: datetime
) -> Wait | None:
    """Return until when to leave `label` alone after failures in a row; None: it may be tried."""
    latest = sorted(_past(events, directory, now), key=lambda event: event.at, reverse=True)
    failures = []
    for event in latest:
        if event.data.get("label") != label:
            continue
        if event.kind == OBTAINED:
            break
        if event.kind == FAILED and event.data.get("counts"):
            failures.append(event)
    if not failures:
        return None
    until = failures[0].at + BACK_OFF[min(len(failures), len(BACK_OFF)) - 1]
    times = "once" if len(failures) == 1 else f"{len(failures)} times in a row"
    return Wait(until, f"it failed {times}") if now < until else None


def at_a_limit(
    events: Iterable[Event],
    limits: Sequence[Limit],
    *,
    directory: str,
    names: Sequence[str],
    now: datetime,
    domain_of: Callable[[str], str],
) -> Wait | None:
    """Return until when one more order for `names` would be one too many; None: it may be made.

    `domain_of` names the registered domain of a name.
    """
    past = list(_past(events, directory, now))
    waits = [
        wait
        for limit in limits
        for counted in _things(limit.counts, names, domain_of)
        if (wait := _full(limit, counted, past, now, domain_of)) is not None
    ]
    return max(waits, key=lambda wait: wait.until, default=None)


def no_more_accounts(
    events: Iterable[Event], limits: Sequence[Limit], *, directory: str, now: datetime
) -> Wait | None:
    """Return until when one more account would be one too many; None: one may be made."""
    past = list(_past(events, directory, now))
    for limit in limits:
        if limit.counts is Counted.ACCOUNTS:
            return _full(limit, "", past, now, str)
    return None


def _things(
    counts: Counted, names: Sequence[str], domain_of: Callable[[str], str]
) -> tuple[str, ...]:
    """Return what a limit is kept for each of."""
    if counts is Counted.OF_DOMAIN:
        return tuple(sorted({domain_of(name) for name in names}))
    if counts is Counted.FAILURES:
        return tuple(sorted({plain(name) for name in names}))
    if counts is Counted.OF_NAMES:
        return (together(names),)
    return ("",) if counts is Counted.ORDERS else ()


def _full(
    limit: Limit,
    thing: str,
    past: Sequence[Event],
    now: datetime,
    domain_of: Callable[[str], str],
) -> Wait | None:
    counted = {  # a step that was taken again after a kill is still one
        event.data.get("url") or event.at: event.at
        for event in sorted(past, key=lambda event: event.at)
        if event.at > now - limit.within and _counts(limit.counts, thing, event, domain_of)
    }
    moments = sorted(counted.values())
    if len(moments) < limit.most:
        return None
    until = moments[-limit.most] + limit.within
    what = limit.counts.value.format(thing)
    return Wait(until, f"it allows {limit.most} {what} in {_span(limit.within)} ({limit.source})")


def _counts(counts: Counted, thing: str, event: Event, domain_of: Callable[[str], str]) -> bool:
    names = _names(event)
    if counts is Counted.FAILURES:
        unproven = event.data.get("unproven")
        failed = unproven if isinstance(unproven, list | tuple) else ()
        return event.kind == FAILED and thing in {plain(str(name)) for name in failed}
    if event.kind != ORDER:
        return False
    step = event.data.get("step")
    if counts in (Counted.ACCOUNTS, Counted.ORDERS):
        return step == (ACCOUNT_STEP if counts is Counted.ACCOUNTS else ORDER_STEP)
    if step != FINALIZE_STEP:  # from here on there may be a certificate
        return False
    if counts is Counted.OF_NAMES:
        return together(names) == thing
    return thing in {domain_of(name) for name in names}


def plain(name: str) -> str:
    """Return the name that is proven for `name`: a wildcard's is the one below it."""
    return name.removeprefix("*.")


def together(names: Sequence[str]) -> str:
    """Return names as one text that does not depend on their order."""
    return " ".join(sorted({name.lower() for name in names}))


def told_wait(wait: Wait) -> str:
    """Return the moment for people, never too early."""
    return told(rounded_up(wait.until))


def _past(events: Iterable[Event], directory: str, now: datetime) -> Iterator[Event]:
    for event in events:
        of_this = event.data.get("directory", directory) == directory
        if of_this and event.at <= now + _FUTURE:
            yield event


def _names(event: Event) -> tuple[str, ...]:
    names = event.data.get("names")
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _span(within: timedelta) -> str:
    hours = int(within.total_seconds() // 3600)
    if hours >= 48:
        return f"{hours // 24} days"
    return "an hour" if hours == 1 else f"{hours} hours"
