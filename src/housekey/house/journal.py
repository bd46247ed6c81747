"""The journal: changes to other people's things, each written down before it is made.

A transaction is a folder `journal/NNNN/` with `entries.jsonl`, one JSON object
a line, and the backups that its changes need. An entry is durable (fsync)
before the change that it announces. What undoes a transaction is worked out
from its entries and from what is really there, never from how far it is
believed to have come, so that a kill at any instant leaves nothing unknown:

* `before_of()` folds the changes of one transaction, or of several in a row,
  into the state from before the first: the first `before` of a thing counts,
  and every `after` is something that housekey itself put there.
* A transaction that was interrupted is simply continued: more entries are
  appended to it, and the fold still ends at its beginning.

A transaction is open, then `kept` (proven), `put-back` (failed or interrupted)
or, later, `undone`.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from housekey.errors import FileTrouble, HouseBroken
from housekey.house.files import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from housekey.house.files import Files

_ENTRIES = "entries.jsonl"


class State(StrEnum):
    """How a transaction stands."""

    OPEN = "open"
    KEPT = "kept"
    PUT_BACK = "put-back"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Backup:
    """A file as it was: its bytes lie in the transaction's folder."""

    copy: Path  # where the bytes lie
    sha256: str
    mode: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is about to be created, replaced or removed."""

    path: Path
    before: Backup | None  # None: there was no such file
    after: str | None  # SHA-256 of what is written, None: it is removed


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A setting of the running Home Assistant that is about to change."""

    what: str
    before: Any  # JSON
    after: Any  # JSON


Change = FileChange | SettingChange


@dataclass(frozen=True, slots=True)
class FileBefore:
    """A file before housekey first touched it, and all that housekey ever put in its place."""

    path: Path
    before: Backup | None
    ours: frozenset[str | None]  # SHA-256 of each content written, None for "removed"


@dataclass(frozen=True, slots=True)
class SettingBefore:
    """A setting before housekey first touched it, and all the values that housekey gave it."""

    what: str
    before: Any
    ours: tuple[Any, ...]  # oldest first


@dataclass(frozen=True, slots=True)
class Before:
    """The state to go back to."""

    files: tuple[FileBefore, ...]  # in the order in which they were first touched
    settings: tuple[SettingBefore, ...]

    def setting(self, what: str) -> SettingBefore | None:
        """Return what is known of one setting."""
        return next((setting for setting in self.settings if setting.what == what), None)


@dataclass(slots=True)
class Transaction:
    """One change under way, or one of the past. Only `Journal` makes them."""

    folder: Path
    target: Mapping[str, str]  # which Home Assistant, for people and for `undo`
    began: datetime
    state: State
    changes: tuple[Change, ...]
    marks: frozenset[str]  # moments that were reached, such as "restart"
    _files: Files = field(repr=False)
    _clock: Callable[[], datetime] = field(repr=False)
    _hook: Callable[[str], None] = field(repr=False)
    _backups: int = 0

    @contextmanager
    def step(self, name: str, *changes: Change) -> Iterator[None]:
        """Write down `changes`, durably, before the body of the `with` makes them."""
        for change in changes:
            self._append(_entry_of(change))
            self.changes = (*self.changes, change)
        self._hook(f"before {name}")
        yield
        self._hook(f"after {name}")

    def mark(self, moment: str) -> None:
        """Write down, durably, that a moment was reached."""
        self._append({"mark": moment})
        self.marks |= {moment}
        self._hook(f"marked {moment}")

    def writing(self, path: Path, data: bytes) -> FileChange:
        """Back up `path` and return the change that puts `data` there.

        Raises `FileTrouble` when it cannot be read or backed up.
        """
        return FileChange(path, self._backup(path), _sha256(data))

    def removing(self, path: Path) -> FileChange:
        """Back up `path` and return the change that removes it."""
        return FileChange(path, self._backup(path), None)

    def close(self, state: State) -> None:
        """Write down, durably, how the transaction ended."""
        self._append({"state": state.value})
        self.state = state
        self._hook(f"closed {state.value}")

    def _backup(self, path: Path) -> Backup | None:
        found = self._files.snapshot(path)
        if found is None:
            return None
        self._backups += 1
        copy = self.folder / f"{self._backups:02d}-{path.name}"
        # 0600 whatever the original's mode: what is backed up may be a private key.
        self._files.write(copy, found.data, mode=0o600)
        return Backup(copy, _sha256(found.data), found.mode, found.owner)

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps({"at": self._clock().isoformat(), **entry}, ensure_ascii=False)
        self._files.append(self.folder / _ENTRIES, line, mode=0o600)


