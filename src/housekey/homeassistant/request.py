"""What `secure` is asked, whom it asks, and what it came to. Facts only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from housekey.homeassistant.authority import Chosen
    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.look import View
    from housekey.homeassistant.plan import Facts, Plan
    from housekey.homeassistant.site import Door, Site
    from housekey.homeassistant.switch import Outcome
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.keys import KeyType
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    house: Path
    folder: Path
    door: Door
    token: Secret | None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    permit: tuple[str, ...] = ()
    subject: Mapping[str, str] = field(default_factory=dict)  # fields of Subject, by their names
    critical: bool = False
    certificate: Path | None = None
    key: Path | None = None
    port: int | None = None
    key_type: KeyType | None = None
    days: int | None = None
    fix_permissions: bool = False
    dry_run: bool = False
    restart_command: str | None = None
    renewal: Renewal | None = None
    road: Chosen | None = None  # None: as the house stands
    renew: str | None = None  # why a new leaf is due, where the plan itself could not see it
    # With names that the road has settled: told what was found all the same; raises to refuse.
    found: Callable[[View, tuple[Name, ...]], None] | None = None
    # Leads the road's name to the Home Assistant that was found, before anything is asked for.
    point: Point | None = None
    rehearsal: bool = False  # the road gets all ready, and nothing is switched


class Point(Protocol):
    """Leads a name to where Home Assistant is."""

    @property
    def from_outside(self) -> bool:
        """Whether to an address of the internet."""

    @property
    def would(self) -> str:
        """What is done, for `--dry-run`."""

    async def __call__(self, site: Site) -> tuple[tuple[str, str], ...]:
        """Do it, and return the lines of a story that are to be told of how it is seen from here.

        Raises a `HousekeyError` when it cannot be done.
        """


@dataclass(frozen=True, slots=True)
class Renewal:
    """A change that only renews: nobody is asked, and nothing is touched but the certificate."""

    why: str | None  # why a new leaf is due, where the plan itself could not see it
    keep_key: bool | None  # as Wanted has it
    keep: tuple[Name, ...]  # names of the present leaf that stay, whether or not they are found
    # Whether the running server is given it (True) or Home Assistant restarts (False), asked once
    # it is known what is to be done; raises to leave everything as it is.
    live: Callable[[View, Facts, Plan], Awaitable[bool]]


class Asker(Protocol):
    """Whoever is there to be asked and shown things."""

    def go_on(self, impacts: tuple[Impact, ...]) -> bool:
        """Tell what the switch will affect, and ask whether to go on."""

    def note_code(self, code: RecoveryCode) -> bool:
        """Show the recovery code, once, and ask whether it was noted."""

    def created(self, code: RecoveryCode) -> None:
        """Take note that the house of this code is on disk now, whatever comes next."""


@dataclass(frozen=True, slots=True)
class Result:
    """What `secure` came to."""

    view: View
    names: tuple[Name, ...]
    impacts: tuple[Impact, ...]
    house: Path
    plan: Plan
    outcome: Outcome | None  # None: a dry run
    changed: bool
    recovery_code: RecoveryCode | None
    warnings: tuple[str, ...]
