"""What the integration knows, as facts: made by the coordinator, shown by everything else.

Nothing here touches Home Assistant; entities, repairs, diagnostics and the panel read from one
`Snapshot` and decide on nothing but it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from housekey.house.road import Kind


class Stage(StrEnum):
    """Where the way to HTTPS stands."""

    PLAIN = "plain"  # a house, and Home Assistant on http
    STAGED = "staged"  # a trial is about to begin: Home Assistant restarts
    TRIAL = "trial"  # Home Assistant speaks HTTPS, and forgets it unless somebody proves it
    KEPT = "kept"  # HTTPS is permanent
    REVERTED = "reverted"  # the trial ended without proof, or failed; `reason` says why


class Delivery(StrEnum):
    """How a renewed certificate gets into the running server."""

    LIVE = "live"  # new handshakes get it at once, nothing is interrupted
    RESTART = "restart"  # by a restart in the quiet hours
    NONE = "none"  # Home Assistant does not speak HTTPS with a certificate of the house


class ProblemKind(StrEnum):
    """What may be wrong; each is a repair of the same name, and a reason of the binary sensor."""

    EXPIRING = "expiring"  # and could not be renewed
    NOT_COVERED = "not_covered"  # an address or name of this machine that the leaf lacks
    STALE_YAML = "stale_yaml"  # an http: block that Home Assistant ignores
    KEY_OPEN = "key_open"  # a key that others may read
    FILES_MISSING = "files_missing"  # what Home Assistant would need at its next start
    NOT_PROMOTED = "not_promoted"  # the trial ended without proof
    PORT_TAKEN = "port_taken"  # the onboarding page's, or the lane's
    HOUSE_BROKEN = "house_broken"  # the house cannot be opened


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: ProblemKind
    data: tuple[tuple[str, str], ...] = ()  # placeholders of its text: name, value
    fixable: bool = False  # a repair flow can mend it


@dataclass(frozen=True, slots=True)
class Device:
    """A device that has proved its trust."""

    kind: str  # both are words of onboarding/visitor.py, which the panel has texts for
    browser: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment. Times are aware UTC."""

    at: datetime
    root_name: str
    root_sha256: str
    root_ends: datetime | None  # None: it is one that devices came with
    issuing_ends: datetime | None
    leaf_ends: datetime | None  # None: none was issued yet
    leaf_renews: datetime | None  # when it becomes due
    names: tuple[str, ...]  # of the leaf
    devices: tuple[Device, ...]
    stage: Stage
    reason: str  # of REVERTED, in Home Assistant's or our words
    delivery: Delivery
    onboarding_urls: tuple[str, ...]  # empty while the page is not served
    home_assistant_url: str | None  # its https address
    problems: tuple[Problem, ...] = ()
    root_begins: datetime | None = None  # the issuing CA's, too; None: not known
    leaf_begins: datetime | None = None
    road: Kind | None = None  # by which the certificate comes; None: the house issues it
    https_port: int | None = None  # where HTTPS is, or will be after the switch
