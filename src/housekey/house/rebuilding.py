"""The ledger made again, when SQLite fails: from what can be read of it, and the certificates here.

The damaged ledger is never thrown away: it is copied into `damaged/NNNN/` before anything is
replaced. A rebuild that was cut short leaves such a copy that no ledger tells of, and the next one
reads it too. So nothing is lost wherever it is killed, and a rebuild is finished by another.

The caller holds `house_lock`.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
from collections import Counter
from dataclasses import asdict, dataclass
from itertools import accumulate
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

from housekey.errors import HouseBroken, LedgerNewer
from housekey.house.house import LEDGER
from housekey.house.ledger import SqliteLedger
from housekey.house.ledger_copy import ledger_bytes, ledger_of
from housekey.house.on_disk import DAMAGED, certificates_here
from housekey.house.records import LEDGER_REBUILT
from housekey.house.salvage import salvage
from housekey.pki.encoding import certificate_from_der

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.records import Event, Ledger
    from housekey.house.salvage import SavedCertificate

NEW = "ledger.new.sqlite"
_WAL, _SHM = "-wal", "-shm"  # what SQLite keeps beside its file
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of a ledger; this is also what the new one says of it."""

    problems: tuple[str, ...]  # what was wrong with it; nothing: it is the old one, and stays
    kept_in: str | None  # the folder with the damaged one, in the house
    certificates: int = 0  # read from the damaged one
    events: int = 0
    lost_certificates: int = 0  # rows that were there and could not be read
    lost_events: int = 0
    added: tuple[str, ...] = ()  # certificates of the disk that were missing, by file in the house
    unreadable: tuple[str, ...] = ()  # files that should hold a certificate and do not


def rebuild(folder: Path, *, files: Files, at: datetime, by: str) -> Rebuilt:
    """Make the ledger of the house in `folder` again if it is damaged, and add what it lacks.

    Raises `FileTrouble`, `HouseBusy`, and `LedgerNewer` of a ledger that cannot be judged here.
    """
    path = folder / LEDGER
    on_disk, unreadable = certificates_here(folder, files=files)
    problems, finished = _judged(path)
    asides = [each for each in _asides(folder) if each not in finished]
    if not problems and not asides:
        return _add_what_is_missing(path, on_disk, unreadable, at=at, by=by)
    present = _Copy.read(path, files=files)
    kept_in = _next_aside(folder) if present else None
    copies = [present, *(_Copy.read(folder / aside / LEDGER, files=files) for aside in asides)]
    saved = [salvage(each.data, each.wal) for each in copies]
    certificates = _united([each.certificates for each in saved], _bytes_of, _issued_at)
    events = _united([each.events for each in saved], _content_of, _when)
    known = {hashlib.sha256(each.der).hexdigest() for each in certificates}
    missing = {sha256: each for sha256, each in on_disk.items() if sha256 not in known}
    rows = _united([certificates, [each for _, each in missing.values()]], _bytes_of, _issued_at)
    were = max(len(each.certificates) + each.lost_certificates for each in saved)
    events_were = max(len(each.events) + each.lost_events for each in saved)
    rebuilt = Rebuilt(
        problems=problems or ("a rebuild was cut short",),
        kept_in=kept_in,
        certificates=len(certificates),
        events=len(events),
        lost_certificates=max(were - len(rows), 0),
        lost_events=max(events_were - len(events), 0),
        added=tuple(file for file, _ in missing.values()),
        unreadable=unreadable,
    )
    _write(folder / NEW, rows, events, files=files, last=(rebuilt, asides, at, by))
    _put_in_place(folder, present, kept_in, files=files)
    return rebuilt


@dataclass(frozen=True, slots=True)
class _Copy:
    """A ledger's file and the log beside it, as bytes."""

    data: bytes
    wal: bytes

    @classmethod
    def read(cls, path: Path, *, files: Files) -> _Copy:
        return cls(_content(path, files=files), _content(_beside(path, _WAL), files=files))

    def __bool__(self) -> bool:
        return bool(self.data or self.wal)


