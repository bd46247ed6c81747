"""Store by store: look, decide, change, look again, prove. What one store says stops no other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from housekey.errors import FileTrouble, TrustFailed, TrustPutBack
from housekey.trust.store import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cryptography.x509 import Certificate

    from housekey.trust.store import Machine, Proof, Server, Store


class End(StrEnum):
    """How it stands with one store in the end; the value is what --json says."""

    THERE = "there"  # trust: it was there already, and is proven
    INSTALLED = "installed"  # trust: installed now, and proven
    WOULD_INSTALL = "would install"
    GONE = "removed"  # untrust: removed now, and proven
    NEVER = "not there"  # untrust: it was not there, and is proven
    WOULD_REMOVE = "would remove"
    NOT_HERE = "not here"  # this machine has no such store
    ADMINISTRATOR = "needs administrator"
    TOOL = "needs a tool"
    UNPROVEN = "not proven"
    FAILED = "failed"


_LEFT = (End.ADMINISTRATOR, End.TOOL, End.UNPROVEN)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to one store, and what came of it."""

    store: str
    title: str
    end: End
    where: tuple[str, ...] = ()
    about: str = ""  # for people: who reads the store, and where it lies
    note: str = ""  # for people: what is missing, what went wrong
    hint: str = ""
    changed: bool = False
    proofs: tuple[Proof, ...] = ()
    exit_code: int = 0  # FAILED: 3, or 4 when it was put back


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Fold: 0 all done and proven; 1 something is left; 3 and 4 something failed."""
    ends = tuple(outcomes)
    failed = [each.exit_code for each in ends if each.end is End.FAILED]
    if failed:
        return max(failed)
    return 1 if any(each.end in _LEFT for each in ends) else 0


def plan(store: Store, root: Certificate, machine: Machine, *, taking_out: bool) -> Outcome:
    """Say what `carry_out` would do to `store`, by looking alone."""
    return _guarded(store, lambda: _planned(store, root, machine, taking_out=taking_out))


def carry_out(
    store: Store,
    root: Certificate,
    machine: Machine,
    *,
    taking_out: bool,
    server: Server | None,
    why_no_server: str,
) -> Outcome:
    """Put the root into `store`, or take it out, and prove it by `server`."""
    act = _taken_out if taking_out else _put_in

    def done() -> Outcome:
        outcome = _planned(store, root, machine, taking_out=taking_out)
        if outcome.end in (End.WOULD_INSTALL, End.WOULD_REMOVE):
            outcome = act(outcome, store, root)
        if outcome.end not in (End.THERE, End.INSTALLED, End.NEVER, End.GONE):
            return outcome
        if server is None:
            if outcome.end is End.NEVER:
                return outcome
            return replace(outcome, end=End.UNPROVEN, note=why_no_server)
        return _proven(outcome, store.prove(server), accepted=not taking_out)

    return _guarded(store, done)


def judged(proofs: Iterable[Proof], *, accepted: bool) -> str:
    """Say why `proofs` prove nothing; empty when one program says what is wanted and none else."""
    asked = [proof for proof in proofs if proof.accepts is not None]
    against = [proof for proof in asked if proof.accepts is not accepted]
    if against and accepted:
        return "; ".join(f"{each.program} does not accept it: {each.said}" for each in against)
    if against:
        return f"{_listed(against)} still accepted it"
    if not asked:
        reasons = "; ".join(f"{each.program}: {each.said}" for each in proofs)
        return f"no program could be asked ({reasons or 'none reads it'})"
    return ""


def _planned(store: Store, root: Certificate, machine: Machine, *, taking_out: bool) -> Outcome:
    """Look, and say what is to do: nothing, a change, or what stands in the way of it."""
    standing = store.look(root)
    outcome = Outcome(store.name, store.title, End.NOT_HERE, standing.where)
    if standing.state is State.NOT_HERE:
        return outcome
    outcome = replace(outcome, about=store.describe(), hint=standing.hint)
    if standing.state is State.NEEDS:
        return replace(outcome, end=End.TOOL)
    present = standing.state is State.PRESENT
    if taking_out and not present and not standing.leftover:
        return replace(outcome, end=End.NEVER)
    if present and not taking_out:
        return replace(outcome, end=End.THERE)
    if standing.needs_administrator and not machine.administrator:
        return replace(outcome, end=End.ADMINISTRATOR)
    return replace(outcome, end=End.WOULD_REMOVE if taking_out else End.WOULD_INSTALL)


def _put_in(outcome: Outcome, store: Store, root: Certificate) -> Outcome:
    store.install(root)
    standing = store.look(root)
    if standing.state is not State.PRESENT:
        with contextlib.suppress(TrustFailed, FileTrouble):
            store.remove(root)
        raise TrustPutBack(
            f"{store.title}: the root was put in, and is not there; it was taken out again",
            hint="something else on this computer may manage this store",
        )
    return replace(
        outcome, end=End.INSTALLED, where=standing.where, hint=standing.hint, changed=True
    )


def _taken_out(outcome: Outcome, store: Store, root: Certificate) -> Outcome:
    store.remove(root)
    standing = store.look(root)
    if standing.state is not State.PRESENT:
        return replace(outcome, end=End.GONE, changed=True)
    where = ", ".join(standing.where)
    return replace(
        outcome,
        end=End.UNPROVEN,
        where=standing.where,
        changed=True,
        note=f"it is still there: {where}",
        hint="it did not come there as a root of one's own does: a package may have brought it",
    )


def _proven(outcome: Outcome, proofs: tuple[Proof, ...], *, accepted: bool) -> Outcome:
    why = judged(proofs, accepted=accepted)
    outcome = replace(outcome, proofs=proofs)
    nobody_says_so = not any(proof.accepts for proof in proofs)
    if not why or (outcome.end is End.NEVER and nobody_says_so):
        return outcome
    hint = _hint(proofs, accepted=accepted)
    if accepted and outcome.hint:  # a part of the store that could not be changed
        hint = outcome.hint
    elif outcome.end is End.THERE and any(proof.accepts is False for proof in proofs):
        hint = "take it out and put it in again: housekey untrust, then housekey trust"
    return replace(outcome, end=End.UNPROVEN, note=why, hint=hint)


def _hint(proofs: tuple[Proof, ...], *, accepted: bool) -> str:
    if all(proof.accepts is None for proof in proofs):
        missing = " or ".join(proof.program for proof in proofs)
        return f"install {missing}, and run the same command again" if missing else ""
    if accepted:
        return "restart the program; a setting of its own may name another list of roots"
    return (
        "the root may lie in another place that it reads: a file that a setting of it names, "
        "or a package's"
    )


def _guarded(store: Store, do: Callable[[], Outcome]) -> Outcome:
    try:
        return do()
    except (TrustFailed, FileTrouble) as trouble:
        return Outcome(
            store.name,
            store.title,
            End.FAILED,
            note=trouble.message,
            hint=trouble.hint,
            exit_code=trouble.exit_code,
        )


def _listed(proofs: Iterable[Proof]) -> str:
    *most, last = [proof.program for proof in proofs]
    return f"{', '.join(most)} and {last}" if most else last


def spoken(proofs: Iterable[Proof], *, accepted: bool) -> str:
    """Name the programs that said what is wanted, for people."""
    named = [proof for proof in proofs if proof.accepts is accepted]
    return _listed(named) if named else ""
