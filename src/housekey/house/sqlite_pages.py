"""The rows in the pages of an SQLite file, without SQLite: what it will not open, this still reads.

A table's rows lie in its leaf pages, each whole and by itself: the page's type, how many cells,
where each begins, and in a cell the row's id and its values. So rows are found by looking at every
page, whatever has become of the pages that lead to it, of the header, or of the file's end. Which
of them are true rows of a table is for the caller to say.

The format is https://sqlite.org/fileformat2.html; the numbers of its sections stand below.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Value: TypeAlias = int | float | str | bytes | None

_HEADER = 100  # bytes of the file's header, at the start of page 1 (1.3)
_USUAL_PAGE = 4096
_WAL_HEADER, _FRAME_HEADER = 32, 24  # (4.1)
_OTHER_PAGES = {2, 5, 10}  # inner pages, and those of indexes: no rows in them (1.6)


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    values: tuple[Value, ...]


def rows_in(data: bytes, wal: bytes = b"") -> Iterator[Row]:
    """Yield what could be a row of any table in a file and its write-ahead log.

    A row that is in several pages comes several times, its newest page first. What is damaged is
    passed over.
    """
    size, usable = _sizes(data, wal)
    newer = _committed(wal, size)
    older = {
        number + 1: data[number * size : (number + 1) * size]
        for number in range(-(-len(data) // size))
    }
    pages = {**older, **newer}
    for images in (newer, older):
        for number, page in images.items():
            yield from _rows_of_page(page, pages, usable, start=_HEADER if number == 1 else 0)


def _sizes(data: bytes, wal: bytes) -> tuple[int, int]:
    """Return the size of a page, and how much of it is used; the usual, if that is damaged."""
    size = int.from_bytes(data[16:18], "big")
    size = 65536 if size == 1 else size
    if not _may_be_a_size(size) or not data.startswith(b"SQLite format 3\0"):
        size = int.from_bytes(wal[8:12], "big")
    if not _may_be_a_size(size):
        return _USUAL_PAGE, _USUAL_PAGE
    reserved = data[20] if data.startswith(b"SQLite format 3\0") and len(data) > 20 else 0
    return size, size - reserved if reserved <= 32 else size


def _may_be_a_size(size: int) -> bool:
    return 512 <= size <= 65536 and size & (size - 1) == 0


def _committed(wal: bytes, size: int) -> Mapping[int, bytes]:
    """Return the newest committed image of each page in a write-ahead log (4.2).

    A frame's checksum goes on from that of the frame before, as it is written there; so a damaged
    frame costs itself and the next, and not all that follow, as it does in SQLite.
    """
    if len(wal) < _WAL_HEADER:
        return {}
    order = ">" if wal[3] & 1 else "<"
    salts, before = wal[16:24], wal[24:32]
    committed: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    for start in range(_WAL_HEADER, len(wal) - size - _FRAME_HEADER + 1, size + _FRAME_HEADER):
        header = wal[start : start + _FRAME_HEADER]
        page = wal[start + _FRAME_HEADER : start + _FRAME_HEADER + size]
        if header[8:16] != salts:
            break  # of an earlier round of the log
        if _checksum(before, header[:8] + page, order) == header[16:24]:
            number, pages_after_commit = struct.unpack(">II", header[:8])
            pending[number] = page
            if pages_after_commit:
                committed |= pending
                pending.clear()
        before = header[16:24]
    return committed


def _checksum(before: bytes, data: bytes, order: str) -> bytes:
    first, second = struct.unpack(">II", before)
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.pack(">II", first, second)


def _rows_of_page(
    page: bytes, pages: Mapping[int, bytes], usable: int, *, start: int
) -> Iterator[Row]:
    """Yield the rows of a leaf page, and of one that could be one if its type were not damaged."""
    if len(page) < start + 8 or page[start] in _OTHER_PAGES:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    for at in range(start + 8, min(start + 8 + 2 * cells, len(page) - 1), 2):
        cell = int.from_bytes(page[at : at + 2], "big")
        try:
            yield _row(page, cell, pages, usable)
        except (ValueError, IndexError, struct.error):
            continue


def _row(page: bytes, at: int, pages: Mapping[int, bytes], usable: int) -> Row:
    """Read one cell. Raises ValueError, IndexError or struct.error if it is none."""
    length, at = _varint(page, at)
    row, at = _varint(page, at)
    # How much of it is in the page, and how much in a chain of others (1.6).
    most = usable - 35
    least = (usable - 12) * 32 // 255 - 23
    here = length
    if length > most:
        here = least + (length - least) % (usable - 4)
        here = here if here <= most else least
    payload = page[at : at + here]
    if length > here:
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        payload += _overflow(following, length - here, pages, usable)
    if len(payload) != length:
        raise ValueError("cut short")
    return Row(row, _values(payload))


def _overflow(number: int, wanted: int, pages: Mapping[int, bytes], usable: int) -> bytes:
    found = b""
    for _ in range(-(-wanted // (usable - 4))):
        page = pages.get(number)
        if page is None:
            raise ValueError("a page is not there")
        found += page[4:usable]
        number = int.from_bytes(page[:4], "big")
    return found[:wanted]


def _values(record: bytes) -> tuple[Value, ...]:
    """Read a record: the types of its columns, then their values (2.1)."""
    end, at = _varint(record, 0)
    body = end
    values: list[Value] = []
    while at < end:
        kind, at = _varint(record, at)
        size = _SIZES[kind] if kind < len(_SIZES) else (kind - 12) // 2
        raw = record[body : body + size]
        if len(raw) != size or kind in (10, 11):
            raise ValueError("no such value")
        body += size
        values.append(_value(kind, raw))
    if at != end or body != len(record):
        raise ValueError("not a record")
    return tuple(values)


_SIZES = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)  # in bytes, of the types below 12


def _value(kind: int, raw: bytes) -> Value:
    if kind == 0:
        return None
    if kind == 7:
        number: float = struct.unpack(">d", raw)[0]
        return number
    if kind < 10:
        return int.from_bytes(raw, "big", signed=True) if raw else kind - 8
    return raw.decode() if kind % 2 else raw


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read a number of one to nine bytes, and return it with where it ends (1.6)."""
    number = 0
    for more in range(8):
        byte = data[at + more]
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            return number, at + more + 1
    return number << 8 | data[at + 8], at + 9