def _judged(path: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    """Say what is wrong with the ledger, and which damaged ones went into it.

    Without a trace: SQLite folds a `-wal` into the file when it closes it, as far as it can read
    it, and removes it.
    """
    try:
        with ledger_of(ledger_bytes(path, to_open=True), path=path) as ledger:
            problems = ledger.check_whole()
            events = () if problems else ledger.events(-1, kind=LEDGER_REBUILT)
    except LedgerNewer:
        raise
    except HouseBroken as error:
        return (error.message,), frozenset()
    return problems, frozenset(str(each) for event in events for each in _asides_of(event))


def _asides_of(event: Event) -> Iterator[object]:
    yield event.data.get("kept_in")
    went_in = event.data.get("went_in")
    if isinstance(went_in, list):
        yield from went_in


def _add_what_is_missing(
    path: Path,
    on_disk: Mapping[str, tuple[str, SavedCertificate]],
    unreadable: tuple[str, ...],
    *,
    at: datetime,
    by: str,
) -> Rebuilt:
    """Leave a sound ledger as it is, but for certificates on disk that it does not know."""
    with SqliteLedger.open(path) as ledger:
        missing = [each for sha256, each in on_disk.items() if ledger.certificate(sha256) is None]
        added = tuple(file for file, _ in missing)
        rebuilt = Rebuilt(problems=(), kept_in=None, added=added, unreadable=unreadable)
        if missing:
            with ledger.together():
                _record(ledger, [each for _, each in missing])
                ledger.record_event(LEDGER_REBUILT, at=at, by=by, data=asdict(rebuilt))
    return rebuilt


def _write(
    path: Path,
    rows: Sequence[SavedCertificate],
    events: Sequence[Event],
    *,
    files: Files,
    last: tuple[Rebuilt, Sequence[str], datetime, str],
) -> None:
    """Write a new ledger at `path`, in one file."""
    rebuilt, asides, at, by = last
    for beside in (_WAL, _SHM):  # of one that was cut short
        files.remove(_beside(path, beside))
    with SqliteLedger.create(path, files=files) as ledger, ledger.together():
        _record(ledger, rows)
        for event in events:
            ledger.record_event(
                event.kind, at=event.at, by=event.by, sha256=event.sha256, data=event.data
            )
        data = {**asdict(rebuilt), "went_in": list(asides)}
        ledger.record_event(LEDGER_REBUILT, at=at, by=by, data=data)
    with SqliteLedger.open(path) as written:
        problems = written.check_whole()
    if problems or _beside(path, _WAL).exists():
        raise HouseBroken(
            f"the new ledger {path} cannot be relied on: {'; '.join(problems) or 'it is in two'}",
            hint="nothing was replaced; check the disk and try again",
        )


def _record(ledger: Ledger, rows: Sequence[SavedCertificate]) -> None:
    recorded: set[Hashable] = set()
    for row in rows:
        certificate = certificate_from_der(row.der)
        once = (certificate.issuer, certificate.serial_number)
        if once not in recorded:
            ledger.record_certificate(certificate, role=row.role, label=row.label, at=row.issued_at)
        recorded.add(once)


def _put_in_place(folder: Path, present: _Copy, kept_in: str | None, *, files: Files) -> None:
    path = folder / LEDGER
    if kept_in is not None:
        files.make_folder(folder / DAMAGED, 0o700)
        with files.new_folder(folder / kept_in, 0o700) as aside:
            for name, content in ((LEDGER, present.data), (LEDGER + _WAL, present.wal)):
                if content:
                    files.write(aside / name, content, mode=0o600)
    # SQLite would write the old -wal into the new file. It goes first, and meanwhile there is an
    # empty file: it cannot be taken for a ledger, as the old one without its -wal could.
    files.write(path, b"", mode=0o600)
    for beside in (_WAL, _SHM):
        files.remove(_beside(path, beside))
    files.rename(folder / NEW, path)


def _asides(folder: Path) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        names = (each.name for each in (folder / DAMAGED).iterdir())
        return sorted(f"{DAMAGED}/{name}" for name in names if name.isdigit())
    return []


def _next_aside(folder: Path) -> str:
    last = max((int(each.rpartition("/")[2]) for each in _asides(folder)), default=0)
    return f"{DAMAGED}/{last + 1:04d}"


def _content(path: Path, *, files: Files) -> bytes:
    return files.read(path) if path.exists() else b""


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _united(
    readings: Sequence[Sequence[_T]],
    content: Callable[[_T], Hashable],
    time: Callable[[_T], datetime],
) -> list[_T]:
    """Return the rows of several readings of one ledger: those of the longest, then what it lacks.

    The longest keeps its order, also where a clock went back; the others' go in by their time. A
    row that one reading has twice was written twice.
    """
    longest, *others = sorted(readings, key=len, reverse=True)
    have = Counter(map(content, longest))
    lacking = []
    for reading in others:
        seen: Counter[Hashable] = Counter()
        for row in reading:
            seen[content(row)] += 1
            if seen[content(row)] > have[content(row)]:
                have[content(row)] += 1
                lacking.append(row)
    so_far = zip(accumulate(map(time, longest), max), longest, strict=True)
    between = sorted(((time(row), row) for row in lacking), key=itemgetter(0))
    return [row for _, row in heapq.merge(so_far, between, key=itemgetter(0))]


def _bytes_of(row: SavedCertificate) -> Hashable:
    return row.der


def _issued_at(row: SavedCertificate) -> datetime:
    return row.issued_at


def _content_of(event: Event) -> Hashable:
    data = json.dumps(event.data, sort_keys=True)
    return event.at, event.kind, event.by, event.sha256, data


def _when(event: Event) -> datetime:
    return event.at
