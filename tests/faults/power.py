"""A disk as a power cut leaves it, rebuilt from what a real process asked the kernel for.

`strace` takes down every call that changes a file, SQLite's among them. Replayed to any prefix, a
change counts for certain only when it was synced:

* data of a file: what was written before its last fsync; what came after is there, or is not;
* names in a folder (create, rename, unlink, mkdir): what was done before its last fsync; what came
  after is there, or is not, but in their order, as journaling file systems have it.

Made of that are the disks with all, half and none of the names that were not synced, each with the
data that was not synced and without it: a file whose data never arrived is there with no bytes in
it, as ext4 and XFS show it. A disk that lies about a sync is not modelled; nobody is safe from it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALLS = (
    "openat,open,creat,close,dup,dup2,dup3,fcntl,write,pwrite64,writev,pwritev,ftruncate,truncate,"
    "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,mkdirat,symlink,symlinkat,"
    "link,linkat,chmod,fchmod,fchmodat,fchown,lseek,msync,sync,syncfs"
)
_LINE = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)")


@dataclass(slots=True)
class Inode:
    """A file or folder: what it holds now, and what of that is certain."""

    is_folder: bool
    mode: int
    data: bytearray = field(default_factory=bytearray)
    synced: bytes | None = None  # None: no byte of it was ever synced
    names: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a name that its folder has not been synced after: undone, it is as before."""

    folder: int
    before: tuple[tuple[int, str, int | None], ...]  # folder, name, what it led to


