"""What the onboarding page is made from: public things only, handed to it whole.

The processes that face the network get an `Offer` and nothing else of the house.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Counts(StrEnum):
    """What an earlier root of the home still is."""

    BESIDE = "beside"  # it counts for a time beside the new one
    OVER = "over"  # of no use any more
    LEAKED = "leaked"  # somebody else may have its key: dangerous on any device


class SignedBy(StrEnum):
    """Who signs Home Assistant's own certificate, and so what devices need for it."""

    HOUSE = "house"  # the root of the page
    KNOWN = "known"  # a CA that every device knows: nothing
    ANOTHER = "another"  # another CA, whose root is not handed out here


@dataclass(frozen=True, slots=True)
class FormerRoot:
    """An earlier root, of which a device may still think."""

    sha256: str
    name: str  # its CN, by which devices list it
    counts: Counts


@dataclass(frozen=True, slots=True)
class Offer:
    """What a device may learn here."""

    root_der: bytes  # the root certificate, the one thing that is handed out
    home: str  # what the home is called, for people; may be empty
    proof_port: int
    hosts: tuple[str, ...]  # under which the page answers, best first: names, then addresses
    home_assistant: str | None  # its https address, such as https://homeassistant.local:8123
    # Under which of its names Home Assistant's certificate is good; a device that came by one of
    # them is sent on by the same.
    home_assistant_hosts: tuple[str, ...] = ()
    crl_der: bytes | None = None  # the list of revoked certificates; None: nothing was revoked
    former: tuple[FormerRoot, ...] = ()  # earlier roots of this home, oldest first
    opens_later: bool = False  # Home Assistant still refuses a device that has this root alone
    home_assistant_by: SignedBy = SignedBy.HOUSE
    # Both inside Home Assistant alone, and so in no pipe (wire.py).
    awaits_https: bool = False  # it goes to https next, or is about to: an open page waits for it
    trial_path: str | None = None  # where it takes the page's proof while it tries https
