"""A trust store: look, install, remove, describe, and prove it by a program that reads it.

Each store is one module beside this one. What it acts through is handed in as a `Machine`, so
that the stores of every system are tested on one: a folder stands for `/`, and a runner answers
for the commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from housekey.pki.hosts import bracketed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cryptography.x509 import Certificate

    from housekey.house.files import Files


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int  # 127: there is no such program; 124: it did not end in time
    out: str
    err: str


class Runner(Protocol):
    """Runs a command from a list, never through a shell, and returns how it ended."""

    def __call__(
        self,
        command: Sequence[str | PurePath],
        *,
        env: Mapping[str, str] | None = None,  # beside the usual ones
        stdin: bytes = b"",
        seconds: float = 60.0,
    ) -> Ran: ...


@dataclass(frozen=True, slots=True)
class Machine:
    """This computer, as far as a trust store needs it."""

    system: Literal["Linux", "Darwin", "Windows"]
    files: Files
    run: Runner
    which: Callable[[str], str | None]  # as shutil.which
    home: Path  # of the user whose stores are meant (of SUDO_USER, under sudo)
    environ: Mapping[str, str]
    administrator: bool
    slash: Path = field(default_factory=lambda: Path("/"))  # where absolute paths begin

    def at(self, path: str) -> Path:
        """Return where the absolute `path` lies on this machine."""
        return self.slash / path.lstrip("/")


class State(Enum):
    """How a store stands to one root."""

    PRESENT = "present"  # it is there, and trusted
    ABSENT = "absent"  # the store is there, the root is not
    NOT_HERE = "not here"  # this machine has no such store
    NEEDS = "needs"  # it cannot be read or changed before something is there: `hint` says what


def together(states: Sequence[State]) -> State:
    """Return what several files of one store are together, those that can be changed before all.

    One that cannot be changed stops nobody from changing the others, and says so in its proof.
    """
    first = (State.ABSENT, State.PRESENT, State.NEEDS)
    return next((state for state in first if state in states), State.NOT_HERE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a look at a store finds."""

    state: State
    where: tuple[str, ...] = ()  # the files or databases of the store, for people
    # What to do, as a command where there is one: NEEDS, or for a part that cannot be changed.
    hint: str = ""
    needs_administrator: bool = False  # to change it; looking needs nobody
    # ABSENT: the root lies in a file of it all the same, and the next update would take it in.
    leftover: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """An HTTPS server whose chain leads to the root, to prove a store by."""

    host: str  # a name or an address that its certificate covers
    port: int

    @property
    def url(self) -> str:
        """Return its address."""
        return f"https://{bracketed(self.host)}:{self.port}/"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a program that reads the store said of a server under the root."""

    program: str  # curl, tstclnt, java, …; with its version where it costs nothing
    accepts: bool | None  # None: there is no such program here, or it could not be asked
    said: str = ""  # its own words, one line, when it does not accept


class Store(Protocol):
    """One trust store. No method asks the user anything."""

    name: str  # for --store: debian, fedora, nss-chrome, java, …
    title: str  # for people: "Debian and Ubuntu: the system's store"

    def describe(self) -> str:
        """Say in a sentence which programs read it, and where it lies."""

    def look(self, root: Certificate) -> Standing:
        """Find out how the store stands to exactly this root, by its fingerprint."""

    def install(self, root: Certificate) -> None:
        """Put the root in. Raises `TrustFailed` with what the tool said; nothing is left half."""

    def remove(self, root: Certificate) -> None:
        """Take out exactly this root and no other. Raises `TrustFailed`."""

    def prove(self, server: Server) -> tuple[Proof, ...]:
        """Let each program that reads this store connect to `server`: one proof for each."""


@runtime_checkable
class Finder(Protocol):
    """A store that can give back a root of which only the fingerprint is known."""

    def find(self, sha256: str) -> Certificate | None:
        """Return the certificate with this fingerprint, 64 lower-case digits; None: not here."""
