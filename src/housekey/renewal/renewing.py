"""Renewing the leaves of a house: each that is due gets a new certificate, and none stops another.

A renewal keeps the label, the names, the kind of key, the lifetime, and the key itself, so that
what reads the two files in place is never between a key and another's certificate. Only a leaf
that was revoked, or whose key may have leaked with those of the house, gets a new key. The callers
hold the house's lock.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import CopyNotRenewed, HousekeyError, RenewalFailed, UsageError
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.exported import (
    NO_COPIES,
    Copied,
    behind,
    copies_of,
    make_up_copies,
    replace_copies,
)
from housekey.house.labels import labels_meant, shown
from housekey.house.leaves import days_asked_for
from housekey.house.records import is_given_up
from housekey.house.revoking import replace as replace_revoked
from housekey.house.who import who
from housekey.onboarding.leaf import LABEL as ONBOARDING_PAGE
from housekey.pki.encoding import fingerprint
from housekey.pki.subject import subject_from
from housekey.renewal.due import Due, Why, due_of
from housekey.renewal.suggested import suggested_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.records import Event
    from housekey.pki.names import Name

RENEWED = "renewed"  # the kind of event; data: label, why


@dataclass(frozen=True, slots=True)
class Standing:
    """A leaf as it stands."""

    label: str
    leaf: Leaf | None  # None: it cannot be read
    due: Due | None
    trouble: HousekeyError | None = None  # why it cannot be read


@dataclass(frozen=True, slots=True)
class Renewed:
    """What became of one leaf that was to be renewed."""

    label: str
    due: Due | None  # None: it was asked for
    before: Leaf | None  # None: it could not be read
    leaf: Leaf | None  # the new one; None: it could not be renewed
    trouble: HousekeyError | None = None  # why not; or why a copy of it was not replaced
    copies: Copied = NO_COPIES


def standing_of(
    house: House,
    label: str,
    *,
    now: datetime,
    names: Sequence[Name] = (),
    revoked: Mapping[str, Event],
) -> Standing:
    """Say how the leaf under `label` stands; one that cannot be read is an answer as well.

    `names` are what it is to cover today; `revoked` is what the ledger says was revoked.
    """
    try:
        leaf = house.leaf(label)
    except HousekeyError as trouble:
        return Standing(label, None, None, trouble)
    if leaf is None:
        gone = RenewalFailed(
            f"there is no certificate under {label}",
            hint=f"housekey cert new {label.removeprefix('_')} makes it again",
        )
        return Standing(label, None, None, gone)
    event = revoked.get(fingerprint(leaf.certificate))
    due = due_of(
        leaf.certificate,
        now=now,
        names=names,
        current=house.is_current(leaf),
        revoked_at=event.at if event is not None else None,
        suggested=suggested_for(house, label, leaf.certificate),
        another_ca=house.road_of(label) is not None,
    )
    return Standing(label, leaf, due)


def is_self_signed(leaf: Leaf) -> bool:
    return leaf.certificate.issuer == leaf.certificate.subject


def others(house: House, revoked: Mapping[str, Event]) -> tuple[str, ...]:
    """Return the labels that are renewed here. `revoked` is what the ledger says was revoked.

    Not Home Assistant's, which is renewed as it is delivered, nor that of the onboarding page,
    which renews itself whenever the page is served, nor what was revoked for good, nor a folder
    that never had one (a full disk, a kill: who asked for it was told).
    """
    elsewhere = {HOME_ASSISTANT, ONBOARDING_PAGE, *given_up(house, revoked)}
    return tuple(
        label for label in house.labels() if label not in elsewhere and house.ever_had(label)
    )


def given_up(house: House, revoked: Mapping[str, Event]) -> Iterator[str]:
    """Yield the labels whose leaf was revoked for good."""
    gone = {sha256: event for sha256, event in revoked.items() if is_given_up(event)}
    meant = {str(event.data.get("label")) for event in gone.values()}
    for label in sorted(meant.intersection(house.labels() if gone else ())):
        with contextlib.suppress(HousekeyError):  # told when it is looked at
            leaf = house.leaf(label)
            if leaf is not None and fingerprint(leaf.certificate) in gone:
                yield label


def chosen(house: House, asked: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that are meant by what was asked for: labels, or names of one leaf.

    Raises UsageError for what is not there.
    """
    found: list[str] = []
    for text in asked:
        meant = labels_meant(house, text)
        if len(meant) != 1:
            known = ", ".join(map(shown, house.labels())) or "none yet"
            raise UsageError(
                f"several certificates have the name {text}"
                if meant
                else f"there is no certificate for {text}",
                hint=f"there are: {known}",
            )
        found += meant
    return tuple(dict.fromkeys(found))


