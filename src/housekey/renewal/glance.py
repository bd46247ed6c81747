"""The house at a glance: what there is, what is due, who presents it, and what to do next.

`read` takes it down from the disk, `Glance.seen` adds what servers present now; the rest is pure.
A house may have a hundred thousand certificates in its ledger: nothing here reads more of it than
it shows. Keys are not opened: `house check` does that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.exported import COPY, DELIVERED
from housekey.house.labels import shown
from housekey.house.leaves import ONBOARDING
from housekey.house.records import DEVICE_TRUSTS, OBTAINED, ORDER, REVOKED, is_given_up
from housekey.pki.encoding import fingerprint
from housekey.renewal.due import Why, due_of
from housekey.renewal.suggested import suggested_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from cryptography.x509 import Certificate

    from housekey.homeassistant.served import Served
    from housekey.house.generations import Overlap
    from housekey.house.leaves import PublicLeaf, Unreadable
    from housekey.house.records import Event
    from housekey.house.road import Road
    from housekey.house.view import HouseView
    from housekey.live.glimpse import Glimpse
    from housekey.renewal.due import Due

ROOT, ISSUING = "root", "issuing CA"
_LAST_EVENTS = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate that counts today."""

    what: str  # root, issuing CA, or a leaf's label as people are shown it
    label: str | None  # of a leaf
    certificate: Certificate
    sha256: str
    due: Due | None
    suggested: datetime | None = None  # when its CA suggests to renew it
    copied_to: tuple[str, ...] = ()  # folders that have a copy of it, besides the house

    def life_left(self, now: datetime) -> float:
        """Return how much of its life is left, from 1 to 0."""
        begin, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return min(max((end - now) / (end - begin), 0.0), 1.0)

    def days_left(self, now: datetime) -> int:
        """Return the whole days that are left; negative when it has ended."""
        return self.left(now).days

    def left(self, now: datetime) -> timedelta:
        """Return the time that is left; negative when it has ended."""
        return self.certificate.not_valid_after_utc - now


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that should present a certificate of the house, and what it presents."""

    place: Served
    expected: str | None  # fingerprint; None: there is none to present
    presents: Glimpse | None = None  # None: nobody has looked
    known_as: str | None = None  # what the house knows the certificate as, if it is another one

    @property
    def wrong(self) -> bool:
        """Whether it answers, and not with what it should present."""
        return self.presents_now is False

    @property
    def presents_now(self) -> bool | None:
        """Whether it presents what it should; None when it does not answer, or nobody looked."""
        if self.presents is None or not self.presents.answers:
            return None
        return bool(self.presents.leaf) and self.presents.sha256 == self.expected


@dataclass(frozen=True, slots=True)
class Rotation:
    """Two roots at a time: how far the devices have come."""

    overlap: Overlap
    proved: int  # proofs of the new root
    known: int  # proofs of the old one


@dataclass(frozen=True, slots=True)
class Glance:
    """Everything that `housekey status` tells."""

    house: str  # its folder
    identity: str  # of the house, whatever root it has today: the fingerprint of its first
    now: datetime
    held: tuple[Held, ...]  # root, issuing CA, then leaves by label
    serving: tuple[Serving, ...]
    cut_short: tuple[str, ...]  # folders of Home Assistants with a change cut short
    devices: tuple[Event, ...]  # proofs of today's root, newest first
    rotation: Rotation | None
    events: tuple[Event, ...]  # the last ones, newest first
    damaged: tuple[Unreadable, ...] = ()  # leaves that cannot be read, by label
    by_hand: bool = False  # a CA of the user's own signs Home Assistant's, and they ask it
    road: Road | None = None  # by which Home Assistant's comes; None: the house issues it
    new_terms: str | None = None  # where those are that its CA insists on; empty: it does not say

    @property
    def due(self) -> tuple[Held, ...]:
        return tuple(each for each in self.held if each.due is not None)

    @property
    def leaves(self) -> tuple[Held, ...]:
        """The leaves that a person asked for: not the page's own."""
        return tuple(each for each in self.held if each.label not in (None, ONBOARDING))

    @property
    def wants_something(self) -> bool:
        """Whether anything is to be done: exit code 1."""
        wrong = any(each.wrong for each in self.serving)
        return bool(self.due or self.damaged or self.cut_short or wrong)

    def seen(self, glimpses: Mapping[tuple[str, int], Glimpse], house: HouseView) -> Glance:
        """Return it with what the servers present now."""
        return replace(
            self, serving=tuple(_compared(each, glimpses, house) for each in self.serving)
        )


