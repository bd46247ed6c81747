"""What NSS's tools print, read: certificates with their trust, and names of errors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_FINGERPRINT = re.compile(r"Fingerprint \(SHA-256\):\s+([0-9A-F:]{95})")
_ERROR = re.compile(r"\b((?:SEC|SSL|PR|MOZILLA_PKIX)_[A-Z0-9_]*ERROR[A-Z0-9_]*)\b")

# What certutil prints of a trust record, and the letter that sets it (NSS, cmd/lib/secutil.c
# printFlags and lib/certdb/certdb.c CERT_DecodeTrustString).
_LETTERS = (
    ("Trusted CA", "C"),
    ("Trusted Client CA", "T"),
    ("Valid CA", "c"),
    ("Trusted", "P"),
    ("Terminal Record", "p"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate in a database."""

    sha256: bytes
    flags: str  # as certutil takes them: for servers, for mail, for programs

    @property
    def trusted(self) -> bool:
        """Whether it is a CA that may speak for servers."""
        return "C" in self.flags.split(",")[0]


def entries(listed: str) -> list[Entry]:
    """Read what `certutil -L -n` prints: certificate by certificate, each with its trust."""
    parts = _FINGERPRINT.split(listed)
    return [
        Entry(bytes.fromhex(fingerprint.replace(":", "")), _flags(after))
        for fingerprint, after in zip(parts[1::2], parts[2::2], strict=True)
    ]


def _flags(printed: str) -> str:
    groups: list[list[str]] = [[], [], []]
    at: list[str] | None = None
    titles = ("SSL Flags:", "Email Flags:", "Object Signing Flags:")
    for line in (each.strip() for each in printed.splitlines()):
        if line in titles:
            at = groups[titles.index(line)]
        elif at is not None and not line:
            break
        elif at is not None:
            at.append(line)
    return ",".join(map(_letters, groups))


def _letters(lines: Sequence[str]) -> str:
    found = "".join(letter for words, letter in _LETTERS if words in lines)
    # C and T imply c, and P implies p.
    if "C" in found or "T" in found:
        found = found.replace("c", "")
    return found.replace("p", "") if "P" in found else found


def error_name(text: str) -> str:
    """Return NSS's name of what went wrong, such as SEC_ERROR_UNKNOWN_ISSUER, or ""."""
    found = _ERROR.search(text)
    return found[1] if found else ""


def last_line(text: str) -> str:
    """Return the last line that is not empty, or ""."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
