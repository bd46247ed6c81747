"""What ends and what is due when, as a calendar (RFC 5545) that any calendar program reads.

An entry keeps its UID when a certificate is renewed, so a calendar that reads the file again moves
the entry instead of having two. It says when; how often and how loudly to remind is the reader's.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from housekey.renewal.glance import Glance, Held

_PRODID = "-//housekey//housekey status//EN"
_MOST_OCTETS = 75  # of a line, its end not counted (section 3.1)


def calendar_of(glance: Glance) -> bytes:
    """Return the file: two entries for each certificate, when it is due and when it ends."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{_PRODID}",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text('Certificates of the house')}",
        *(line for held in glance.held for line in _entries(held, glance)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def is_ours(data: bytes) -> bool:
    """Whether a file is a calendar that `calendar_of` made."""
    return data.startswith(b"BEGIN:VCALENDAR") and f"PRODID:{_PRODID}\r\n".encode() in data


def _entries(held: Held, glance: Glance) -> Iterator[str]:
    begin, end = held.certificate.not_valid_before_utc, held.certificate.not_valid_after_utc
    names = f"{held.what}, in the house {glance.house}"
    how = "housekey house rotate" if held.label is None else "housekey renew"
    summary = f"Renew the certificate {held.what}"
    if glance.by_hand and held.label == HOME_ASSISTANT:
        how = "housekey secure --csr FILE, then --install FILE"
        summary = f"Have your own CA sign {held.what} anew"
    yield from _entry(
        held,
        glance,
        "due",
        at=held.suggested or end - (end - begin) / 3,
        summary=summary,
        description=f"It is due from now on: {names}. What to do: {how}.",
    )
    yield from _entry(
        held,
        glance,
        "ends",
        at=end,
        summary=f"The certificate {held.what} ends",
        description=f"Devices refuse it from now on: {names}.",
    )


def _entry(
    held: Held, glance: Glance, which: str, *, at: datetime, summary: str, description: str
) -> Iterator[str]:
    what = held.what if held.label is None else held.label
    uid = f"{what.encode().hex()}.{which}.{glance.identity[:32]}@housekey"
    yield "BEGIN:VEVENT"
    yield f"UID:{uid}"
    yield f"DTSTAMP:{_utc(glance.now)}"
    yield f"DTSTART:{_utc(at)}"
    yield f"DTEND:{_utc(at + timedelta(minutes=30))}"  # some programs show no entry without length
    yield f"SUMMARY:{_text(summary)}"
    yield f"DESCRIPTION:{_text(description)}"
    yield "TRANSP:TRANSPARENT"  # nobody is busy meanwhile
    yield "END:VEVENT"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Write a value of type TEXT (section 3.3.11); what may not stand in one is left out."""
    for plain, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(plain, escaped)
    return "".join(each for each in value if each >= " " and each != "\x7f")


def _folded(line: str) -> bytes:
    """End a line, and fold it between characters where it is too long (section 3.1)."""
    parts = [b""]
    for character in line:
        encoded = character.encode()
        if len(parts[-1]) + len(encoded) > _MOST_OCTETS:
            parts.append(b" ")
        parts[-1] += encoded
    return b"\r\n".join(parts) + b"\r\n"
