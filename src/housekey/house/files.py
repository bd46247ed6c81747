"""Every change housekey makes to a disk goes through here; nothing else in `src/` may make one.

Three promises, whatever fails and whenever the power goes:

* a file is its old content or its new content, never a half: the new content is written to a
  temporary file beside it, synced, renamed over it, and the folder is synced;
* a file is never readable by more than its final mode allows, whatever the umask: the temporary
  file is born 0600 or stricter, empty, and gets its owner and its mode before its first byte;
* a failure leaves no temporary file behind. What a kill -9 leaves is recognised by its name and
  removed by the next write into the same folder; a lock on it tells a stray from work under way.

A path that is a symbolic link stands for the file that it leads to: `configuration.yaml` is often
a link into a repository, and the link must stay. housekey may run as root over a folder of Home
Assistant's user, who must not be able to aim it at `/etc/shadow`; so a link is followed only if it
is our own or root's, or belongs to the owner of what it leads to. For the same reason what root
creates anew belongs to the owner of the folder it is in, unless told otherwise: they could not use
it otherwise, and it is their folder.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble
from housekey.house.reasons import told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from housekey.pki.secret import Secret

    ReadBack = Callable[[], bytes]  # reads from the disk what was just written to it

STRAY_SUFFIX = ".housekey-tmp"  # of temporary files and folders; see _sweep
_RENAME_EXCHANGE = 2  # linux/fs.h, of renameat2(2)
_AS_LARGE_AS_A_PAIR = 8192  # bytes; RSA 4096 and its chain take six thousand


@dataclass(frozen=True, slots=True)
class Owner:
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was: enough to put it back."""

    data: bytes = field(repr=False)  # may be a private key
    mode: int  # permission bits only
    owner: Owner


