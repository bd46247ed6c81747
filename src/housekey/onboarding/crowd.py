"""Who is connected, and who has to go when it becomes crowded. Pure: the time is handed in.

Servers are often starved by connections that are held and say little. Here nobody is shut out for
that: when there is no room, whoever has been connected for longest goes, because an honest
request takes milliseconds. Those that came only just now stay, so that a crowd of honest ones is
not thinned out; the next ones wait in the kernel's queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one port."""

    connections: int = 512  # at once
    per_address: int = 256  # at once, from one address: a router may stand for a whole home
    grace_seconds: float = 2.0  # for which nobody has to go
    seconds: float = 20.0  # from being accepted to the last byte of the answer
    request_bytes: int = 16_384  # request line and headers in all
    line_bytes: int = 8_190  # of one of them
    header_lines: int = 100


@dataclass(eq=False, slots=True)
class Visit:
    """One connection."""

    address: str
    since: float


@dataclass(slots=True)
class Crowd:
    """Everybody who is connected to one port."""

    limits: Limits
    _visits: dict[Visit, None] = field(default_factory=dict)  # the longest here first
    _by_address: dict[str, dict[Visit, None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._visits)

    def wait_seconds(self, now: float) -> float:
        """Return after how long there is room for one more, be it by sending somebody away."""
        if len(self._visits) < self.limits.connections:
            return 0.0
        return max(0.0, self._oldest(self._visits).since + self.limits.grace_seconds - now)

    def enter(self, address: str, now: float) -> tuple[Visit | None, Visit | None]:
        """Let one in: its visit, None if it is refused; and who has to go for it, if anybody.

        Call it only when `wait_seconds` is 0. Who has to go is not counted any more.
        """
        neighbours = self._by_address.get(address, {})
        leaver: Visit | None = None
        if len(neighbours) >= self.limits.per_address:
            leaver = self._oldest(neighbours)
            if now < leaver.since + self.limits.grace_seconds:
                return None, None
        elif len(self._visits) >= self.limits.connections:
            leaver = self._oldest(self._visits)
        if leaver is not None:
            self.leave(leaver)
        visit = Visit(address, now)
        self._visits[visit] = None
        self._by_address.setdefault(address, {})[visit] = None
        return visit, leaver

    def leave(self, visit: Visit) -> None:
        """Count a connection no more; one that is counted no more already is none the worse."""
        if visit not in self._visits:
            return
        del self._visits[visit]
        neighbours = self._by_address[visit.address]
        del neighbours[visit]
        if not neighbours:
            del self._by_address[visit.address]

    def _oldest(self, visits: dict[Visit, None]) -> Visit:
        return next(iter(visits))
