"""A certificate from an ACME CA, as a machine that goes on where it was, whatever came between.

    limits.py          steps.py                    ca.py                records
    may one be made -> the order in the house,  -> newOrder, proof,  -> in the DNS, for as long
    (pure)             each step in the ledger     finalize, fetch      as the CA looks

Every turn asks the CA how the order stands and does what comes next, so going on after a kill, a
CA that died or a day without network is no case of its own. The one moment at which more is needed
is between the order that was sent and the answer that never came: then the orders that the CA lists
for the account are looked through for one that the ledger does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from housekey.errors import (
    CaAsksToWait,
    CaRefused,
    FileTrouble,
    HousekeyError,
    HouseTrouble,
    NotProven,
    TermsChanged,
)
from housekey.house.labels import shown
from housekey.house.records import OBTAINED
from housekey.pki.encoding import matches
from housekey.public.account import forget_account
from housekey.public.ari import due_at, id_of
from housekey.public.limits import (
    FAILED,
    ORDER,
    WAIT,
    asked_to_wait,
    at_a_limit,
    backed_off,
    limits_of,
    name_of,
    plain,
    told_wait,
)
from housekey.public.steps import State, Steps
from housekey.public.waiting import LEFT_ALONE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.house.records import Event
    from housekey.pki.keys import KeyType, PrivateKey
    from housekey.pki.names import DnsName
    from housekey.public.limits import Wait
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

PATIENCE = 300.0  # seconds for the CA to look at the records, and as many to sign
ANSWER_WITHIN = 45.0  # seconds, each time it is asked


class Records(Protocol):
    """The DNS records that prove a name; records.py has the real ones."""

    @property
    def one_at_a_time(self) -> bool:
        """Whether there is room for one value in all: then one proof follows the other."""

    def seen_at(self, domain: str) -> str:
        """Say for people where the record of `domain` was seen, and as what; empty: nowhere."""

    async def publish(self, domain: str, values: Sequence[str]) -> None:
        """Let every server of the zone show all of `values` for `domain`'s challenge."""

    async def withdraw(self, domain: str, values: Sequence[str]) -> None:
        """Take `values` out again."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a certificate is needed for."""

    label: str
    names: tuple[DnsName, ...]
    key_type: KeyType
    key: PrivateKey | None  # the one to be used again
    replaces: Certificate | None
    why: str


@dataclass(frozen=True, slots=True)
class Obtained:
    """What the CA issued, the leaf first, and the key that it is for."""

    chain: tuple[Certificate, ...]
    key: PrivateKey


async def obtain(
    house: House,
    need: Need,
    settings: PublicSettings,
    records: Records,
    *,
    world: World,
    by_hand: bool = False,
    rehearsal: bool = False,
    patience: float = PATIENCE,
    answer_within: float = ANSWER_WITHIN,
    hook: Callable[[str], None] = lambda _moment: None,
) -> Obtained:
    """Get what `need` says, with one order, however often this is called until it is `taken`.

    `by_hand`: a person asked for it just now, so there is no back-off after failures; what the CA
    asked for and what it publishes as its limits holds nevertheless. `rehearsal`: nobody will
    present it, and an order in earnest that is under way stays as it is.

    `patience`: seconds in which the order must have moved, else it goes on at the next call;
    `answer_within`: seconds, of one answer. `hook` is told of each moment. The caller holds the
    house's lock.

    Raises `CaAsksToWait`, `CaUnreachable`, `CaRefused`, `NotProven`, `ClockWrong`, and what
    `records` raises. Nothing that is in use is touched.
    """
    from housekey.public.ordering import Gone, Ordering  # noqa: PLC0415 - slow: the library

    steps = Steps(house, hook, rehearsal=rehearsal)
    wanted = _wanted(need, settings, house.clock())
    state = steps.state()
    ordering = Ordering(house, settings, records, steps, world=world, hook=hook)
    chain = steps.chain() if state is not None else None
    is_for = (
        state is not None
        and state.is_for(wanted)
        and not _is_for_a_key_of_before(house, need, steps)
    )
    if state and chain is not None and is_for and _is_good(house, need.label, chain):
        await ordering.withdraw(state)
        return Obtained(chain, steps.key())
    _must_not_wait(house, wanted, by_hand=by_hand)
    if state is None:
        _must_be_allowed(house, wanted)
    ordering.find_account()
    try:
        await ordering.reach(answer_within)
        if state is not None and (chain is not None or not is_for):
            await ordering.give_up(state, "another certificate is wanted now")
            state = None
        if state is not None:
            try:
                return await ordering.carry_on(state, patience=patience, again=True)
            except Gone:  # it waited for too long, or the CA forgot it
                state = None
        _must_be_allowed(house, wanted)
        steps.begin(wanted, need.key or _new_key(need.key_type))
        state = wanted
        try:
            return await ordering.carry_on(state, patience=patience)
        except Gone as gone:
            raise gone.trouble from gone
    except (FileTrouble, HouseTrouble):  # of this machine, its clock among them
        raise
    except HousekeyError as error:
        state = steps.state()
        _note(steps, state or wanted, error)
        if isinstance(error, TermsChanged):
            raise  # the same order goes on when they are agreed to
        if state is not None and isinstance(error, NotProven | CaRefused):
            await ordering.end(state)  # of this one nothing can come any more
        if isinstance(error, CaRefused) and error.code == "accountDoesNotExist":
            forget_account(house)
        raise


