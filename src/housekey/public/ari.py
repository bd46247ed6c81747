"""When a public certificate is due: when its CA suggests (RFC 9773), else at a third of its life.

A CA may want a certificate renewed early, because it is to be revoked, and spreads the rest. What
it suggests is a window; the moment in it is drawn once and kept in the house, so that a daily look
does not draw again until it suits. It is asked no more often than it wants, and once a day at
least.
"""

from __future__ import annotations

import json
import random
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from housekey.errors import CaAsksToWait, ClockWrong, FileTrouble, PublicTrouble
from housekey.house.leaves import is_due
from housekey.house.road import PUBLIC, RENEWAL
from housekey.pki.encoding import fingerprint
from housekey.public.early import believed_from, early_in
from housekey.public.later import retry_after
from housekey.public.limits import FAILED, asked_to_wait, wishes
from housekey.public.waiting import kept as kept_wish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cryptography.x509 import Certificate

    from housekey.house.records import Event
    from housekey.house.view import HouseView
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

_VERSION = 1
# RFC 9773, section 4.3.2: "set reasonable limits on their checking interval", of which it gives
# these as examples; and section 4.3.3 for a CA that cannot be asked.
_SOONEST, _LATEST = timedelta(minutes=1), timedelta(days=1)
_AFTER_A_FAILURE = timedelta(hours=6)
_CLOCK_STEP = timedelta(minutes=5)
_ASKED = "renewal info"


@dataclass(frozen=True, slots=True)
class Window:
    """When the CA suggests to renew."""

    start: datetime
    end: datetime
    explanation: str | None = None  # a page for people


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the CA suggested for one certificate, and the moment that was drawn."""

    sha256: str  # of the certificate that it is about
    window: Window
    moment: datetime
    asked_at: datetime
    ask_again_at: datetime
    believed_from: datetime | None = None  # before that it is not: see early.py


# Decided


def due_at(certificate: Certificate, suggestion: Suggestion | None = None) -> datetime:
    """Return when `certificate` is due.

    At the moment that was drawn from the CA's window, or when that is believed, but never later
    than a tenth of the life is left: a window past that helps nobody. Without a suggestion for this
    very certificate when a third of the life is left, of six days as of ninety.
    """
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if suggestion is None or suggestion.sha256 != fingerprint(certificate):
        return end - (end - begin) / 3
    moment = suggestion.moment
    if suggestion.believed_from is not None:
        moment = max(moment, suggestion.believed_from)
    return min(moment, end - (end - begin) / 10)


def is_due_now(
    certificate: Certificate, *, now: datetime, suggestion: Suggestion | None = None
) -> bool:
    """Whether `certificate` is due at `now`."""
    if suggestion is None or suggestion.sha256 != fingerprint(certificate):
        return is_due(certificate, now=now)
    return now >= due_at(certificate, suggestion)


def is_wanted_early(
    certificate: Certificate, *, now: datetime, suggestion: Suggestion | None
) -> bool:
    """Whether `certificate` is due at `now` because its CA suggests it, and for no other reason."""
    wanted = is_due_now(certificate, now=now, suggestion=suggestion)
    return wanted and not is_due(certificate, now=now)


def draw(
    window: Window,
    *,
    certificate: Certificate,
    now: datetime,
    ask_again_in: timedelta | None,
    before: Suggestion | None,
    believed_from: datetime | None = None,
    chance: Callable[[], float] = random.random,
) -> Suggestion:
    """Draw the moment in `window`, or keep the one that was drawn from the same window before.

    RFC 9773, section 4.2: uniformly; a moment that is over means now.
    """
    sha256 = fingerprint(certificate)
    if before is not None and before.sha256 == sha256 and _same(before.window, window):
        moment = before.moment
    else:
        moment = window.start + (window.end - window.start) * chance()
    pause = min(max(ask_again_in or _AFTER_A_FAILURE, _SOONEST), _LATEST)
    return Suggestion(sha256, window, moment, now, now + pause, believed_from)


def must_ask(certificate: Certificate, kept: Suggestion | None, *, now: datetime) -> bool:
    """Whether the CA is to be asked (again): not after the certificate's end (section 4.3)."""
    if now >= certificate.not_valid_after_utc:
        return False
    if kept is None or kept.sha256 != fingerprint(certificate):
        return True
    was_ahead = kept.asked_at > now + _CLOCK_STEP  # the clock was: its "again" may be years off
    return was_ahead or now >= kept.ask_again_at


def may_ask(failures: Iterable[Event], *, directory: str, now: datetime) -> bool:
    """Whether the CA lets itself be asked, by the ledger's `failures`.

    Not while it wants to be left alone; and if that was its answer to this very question, not for
    some hours after that either, which are for orders: else a CA that never answers it would be
    asked, and want to be left alone, at each look, and no order would ever be made.
    """
    if asked_to_wait(failures, directory=directory, now=now) is not None:
        return False
    answers = (each for each in failures if each.data.get("asked") == _ASKED)
    return all(
        now >= wish.until + _AFTER_A_FAILURE
        for wish in wishes(answers, directory=directory, now=now)
    )


