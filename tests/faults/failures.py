"""What reaches a disk, and which errors it can meet there."""

from __future__ import annotations

import errno
import os
import sqlite3

# What changes a disk, by the number of the argument that says where: -1 is a file descriptor.
CHANGING = {
    "write": -1, "pwrite": -1, "writev": -1, "pwritev": -1, "sendfile": -1, "ftruncate": -1,
    "fsync": -1, "fdatasync": -1, "fchmod": -1, "fchown": -1, "posix_fallocate": -1,
    "copy_file_range": -1,
    "mkdir": 0, "rmdir": 0, "unlink": 0, "remove": 0, "rename": 0, "replace": 0, "link": 1,
    "symlink": 1, "chmod": 0, "chown": 0, "lchown": 0, "truncate": 0, "utime": 0, "mkfifo": 0,
    "mknod": 0, "setxattr": 0, "removexattr": 0,
}  # fmt: skip
LOOKING = {"listdir": 0, "scandir": 0, "stat": 0, "lstat": 0}
# What else goes by a path, or asks Home Assistant, which goes by paths itself: of the first Python
# tells (docs.python.org/3/library/audit_events.html), of the second it does not.
GOING = (
    "open", "os.listdir", "os.scandir", "os.listxattr", "os.getxattr", "sqlite3.connect",
    "socket.connect", "socket.sendto", "subprocess.Popen", "os.posix_spawn", "os.exec",
)  # fmt: skip
UNTOLD = ("stat", "lstat", "readlink", "access", "statvfs")
WRITING_FLAGS = os.O_CREAT | os.O_TRUNC
# What a disk without room still does: it lets things go, and changes what has its place.
NEEDS_NO_ROOM = {"unlink", "remove", "rmdir", "ftruncate", "fchmod", "fchown", "chmod", "chown"}
REMOVING = ("unlink", "remove", "rmdir")


def can_fail(name: str, number: int) -> bool:
    """Whether an operation can fail with this error."""
    if name.startswith(("order ", "program ")):
        return False  # not the disk's
    if name == "sqlite CLOSE":
        return False  # it tells nobody of an error, and none is lost: SQLite keeps the log
    if number == errno.ENOSPC:
        return name not in NEEDS_NO_ROOM
    if number == errno.ENOENT:
        # What is open does not go missing, and what has gone is removed.
        return CHANGING.get(name) != -1 and name not in REMOVING
    return True


def sqlite_error(number: int) -> sqlite3.Error:
    code, words = {
        errno.ENOSPC: (sqlite3.SQLITE_FULL, "database or disk is full"),
        errno.EROFS: (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
        errno.EACCES: (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        errno.ENOENT: (sqlite3.SQLITE_CANTOPEN, "unable to open database file"),
        errno.EIO: (sqlite3.SQLITE_IOERR, "disk I/O error"),
    }[number]
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error
