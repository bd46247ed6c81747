"""What the system says with an error number, in plain words, with a hint at the next step."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise `FileTrouble` about `path` for every `OSError` of the block."""
    try:
        yield
    except OSError as error:
        raise trouble_from(path, error) from error


def trouble_from(path: Path, error: OSError) -> FileTrouble:
    """Say in plain words what the system said with an error number."""
    reason, hint = _PLAIN.get(
        error.errno or 0,
        (f"the system says: {error.strerror or error}", "nothing was changed; try again"),
    )
    return FileTrouble(path, reason, hint=hint)


_PERMISSION = (
    "this user has no permission to do that",
    "run housekey as the user that owns the folder, or as root",
)
_PLAIN: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "make room on it and run the same command again"),
    errno.EDQUOT: (
        "this user's share of the disk is used up",
        "make room, or have the quota raised, and run the same command again",
    ),
    errno.EROFS: (
        "it is on a disk that can only be read",
        "remount it writable, or check the disk: Linux does this when a disk is failing",
    ),
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.ENOENT: (
        "the file or its folder is not there",
        "check the path; a removable or network disk may have gone away",
    ),
    errno.ENOTDIR: (
        "a part of this path is a file, not a folder",
        "check the path",
    ),
    errno.EISDIR: ("there is a folder of this name", "move the folder away or choose another name"),
    errno.ENOTEMPTY: ("there is something in this folder already", "choose an empty or new folder"),
    errno.EEXIST: ("there is something of this name already", "choose another name"),
    errno.EBUSY: (
        "it is mounted there by itself, as containers do, and cannot be replaced whole",
        "mount the folder around it, or choose a folder inside it",
    ),
    errno.EXDEV: ("it is on another disk", "choose a place on the same disk"),
    errno.ELOOP: (
        "it is a symbolic link that housekey does not follow: it belongs to somebody else",
        "check where the link leads; give the path of the file itself",
    ),
    errno.EINVAL: ("it is not a regular file", "choose the path of a regular file"),
    errno.ENAMETOOLONG: ("the name is too long for this disk", "choose a shorter one"),
    errno.EOPNOTSUPP: (
        "this disk cannot keep a file to its owner, and a private key must be",
        "choose a folder on another disk (FAT and some network shares have no permissions)",
    ),
    errno.EIO: ("the disk failed to read or write", "check the disk and its cable"),
}
