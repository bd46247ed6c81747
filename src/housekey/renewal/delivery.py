"""How a renewed certificate reaches the server: while it runs, or by a restart, and when.

Pure: what is known is handed in. The new pair lies in its files already; so whatever is decided
here, the next start presents it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from housekey.live.contexts import NotLive


class Way(StrEnum):
    """How a renewal is delivered."""

    LIVE = "live"  # new connections are given it now; no connection is dropped
    RESTART = "restart"  # Home Assistant is restarted at a time
    ASK = "ask"  # only a person can: nothing happens until then


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When a restart disturbs nobody, by the clock on the wall; they may run over midnight."""

    begin: time
    end: time  # the first moment that is not quiet; as `begin`: the whole day is

    def __post_init__(self) -> None:
        if self.begin.tzinfo or self.end.tzinfo:
            raise ValueError("quiet hours are by the clock on the wall")

    def covers(self, moment: datetime) -> bool:
        """Whether it is quiet at `moment`, which is in local time."""
        clock = moment.time().replace(tzinfo=None)
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def next(self, now: datetime) -> datetime:
        """Return `now` while it is quiet, or else when they begin next; both in local time.

        Where the clock jumps over their beginning in spring, they begin after the jump.
        """
        if self.covers(now):
            return now
        today = datetime.combine(now.date(), self.begin, tzinfo=now.tzinfo)
        days = (today + timedelta(days=ahead) for ahead in range(3))
        # By UTC and back: an hour that the clock jumps over is then the one after it.
        real = (each.astimezone(UTC).astimezone(now.tzinfo) for each in days)
        return next(each for each in real if each.astimezone(UTC) > now.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way that was chosen, and why, for people."""

    way: Way
    reason: str  # one sentence without a full stop
    at: datetime | None = None  # of a restart, in local time; in the past or now: at once


def choose_delivery(
    *,
    not_live: NotLive | str | None,
    cannot_restart: str | None,
    quiet: QuietHours,
    served_until: datetime | None,
    now: datetime,
) -> Delivery:
    """Choose how a renewal that lies in its files is delivered.

    `not_live`: why the running server cannot be given it, as `adopt` said it or as a swap just
    failed; None if it can. `cannot_restart`: why Home Assistant would refuse a restart.
    `served_until`: the end of the certificate that is presented; None if it is not known. `now`
    is aware, in local time.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    if not_live is None:
        return Delivery(
            Way.LIVE,
            "new connections get the new certificate at once, and the open ones stay open",
        )
    why = not_live if isinstance(not_live, str) else not_live.reason
    if cannot_restart is not None:
        return Delivery(
            Way.ASK,
            f"the new certificate waits for a restart of Home Assistant, because {why};"
            f" and Home Assistant refuses one: {cannot_restart}",
        )
    at = quiet.next(now)
    if at == now:
        return Delivery(Way.RESTART, f"a restart is needed, because {why}; it is quiet now", now)
    if served_until is not None and served_until.astimezone(UTC) <= at.astimezone(UTC):
        return Delivery(
            Way.RESTART,
            f"a restart is needed, because {why}; it does not wait for the quiet hours, before"
            " which the certificate that is presented ends",
            now,
        )
    return Delivery(
        Way.RESTART, f"a restart is needed, because {why}; it waits for the quiet hours", at
    )