def id_of(certificate: Certificate) -> str | None:
    """Return the identifier of `certificate` (RFC 9773, section 4.1); None: it has none."""
    from cryptography import x509  # noqa: PLC0415 - who only asks when it is due needs it not

    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return None
    key_identifier, serial = found.value.key_identifier, certificate.serial_number
    if key_identifier is None:
        return None
    # As DER writes the number: with a zero before it where it would look negative.
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    return f"{_base64url(key_identifier)}.{_base64url(number)}"


def window_of(document: Any) -> Window | None:
    """Read what the CA answered (section 4.2); None: it is none, or its end is before its start."""
    try:
        suggested = document["suggestedWindow"]
        start, end = (_moment(suggested[each]) for each in ("start", "end"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    explanation = document.get("explanationURL")
    if end <= start:
        return None
    return Window(start, end, explanation if isinstance(explanation, str) else None)


# Asked


async def suggested_window(
    certificate: Certificate, settings: PublicSettings, *, world: World
) -> tuple[Window, timedelta | None] | None:
    """Ask the CA for its window, and when it wants to be asked again; None: it suggests nothing.

    Raises `PublicTrouble` when it cannot be asked.
    """
    from housekey.public.ca import Ca  # noqa: PLC0415 - slow: it brings the library

    identifier = id_of(certificate)
    if identifier is None:
        return None
    ca = await Ca.at(settings, world=world)
    if not ca.offers("renewalInfo"):
        return None
    url = f"{ca.client.directory['renewalInfo'].rstrip('/')}/{identifier}"
    document = await ca.again("renewal info", lambda: ca.network.get(url).json())
    heard = ca.network.heard
    headers: Mapping[str, str] = heard.headers if heard is not None else {}
    window = window_of(document)
    return None if window is None else (window, retry_after(headers, now=world.clock()))


async def suggestion_for(
    house: HouseView, certificate: Certificate, settings: PublicSettings, *, world: World
) -> Suggestion | None:
    """Return what holds for `certificate`, asking the CA when it is time, and keep it in the house.

    A CA that cannot be asked, or wants not to be, is no trouble here: what it suggested before
    holds. The caller holds the house's lock.
    """
    now = world.clock()
    kept = kept_suggestion(house)
    failures = house.ledger.events(-1, kind=FAILED)
    is_left_alone = not may_ask(failures, directory=settings.directory, now=now)
    if is_left_alone or not must_ask(certificate, kept, now=now):
        return _of(kept, certificate)
    try:
        with kept_wish(house, settings.directory, asked=_ASKED):
            answer = await suggested_window(certificate, settings, world=world)
    except (PublicTrouble, ClockWrong) as trouble:
        known = _of(kept, certificate)
        if known is None:
            return None
        later = trouble.until if isinstance(trouble, CaAsksToWait) else now
        later = min(later + _AFTER_A_FAILURE, now + _LATEST)
        known = replace(known, asked_at=now, ask_again_at=later)
        _keep(house, known, world)
        return known
    if answer is None:
        return None
    window, again_in = answer
    drawn = draw(
        window,
        certificate=certificate,
        now=now,
        ask_again_in=again_in,
        before=kept,
        believed_from=believed_from(certificate, early=early_in(house, certificate)),
    )
    _keep(house, drawn, world)
    return drawn


def kept_suggestion(house: HouseView) -> Suggestion | None:
    """Return what the house remembers, of whichever certificate; what is damaged is nothing."""
    try:
        kept = json.loads(house.files.read(house.folder / RENEWAL))
        if kept["version"] != _VERSION:
            return None
        return Suggestion(
            sha256=str(kept["sha256"]),
            window=Window(_moment(kept["start"]), _moment(kept["end"]), kept["explanation"]),
            moment=_moment(kept["moment"]),
            asked_at=_moment(kept["asked_at"]),
            ask_again_at=_moment(kept["ask_again_at"]),
            believed_from=_moment(since) if (since := kept.get("believed_from")) else None,
        )
    except (FileTrouble, ValueError, KeyError, TypeError, OverflowError):
        return None


def _keep(house: HouseView, suggestion: Suggestion, world: World) -> None:
    believed = suggestion.believed_from
    document = {
        "version": _VERSION,
        "sha256": suggestion.sha256,
        "start": suggestion.window.start.isoformat(),
        "end": suggestion.window.end.isoformat(),
        "explanation": suggestion.window.explanation,
        "moment": suggestion.moment.isoformat(),
        "asked_at": suggestion.asked_at.isoformat(),
        "ask_again_at": suggestion.ask_again_at.isoformat(),
        "believed_from": believed and believed.isoformat(),
    }
    world.files.make_folder(house.folder / PUBLIC, 0o700)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    world.files.write(house.folder / RENEWAL, text.encode(), mode=0o600)


def _of(suggestion: Suggestion | None, certificate: Certificate) -> Suggestion | None:
    is_its = suggestion is not None and suggestion.sha256 == fingerprint(certificate)
    return suggestion if is_its else None


def _same(one: Window, other: Window) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    # In UTC: a moment between two of different zones may be in no year that there is.
    return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
