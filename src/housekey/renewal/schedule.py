"""When the next round is: pure. Once a day at a random moment of the quiet hours, and sooner when
the last one left something undone.

Random, so that houses which began together do not renew together, and within the quiet hours, so
that a restart, if one is needed, can be made at once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from housekey.errors import (
    CaAsksToWait,
    DnsFailed,
    FileTrouble,
    HomeAssistantTrouble,
    HouseBusy,
    PublicTrouble,
    TermsChanged,
)
from housekey.renewal.delivery import Way
from housekey.renewal.round import Became

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.renewal.delivery import QuietHours
    from housekey.renewal.round import Item

FIRST_RETRY = timedelta(minutes=5)  # Home Assistant may just be starting, as at every boot
LAST_RETRY = timedelta(hours=1)
MOST_TRIES = 6  # in a row, some two hours; then it waits, and is told, once a day
# Anything else takes a person.
_MAY_PASS = (HomeAssistantTrouble, FileTrouble, HouseBusy, PublicTrouble, DnsFailed)
_TRIES_LEFT = 12  # of what failed, before what is in use ends
_A_MOMENT = timedelta(minutes=1)
_LEAST = timedelta(microseconds=1)


def daily_round(now: datetime, quiet: QuietHours, *, spread: float) -> datetime:
    """Return a moment of the next quiet hours that begin after `now`, which is in local time.

    `spread` is from 0 to 1: how far into them.
    """
    begins = quiet.next(_after(now, quiet))
    clock = datetime.combine(begins.date(), quiet.begin), datetime.combine(begins.date(), quiet.end)
    length = clock[1] - clock[0]
    if length <= timedelta():
        length += timedelta(days=1)
    # Rounded down: their end is not quiet any more.
    into = timedelta(microseconds=int(length // _LEAST * spread))
    # By UTC: an hour that the clock jumps over, or goes through twice, counts as what it lasts.
    return (begins.astimezone(UTC) + into).astimezone(now.tzinfo)


def _after(now: datetime, quiet: QuietHours) -> datetime:
    """Return the first moment from `now` on at which it is not quiet; a day on, if it always is."""
    if not quiet.covers(now):
        return now
    if quiet.begin == quiet.end:
        # Always quiet: they begin anew when the clock on the wall says so.
        begin = datetime.combine(now.date(), quiet.begin, tzinfo=now.tzinfo)
        return begin if begin > now else begin + timedelta(days=1)
    end = datetime.combine(now.date(), quiet.end, tzinfo=now.tzinfo)
    return end if end > now else end + timedelta(days=1)


def retry(items: Sequence[Item], *, tries: int) -> timedelta | None:
    """Return after which time to try again what failed; None: with the next daily round.

    `tries` were made in a row. Only what may have passed by then is tried again. A switch that
    failed was put back, which took two restarts: that is for the next quiet hours.
    """
    troubled = [each for each in items if each.trouble is not None]
    passing = any(map(_may_pass, troubled))
    if not passing or tries >= MOST_TRIES or any(map(_was_put_back, troubled)):
        return None
    return later(tries)


def _may_pass(item: Item) -> bool:
    return isinstance(item.trouble, _MAY_PASS) and not isinstance(item.trouble, TermsChanged)


def _was_put_back(item: Item) -> bool:
    delivery = item.delivery
    failed = item.became is Became.FAILED
    return failed and delivery is not None and delivery.way is Way.RESTART


def later(tries: int) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    return min(FIRST_RETRY * (1 << min(tries, 10)), LAST_RETRY)


def next_round(
    now: datetime,
    quiet: QuietHours,
    items: Sequence[Item],
    *,
    tries: int,
    spread: float,
) -> datetime:
    """Return when the next round is, after one at `now` that came to `items`; in local time."""
    moments = [daily_round(now, quiet, spread=spread)]
    if (wait := retry(items, tries=tries)) is not None:
        moments.append(now + wait)
    # A name that is new too soon after another; one that is due before the next quiet hours, which
    # is too late for a certificate of six days; and what a CA, or its limits, allow only then.
    later_ = [each.rests_until for each in items]
    later_ += [each.due_at for each in items]
    later_ += [each.trouble.until for each in items if isinstance(each.trouble, CaAsksToWait)]
    moments += [max(moment.astimezone(now.tzinfo), now + _A_MOMENT) for moment in later_ if moment]
    # What failed is tried more often the less life is left: daily of ninety days, not of six.
    moments += [
        now + max((each.ends - now) / _TRIES_LEFT, LAST_RETRY)
        for each in items
        if _may_pass(each) and not _was_put_back(each) and each.ends is not None and each.ends > now
    ]
    return min(moments, key=lambda moment: moment.astimezone(UTC))
