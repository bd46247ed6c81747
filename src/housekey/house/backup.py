"""A backup of a house: one sealed file, proven before it gets its name.

What is read back from the disk is opened, unpacked and examined in memory; no clear copy of a key
is ever written. Only then it replaces what was there, and the ledger notes it, so that `house
check` can say what the backup lacks.
"""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.errors import BackupRefused, FileTrouble, HousekeyError
from housekey.house.copies import copy_of, packed, unpacked
from housekey.house.examining import examined
from housekey.house.findings import Finding, Weight
from housekey.house.reasons import told
from housekey.house.sealing import COST, MOST_BYTES, OpenedBy, header_of, seal, unseal
from housekey.house.seen import BACKED_UP, seen_in_copy
from housekey.house.together import settle
from housekey.house.who import who
from housekey.pki.encoding import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from housekey.house.copies import HouseCopy
    from housekey.house.files import Files, ReadBack
    from housekey.house.house import House
    from housekey.house.ledger import JsonValue
    from housekey.house.sealing import Header
    from housekey.pki.secret import Secret

_TOO_MANY = MOST_BYTES + 1


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made and proven."""

    path: Path
    size: int  # bytes
    sha256: str  # of the file, lower-case hex
    files: int  # how many are in it
    left_out: tuple[str, ...]  # what is no regular file
    wrong: tuple[Finding, ...]  # of the house, and so of the backup
    not_noted: str | None = None  # why the ledger has no note of it


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup that opens, in memory."""

    header: Header
    copy: HouseCopy


def back_up(
    house: House,
    path: Path,
    secret: Secret,
    *,
    opened_by: OpenedBy,
    at: datetime,
    cost: int = COST,
) -> BackedUp:
    """Write a backup of `house` to `path`; what is there is replaced once the new one is proven.

    The caller holds the lock of the house. `cost` is scrypt's: only tests make it cheap. Raises
    `BackupRefused` and `FileTrouble`; what was at `path` stays.
    """
    folder, files = house.folder, house.files
    if folder in (path, *path.parents):
        raise BackupRefused(
            f"{path} is in the house itself, and would be lost with it",
            hint="name a file on another disk",
        )
    settle(folder, files=files)
    # A house may have a large ledger, and its machine little memory: of what follows each thing is
    # let go as soon as the next is made of it.
    copy = copy_of(folder, files=files)
    digests, left_out = _digests_of(copy), copy.left_out
    archive = [packed(copy, made=at)]
    del copy
    sealed = [seal(archive.pop(), secret, opened_by=opened_by, made=at, cost=cost)]
    size, sha256 = len(sealed[0]), hashlib.sha256(sealed[0]).hexdigest()
    found: list[Finding] = []

    def proven(read_back: ReadBack) -> None:
        """Restore it into memory, and look whether that is the house."""
        again = unpacked(unseal(read_back(), secret, name=str(path)), name=str(path))
        if _digests_of(again) != digests:
            raise BackupRefused(
                f"{path} does not hold what was written to it", hint="try another disk"
            )
        contents = dict(again.files)
        del again
        seen = seen_in_copy(contents, path=path)
        found.extend(examined(seen, folder=folder, now=at))

    _write(path, sealed.pop, proven, files)
    backed_up = BackedUp(
        path=path,
        size=size,
        sha256=sha256,
        files=len(digests),
        left_out=left_out,
        wrong=tuple(each for each in found if each.weight is Weight.WRONG),
    )
    return replace(backed_up, not_noted=_noted(house, backed_up, opened_by, at))


def open_backup(path: Path, ask: Callable[[OpenedBy], Secret], *, files: Files) -> Opened:
    """Open the backup at `path` in memory; `ask` gives the secret that its header names.

    Raises `BackupRefused` and `FileTrouble`.
    """
    with told(path):
        size = path.stat().st_size
        is_folder = path.is_dir()
    if is_folder:
        raise BackupRefused(
            f"{path} is a folder, not a backup", hint="name the file in it that is one"
        )
    sealed = b"" if size > MOST_BYTES else files.read(path, most_bytes=_TOO_MANY)
    if max(size, len(sealed)) > MOST_BYTES:
        raise BackupRefused(
            f"{path} is larger than any backup (512 MiB)",
            hint="name a file that housekey house backup made",
        )
    header = header_of(sealed, name=str(path))
    content = unseal(sealed, ask(header.opened_by), name=str(path))
    del sealed  # before there is one more of it
    return Opened(header, unpacked(content, name=str(path)))


def try_out(path: Path, *, files: Files) -> None:
    """Raise the `FileTrouble` that a backup at `path` would, as far as can be known before."""
    try:
        files.try_out(path.parent)
    except FileTrouble as trouble:
        if not _has_no_modes(trouble):
            raise


def marks_of(house: House) -> dict[str, JsonValue]:
    """What `house check` compares the house with, to say what a backup lacks."""
    return {
        "certificates": house.ledger.count(),
        "root": fingerprint(house.root),
        "issuing": fingerprint(house.issuing),
    }


def _digests_of(copy: HouseCopy) -> dict[str, bytes]:
    return {name: hashlib.sha256(data).digest() for name, data in copy.files.items()}


def _write(
    path: Path, sealed: Callable[[], bytes], proven: Callable[[ReadBack], None], files: Files
) -> None:
    try:
        files.write(path, sealed, mode=0o600, proven_by=proven)
    except FileTrouble as trouble:
        if not _has_no_modes(trouble):
            raise
        # A stick has no modes. What is in the file is sealed, and a stick is where it should be.
        files.write(path, sealed, mode=0o644, proven_by=proven)


def _has_no_modes(trouble: BaseException | None) -> bool:
    """Whether it was a disk that cannot keep a file to its owner."""
    while isinstance(trouble, FileTrouble):
        trouble = trouble.__cause__
    return isinstance(trouble, OSError) and trouble.errno == errno.EOPNOTSUPP


def _noted(house: House, backed_up: BackedUp, opened_by: OpenedBy, at: datetime) -> str | None:
    """Note it in the ledger; the backup is good without, so what fails is returned."""
    data: dict[str, JsonValue] = {
        "file": str(backed_up.path),
        "sha256": backed_up.sha256,
        "opened_by": opened_by.value,
    }
    try:
        data |= marks_of(house)
        house.ledger.record_event(BACKED_UP, at=at, by=who(), data=data)
    except HousekeyError as error:
        return error.message
    return None