def renew(
    house: House,
    labels: Sequence[str] | None,
    *,
    everything: bool,
    now: datetime,
) -> tuple[Renewed, ...]:
    """Renew what is due among `labels` (None: all but what is renewed elsewhere).

    With `everything` also what is not due. What is good is not among the answers. Raises only
    what the ledger raises.
    """
    done = []
    # Each read once, however many labels there are: the ledger forgets nothing.
    revoked, copies = house.ledger.revoked(), copies_of(house)
    for label in others(house, revoked) if labels is None else labels:
        standing = standing_of(house, label, now=now, revoked=revoked)
        if standing.leaf is None:
            done.append(Renewed(label, None, None, None, standing.trouble))
        elif standing.due is not None or everything:
            done.append(
                _renewed(
                    house,
                    standing,
                    standing.leaf,
                    everything=everything,
                    copies=copies.get(standing.leaf.label, {}),
                    now=now,
                )
            )
    return tuple(done)


def _renewed(
    house: House,
    standing: Standing,
    leaf: Leaf,
    *,
    everything: bool,
    copies: Iterable[Path],
    now: datetime,
) -> Renewed:
    due = standing.due
    try:
        if due is not None and due.why is Why.EARLY and not everything:
            _must_be_worth_a_try(leaf.certificate, now=now)
        why = due.why.value if due is not None else "asked for"
        with house.leaf_stays_on_failure(leaf.label):
            new = _issued(house, leaf, due)
            house.ledger.record_event(
                RENEWED,
                at=now,
                by=who(),
                sha256=fingerprint(new.certificate),
                data={"label": leaf.label, "why": why},
            )
    except HousekeyError as trouble:
        return Renewed(leaf.label, due, leaf, None, trouble)
    try:
        copied = replace_copies(house, new, folders=copies, now=now)
    except HousekeyError as trouble:
        return Renewed(leaf.label, due, leaf, new, trouble)
    return Renewed(leaf.label, due, leaf, new, None, copied)


def make_up(
    house: House, leaves: Iterable[Leaf], *, now: datetime, dry: bool = False
) -> Mapping[str, Copied | CopyNotRenewed]:
    """Renew the copies that missed a renewal of one of `leaves`; return, by label, their fate.

    Those of which nothing was missed are not among the answers; `dry` changes nothing. One that
    is away is told until what lies there has ended: nothing can have been served with it since.
    Raises what the ledger raises.
    """
    copies = copies_of(house)
    found: dict[str, Copied | CopyNotRenewed] = {}
    for leaf in leaves:
        there = copies.get(leaf.label, {})
        if missed := behind(leaf, there):
            try:
                made_up = make_up_copies(house, leaf, missed, now=now, dry=dry)
            except CopyNotRenewed as trouble:
                found[leaf.label] = trouble
                continue
            away = (each for each in made_up.away if _is_good(house, there[each], now=now))
            found[leaf.label] = Copied(made_up.done, tuple(away))
    return found


def _is_good(house: House, sha256: str, *, now: datetime) -> bool:
    issued = house.ledger.certificate(sha256)
    return issued is not None and now < issued.not_after


def _issued(house: House, leaf: Leaf, due: Due | None) -> Leaf:
    if is_self_signed(leaf):
        raise RenewalFailed(
            "it is signed by its own key, so every device has to trust the next one anew",
            hint=f"housekey cert new --self-signed {' '.join(map(str, leaf.names))}",
        )
    certificate = leaf.certificate
    if due is not None and due.why is Why.REVOKED:
        return replace_revoked(house, leaf)
    return house.issue(
        leaf.label,
        leaf.names,
        key_type=leaf.key_type,
        days=days_asked_for(leaf),
        subject=subject_from(certificate.subject),
        reuse_key=not house.has_leaked(leaf),
    )


def _must_be_worth_a_try(certificate: Certificate, *, now: datetime) -> None:
    """Raise RenewalFailed where a new one might have ended already.

    Nobody knows which clock was wrong: the one of then or the one of now. As long as the two are
    less than a third of a life apart, a new one is good by both; after that it would not be, if it
    is today's clock that stands too far back (a computer without a battery for it, before it has
    asked the network for the time), and what is presented is good as it is.
    """
    begins = certificate.not_valid_before_utc
    if begins - now > (certificate.not_valid_after_utc - begins) / 3:
        raise RenewalFailed(
            f"its certificate begins on {begins:%Y-%m-%d}, and this machine's clock says"
            f" {now:%Y-%m-%d}: one of the two is wrong",
            hint="set the clock right; if it is: housekey renew LABEL --all",
        )