class Journal:
    """The transactions of one house.

    `hook` is called at every moment that is worth a power cut; tests kill the
    process in it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        files: Files,
        clock: Callable[[], datetime],
        hook: Callable[[str], None] = lambda _moment: None,
    ) -> None:
        self._folder = folder
        self._files = files
        self._clock = clock
        self._hook = hook

    def begin(self, target: Mapping[str, str]) -> Transaction:
        """Open a transaction on the Home Assistant that `target` describes."""
        if not self._folder.is_dir():
            self._files.make_folder(self._folder, mode=0o700)
        numbers = [int(entry.name) for entry in self._folder.iterdir() if entry.name.isdigit()]
        folder = self._folder / f"{max(numbers, default=0) + 1:04d}"
        self._files.make_folder(folder, mode=0o700)
        transaction = self._new(folder, target, self._clock())
        transaction._append({"begin": dict(target)})  # noqa: SLF001 - its maker
        self._hook("begun")
        return transaction

    def transactions(self) -> tuple[Transaction, ...]:
        """Read all transactions, oldest first. Raises `HouseBroken` for damage in mid-file."""
        if not self._folder.is_dir():
            return ()
        folders = sorted(entry for entry in self._folder.iterdir() if entry.name.isdigit())
        read = (self._read(folder) for folder in folders)
        return tuple(transaction for transaction in read if transaction is not None)

    def standing(self) -> tuple[Transaction, ...]:
        """The transactions whose changes stand: the kept ones and one that is open."""
        return tuple(t for t in self.transactions() if t.state in (State.OPEN, State.KEPT))

    def _new(self, folder: Path, target: Mapping[str, str], began: datetime) -> Transaction:
        return Transaction(
            folder=folder,
            target=target,
            began=began,
            state=State.OPEN,
            changes=(),
            marks=frozenset(),
            _files=self._files,
            _clock=self._clock,
            _hook=self._hook,
        )

    def _read(self, folder: Path) -> Transaction | None:
        from datetime import datetime  # noqa: PLC0415 - only where a journal is read

        try:
            # What follows the last line's end is torn by a power cut: never begun (see append).
            *lines, _torn = self._files.read(folder / _ENTRIES).split(b"\n")
        except FileTrouble:
            return None  # killed between the folder and its first entry: nothing was announced
        transaction: Transaction | None = None
        for number, line in enumerate(lines):
            try:
                entry = json.loads(line)
            except ValueError:
                raise HouseBroken(
                    f"{folder / _ENTRIES} is damaged in line {number + 1}",
                    hint=f"the files from before lie beside it, in {folder}",
                ) from None
            if transaction is None:
                began = datetime.fromisoformat(entry["at"])
                transaction = self._new(folder, entry["begin"], began)
            elif "mark" in entry:
                transaction.marks |= {entry["mark"]}
            elif "state" in entry:
                transaction.state = State(entry["state"])
            else:
                transaction.changes = (*transaction.changes, _change_of(entry, folder))
        if transaction is not None:
            transaction._backups = sum(1 for _ in folder.iterdir()) - 1  # noqa: SLF001
        return transaction


def before_of(transactions: Iterable[Transaction]) -> Before:
    """Fold transactions, oldest first, into the state from before the first change."""
    files: dict[Path, FileBefore] = {}
    settings: dict[str, SettingBefore] = {}
    for transaction in transactions:
        for change in transaction.changes:
            if isinstance(change, FileChange):
                first = files.get(change.path)
                files[change.path] = FileBefore(
                    change.path,
                    first.before if first else change.before,
                    (first.ours if first else frozenset()) | {change.after},
                )
            else:
                known = settings.get(change.what)
                settings[change.what] = SettingBefore(
                    change.what,
                    known.before if known else change.before,
                    (*(known.ours if known else ()), change.after),
                )
    return Before(tuple(files.values()), tuple(settings.values()))


def restore(file: FileBefore, files: Files) -> bool:
    """Put one file back as it was, byte for byte, with its mode and owner.

    Returns False, and touches nothing, when somebody else has changed the file
    since: neither the content from before nor one of ours is there now.
    """
    found = files.snapshot(file.path)
    now = _sha256(found.data) if found else None
    was = file.before.sha256 if file.before else None
    if now == was:
        return True
    if now not in file.ours:
        return False
    if file.before is None:
        files.remove(file.path)
    else:
        data = files.read(file.before.copy)
        files.write(file.path, data, mode=file.before.mode, owner=file.before.owner)
    return True


def _entry_of(change: Change) -> dict[str, Any]:
    if isinstance(change, SettingChange):
        return {"setting": change.what, "before": change.before, "after": change.after}
    entry: dict[str, Any] = {"file": str(change.path), "before": None, "after": change.after}
    if change.before is not None:
        entry["before"] = {
            "copy": change.before.copy.name,
            "sha256": change.before.sha256,
            "mode": change.before.mode,
            "uid": change.before.owner.uid,
            "gid": change.before.owner.gid,
        }
    return entry


def _change_of(entry: Mapping[str, Any], folder: Path) -> Change:
    if "setting" in entry:
        return SettingChange(entry["setting"], entry["before"], entry["after"])
    saved = entry["before"]
    # Only the copy's name is written down, so that a house can be moved.
    before = saved and Backup(
        folder / saved["copy"], saved["sha256"], saved["mode"], Owner(saved["uid"], saved["gid"])
    )
    return FileChange(Path(entry["file"]), before or None, entry["after"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
