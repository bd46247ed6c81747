"""Several files of a house, replaced as if they were one.

A new root comes with a new issuing CA and both their keys: a house with one of the four from
yesterday would be broken. No file system replaces four files in one step, but each renames one
folder in one step. So what is new is first written whole into the folder `changed`, and from the
rename on that gives it this name, it IS what the house says: `where` tells readers to look there
first. Then the files are put into their own places, and `changed` goes. What a kill leaves is
finished by the next who holds the lock of the house (`settle`), and reads the same until then.

    changed/new/root.pem        what is to lie in root.pem
    changed/new/old/0001/…      and so in each folder
    changed/removed             the names of what is not there any more, one a line

Who writes one of these files by other means must `settle` before, or what is old would win.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble
from housekey.house.files import STRAY_SUFFIX
from housekey.house.reasons import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from housekey.house.files import Files
    from housekey.pki.secret import Secret

CHANGED = "changed"
_NEW = "new"
_REMOVED = "removed"


def replace_together(
    folder: Path, new: Mapping[str, bytes | Secret | None], *, files: Files
) -> None:
    """Give the files of the house in `folder` new contents, all of them or none.

    Names are relative to the house (`root.pem`, `old/0001/root.pem`); None removes the file.
    The caller holds the lock of the house. Raises `FileTrouble` as long as nothing has changed.
    A trouble in putting the files into their places afterwards is none: the house reads them
    where they are, and the next one who holds the lock settles them.
    """
    for name in new:
        _must_be_inside(folder, name)
    settle(folder, files=files)
    with files.new_folder(folder / CHANGED, 0o700) as changed:
        files.make_folder(changed / _NEW, 0o700)
        for name, content in new.items():
            if content is not None:
                files.make_folder((changed / _NEW / name).parent, 0o700)
                files.write(changed / _NEW / name, content, mode=0o600)
        gone = [name for name, content in new.items() if content is None]
        files.write(changed / _REMOVED, "".join(f"{name}\n" for name in gone).encode(), mode=0o600)
    with contextlib.suppress(FileTrouble):
        settle(folder, files=files)


def settle(folder: Path, *, files: Files) -> None:
    """Put what lies in `changed` into its places; nothing there is as good.

    Each step may be made twice, and a kill between two of them loses nothing. The caller holds
    the lock of the house. Raises `FileTrouble`, and the house reads as before.
    """
    changed = folder / CHANGED
    if not _is_folder(changed):
        return
    for name in _new_names(changed):
        files.make_folder((folder / name).parent, 0o700)
        files.write(folder / name, files.read(changed / _NEW / name), mode=0o600)
    for name in _removed(changed, files=files):
        files.remove(folder / name)
        _remove_if_empty((folder / name).parent, folder=folder, files=files)
    # Renamed first: half of it, removed by a kill, must not be settled over what is newer.
    done = folder / f".{CHANGED}.{secrets.token_hex(8)}{STRAY_SUFFIX}"
    files.rename(changed, done)
    files.remove_folder(done)


def where(folder: Path, name: str) -> Path | None:
    """Tell where to read the file `name` of the house in `folder`; None if it was removed.

    A file that nobody changes is where it always is, there or not. Without the lock the answer
    may be old by the time it is used: `read_together` reads several files as of one moment.
    Raises `FileTrouble`.
    """
    changed = folder / CHANGED
    with told(changed):
        try:
            if (changed / _NEW / name).exists():
                return changed / _NEW / name
            removed = (changed / _REMOVED).read_text().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return folder / name
    return None if name in removed else folder / name


def mode_of(folder: Path, name: str) -> int | None:
    """Return the mode of the file `name` of the house, wherever it lies now; None: it is not there.

    Asked of a place from which it was just settled, it would seem to be missing. Raises
    `FileTrouble`.
    """
    for _ in range(_AS_OFTEN_AS_IT_MOVES):
        path = where(folder, name)
        if path is None:
            return None
        with told(path):
            try:
                return path.stat().st_mode
            except (FileNotFoundError, NotADirectoryError):
                if path == folder / name:
                    return None
    return None


def read_together(folder: Path, names: Iterable[str], *, files: Files) -> dict[str, bytes | None]:
    """Read several files of the house as they were at one moment, without its lock.

    None is a file that is not there. It reads until two readings are alike: what is the same
    before and after was so in between, all of it. Raises `FileTrouble`.
    """
    names = tuple(names)
    before: dict[str, bytes | None] | None = None
    while True:
        present = {name: _read(folder, name, files=files) for name in names}
        if present == before:
            return present
        before = present


def _read(folder: Path, name: str, *, files: Files) -> bytes | None:
    for _ in range(_AS_OFTEN_AS_IT_MOVES):
        path = where(folder, name)
        if path is None:
            return None
        try:
            return files.read(path)
        except FileTrouble as trouble:
            if not isinstance(trouble.__cause__, FileNotFoundError | NotADirectoryError):
                raise
            if path == folder / name:
                return None
    return None


_AS_OFTEN_AS_IT_MOVES = 100  # settled between the question where it is and the reading


def _must_be_inside(folder: Path, name: str) -> None:
    parts = (folder / name).relative_to(folder).parts
    if not parts or ".." in parts or parts[0] == CHANGED or "\n" in name:
        raise ValueError(f"{name!r} is no file of a house")


def _is_folder(path: Path) -> bool:
    """As `Path.is_dir`, which from Python 3.14 on takes what it may not see for missing."""
    with told(path):
        try:
            path.stat()
        except FileNotFoundError:
            return False
    return True


def _new_names(changed: Path) -> tuple[str, ...]:
    new = changed / _NEW
    with told(new):
        return tuple(
            sorted(
                str((Path(above) / name).relative_to(new))
                for above, _, names in os.walk(new, onerror=_raise)
                for name in names
            )
        )


def _raise(error: OSError) -> None:
    raise error


def _removed(changed: Path, *, files: Files) -> tuple[str, ...]:
    return tuple(files.read(changed / _REMOVED).decode().splitlines())


def _remove_if_empty(path: Path, *, folder: Path, files: Files) -> None:
    """Remove the folder of a removed file when nothing is in it any more."""
    with told(path):
        is_empty = path != folder and path.is_dir() and not any(path.iterdir())
    if is_empty:
        files.remove_folder(path)
        _remove_if_empty(path.parent, folder=folder, files=files)
