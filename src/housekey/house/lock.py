"""One housekey at a time may change a house.

The lock is the kernel's (flock on `<folder>/lock`), so it ends with its process, kill -9 included;
the file stays, and what it says is only good for telling a second process whom it waits for.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, HouseBusy
from housekey.house.together import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from housekey.house.files import Files

LOCK_NAME = "lock"
LOCK_SECONDS = 10.0  # how long a command waits for another one
_POLL_SECONDS = 0.05


@contextlib.contextmanager
def house_lock(folder: Path, *, wait: float = LOCK_SECONDS, files: Files) -> Iterator[None]:
    """Hold the lock of the house in `folder`; wait for it for up to `wait` seconds.

    A change of several files that a kill left half made is finished first; where that cannot be
    done, on a full disk, the house reads the same without it (together.py).
    Not reentrant. Raises `HouseBusy`, naming the process that holds it, and `FileTrouble` if
    there is no such folder or it cannot be written.
    """
    fd = files.open_lock(folder / LOCK_NAME)
    try:
        deadline = time.monotonic() + wait
        while not _locked(fd) or not _is_at(fd, folder / LOCK_NAME):
            if not _is_at(fd, folder / LOCK_NAME):  # the house was put aside for a restored one
                moved, fd = fd, files.open_lock(folder / LOCK_NAME)
                os.close(moved)
                continue
            if time.monotonic() >= deadline:
                raise HouseBusy(
                    f"another housekey is at work on the house in {folder} ({_holder(fd)})",
                    hint="wait until it is done, then run the same command again",
                )
            time.sleep(_POLL_SECONDS)
        _sign(fd)
        with contextlib.suppress(FileTrouble):
            settle(folder, files=files)
        yield
    finally:
        os.close(fd)  # gives the lock back


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _sign(fd: int) -> None:
    # The program and its subcommand only: what follows may be private.
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:2]])
    with contextlib.suppress(OSError):  # a full disk: the lock holds without a signature
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"process {os.getpid()}: {command}".encode(), 0)


def _holder(fd: int) -> str:
    return os.pread(fd, 200, 0).decode(errors="replace") or "it has not said which process it is"
