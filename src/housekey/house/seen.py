"""A house as it was found, whole or not: what `examining` decides on.

Looking changes nothing, takes no lock, and does not stop at what is broken: a file that cannot be
read is seen as that.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from housekey.errors import HousekeyError, HouseMissing
from housekey.house.copies import LEDGER, entries, is_stray
from housekey.house.ledger_copy import ledger_bytes, ledger_of
from housekey.house.reasons import told
from housekey.house.records import (
    DEVICE_TRUSTS,
    OBTAINED,
    RECOVERED,
    ROOT_DROPPED,
    ROTATED,
    IssuedCertificate,
)
from housekey.house.together import CHANGED

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.ledger import Event, SqliteLedger

_OF_A_HOUSE = ("root.pem", "issuing.pem", "issuing.key", LEDGER, CHANGED)
_TRIES = 5
BACKED_UP, RESTORED = "backed-up", "restored"


class Kind(Enum):
    """What something on the disk is."""

    FILE = 1
    FOLDER = 2
    OTHER = 3  # a link, a pipe


@dataclass(frozen=True, slots=True)
class Place:
    """How something lies on the disk."""

    mode: int  # permission bits
    uid: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """What the examination needs of a ledger."""

    serials: Mapping[str, int] = field(default_factory=dict)  # of each certificate, by fingerprint
    authorities: tuple[IssuedCertificate, ...] = ()  # roots and issuing CAs, newest first
    last: Event | None = None
    last_backup: Event | None = None  # or the restoring of one: what was in it then is in both
    proofs: tuple[Event, ...] = ()  # of devices, newest first
    obtained: frozenset[str | None] = frozenset()  # SHA-256 of what another CA signed
    ends: tuple[Event, ...] = ()  # of a root, or of an issuing CA that was replaced, newest first
    rotations: tuple[Event, ...] = ()  # that gave a new root, newest first
    damage: tuple[str, ...] = ()  # with any, all of the above is unknown


@dataclass(frozen=True, slots=True)
class Seen:
    """A house as it was found: on the disk, or in a backup."""

    folder: Path  # or the backup's own file
    files: Mapping[str, bytes] = field(repr=False)  # by their names in the house, no ledger
    ledger: LedgerSeen | None  # None: see `trouble` of it
    trouble: Mapping[str, HousekeyError]  # of what could not be read, by name
    places: Mapping[str, Place]  # "." is the folder itself; empty for a backup
    strays: tuple[str, ...] = ()
    is_settled: bool = True  # False: what was replaced together is not yet in its places


def seen_in_copy(files: dict[str, bytes], *, path: Path) -> Seen:
    """See a house in memory, and take its ledger out of it; `path` is its origin, for people."""
    return _seen(files, {}, {}, path=path)


def seen_on_disk(folder: Path, *, files: Files) -> Seen:
    """See the house in `folder`.

    Raises `HouseMissing` if nothing of one is there, `FileTrouble` for the folder itself alone.
    """
    with told(folder):
        there = folder.is_dir() and any((folder / name).exists() for name in _OF_A_HOUSE)
    if not there:
        raise HouseMissing(
            f"there is no house in {folder}",
            hint="housekey secure creates one; --house DIR names another folder",
        )
    for _ in range(_TRIES):
        before = _marks(folder)
        seen = _seen_once(folder, files)
        if _marks(folder) == before:
            break  # else somebody has changed it meanwhile, and this may be half before, half after
    return seen


def _marks(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what is another once a file was replaced; the ledger is read as of one moment."""
    return {
        name: (status.st_ino, status.st_mtime_ns, status.st_size)
        for name, status in entries(folder)
        if name != LEDGER
    }


def _seen_once(folder: Path, files: Files) -> Seen:
    found: dict[str, bytes] = {}
    trouble: dict[str, HousekeyError] = {}
    places: dict[str, Place] = {}
    strays = []
    for name, status in entries(folder, everything=True):
        if any(map(is_stray, name.split("/"))):
            strays.append(name)
            continue
        places[name] = Place(stat.S_IMODE(status.st_mode), status.st_uid, _kind(status))
        if not stat.S_ISREG(status.st_mode):
            continue
        path = folder / name
        try:
            is_ledger = name == LEDGER
            found[name] = ledger_bytes(path, to_open=True) if is_ledger else files.read(path)
        except HousekeyError as error:
            trouble[name] = error
    return _seen(found, trouble, places, path=folder, strays=tuple(strays))


def _seen(
    found: dict[str, bytes],
    trouble: dict[str, HousekeyError],
    places: dict[str, Place],
    *,
    path: Path,
    strays: tuple[str, ...] = (),
) -> Seen:
    settled = _settled(found)
    ledger = None
    if LEDGER in settled:
        try:
            # Taken out: opened, it is in memory once more, and it may be large.
            found.pop(LEDGER, None)
            with ledger_of(settled.pop(LEDGER), path=path / LEDGER) as opened:
                ledger = _ledger(opened)
        except HousekeyError as error:
            trouble[LEDGER] = error
    is_settled = not any(name.startswith(f"{CHANGED}/") for name in found)
    return Seen(path, settled, ledger, trouble, places, strays, is_settled)


def _ledger(ledger: SqliteLedger) -> LedgerSeen:
    if damage := ledger.check_whole():
        return LedgerSeen(damage=damage)
    backups = [event for kind in (BACKED_UP, RESTORED) for event in ledger.events(1, kind=kind)]
    # One by one: there may be a hundred thousand, and their bytes are of no use here.
    serials, authorities = {}, []
    for row in ledger.everything():
        if not isinstance(row, IssuedCertificate):
            break  # all of them come first
        serials[row.sha256] = row.serial
        if row.role in ("root", "issuing"):
            authorities.append(row)
    return LedgerSeen(
        serials=serials,
        authorities=tuple(reversed(authorities)),
        last=next(iter(ledger.events(1)), None),
        last_backup=max(backups, key=lambda event: event.at, default=None),
        proofs=ledger.events(-1, kind=DEVICE_TRUSTS),
        ends=tuple(
            event for kind in (RECOVERED, ROOT_DROPPED) for event in ledger.events(-1, kind=kind)
        ),
        rotations=ledger.events(-1, kind=ROTATED),
        obtained=frozenset(event.sha256 for event in ledger.events(-1, kind=OBTAINED)),
    )


def _settled(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """See the files as `together.where` reads them: `changed` before all."""
    new = f"{CHANGED}/new/"
    removed = found.get(f"{CHANGED}/removed", b"").decode(errors="replace").splitlines()
    own = {
        name: data
        for name, data in found.items()
        if not name.startswith(f"{CHANGED}/") and name not in removed
    }
    changed = {name.removeprefix(new): data for name, data in found.items() if name.startswith(new)}
    return {**own, **changed}


def _kind(status: os.stat_result) -> Kind:
    if stat.S_ISDIR(status.st_mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_ISREG(status.st_mode) else Kind.OTHER