class Disk:
    """The part of a disk below `root`, followed through a process's calls."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.inodes: list[Inode] = []
        self.pending: list[Change] = []
        self._handles: dict[int, tuple[int, int]] = {}  # fd: inode, position
        self._seen: set[bytes] = set()  # marks of the disks that were written
        self._load(root)

    def _load(self, path: Path) -> int:
        number = len(self.inodes)
        inode = Inode(path.is_dir(), path.stat().st_mode & 0o7777)
        self.inodes.append(inode)
        if inode.is_folder:
            for entry in sorted(path.iterdir()):
                inode.names[entry.name] = self._load(entry)
        else:
            inode.data = bytearray(path.read_bytes())
            inode.synced = bytes(inode.data)
        return number

    # ---- what is asked of it

    def snapshots(self, target: Path) -> Iterator[str]:
        """Write each disk that a power cut at this instant may leave to `target`, one by one.

        One that an earlier instant has left is left out: until the next sync most lose the same.
        """
        for kept in sorted({0, len(self.pending) // 2, len(self.pending)}):
            for data in ("written", "lost") if self._unsynced() else ("written",):
                names = self._names(kept)
                mark = self._mark(0, names, data=data)
                if mark in self._seen:
                    continue
                self._seen.add(mark)
                shutil.rmtree(target, ignore_errors=True)
                self._write(0, target, names, data=data)
                yield f"{kept} of {len(self.pending)} names, data {data}"

    def write_as_it_is(self, target: Path) -> None:
        """Write the disk that there is without a power cut to `target`."""
        shutil.rmtree(target, ignore_errors=True)
        self._write(0, target, self._names(len(self.pending)), data="written")

    def _unsynced(self) -> bool:
        return any(not each.is_folder and each.synced != bytes(each.data) for each in self.inodes)

    def _names(self, kept: int) -> dict[int, dict[str, int]]:
        names = {
            number: dict(inode.names) for number, inode in enumerate(self.inodes) if inode.is_folder
        }
        for change in reversed(self.pending[kept:]):
            for folder, name, was in change.before:
                if was is None:
                    names[folder].pop(name, None)
                else:
                    names[folder][name] = was
        return names

    def _mark(self, number: int, names: dict[int, dict[str, int]], *, data: str) -> bytes:
        """Return what is another for each disk with anything else in it: names, modes, contents."""
        inode = self.inodes[number]
        mark = hashlib.sha256(f"{inode.is_folder} {inode.mode:o}".encode())
        if not inode.is_folder:
            mark.update(bytes(inode.data) if data == "written" else inode.synced or b"")
            return mark.digest()
        for name, below in sorted(names[number].items()):
            mark.update(name.encode() + b"\0" + self._mark(below, names, data=data))
        return mark.digest()

    def _write(
        self, number: int, path: Path, names: dict[int, dict[str, int]], *, data: str
    ) -> None:
        inode = self.inodes[number]
        if inode.is_folder:
            path.mkdir()
            for name, below in names[number].items():
                self._write(below, path / name, names, data=data)
        else:
            content = bytes(inode.data) if data == "written" else inode.synced or b""
            path.write_bytes(content)
        path.chmod(inode.mode)

    # ---- what happens to it

    def follow(self, line: str) -> bool:
        """Follow one line of strace; whether it changed the disk or made a change certain."""
        found = _LINE.match(line)
        if found is None or found[3].startswith("-"):
            return False
        name, arguments, result = found[1], _split(found[2]), int(found[3], 0)
        act = getattr(self, f"_{_ALIKE.get(name, name)}", None)
        return bool(act is not None and act(arguments, result))

    def _openat(self, arguments: list[str], result: int) -> bool:
        place = self._place(arguments[0], arguments[1])
        self._handles.pop(result, None)
        if place is None:
            return False
        folder, name = place
        flags = arguments[2]
        number = self._child(folder, name)
        changed = False
        if number is None:
            if "O_CREAT" not in flags:
                return False
            number = self._new(is_folder=False, mode=int(arguments[3], 8))
            self._name(folder, name, number)
            changed = True
        elif "O_TRUNC" in flags and self.inodes[number].data:
            self.inodes[number].data.clear()
            changed = True
        at = len(self.inodes[number].data) if "O_APPEND" in flags else 0
        self._handles[result] = (number, -1 if "O_APPEND" in flags else at)
        return changed

    def _close(self, arguments: list[str], result: int) -> bool:
        self._handles.pop(int(arguments[0]), None)
        return False

    def _dup(self, arguments: list[str], result: int) -> bool:
        if int(arguments[0]) in self._handles:
            self._handles[result] = self._handles[int(arguments[0])]
        else:
            self._handles.pop(result, None)
        return False

    def _fcntl(self, arguments: list[str], result: int) -> bool:
        return self._dup(arguments, result) if "F_DUPFD" in arguments[1] else False

    def _lseek(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd in self._handles and self._handles[fd][1] >= 0:
            self._handles[fd] = (self._handles[fd][0], result)
        return False

    def _write_call(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd not in self._handles:
            return False
        number, at = self._handles[fd]
        data = self.inodes[number].data
        begin = len(data) if at < 0 else at
        self._put(data, begin, _bytes(arguments[1])[:result])
        if at >= 0:
            self._handles[fd] = (number, begin + result)
        return True

    def _pwrite64(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd not in self._handles:
            return False
        data = self.inodes[self._handles[fd][0]].data
        self._put(data, int(arguments[3]), _bytes(arguments[1])[:result])
        return True

    @staticmethod
    def _put(data: bytearray, at: int, new: bytes) -> None:
        if len(data) < at:
            data.extend(bytes(at - len(data)))
        data[at : at + len(new)] = new

    def _ftruncate(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd not in self._handles:
            return False
        data, size = self.inodes[self._handles[fd][0]].data, int(arguments[1])
        del data[size:]
        data.extend(bytes(size - len(data)))
        return True

    def _fsync(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd not in self._handles:
            return False
        number = self._handles[fd][0]
        inode = self.inodes[number]
        if inode.is_folder:
            # A journal has an order: what was done before, elsewhere too, comes with it.
            last = max(
                (at for at, each in enumerate(self.pending) if each.folder == number), default=-1
            )
            del self.pending[: last + 1]
        else:
            inode.synced = bytes(inode.data)
        return True

    def _renameat(self, arguments: list[str], result: int) -> bool:
        old, new = self._place(arguments[0], arguments[1]), self._place(arguments[2], arguments[3])
        if old is None or new is None:
            return False
        moved, present = self._child(*old), self._child(*new)
        assert moved is not None
        self.pending.append(Change(new[0], ((*old, moved), (*new, present))))
        if len(arguments) > 4 and "RENAME_EXCHANGE" in arguments[4]:
            assert present is not None
            self.inodes[old[0]].names[old[1]] = present
        else:
            del self.inodes[old[0]].names[old[1]]
        self.inodes[new[0]].names[new[1]] = moved
        return True

    def _rename(self, arguments: list[str], result: int) -> bool:
        return self._renameat(["AT_FDCWD", arguments[0], "AT_FDCWD", arguments[1]], result)

    def _unlinkat(self, arguments: list[str], result: int) -> bool:
        place = self._place(arguments[0], arguments[1])
        if place is None:
            return False
        self._name(*place, None)
        return True

    def _unlink(self, arguments: list[str], result: int) -> bool:
        return self._unlinkat(["AT_FDCWD", arguments[0]], result)

    def _mkdirat(self, arguments: list[str], result: int) -> bool:
        place = self._place(arguments[0], arguments[1])
        if place is None:
            return False
        self._name(*place, self._new(is_folder=True, mode=int(arguments[2], 8)))
        return True

    def _mkdir(self, arguments: list[str], result: int) -> bool:
        return self._mkdirat(["AT_FDCWD", *arguments], result)

    def _fchmod(self, arguments: list[str], result: int) -> bool:
        fd = int(arguments[0])
        if fd not in self._handles:
            return False
        self.inodes[self._handles[fd][0]].mode = int(arguments[1], 8)
        return True

    # ---- where things are

    def _new(self, *, is_folder: bool, mode: int) -> int:
        self.inodes.append(Inode(is_folder, mode))
        return len(self.inodes) - 1

    def _name(self, folder: int, name: str, number: int | None) -> None:
        names = self.inodes[folder].names
        self.pending.append(Change(folder, ((folder, name, names.get(name)),)))
        if number is None:
            del names[name]
        else:
            names[name] = number

    def _child(self, folder: int, name: str) -> int | None:
        return folder if name == "." else self.inodes[folder].names.get(name)

    def _place(self, folder: str, path: str) -> tuple[int, str] | None:
        """The folder that a path is in, and the name there; None outside of this disk."""
        text = os.fsdecode(_bytes(path))
        if text.startswith("/"):
            if text == self.root:
                return 0, "."
            if not text.startswith(self.root + "/"):
                return None
            at, parts = 0, text[len(self.root) + 1 :].split("/")
        else:
            fd = folder.split("<", maxsplit=1)[0]
            if not fd.isdigit() or int(fd) not in self._handles:
                return None
            at, parts = self._handles[int(fd)][0], text.split("/")
        for part in parts[:-1]:
            below = self._child(at, part)
            if below is None:
                return None
            at = below
        return at, parts[-1]


_ALIKE = {
    "fdatasync": "fsync", "write": "write_call", "dup2": "dup", "dup3": "dup",
    "renameat2": "renameat", "rmdir": "unlink",
}  # fmt: skip


def _split(text: str) -> list[str]:
    """The arguments of a call; strings are hexadecimal (-xx), so no comma is inside of one."""
    return [part.strip() for part in text.split(",")]


def _bytes(text: str) -> bytes:
    assert not text.endswith("..."), "strace cut a string short"
    return bytes.fromhex(text.strip('"').replace("\\x", ""))
