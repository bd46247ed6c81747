"""DER by hand, as little as a certificate needs, so that a malformed one can be written too.

Well-kept ASN.1 libraries refuse to write what the corpus is made of: a serial below zero, an
address in a dNSName, a constraint with a mask full of holes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from itertools import chain

SEQUENCE, SET = 0x30, 0x31
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8, PRINTABLE, T61, IA5, BMP = 0x0C, 0x13, 0x14, 0x16, 0x1E
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18

_ATTRIBUTES = {
    "CN": "2.5.4.3", "C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11",
    "DC": "0.9.2342.19200300.100.1.25",
}  # fmt: skip


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element: tag, length, the parts one after the other."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of what is DER already."""
    return tlv(SEQUENCE, *parts)


def explicit(number: int, *parts: bytes) -> bytes:
    """A constructed context tag around the parts."""
    return tlv(0xA0 | number, *parts)


def implicit(number: int, body: bytes) -> bytes:
    """A primitive context tag in place of the element's own."""
    return tlv(0x80 | number, body)


def integer(value: int) -> bytes:
    """An INTEGER, negative ones too."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool) -> bytes:
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def bit_string(data: bytes, *, unused: int = 0) -> bytes:
    return tlv(BIT_STRING, bytes((unused,)), data)


def named_bits(positions: tuple[int, ...]) -> bytes:
    """A BIT STRING of named bits, without the zeros at its end (X.690 11.2.2)."""
    if not positions:
        return bit_string(b"")
    highest = max(positions)
    value = sum(1 << (highest - each) for each in positions)
    unused = 7 - highest % 8
    return bit_string((value << unused).to_bytes(highest // 8 + 1, "big"), unused=unused)


def octet_string(data: bytes) -> bytes:
    return tlv(OCTET_STRING, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return tlv(OID, *map(_base_128, (first * 40 + second, *rest)))


def _base_128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(0x80 | value & 0x7F)
    return bytes(reversed(digits))


def time(moment: datetime, *, tag: int | None = None) -> bytes:
    """A time: UTCTime through 2049, GeneralizedTime from 2050 on (RFC-01), unless told."""
    moment = moment.astimezone(UTC)
    if tag is None:
        tag = UTC_TIME if moment.year < 2050 else GENERALIZED_TIME
    year = f"{moment:%y}" if tag == UTC_TIME else f"{moment.year:04}"
    return tlv(tag, f"{year}{moment:%m%d%H%M%S}Z".encode())


def dn(*attributes: str, tag: int = UTF8) -> bytes:
    """A distinguished name out of `CN=text`, every value with the same string type."""
    return sequence(*(tlv(SET, _attribute(each, tag)) for each in attributes))


def _attribute(text: str, tag: int) -> bytes:
    kind, _, value = text.partition("=")
    tag = PRINTABLE if kind == "C" else IA5 if kind == "DC" else tag
    encoding = {BMP: "utf-16-be", T61: "latin-1"}.get(tag, "utf-8")
    return sequence(oid(_ATTRIBUTES[kind]), tlv(tag, value.encode(encoding)))


def general_name(text: str) -> bytes:
    """A GeneralName out of `dns:`, `ip:`, `email:`, `uri:`, `dir:`, `other:`, `rid:` and a value.

    Without such a word what reads as an address or a network is one, and the rest is a DNS
    name. `ip:` takes hexadecimal digits too, for addresses of a wrong length.
    """
    kind, separator, value = text.partition(":")
    if not separator or kind not in _WRITERS:
        address = _address(text)
        return implicit(2, text.encode("utf-8")) if address is None else implicit(7, address)
    return _WRITERS[kind](value)


def _address(text: str) -> bytes | None:
    try:
        return ip_address(text).packed
    except ValueError:
        pass
    try:
        network = ip_network(text)
    except ValueError:
        return None
    return network.network_address.packed + network.netmask.packed


_WRITERS = {
    "other": lambda value: explicit(0, oid("1.2.3.4"), explicit(0, tlv(UTF8, value.encode()))),
    "email": lambda value: implicit(1, value.encode()),
    "dns": lambda value: implicit(2, value.encode("utf-8")),
    "dir": lambda value: explicit(4, dn(*filter(None, value.split("/")))),
    "uri": lambda value: implicit(6, value.encode()),
    "ip": lambda value: implicit(7, _address(value) or bytes.fromhex(value)),
    "rid": lambda value: implicit(8, oid(value)[2:]),
}


def constraints(
    *permitted: str, excluded: tuple[str, ...] = (), minimum: int | None = None
) -> bytes:
    """A NameConstraints value (RFC 5280 4.2.1.10); `minimum` is what nobody may write."""
    bound = () if minimum is None else (implicit(0, bytes((minimum,))),)

    def subtrees(number: int, texts: tuple[str, ...]) -> tuple[bytes, ...]:
        return (
            (explicit(number, *(sequence(general_name(each), *bound) for each in texts)),)
            if texts
            else ()
        )

    return sequence(*chain(subtrees(0, permitted), subtrees(1, excluded)))