def taken(house: House, *, rehearsal: bool = False) -> None:
    """End the order that `obtain` returned: its certificate is the leaf now, or it was tried."""
    Steps(house, lambda _moment: None, rehearsal=rehearsal).end()


def _wanted(need: Need, settings: PublicSettings, now: datetime) -> State:
    return State(
        label=need.label.lower(),
        names=tuple(str(name) for name in need.names),
        key_type=need.key_type.value,
        directory=settings.directory,
        profile=settings.profile,
        replaces=id_of(need.replaces) if need.replaces is not None else None,
        why=need.why,
        begun_at=now.isoformat(),
    )


def _new_key(key_type: KeyType) -> PrivateKey:
    from housekey.pki.keys import PrivateKey  # noqa: PLC0415 - who only asks needs none

    return PrivateKey.generate(key_type)


def _is_good(house: House, label: str, chain: tuple[Certificate, ...]) -> bool:
    """Whether what was issued has not been taken yet, and is worth taking."""
    leaf = chain[0]
    # The ledger has it a moment before the house has: a kill in between has taken nothing.
    kept = (house.leaf(label), house.previous_leaf(label))
    was_taken = any(each is not None and each.certificate == leaf for each in kept)
    return not was_taken and house.clock() < due_at(leaf)


def _is_for_a_key_of_before(house: House, need: Need, steps: Steps) -> bool:
    """Whether the order was begun for the key in use, and now another one is wanted.

    It may be known to somebody else by now, and its certificate revoked.
    """
    present = house.leaf(need.label) if need.key is None else None
    return present is not None and matches(present.certificate, steps.key())


def _events(house: House) -> list[Event]:
    kinds = (ORDER, FAILED, OBTAINED)
    return [event for kind in kinds for event in house.ledger.events(-1, kind=kind)]


def _must_not_wait(house: House, wanted: State, *, by_hand: bool) -> None:
    """Raise `CaAsksToWait` while the CA, or a back-off, does not want to be asked at all."""
    events, now, directory = _events(house), house.clock(), wanted.directory
    wait = asked_to_wait(events, directory=directory, now=now)
    if wait is not None:
        raise _later(wait, wanted)
    if not by_hand:
        wait = backed_off(events, directory=directory, label=wanted.label, now=now)
        if wait is not None:
            raise _later(wait, wanted)


def _must_be_allowed(house: House, wanted: State) -> None:
    """Raise `CaAsksToWait` where one more order would be one too many."""
    limits = limits_of(wanted.directory)
    if not limits:
        return
    wait = at_a_limit(
        _events(house),
        limits,
        directory=wanted.directory,
        names=wanted.names,
        now=house.clock(),
        domain_of=_registered,
    )
    if wait is not None:
        raise _later(wait, wanted)


def _later(wait: Wait, wanted: State) -> CaAsksToWait:
    return CaAsksToWait(
        f"{name_of(wanted.directory)} is not asked for {shown(wanted.label)} before"
        f" {told_wait(wait)}: {wait.why}",
        hint="nothing was changed, and what is in use stays in use; run it again after that",
        until=wait.until,
        why=wait.why,
    )


def _registered(name: str) -> str:
    """Return the registered domain of `name`, as Let's Encrypt counts (the Public Suffix List)."""
    from housekey.pki.shared_zones import registered_domain  # noqa: PLC0415 - reads a long list

    return registered_domain(plain(name))


def _note(steps: Steps, state: State, error: HousekeyError) -> None:
    """Write down what failed, where it has to do with the CA or the DNS."""
    if isinstance(error, CaAsksToWait):
        steps.note_failure(
            state, reason=error.why or LEFT_ALONE, code=WAIT, counts=False, until=error.until
        )
    elif isinstance(error, NotProven):
        names = error.names
        steps.note_failure(
            state, reason=error.message, code="not-proven", counts=True, unproven=names
        )
    elif isinstance(error, TermsChanged):
        # No back-off: it would hide what is to be done, and once a day is seldom enough.
        more = {"terms": error.terms, "page": error.page}
        steps.note_failure(state, reason=error.message, code=error.code, counts=False, more=more)
    elif isinstance(error, CaRefused):
        steps.note_failure(state, reason=error.message, code=error.code, counts=True)
    else:
        steps.note_failure(state, reason=error.message, code="trouble", counts=True)
