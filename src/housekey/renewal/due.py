"""Whether a certificate is due for renewal, and why: pure, what is known is handed in.

A third of the life left is what ACME clients renew at, and what `house.leaves.is_due` says. All
other reasons do not wait for it: devices refuse the certificate already, or soon will.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from housekey.house.leaves import is_due

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.pki.names import Name


SHORT = timedelta(days=10)  # the life of what is called short-lived (six or seven days)


class Why(StrEnum):
    """Why a certificate is due; the first that holds is told."""

    ENDED = "ended"
    REVOKED = "revoked"
    ROOT = "root"  # its chain is not today's: the house was rotated or recovered
    EARLY = "early"  # it begins in the future: a clock was ahead when it was issued, or is behind
    NAMES = "names"  # it lacks a name under which it is served today
    AGE = "age"  # a third of its life, or less, is left, or its CA suggests it


@dataclass(frozen=True, slots=True)
class Due:
    """That a certificate is due."""

    why: Why
    reason: str  # for people; a few words without a full stop
    since: datetime | None  # None: not known


def due_of(  # noqa: PLR0911 - a list of reasons
    certificate: Certificate,
    *,
    now: datetime,
    names: Sequence[Name] = (),
    current: bool = True,
    current_since: datetime | None = None,
    revoked_at: datetime | None = None,
    suggested: datetime | None = None,
    another_ca: bool = False,
) -> Due | None:
    """Say why `certificate` is due at `now`; None while it is good.

    `names`: what it is to cover today; a name too many is no reason, it harms nobody. `current`:
    whether its chain is the one that the house would give it today (`House.is_current`), and
    `current_since` when that changed. `revoked_at`: when it was revoked; None if it was not.
    `suggested`: when its CA suggests to renew it, in place of the third. `another_ca`: whether it
    is for another one than the house to issue it.
    """
    ends = certificate.not_valid_after_utc
    if now > ends:
        return Due(Why.ENDED, f"it ended on {ends:%d %B %Y}".replace(" 0", " "), ends)
    if revoked_at is not None:
        return Due(Why.REVOKED, "it was revoked", revoked_at)
    if not current:
        reason = "the house has a new root or issuing CA"
        return Due(
            Why.ROOT,
            "it is not from the CA that was chosen for it" if another_ca else reason,
            current_since,
        )
    begins = certificate.not_valid_before_utc
    if now < begins:
        return Due(
            Why.EARLY, f"it is not valid before {begins:%d %B %Y}".replace(" 0", " "), begins
        )
    if names and (missing := _missing(names, certificate)):
        return Due(Why.NAMES, f"new names: {', '.join(missing)}", None)
    if suggested is not None:
        told = "its CA suggests to renew it now"
        return Due(Why.AGE, told, suggested) if now >= suggested else None
    if is_due(certificate, now=now):
        return Due(Why.AGE, "two thirds of its life are over", ends - (ends - begins) / 3)
    return None


def short_lived_due_at(
    certificate: Certificate, suggested: datetime | None = None
) -> datetime | None:
    """Return when `certificate` will be due; None for one that a look a day is often enough for."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return (suggested or end - (end - begin) / 3) if end - begin <= SHORT else None


def _missing(names: Sequence[Name], certificate: Certificate) -> list[str]:
    from housekey.pki.names import names_of  # noqa: PLC0415 - most ask for no names

    covered = names_of(certificate)
    return [str(name) for name in names if name not in covered]
