"""A house put back from a backup: whole or not at all, and the present one is never lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from housekey.errors import BackupRefused, HousekeyError
from housekey.house.backup import marks_of
from housekey.house.carrying import NOTHING, carry, to_carry
from housekey.house.copies import LEDGER
from housekey.house.examining import examined
from housekey.house.findings import Finding, Weight
from housekey.house.house import House
from housekey.house.ledger_copy import ledger_bytes, ledger_of
from housekey.house.seen import RESTORED, seen_in_copy
from housekey.house.who import who

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from housekey.house.backup import Opened
    from housekey.house.copies import HouseCopy
    from housekey.house.files import Files
    from housekey.house.records import Event, IssuedCertificate


@dataclass(frozen=True, slots=True)
class Restored:
    """A house that was put back."""

    folder: Path
    made: datetime  # when the backup was made
    files: int
    aside: Path | None  # where the house that was there is now
    wrong: tuple[Finding, ...]  # of what was put back
    revoked: tuple[Event, ...]  # revocations that it did not know, and now does, oldest first


def restore(
    opened: Opened,
    folder: Path,
    *,
    source: Path,
    replace: bool,
    files: Files,
    clock: Callable[[], datetime],
) -> Restored:
    """Put the house of a backup into `folder`: new or empty, or with `replace` any.

    What is there goes aside under a name beside it, in the same step; what was revoked there since
    the backup is revoked in the new one, too. Raises `BackupRefused` if
    what is in the backup is no house, and `FileTrouble`; `folder` is as it was.
    """
    at = clock()
    folder = folder.resolve()
    aside = _free(folder) if replace and is_taken(folder) else None
    found = examined(seen_in_copy(dict(opened.copy.files), path=source), folder=folder, now=at)
    carried = to_carry(folder, opened.copy, files=files) if aside is not None else NOTHING
    with files.new_folder(folder, 0o700, aside=aside) as new:
        for name, data in opened.copy.files.items():
            path = new / PurePosixPath(name)
            files.make_folder(path.parent, 0o700)
            files.write(path, data, mode=0o600)
        try:
            with House.open(new, files=files, clock=clock) as house:
                marks = {"file": str(source), "made": opened.header.made.isoformat()}
                house.ledger.record_event(
                    RESTORED, at=at, by=who(), data={**marks, **marks_of(house)}
                )
                revoked = carry(house, carried, by=who(), at=at)
        except HousekeyError as error:
            message = error.message.replace(str(new), str(folder))
            raise BackupRefused(
                f"{source} opens, but holds no whole house: {message}",
                hint="take another backup; nothing was put back",
            ) from error
    return Restored(
        folder=folder,
        made=opened.header.made,
        files=len(opened.copy.files),
        aside=aside,
        wrong=tuple(each for each in found if each.weight is Weight.WRONG),
        revoked=revoked,
    )


def is_taken(folder: Path) -> bool:
    """Whether there is something in `folder`."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def lacking(folder: Path, copy: HouseCopy) -> tuple[IssuedCertificate, ...]:
    """The certificates in the ledger of the house in `folder` that a backup lacks, newest first.

    None if either ledger cannot be read: then nobody knows.
    """
    try:
        path = folder / LEDGER
        with (
            ledger_of(ledger_bytes(path, to_open=True), path=path) as present,
            ledger_of(copy.files.get(LEDGER, b""), path=path) as backup,
        ):
            known = {each.sha256 for each in backup.certificates()}
            return tuple(each for each in present.certificates() if each.sha256 not in known)
    except HousekeyError:
        return ()


def _free(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.before-{number}")).exists():
        number += 1
    return aside
