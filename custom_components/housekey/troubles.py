"""Which text tells what went wrong: its key under `exceptions` in strings.json, and what goes in.

The library says everything in two English lines. A kind of trouble that somebody can meet in Home
Assistant has a text of its own here, in every language of the integration. What is particular
to one case, and has no translation, goes in as `detail`, in the library's words.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.errors import (
    CaAsksToWait,
    CaRefused,
    CaUnreachable,
    ClockWrong,
    DnsFailed,
    DnsNotShown,
    FileTrouble,
    HouseBroken,
    HouseBusy,
    HouseExpired,
    HouseMissing,
    HouseUnsafe,
    NameRefused,
    NotPermitted,
    NotProven,
    NotReady,
    PairRefused,
    ProviderRefused,
    ShareFailed,
    SwapRefused,
    TermsChanged,
    YamlRefused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from housekey.errors import HousekeyError

NOBODY = "nobody used HTTPS within five minutes"
CANNOT_START = "Home Assistant could not start with it"
# Why a trial ended, as the ledger keeps it.
_ENDS = {NOBODY: "nobody_came", CANNOT_START: "cannot_start"}

_BY_CLASS: dict[type[HousekeyError], str] = {
    HouseMissing: "house_missing",
    HouseUnsafe: "house_unsafe",
    HouseBusy: "house_busy",
    HouseExpired: "house_expired",
    HouseBroken: "house_broken",
    ClockWrong: "clock_wrong",
    CaUnreachable: "ca_unreachable",
    CaAsksToWait: "ca_asks_to_wait",
    DnsNotShown: "dns_not_shown",
    ProviderRefused: "provider_refused",
}
# What to do about these differs, and is told in the library's words.
_WITH_HINT: dict[type[HousekeyError], str] = {
    CaRefused: "ca_refused",
    NotProven: "not_proven",
    DnsFailed: "dns_failed",
}
_OF_A_DISK = {
    errno.ENOSPC: "disk_full",
    errno.EDQUOT: "disk_full",
    errno.EROFS: "disk_read_only",
    errno.EACCES: "no_permission",
    errno.EPERM: "no_permission",
}
_OF_A_PORT = {
    errno.EADDRINUSE: "page_port_taken",
    errno.EACCES: "page_port_forbidden",
    errno.EPERM: "page_port_forbidden",
}


@dataclass(frozen=True, slots=True)
class Told:
    """A text, and what is filled into it."""

    key: str
    values: Mapping[str, str] = field(default_factory=dict)


class NotNow(NotReady):
    """Something that the integration itself does not do now; it knows its text."""

    def __init__(self, key: str, message: str, *, hint: str, **values: str) -> None:
        super().__init__(message, hint=hint)
        self.told = Told(key, values)


def two_lines(trouble: HousekeyError) -> str:
    """Return what the library says, in one line."""
    return f"{trouble.message}; {trouble.hint}"


def told_of(trouble: HousekeyError) -> Told:  # noqa: PLR0911 - a list
    """Return the text for a trouble."""
    match trouble:
        case NotNow():
            return trouble.told
        case NameRefused():
            return Told("name_refused", {"name": trouble.name, "detail": trouble.reason})
        case NotPermitted():
            return Told(
                "not_permitted",
                {"names": ", ".join(trouble.names), "permitted": ", ".join(trouble.permitted)},
            )
        case FileTrouble():
            key = _OF_A_DISK.get(_number(trouble), "file_trouble")
            told = {"file": str(trouble.path)}
            return Told(key, told if key != "file_trouble" else told | {"detail": trouble.reason})
        case ShareFailed(port=int(port)):
            key = _OF_A_PORT.get(_number(trouble), "")
            return Told(key, {"port": str(port)}) if key else _other(trouble)
        case YamlRefused():
            return Told(
                "yaml_refused",
                {"file": str(trouble.path), "detail": trouble.reason, "by_hand": trouble.hint},
            )
        case TermsChanged():
            terms = trouble.terms or "-"
            return Told("terms_changed", {"terms": terms, "page": trouble.page or terms})
        case PairRefused() | SwapRefused():
            key = "pair_refused" if isinstance(trouble, PairRefused) else "swap_refused"
            return Told(key, {"detail": trouble.reason})
    if key := _WITH_HINT.get(type(trouble), ""):
        # A sentence of its own there.
        hint = trouble.hint[:1].upper() + trouble.hint[1:]
        return Told(key, {"detail": trouble.message, "hint": hint})
    if (key := _BY_CLASS.get(type(trouble), "")) and key != "house_busy":
        return Told(key, {"detail": trouble.message})
    return Told(key) if key else _other(trouble)


def end_of_trial(reason: str) -> tuple[Told | None, str]:
    """Return the text for why a trial ended, and what comes after it in Home Assistant's words."""
    first, _, words = reason.partition(": ")
    key = _ENDS.get(first)
    return (None, reason) if key is None else (Told(key), words)


def _other(trouble: HousekeyError) -> Told:
    return Told("other", {"detail": two_lines(trouble)})


def _number(trouble: HousekeyError) -> int:
    """Return the number of the system's error behind it; 0 without one."""
    cause = trouble.__cause__
    return cause.errno or 0 if isinstance(cause, OSError) else 0
