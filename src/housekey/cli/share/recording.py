"""Writes what devices have proved into the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from housekey.house.house import House
    from housekey.onboarding.events import Event


@dataclass(slots=True)
class Recorder:
    """Writes proofs into the ledger; what cannot be written is kept, and tried again.

    Not without end: whoever is on the network can say that it trusts the root, and the ledger
    forgets nothing.
    """

    house: House
    sha256: str  # of the root
    pending: list[Event] = field(default_factory=list)
    room: int = 500  # in one run; no home has as many devices

    def write(self, *events: Event) -> HousekeyError | None:
        """Write `events` and what is pending; return what stands against it."""
        from housekey.onboarding.devices import TRUSTS, data_of  # noqa: PLC0415 - loaded already

        self.pending += events[: self.room]
        self.room -= min(len(events), self.room)
        try:
            while self.pending:
                event = self.pending[0]
                self.house.ledger.record_event(
                    TRUSTS, at=event.at, by="share", sha256=self.sha256, data=data_of(event)
                )
                del self.pending[0]
        except HousekeyError as trouble:
            return trouble
        return None