def read(house: HouseView, *, now: datetime) -> Glance:
    """Take it down. Raises `HouseBroken`, `HouseUnsafe`, `HouseBusy` and `FileTrouble`.

    A leaf that cannot be read hides no other.
    """
    places, cut_short = _places(house)
    found, damaged = house.public_leaves()
    revoked = {leaf: _revocation(house, leaf) for leaf in found}
    # What was revoked for good is in nobody's use; `cert list` still has it.
    leaves = [leaf for leaf, event in revoked.items() if event is None or not is_given_up(event)]
    by_label = {leaf.label: fingerprint(leaf.certificate) for leaf in leaves}
    if any(each.label == HOME_ASSISTANT for each in damaged):
        issued = house.ledger.latest(HOME_ASSISTANT)  # it presents what it has in memory
        by_label |= {HOME_ASSISTANT: issued.sha256} if issued else {}
    root = fingerprint(house.root)
    made = house.ledger.events(1, kind="house-created")
    return Glance(
        house=str(house.folder),
        identity=(made[0].sha256 if made else None) or root,
        now=now,
        held=(
            _own(ROOT, house.root, now),
            _own(ISSUING, house.issuing, now),
            *(_leaf(house, leaf, revoked[leaf], now) for leaf in leaves),
        ),
        serving=tuple(Serving(place, by_label.get(HOME_ASSISTANT)) for place in places),
        cut_short=cut_short,
        devices=house.ledger.events(-1, kind=DEVICE_TRUSTS, sha256=root),
        rotation=_rotation(house),
        events=_last_events(house),
        damaged=damaged,
        by_hand=_by_hand(house),
        road=house.road_of(HOME_ASSISTANT),
        new_terms=_new_terms(house),
    )


def next_steps(glance: Glance) -> tuple[str, ...]:
    """Say what to do next, the most urgent first; nothing when there is nothing to do.

    A change that was cut short is told where it is told of, and not here.
    """
    steps = [f"{shown(each.label)}: {each.trouble.hint}" for each in glance.damaged]
    due = {each.what: each for each in glance.due}
    if glance.by_hand and shown(HOME_ASSISTANT) in due:
        del due[shown(HOME_ASSISTANT)]
        steps.append("have your own CA sign anew: housekey secure --csr FILE, then --install FILE")
    if glance.new_terms is not None:
        due.pop(shown(HOME_ASSISTANT), None)
        address = f", {glance.new_terms}," if glance.new_terms else ""
        steps.append(f"read the CA's new terms{address} then: housekey secure --agree-tos")
    if due.keys() & {ROOT, ISSUING}:
        ended = ROOT in due and due[ROOT].days_left(glance.now) < 0
        until = "" if ended else ", while the old one is good"
        steps.append(f"a new root{until}: housekey house rotate")
    if due.keys() - {ROOT, ISSUING}:
        steps.append("renew what is due: housekey renew")
    elif any(each.known_as for each in glance.serving):
        steps.append("give Home Assistant its new certificate: housekey renew")
    elif any(each.wrong for each in glance.serving):
        steps.append("let Home Assistant present its certificate: housekey secure")
    if not glance.leaves and not glance.damaged:
        steps.append("housekey secure")
    rotation = glance.rotation
    if rotation is not None:
        if rotation.proved >= rotation.known > 0:
            steps.append("every device has proved the new root: housekey house rotate --finish")
        # Before that a device that gets the new root alone would be refused by what is due.
        elif not any(each.due.why is Why.ROOT for each in glance.due if each.due is not None):
            steps.append("lead phones and laptops to the new root: housekey share")
    elif glance.serving and not glance.devices and glance.road is None:
        steps.append("phones and laptops: housekey share")
    return tuple(steps)


