"""From facts to the snapshot that everything else shows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from housekey.homeassistant.names import internal_url_host
from housekey.homeassistant.plan import https_url
from housekey.house.journal import State
from housekey.house.road import Kind

from .model import Delivery, Problem, ProblemKind, Snapshot, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.homeassistant.plan import LeafFacts
    from housekey.pki.names import Name

    from .house_access import HouseFacts
    from .http_store import ServerFacts

# After it was due, a renewal that has not come about is a problem; of a short life, a twelfth.
_LATE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Around:
    """What is known besides the house and the server."""

    now: datetime
    internal_url: str | None
    wanted: tuple[Name, ...]  # names and addresses that the leaf should cover
    is_ours: bool  # the pair that the server has loaded, or names, is the house's
    stale_yaml: str  # a file with an http: block that is ignored; empty: none
    key_open: str  # a file with a key that others may read; empty: none
    missing: tuple[str, ...]  # files that the next start needs, and that are not there
    onboarding_urls: tuple[str, ...]
    port_taken: int | None  # one that housekey wanted to listen on
    live: bool  # a new certificate can be given to the running server
    renewal_trouble: str  # why the last renewal failed; empty: it did not
    chosen_at: datetime | None = None  # when a road was chosen that was not taken yet
    https_port: int | None = None  # where HTTPS shall be; None: where Home Assistant is


def stage_of(house: HouseFacts, server: ServerFacts, *, is_ours: bool) -> Stage:
    """Return where the way to HTTPS stands."""
    open_ = house.last is not None and house.last.state is State.OPEN
    if server.tls and is_ours:
        return Stage.TRIAL if open_ else Stage.KEPT
    if open_:
        return Stage.STAGED
    if house.last is not None and house.last.state is State.PUT_BACK and house.reason:
        return Stage.REVERTED
    return Stage.PLAIN


def address_of(house: HouseFacts, server: ServerFacts, around: Around) -> str | None:
    """Return the https address of Home Assistant; None while it has none."""
    if house.leaf is None or not (server.tls and around.is_ours):
        return None
    names = house.leaf.names
    host = internal_url_host(names, existing=around.internal_url, resolving=names)
    return https_url(host or str(names[0]), server.port)


def make_snapshot(house: HouseFacts, server: ServerFacts, around: Around) -> Snapshot:
    """Return everything at one moment."""
    leaf = house.leaf
    stage = stage_of(house, server, is_ours=around.is_ours)
    serves = stage in (Stage.TRIAL, Stage.KEPT)
    delivery = Delivery.NONE
    if serves:
        delivery = Delivery.LIVE if around.live else Delivery.RESTART
    return Snapshot(
        at=around.now,
        root_name=house.root_name,
        root_sha256=house.root_sha256,
        road=house.road,
        root_ends=house.root_ends if house.signers is None else house.signers.root_ends,
        issuing_ends=house.issuing_ends if house.signers is None else house.signers.issuing_ends,
        leaf_ends=None if leaf is None else leaf.not_after,
        leaf_renews=house.leaf_renews,
        names=() if leaf is None else tuple(map(str, leaf.names)),
        devices=house.devices,
        stage=stage,
        reason=house.reason if stage is Stage.REVERTED else "",
        delivery=delivery,
        onboarding_urls=around.onboarding_urls,
        home_assistant_url=address_of(house, server, around),
        problems=tuple(_problems(house, server, around, stage)),
        root_begins=house.root_begins,
        leaf_begins=None if leaf is None else leaf.not_before,
        https_port=server.port if serves else around.https_port or server.port,
    )


def not_covered(names: Sequence[Name], leaf: LeafFacts | None) -> tuple[Name, ...]:
    """Return the names that the leaf lacks."""
    return () if leaf is None else tuple(name for name in names if name not in leaf.names)


def _is_still_as_before(
    house: HouseFacts, server: ServerFacts, around: Around, stage: Stage
) -> bool:
    """Whether another road or port was tried and taken back, where HTTPS is kept as it was."""
    last, chosen = house.last, around.chosen_at
    if stage is not Stage.KEPT or last is None or last.state is not State.PUT_BACK:
        return False
    if not house.reason:
        return False
    if chosen is not None:
        return last.began >= chosen
    return around.https_port not in (None, server.port)


def _expiring(house: HouseFacts, leaf: LeafFacts, around: Around) -> Problem | None:
    renews = house.leaf_renews or leaf.not_after
    ends = ("ends", leaf.not_after.date().isoformat())
    if house.road is Kind.OWN:
        # Nobody but its owner can have it signed: told as soon as it is due.
        return Problem(ProblemKind.EXPIRING, (ends,)) if around.now >= renews else None
    late = min(_LATE, (leaf.not_after - leaf.not_before) / 12)
    if not around.renewal_trouble and around.now < renews + late:
        return None
    return Problem(
        ProblemKind.EXPIRING, (ends, ("reason", around.renewal_trouble or "?")), fixable=True
    )


def _problems(
    house: HouseFacts, server: ServerFacts, around: Around, stage: Stage
) -> list[Problem]:
    found = []
    leaf = house.leaf
    if leaf is not None and stage is Stage.KEPT:
        if expiring := _expiring(house, leaf, around):
            found.append(expiring)
        if missing := not_covered(around.wanted, leaf):
            data = (("names", ", ".join(map(str, missing))),)
            found.append(Problem(ProblemKind.NOT_COVERED, data, fixable=True))
    if around.stale_yaml:
        found.append(Problem(ProblemKind.STALE_YAML, (("file", around.stale_yaml),), fixable=True))
    if around.key_open:
        found.append(Problem(ProblemKind.KEY_OPEN, (("file", around.key_open),), fixable=True))
    if around.missing:
        data = (("files", ", ".join(around.missing)),)
        found.append(Problem(ProblemKind.FILES_MISSING, data, fixable=leaf is not None))
    if stage is Stage.REVERTED or _is_still_as_before(house, server, around, stage):
        data = (("reason", house.reason),)
        found.append(Problem(ProblemKind.NOT_PROMOTED, data, fixable=True))
    if around.port_taken is not None:
        found.append(Problem(ProblemKind.PORT_TAKEN, (("port", str(around.port_taken)),)))
    return found
