"""What the CA publishes is kept by counting what the ledger holds; pure, and at the very edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import CaAsksToWait
from housekey.house.records import Event
from housekey.house.road import ACCOUNT, ORDER
from housekey.house.who import who
from housekey.pki.shared_zones import registered_domain
from housekey.public.limits import (
    LETS_ENCRYPT,
    Counted,
    Limit,
    Wait,
    asked_to_wait,
    at_a_limit,
    backed_off,
    limits_of,
    no_more_accounts,
)
from tests.public.challtest import ChallTestRecords
from tests.public.ordered import NAMES, need_for, obtained, settings_for

if TYPE_CHECKING:
    from housekey.house.house import House

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


def _event(kind: str, ago: timedelta, **data: Any) -> Event:
    data = {"directory": PRODUCTION, "names": NAMES, "label": NAMES[0]} | data
    return Event(at=NOW - ago, kind=kind, by="me", sha256=None, data=data)


def _times(count: int, limit: Counted, ago: timedelta) -> list[Event]:
    """As many events of what `limit` counts, a minute apart, the newest `ago`."""
    kinds: dict[Counted, tuple[str, dict[str, Any]]] = {
        Counted.ACCOUNTS: ("order", {"step": "account"}),
        Counted.ORDERS: ("order", {"step": "new-order"}),
        Counted.OF_DOMAIN: ("order", {"step": "finalize"}),
        Counted.OF_NAMES: ("order", {"step": "finalize"}),
        Counted.FAILURES: ("order-failed", {"unproven": NAMES}),
    }
    kind, data = kinds[limit]
    made = []
    for number in range(count):
        url = {"url": f"https://ca/order/{number}"} if data.get("step") == "finalize" else {}
        names = (f"n{number}.example.org",) if limit is Counted.OF_DOMAIN else NAMES
        made.append(_event(kind, ago + timedelta(minutes=number), **data, **url, names=names))
    return made


def _full(events: list[Event], *names: str, now: datetime = NOW) -> Wait | None:
    return at_a_limit(
        events,
        LETS_ENCRYPT,
        directory=PRODUCTION,
        names=names or NAMES,
        now=now,
        domain_of=registered_domain,
    )


@pytest.mark.parametrize(
    "limit",
    [limit for limit in LETS_ENCRYPT if limit.counts is not Counted.ORDERS],
    ids=lambda limit: limit.counts.name.lower(),
)
def test_the_last_one_that_is_allowed_is_allowed_and_the_next_one_waits_until_the_first_is_old(
    limit: Limit,
) -> None:
    def ask(events: list[Event], now: datetime = NOW) -> Wait | None:
        if limit.counts is Counted.ACCOUNTS:
            return no_more_accounts(events, LETS_ENCRYPT, directory=PRODUCTION, now=now)
        return _full(events, now=now)

    events = _times(limit.most, limit.counts, timedelta(minutes=1))
    assert ask(events[1:]) is None
    wait = ask(events)
    assert wait is not None
    assert wait.until == min(event.at for event in events) + limit.within
    assert limit.source in wait.why
    assert f"it allows {limit.most} " in wait.why
    assert ask(events, now=wait.until) is None


def test_three_hundred_orders_in_three_hours_are_the_most() -> None:
    events = [
        _event("order", timedelta(seconds=30 * number), step="new-order") for number in range(300)
    ]
    assert _full(events[1:]) is None
    wait = _full(events)
    assert wait is not None
    assert wait.until == NOW - timedelta(seconds=30 * 299) + timedelta(hours=3)


def test_a_step_that_was_taken_again_after_a_kill_counts_once() -> None:
    events = [_event("order", timedelta(minutes=m), step="finalize", url="u") for m in range(9)]
    assert _full(events) is None


def test_the_same_names_are_the_same_in_any_order_and_case() -> None:
    both = ("b.example.org", "A.example.org")
    events = [
        _event("order", timedelta(hours=m), step="finalize", url=f"u{m}", names=names)
        for m, names in enumerate([both, both[::-1]] * 3)
    ]
    assert _full(events[:5], "a.example.org", "b.example.org") is not None
    assert _full(events[:5], "a.example.org") is None


def test_other_homes_of_a_shared_zone_are_other_domains() -> None:
    events = _times(60, Counted.OF_DOMAIN, timedelta(0))
    assert _full(events, "more.example.org") is not None
    assert _full(events, "mine.duckdns.org") is None
    assert registered_domain("ha.mine.duckdns.org") == "mine.duckdns.org"


def test_only_lets_encrypts_limits_are_known_and_staging_gives_certificates_freely() -> None:
    assert limits_of("https://ca.home.arpa/acme/acme/directory") == ()
    assert limits_of(PRODUCTION) == LETS_ENCRYPT
    assert {limit.counts for limit in limits_of(STAGING)} == {
        Counted.ACCOUNTS,
        Counted.ORDERS,
        Counted.FAILURES,
    }


def test_what_another_ca_did_or_asked_for_does_not_count() -> None:
    events = _times(9, Counted.OF_NAMES, timedelta(0))
    waits = [_event("order-failed", timedelta(0), until=(NOW + timedelta(hours=1)).isoformat())]
    other = STAGING
    assert (
        at_a_limit(events, LETS_ENCRYPT, directory=other, names=NAMES, now=NOW, domain_of=str)
        is None
    )
    assert asked_to_wait(waits, directory=other, now=NOW) is None
    assert asked_to_wait(waits, directory=PRODUCTION, now=NOW) is not None


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 10), (3, 100), (4, 23 * 60), (40, 23 * 60)]
)
def test_the_back_off_grows_to_a_day_and_ends_with_a_certificate(
    failures: int, minutes: int
) -> None:
    events = [
        _event("order-failed", timedelta(seconds=30 + 60 * number), counts=True)
        for number in range(failures)
    ]
    wait = backed_off(events, directory=PRODUCTION, label=NAMES[0], now=NOW)
    assert wait is not None
    assert wait.until == events[0].at + timedelta(minutes=minutes)
    assert backed_off(events, directory=PRODUCTION, label="another", now=NOW) is None
    assert backed_off(events, directory=PRODUCTION, label=NAMES[0], now=wait.until) is None
    obtained_since = _event("obtained", timedelta(seconds=10))
    assert (
        backed_off([*events, obtained_since], directory=PRODUCTION, label=NAMES[0], now=NOW) is None
    )


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=3650)])
def test_what_was_noted_by_a_clock_that_was_ahead_makes_nobody_wait(ahead: timedelta) -> None:
    until = (NOW + ahead + timedelta(hours=2)).isoformat()
    events = [
        *(_event("order", -ahead, step="finalize", url=str(each)) for each in range(9)),
        _event("order-failed", -ahead, counts=True, until=until, unproven=NAMES),
    ]
    assert _full(events) is None
    assert asked_to_wait(events, directory=PRODUCTION, now=NOW) is None
    assert backed_off(events, directory=PRODUCTION, label=NAMES[0], now=NOW) is None


def test_no_wait_is_longer_than_the_longest_limit_and_a_day() -> None:
    events = [_event("order-failed", timedelta(0), until="2099-01-01T00:00:00+00:00")]
    wait = asked_to_wait(events, directory=PRODUCTION, now=NOW)
    assert wait is not None
    assert wait.until == NOW + timedelta(days=8)
    damaged = [_event("order-failed", timedelta(0), until="soon")]
    assert asked_to_wait(damaged, directory=PRODUCTION, now=NOW) is None


def test_a_limit_is_told_and_the_ca_is_not_even_looked_for(house: House) -> None:
    now = house.clock()
    for number in range(5):
        house.ledger.record_event(
            "order",
            at=now - timedelta(hours=number),
            by=who(),
            data={
                "step": "finalize",
                "directory": PRODUCTION,
                "names": list(NAMES),
                "url": f"https://ca/{number}",
            },
        )
    settings = settings_for(PRODUCTION, None)  # type: ignore[arg-type]
    with pytest.raises(CaAsksToWait) as asked:
        obtained(house, settings, ChallTestRecords("http://127.0.0.1:1"), need=need_for())
    until = now - timedelta(hours=4) + timedelta(days=7)
    assert asked.value.until == until
    assert asked.value.exit_code == 3
    assert asked.value.message.startswith(
        f"Let's Encrypt is not asked for {NAMES[0]} before {until:%Y-%m-%d %H}:"
    )
    assert asked.value.message.endswith(
        " UTC: it allows 5 certificates for the same names in 7 days"
        " (https://letsencrypt.org/docs/rate-limits/)"
    )
    assert not (house.folder / ACCOUNT).exists()
    assert not (house.folder / ORDER).exists()
