"""Just enough DER to look into what cryptography refuses to look into, or must not open unseen.

cryptography reads all extensions of a certificate or none, and raises for one that is malformed,
doubled or odd; engines differ in exactly these, so they have to be seen one by one. And what a key
costs to be opened stands in the file. Nothing is decided here: bytes in, their parts out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
OBJECT_IDENTIFIER: Final = 0x06
SEQUENCE: Final = 0x30
SET: Final = 0x31


class Malformed(ValueError):
    """These bytes are not the DER that stands here in a certificate."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element: tag, what it holds, and all its bytes."""

    tag: int
    body: bytes
    whole: bytes

    def parts(self) -> tuple[Part, ...]:
        """What is inside, one after the other."""
        return parts(self.body)


def parts(data: bytes) -> tuple[Part, ...]:
    """The elements that `data` is made of, to its last byte. Raises Malformed."""
    found: list[Part] = []
    at = 0
    while at < len(data):
        part = _part_at(data, at)
        at += len(part.whole)
        found.append(part)
    return tuple(found)


def first(data: bytes) -> Part:
    """The first element of `data`, whatever follows it. Raises Malformed."""
    return _part_at(data, 0)


def only(data: bytes, tag: int) -> Part:
    """The single element with `tag` that `data` is. Raises Malformed."""
    part = _part_at(data, 0)
    if part.tag != tag or len(part.whole) != len(data):
        raise Malformed("another element, or more than one")
    return part


def span(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the value of the element at `at`. Raises Malformed.

    Nothing is copied, however many elements a file of somebody else's claims to hold.
    """
    if at + 2 > len(data):
        raise Malformed("it ends too early")
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= 4:
            raise Malformed("a length that DER does not have")
        if begin + octets > len(data):
            raise Malformed("it ends too early")
        length = int.from_bytes(data[begin : begin + octets], "big")
        begin += octets
    if begin + length > len(data):
        raise Malformed("it ends too early")
    return data[at], begin, begin + length


def spans(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The elements one after the other, as `span`. Raises Malformed."""
    while begin < end:
        found = span(data, begin)
        yield found
        begin = found[2]


def _part_at(data: bytes, at: int) -> Part:
    tag, begin, end = span(data, at)
    if tag & 0x1F == 0x1F:
        raise Malformed("a tag of several bytes")
    return Part(tag, data[begin:end], data[at:end])


def dotted(body: bytes) -> str:
    """An object identifier as people write it. Raises Malformed."""
    if not body or body[-1] & 0x80:
        raise Malformed("an object identifier that is cut short")
    arcs: list[int] = []
    value = 0
    for octet in body:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def integer(body: bytes) -> int:
    """A whole number, which may be negative. Raises Malformed."""
    if not body:
        raise Malformed("a number of no bytes")
    return int.from_bytes(body, "big", signed=True)


def bits(body: bytes) -> frozenset[int]:
    """The numbers of the bits that are set, counted from the left. Raises Malformed."""
    if not body or body[0] > 7:
        raise Malformed("a bit string that counts more than a byte's bits")
    count = 8 * (len(body) - 1) - body[0]
    return frozenset(at for at in range(count) if body[1 + at // 8] & 0x80 >> at % 8)