class Files:
    """The disk. Handed in wherever something is written, so that a test can hand in a failing one.

    Every method raises `FileTrouble`, with a reason and a hint in plain words, and leaves the file
    in question as it was. The methods at the end, one system call each, are there to be overridden.
    """

    def read(self, path: Path, *, most_bytes: int = -1) -> bytes:
        """Read the file at `path`, or of a larger one the first `most_bytes`."""
        with told(path):
            return _read(path, most_bytes)[0]

    def snapshot(self, path: Path) -> Snapshot | None:
        """Take content, mode and owner of the file at `path`; None if there is none."""
        with told(path):
            try:
                data, status = _read(path)
            except FileNotFoundError:
                return None
            return Snapshot(data, stat.S_IMODE(status.st_mode), _owner_of(status))

    def keep_aside(self, path: Path, snapshot: Snapshot) -> Path:
        """Write what `snapshot` took of `path` beside it, as `.before-1` or the next that is free.

        For its owner alone: it may be a key.
        """
        number = 1
        while (kept := path.with_name(f"{path.name}.before-{number}")).exists():
            number += 1
        self.write(kept, snapshot.data, mode=snapshot.mode & 0o600, owner=snapshot.owner)
        return kept

    def restore(self, path: Path, snapshot: Snapshot | None) -> None:
        """Put back what `snapshot` took; None removes the file, for there was none."""
        if snapshot is None:
            self.remove(path)
        else:
            self.write(path, snapshot.data, mode=snapshot.mode, owner=snapshot.owner)

    def write(
        self,
        path: Path,
        data: bytes | Secret | Callable[[], bytes],
        *,
        mode: int | None = None,
        owner: Owner | None = None,
        proven_by: Callable[[ReadBack], None] | None = None,
    ) -> None:
        """Create or replace the file at `path`, whole or not at all.

        What is not given stays as the present file has it; a new file is 0600. Access lists and
        other extended attributes stay unless the mode changes: a list that let others read the
        old file must not be on the new one for an instant. `proven_by` is given what reads it back
        before the file gets its name; what it raises leaves everything as it was. What is large
        may be handed in as a function that gives it: it is called at most once, when all but the
        content is there, and what it gave is let go before it is read back.
        """
        with told(path), _opened_folder(path) as (folder, name):
            self._sweep(folder)
            present = _regular_file(folder, name)
            owner = owner or (_heir(folder) if present is None else _owner_of(present))
            present_mode = stat.S_IMODE(present.st_mode) if present is not None else None
            if mode is None:
                mode = 0o600 if present_mode is None else present_mode
            temporary = _temporary(name)
            before = _held(folder, name) if present is not None else None
            fd = self._create(folder, temporary, mode & 0o600)
            try:
                try:
                    _mark_as_in_use(fd)
                    self._dress(fd, mode, owner)
                    if mode == present_mode:
                        _copy_attributes(before, fd)
                    self._write_all(fd, _content(data))
                    self._sync(fd)
                    if proven_by is not None:
                        proven_by(partial(_read_back, folder, temporary))
                    self._rename(folder, temporary, name)
                finally:
                    os.close(fd)
            except BaseException:  # Ctrl-C as well
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                _let_go(before)
                raise
            try:
                self._sync_folder(folder)
            except BaseException:
                # It may be gone after a power cut: told as a failure, so it must not stand.
                self._take_back(folder, name, present, before)
                raise
            finally:
                _let_go(before)

    def _take_back(
        self, folder: int, name: str, present: os.stat_result | None, before: int | None
    ) -> None:
        """Put the file back that was just replaced; `before` is it, still open."""
        with contextlib.suppress(OSError):
            if present is None:
                os.unlink(name, dir_fd=folder)
            elif before is not None:
                temporary = _temporary(name)
                mode = stat.S_IMODE(present.st_mode)
                fd = self._create(folder, temporary, mode & 0o600)
                try:
                    self._dress(fd, mode, _owner_of(present))
                    _copy_attributes(before, fd)
                    while part := os.read(before, _AS_LARGE_AS_A_PAIR):
                        self._write_all(fd, part)
                    self._sync(fd)
                    self._rename(folder, temporary, name)
                finally:
                    os.close(fd)

    def try_out(self, folder: Path, *, owner: Owner | None = None) -> None:
        """Write what a pair is as large as, for `owner`, into `folder`, and take it away again.

        A full disk, a read-only folder, a user who may not give files away: found while a failure
        costs nothing.
        """
        probe = folder / _temporary("probe")
        try:
            self.write(probe, bytes(_AS_LARGE_AS_A_PAIR), mode=0o600, owner=owner)
        except FileTrouble as trouble:
            raise FileTrouble(folder, trouble.reason, hint=trouble.hint) from trouble
        self.remove(probe)

    def must_take_files(self, folder: Path) -> None:
        """Raise `FileTrouble` for a folder that takes no file, as far as looking can tell."""
        with told(folder):
            if not stat.S_ISDIR(folder.stat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(folder, os.W_OK | os.X_OK):
                read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
                code = errno.EROFS if read_only else errno.EACCES
                raise OSError(code, os.strerror(code))

    @contextlib.contextmanager
    def room(self, folder: Path) -> Iterator[None]:
        """Hold what a pair takes in `folder` while the block runs, and give it back at its end.

        Who fails on a full disk has to put back what was replaced, and needs room for that. The
        file has no name from its first byte on: a kill gives the room back, and leaves nothing.
        """
        probe = folder / _temporary("room")
        with told(folder), _opened_folder(probe) as (inside, name):
            fd = self._create(inside, name, 0o600)
            try:
                os.unlink(name, dir_fd=inside)
                self._write_all(fd, bytes(_AS_LARGE_AS_A_PAIR))
                yield
            finally:
                os.close(fd)

    def append(self, path: Path, line: str, *, mode: int) -> None:
        """Add one line to the file at `path` and sync it; a new file gets `mode`.

        A last line without its end is what a kill in the middle of an append leaves. Nobody was
        told that it was written, and it is cut off: readers may ignore it likewise.
        """
        with told(path), _opened_folder(path) as (folder, name):
            new = _regular_file(folder, name) is None
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, mode & 0o600, dir_fd=folder)
            try:
                if new:
                    self._dress(fd, mode, _heir(folder))
                size = _end_of_last_line(fd)
                os.ftruncate(fd, size)
                try:
                    self._write_all(fd, line.encode() + b"\n")
                    self._sync(fd)
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.ftruncate(fd, size)
                    raise
            finally:
                os.close(fd)
            if new:
                self._sync_folder(folder)

    def remove(self, path: Path) -> None:
        """Remove the file at `path`; none there is as good."""
        with (
            told(path),
            contextlib.suppress(FileNotFoundError),
            _opened_folder(path) as (folder, name),
        ):
            os.unlink(name, dir_fd=folder)
            self._sync_folder(folder)

    def remove_link(self, path: Path) -> None:
        """Remove the symbolic link at `path` itself; what it leads to stays."""
        with told(path):
            if not path.is_symlink():
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            path.unlink()
            self._sync_path(path.parent)

    def make_link(self, path: Path, target: str) -> None:
        """Make a symbolic link at `path`, where nothing is, that leads to `target`."""
        with told(path):
            path.symlink_to(target)
            self._sync_path(path.parent)

    def rename(self, source: Path, target: Path) -> None:
        """Give the file or folder at `source` the name `target`, on the same file system."""
        with told(target):
            source.rename(target)
            for folder in {source.parent, target.parent}:
                self._sync_path(folder)

    def set_mode(self, path: Path, mode: int) -> None:
        with told(path), _opened_folder(path) as (folder, name):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                fd = os.open(name, flags, dir_fd=folder)
            except PermissionError:  # our own file, but not readable by us; never so for root
                os.chmod(name, mode, dir_fd=folder)
                return
            try:
                os.fchmod(fd, mode)
            finally:
                os.close(fd)

    def set_owner(self, path: Path, owner: Owner) -> None:
        with told(path), _opened_folder(path) as (folder, name):
            os.chown(name, owner.uid, owner.gid, dir_fd=folder, follow_symlinks=False)

    def make_folder(self, path: Path, mode: int) -> None:
        """Make the folder and what is missing above it, with `mode`; one that is there stays."""
        with told(path):
            if path.is_dir():
                return
        if path.parent != path:
            self.make_folder(path.parent, mode)
        with told(path), contextlib.suppress(FileExistsError):
            os.close(_made_folder(path, mode))
            self._sync_path(path.parent)

    @contextlib.contextmanager
    def new_folder(self, path: Path, mode: int, *, aside: Path | None = None) -> Iterator[Path]:
        """Fill a folder that appears at `path` whole or not at all.

        Yields a temporary folder beside `path`; it takes the place of `path` when the block ends,
        and is removed when the block fails. An empty folder at `path` is replaced, one with
        something in it is not, unless there is an `aside`: a free name beside `path`, which what
        is there gets. Where the system cannot exchange two folders in one step (Linux can), a
        kill at that very moment leaves both of them beside `path`.
        """
        with told(path):
            path = path.resolve()
        temporary = path.with_name(_temporary(path.name))
        self.make_folder(path.parent, mode)
        with told(path), _opened_folder(temporary) as (folder, _):
            self._sweep(folder)
            fd = _made_folder(temporary, mode)
            try:
                _mark_as_in_use(fd)
                yield temporary
                _must_still_be(temporary, fd)
                self._sync(fd)
                if aside is None:
                    self._rename(folder, temporary.name, path.name)
                else:
                    self._put_aside(folder, temporary.name, path.name, aside.name)
                try:
                    self._sync_folder(folder)
                except BaseException:
                    # It may be gone after a power cut: told as a failure, so it must not stand.
                    with contextlib.suppress(OSError):
                        if aside is None:
                            self._rename(folder, path.name, temporary.name)
                        elif self._exchange(folder, aside.name, path.name):
                            self._rename(folder, aside.name, temporary.name)
                    raise
            except BaseException:
                import shutil  # noqa: PLC0415 - rarely needed, and slow to import

                shutil.rmtree(temporary, ignore_errors=True)
                raise
            finally:
                os.close(fd)

    def _put_aside(self, folder: int, new: str, present: str, aside: str) -> None:
        # Under its last name first: whatever is killed now, no folder has the name of a stray.
        self._rename(folder, new, aside)
        try:
            if not self._exchange(folder, aside, present):
                away = f"{aside}.moving"
                self._rename(folder, present, away)
                try:
                    self._rename(folder, aside, present)
                except BaseException:
                    os.rename(away, present, src_dir_fd=folder, dst_dir_fd=folder)
                    raise
                self._rename(folder, away, aside)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rename(aside, new, src_dir_fd=folder, dst_dir_fd=folder)
            raise

    def remove_folder(self, path: Path) -> None:
        """Remove a folder that housekey made, with everything in it; none there is as good."""
        with told(path), contextlib.suppress(FileNotFoundError):
            import shutil  # noqa: PLC0415 - rarely needed, and slow to import

            shutil.rmtree(path)
            self._sync_path(path.parent)

    def open_lock(self, path: Path) -> int:
        """Open a file that is there only to be locked, made if need be; the caller closes it."""
        with told(path), _opened_folder(path) as (folder, name):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, 0o600, dir_fd=folder)
            if (heir := _heir(folder)) is not None:
                os.fchown(fd, heir.uid, heir.gid)
            return fd

    # One system call each: what a test overrides to make this very step fail.

    def _create(self, folder: int, name: str, mode: int) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, mode, dir_fd=folder)

    def _dress(self, fd: int, mode: int, owner: Owner | None) -> None:
        if owner is not None and owner != _owner_of(os.fstat(fd)):
            os.fchown(fd, owner.uid, owner.gid)
        os.fchmod(fd, mode)
        # FAT and some network shares accept fchmod and ignore it.
        if not mode & 0o077 and os.fstat(fd).st_mode & 0o077:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def _write_all(self, fd: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]

    def _sync(self, fd: int) -> None:
        os.fsync(fd)

    def _rename(self, folder: int, source: str, target: str) -> None:
        os.rename(source, target, src_dir_fd=folder, dst_dir_fd=folder)

    def _exchange(self, folder: int, one: str, other: str) -> bool:
        """Let two names in `folder` change places in one step; False where that cannot be done."""
        import ctypes  # noqa: PLC0415 - for this alone

        exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        if exchange is None:  # macOS, and C libraries without it
            return False
        if exchange(folder, os.fsencode(one), folder, os.fsencode(other), _RENAME_EXCHANGE) == 0:
            return True
        number = ctypes.get_errno()
        if number in (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP):
            return False
        raise OSError(number, os.strerror(number))

    def _sync_folder(self, folder: int) -> None:
        try:
            os.fsync(folder)
        except OSError as error:
            # Network file systems and FUSE often cannot sync a folder; the rename itself stands.
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise

    def _sync_path(self, folder: Path) -> None:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sync_folder(fd)
        finally:
            os.close(fd)

    def _sweep(self, folder: int) -> None:
        """Remove what a killed housekey left in `folder`: ours by name, and locked by nobody."""
        for name in os.listdir(folder):
            if not (name.startswith(".") and name.endswith(STRAY_SUFFIX)):
                continue
            with contextlib.suppress(OSError):  # not ours to remove, or in use: leave it
                fd = os.open(
                    name,
                    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                    dir_fd=folder,
                )
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if stat.S_ISDIR(os.fstat(fd).st_mode):
                        import shutil  # noqa: PLC0415 - rarely needed, and slow to import

                        shutil.rmtree(name, dir_fd=folder)
                    else:
                        os.unlink(name, dir_fd=folder)
                finally:
                    os.close(fd)