def _last_events(house: HouseView) -> tuple[Event, ...]:
    """Return the last ones that people are told of: an order has a step for each move."""
    events = house.ledger.events(_LAST_EVENTS)
    if any(each.kind == ORDER for each in events):
        events = house.ledger.events(_LAST_EVENTS * 8)
    return tuple(each for each in events if each.kind != ORDER)[:_LAST_EVENTS]


def _by_hand(house: HouseView) -> bool:
    road = house.road_of(HOME_ASSISTANT)
    return road is not None and road.kind.value == "own"


def _new_terms(house: HouseView) -> str | None:
    road = house.road_of(HOME_ASSISTANT)
    if road is None or road.kind.value != "public":
        return None
    from housekey.public.limits import FAILED  # noqa: PLC0415 - only on this road
    from housekey.public.settings import PublicSettings  # noqa: PLC0415
    from housekey.public.terms import demand_of  # noqa: PLC0415

    events = [*house.ledger.events(-1, kind=FAILED), *house.ledger.events(-1, kind=OBTAINED)]
    demand = demand_of(events, directory=PublicSettings.of(road).directory)
    return None if demand is None else demand.terms or ""


def _places(house: HouseView) -> tuple[tuple[Served, ...], tuple[str, ...]]:
    """Return the Home Assistants by the journal, and the folders of those left in the middle."""
    folder = house.folder / "journal"
    if not folder.is_dir():
        return (), ()
    from housekey.homeassistant.served import served  # noqa: PLC0415 - a house of its own has none
    from housekey.house.journal import Journal, State  # noqa: PLC0415

    standing = Journal(folder, files=house.files, clock=house.clock).standing()
    cut_short = {each.target["folder"] for each in standing if each.state is State.OPEN}
    return served(standing), tuple(sorted(cut_short))


def _own(what: str, certificate: Certificate, now: datetime) -> Held:
    return Held(what, None, certificate, fingerprint(certificate), due_of(certificate, now=now))


def _revocation(house: HouseView, leaf: PublicLeaf) -> Event | None:
    """Return the first revocation of this very certificate; there may be many of others."""
    sha256 = fingerprint(leaf.certificate)
    return next(iter(house.ledger.events(-1, kind=REVOKED, sha256=sha256)[::-1]), None)


def _leaf(house: HouseView, leaf: PublicLeaf, revoked: Event | None, now: datetime) -> Held:
    sha256 = fingerprint(leaf.certificate)
    suggested = suggested_for(house, leaf.label, leaf.certificate)
    due = due_of(
        leaf.certificate,
        now=now,
        current=house.is_current(leaf),
        revoked_at=revoked.at if revoked else None,
        suggested=suggested,
        another_ca=house.road_of(leaf.label) is not None,
    )
    copies = house.ledger.events(-1, kind=DELIVERED, sha256=sha256)
    return Held(
        shown(leaf.label),
        leaf.label,
        leaf.certificate,
        sha256,
        # The page's own is renewed by the page, whenever it is served.
        None if leaf.label == ONBOARDING else due,
        suggested,
        tuple(dict.fromkeys(str(each.data["to"]) for each in copies if _is_copy(each))),
    )


def _is_copy(delivered: Event) -> bool:
    return delivered.data.get("way") == COPY and "to" in delivered.data


def _rotation(house: HouseView) -> Rotation | None:
    overlap = house.overlap
    if overlap is None:
        return None
    proofs = [
        len(house.ledger.events(-1, kind=DEVICE_TRUSTS, sha256=fingerprint(root)))
        for root in (overlap.new_root, overlap.old_root)
    ]
    return Rotation(overlap, *proofs)


def _compared(
    serving: Serving, glimpses: Mapping[tuple[str, int], Glimpse], house: HouseView
) -> Serving:
    presents = glimpses.get((serving.place.host, serving.place.port))
    looked = replace(serving, presents=presents)
    if presents is None or not looked.wrong or not presents.leaf:
        return looked
    known = house.ledger.certificate(presents.sha256)
    return looked if known is None else replace(looked, known_as=known.label or known.role)
