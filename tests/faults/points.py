"""The points at which a fault can come, and which of them are one and the same case.

A command is run once with nothing wrong, and before each operation is noted what a fault would meet
there: of the disk every name below the place, with its mode, its owner and its bytes (or where it
leads), as one digest; how many orders Home Assistant was given; how often the clock was looked at;
and how often anything was reached by its path.

* Killed: two points are one case where disk and orders are the same. Nothing else outlives the
  process, and all that is judged afterwards sees nothing else: a Home Assistant that was told to
  restart does so, whenever the kill came after it. One case are thus the points around an `fsync`
  (the power cut's, test_power_cut.py), an `fchmod` to the mode that is there, a statement of a
  transaction whose rows are in memory yet. Whether they are is not assumed, it is looked at.
* The clock jumps: two points are one case where no look at the clock lies between them.
* An error of the disk: no two points are one case; but a point whose operation cannot fail with
  this error is none. The list of those is `can_fail` in failures.py, and each run asserts that
  the error came. Each operation meets one error that passes and one that stays, in turn. Where all
  is as before then, byte for byte, what the next command does is what the undisturbed one did.
* A folder vanishes: two points are one case where between them nothing goes by a path, through a
  connection, or into the ledger. What is open stays open, and in a folder that is open a file is
  made, written and renamed as if it had not gone. Where the folder is not there yet, none can go.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Met:
    """What a fault before one operation meets, or one after the last."""

    disk: str
    orders: int
    looks: int  # at the clock, so far
    ways: int | None = None  # gone by a path, so far; None while the folder that is to go is away

    @property
    def outlives(self) -> tuple[str, int]:
        """What is there when the process is not."""
        return self.disk, self.orders


def distinct(keys: Sequence[Hashable]) -> tuple[int, ...]:
    """The first point of each case."""
    first: dict[Hashable, int] = {}
    for at, key in enumerate(keys):
        first.setdefault(key, at)
    return tuple(first.values())


def disk_now(root: str) -> str:
    """All that is below a folder, as one digest."""
    digest = hashlib.sha256()
    for path in _everything(root):
        with contextlib.suppress(FileNotFoundError):  # Home Assistant is at work beside us
            status = os.lstat(path)
            told = f"{path} {status.st_mode:o} {status.st_uid} {status.st_gid}\0".encode()
            if stat.S_ISLNK(status.st_mode):
                told += bytes(Path(path).readlink())
            elif stat.S_ISREG(status.st_mode):
                told += hashlib.sha256(Path(path).read_bytes()).digest()
            digest.update(told)
    return digest.hexdigest()


def _everything(folder: str) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        yield entry.path
        if entry.is_dir(follow_symlinks=False):
            yield from _everything(entry.path)