@contextlib.contextmanager
def _opened_folder(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the folder that holds what `path` stands for, open, and the name in it.

    All that follows goes through the open folder, so nobody can exchange it in between.
    """
    settled = _followed(path)
    fd = os.open(settled.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd, settled.name
    finally:
        os.close(fd)


def _followed(path: Path) -> Path:
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    link_owner = path.lstat().st_uid
    try:
        target_owner = target.lstat().st_uid
    except FileNotFoundError:
        target_owner = target.parent.lstat().st_uid
    if link_owner not in (os.geteuid(), 0, target_owner):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _temporary(name: str) -> str:
    return f".{name[:40]}.{secrets.token_hex(8)}{STRAY_SUFFIX}"  # 40 letters may be 160 bytes


def _mark_as_in_use(fd: int) -> None:
    """Keep `_sweep` of another process away; where nothing can be locked, it sweeps nothing."""
    with contextlib.suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _made_folder(path: Path, mode: int) -> int:
    path.mkdir(mode & 0o700)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with _opened_folder(path) as (parent, _):
            heir = _heir(parent)
        if heir is not None:
            os.fchown(fd, heir.uid, heir.gid)
        os.fchmod(fd, mode)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _heir(folder: int) -> Owner | None:
    """Who gets what is created in `folder`: for root the owner of the folder, else we (None)."""
    return _owner_of(os.fstat(folder)) if os.geteuid() == 0 else None


def _read(path: Path, most_bytes: int = -1) -> tuple[bytes, os.stat_result]:
    # Not blocking: a pipe of this name would be waited for until somebody writes into it.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return file.read(most_bytes), status


def _content(data: bytes | Secret | Callable[[], bytes]) -> bytes:
    if isinstance(data, bytes):
        return data
    return data() if callable(data) else data.reveal()


def _read_back(folder: int, name: str) -> bytes:
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with contextlib.suppress(AttributeError, OSError):
        # From the disk, not from memory, where the system listens: the file is synced already.
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    with os.fdopen(fd, "rb") as file:
        return file.read()


def _regular_file(folder: int, name: str) -> os.stat_result | None:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return status


def _owner_of(status: os.stat_result) -> Owner:
    return Owner(status.st_uid, status.st_gid)


def _end_of_last_line(fd: int) -> int:
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        return file.read().rfind(b"\n") + 1


def _must_still_be(path: Path, fd: int) -> None:
    """Raise if the folder at `path` is no longer the one that is open.

    Its disk went away, or somebody moved what is above it: what was then written by its path went
    elsewhere, and the one that is open is only half full.
    """
    if not os.path.samestat(path.stat(), os.fstat(fd)):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _held(folder: int, name: str) -> int | None:
    """Open the file that is about to be replaced: whoever holds it can still read it after."""
    with contextlib.suppress(OSError):  # not ours to read
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(name, flags, dir_fd=folder)
    return None


def _let_go(fd: int | None) -> None:
    if fd is not None:
        os.close(fd)


def _copy_attributes(source: int | None, target: int) -> None:
    if source is None or not hasattr(os, "listxattr"):  # Linux only
        return
    with contextlib.suppress(OSError):  # no attributes on this file system
        for attribute in os.listxattr(source):
            with contextlib.suppress(OSError):  # security.* may be root's alone to set
                os.setxattr(target, attribute, os.getxattr(source, attribute))
