"""What happens at the page, one event for each step of a device, without personal data.

The processes that face the network write events, the one that has the ledger reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from housekey.onboarding.visitor import Visitor


class Step(Enum):
    """How far a device has come."""

    ARRIVED = "arrived"  # opened the page
    FETCHED = "fetched"  # downloaded the root
    TRUSTS = "trusts"  # proved it, by a verified TLS handshake
    REFUSED = "refused"  # a request that gets no answer worth having


@dataclass(frozen=True, slots=True)
class Event:
    """One step of one device."""

    at: datetime  # aware UTC
    step: Step
    device: int = 0  # counts from 1 in this run, so that steps can be told together; 0: nobody
    visitor: Visitor | None = None  # None for what was refused
    again: bool = False  # TRUSTS: the device says that it had proved it before, to this root
    reason: str = ""  # REFUSED: one of wire.REASONS
    count: int = 1  # REFUSED: how many of the same within a second are told by this one
