"""What is decided of a store: from what it says of itself, and from what programs say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, TrustFailed, TrustPutBack
from housekey.trust.run import End, Outcome, carry_out, exit_code, judged, plan
from housekey.trust.store import Proof, Ran, Server, Standing, State, Store
from tests.trust.fakes import fake_machine
from tests.trust.roots import a_root

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.x509 import Certificate

SERVER = Server("localhost", 1)
YES, NO = Proof("curl", accepts=True), Proof("wget", accepts=False, said="it says no")
NOBODY = Proof("Python", None, "there is no python3 here")


@dataclass
class FakeStore:
    """A store that says what it is told to, and remembers what was done to it."""

    standing: Standing
    proofs: tuple[Proof, ...] = (YES,)
    trouble: Exception | None = None
    then: State | None = None  # after a change; None: what was wanted
    hint: str = ""  # of what it cannot change
    done: list[str] = field(default_factory=list)
    name: str = "fake"
    title: str = "the fake store"

    def describe(self) -> str:
        return "nobody reads it"

    def look(self, root: Certificate) -> Standing:  # noqa: ARG002
        self.done.append("look")
        return self.standing

    def install(self, root: Certificate) -> None:  # noqa: ARG002
        self.done.append("install")
        if self.trouble is not None:
            raise self.trouble
        self.standing = Standing(self.then or State.PRESENT, hint=self.hint)

    def remove(self, root: Certificate) -> None:  # noqa: ARG002
        self.done.append("remove")
        if self.trouble is not None:
            raise self.trouble
        self.standing = Standing(self.then or State.ABSENT)

    def prove(self, server: Server) -> tuple[Proof, ...]:  # noqa: ARG002
        self.done.append("prove")
        return self.proofs


def outcome_of(
    store: FakeStore,
    tmp_path: Path,
    *,
    taking_out: bool = False,
    administrator: bool = True,
    server: Server | None = SERVER,
) -> Outcome:
    machine = fake_machine(tmp_path, lambda *_, **__: Ran(0, "", ""), administrator=administrator)
    as_store: Store = store
    return carry_out(
        as_store,
        a_root(),
        machine,
        taking_out=taking_out,
        server=server,
        why_no_server="there is no server",
    )


@pytest.mark.parametrize(
    ("standing", "taking_out", "end", "done"),
    [
        (Standing(State.ABSENT), False, End.INSTALLED, ["look", "install", "look", "prove"]),
        (Standing(State.PRESENT), False, End.THERE, ["look", "prove"]),
        (Standing(State.NOT_HERE), False, End.NOT_HERE, ["look"]),
        (Standing(State.NEEDS, hint="apt"), False, End.TOOL, ["look"]),
        (Standing(State.ABSENT, leftover=True), False, End.INSTALLED, None),
        (Standing(State.PRESENT), True, End.GONE, ["look", "remove", "look", "prove"]),
        (Standing(State.ABSENT), True, End.NEVER, ["look", "prove"]),
        (Standing(State.ABSENT, leftover=True), True, End.GONE, None),
        (Standing(State.NOT_HERE), True, End.NOT_HERE, ["look"]),
    ],
)
def test_a_store_is_changed_only_as_far_as_it_must_be(
    standing: Standing, taking_out: bool, end: End, done: list[str] | None, tmp_path: Path
) -> None:
    store = FakeStore(standing, (NO,) if taking_out else (YES,))
    assert outcome_of(store, tmp_path, taking_out=taking_out).end is end
    assert done is None or store.done == done


@pytest.mark.parametrize("before", [State.PRESENT, State.ABSENT])
def test_a_part_that_could_not_be_changed_says_what_to_do_about_it(
    before: State, tmp_path: Path
) -> None:
    """One of two databases has a password: what is right for the other would not help here."""
    hint = "import it in the settings"
    store = FakeStore(Standing(before, hint=hint), (YES, NO), hint=hint)
    outcome = outcome_of(store, tmp_path)
    assert (outcome.end, outcome.hint) == (End.UNPROVEN, hint)


@pytest.mark.parametrize("taking_out", [False, True])
def test_without_the_right_to_change_it_it_is_left(taking_out: bool, tmp_path: Path) -> None:
    state = State.PRESENT if taking_out else State.ABSENT
    store = FakeStore(Standing(state, needs_administrator=True))
    outcome = outcome_of(store, tmp_path, taking_out=taking_out, administrator=False)
    assert outcome.end is End.ADMINISTRATOR
    assert store.done == ["look"]
    assert exit_code([outcome]) == 1


def test_looking_needs_nobody(tmp_path: Path) -> None:
    store = FakeStore(Standing(State.PRESENT, needs_administrator=True))
    assert outcome_of(store, tmp_path, administrator=False).end is End.THERE


@pytest.mark.parametrize(
    ("proofs", "accepted", "why"),
    [
        ((YES,), True, ""),
        ((YES, NOBODY), True, ""),
        ((YES, NO), True, "wget does not accept it: it says no"),
        ((NO,), False, ""),
        ((NO, NOBODY), False, ""),
        ((NO, YES), False, "curl still accepted it"),
        ((NOBODY,), True, "no program could be asked (Python: there is no python3 here)"),
        ((NOBODY,), False, "no program could be asked (Python: there is no python3 here)"),
        ((), True, "no program could be asked (none reads it)"),
    ],
)
def test_one_program_must_say_so_and_none_may_say_otherwise(
    proofs: tuple[Proof, ...], accepted: bool, why: str
) -> None:
    assert judged(proofs, accepted=accepted) == why


@pytest.mark.parametrize("proofs", [(YES, NO), (NOBODY,), ()])
def test_a_store_that_is_not_proven_is_not_called_done(
    proofs: tuple[Proof, ...], tmp_path: Path
) -> None:
    outcome = outcome_of(FakeStore(Standing(State.ABSENT), proofs), tmp_path)
    assert (outcome.end, outcome.changed) == (End.UNPROVEN, True)
    assert exit_code([outcome]) == 1


def test_without_a_server_nothing_is_proven(tmp_path: Path) -> None:
    outcome = outcome_of(FakeStore(Standing(State.ABSENT)), tmp_path, server=None)
    assert (outcome.end, outcome.note) == (End.UNPROVEN, "there is no server")


def test_what_was_not_there_needs_no_program_to_be_not_there(tmp_path: Path) -> None:
    store = FakeStore(Standing(State.ABSENT), (NOBODY,))
    assert outcome_of(store, tmp_path, taking_out=True).end is End.NEVER
    assert outcome_of(store, tmp_path, taking_out=True, server=None).end is End.NEVER


def test_what_was_not_there_and_is_accepted_all_the_same_is_told(tmp_path: Path) -> None:
    outcome = outcome_of(FakeStore(Standing(State.ABSENT), (YES,)), tmp_path, taking_out=True)
    assert outcome.end is End.UNPROVEN
    assert "another place" in outcome.hint


def test_a_root_that_stays_after_its_removal_is_told(tmp_path: Path) -> None:
    store = FakeStore(Standing(State.PRESENT), then=State.PRESENT)
    outcome = outcome_of(store, tmp_path, taking_out=True)
    assert outcome.end is End.UNPROVEN
    assert "still there" in outcome.note


def test_a_root_that_does_not_stay_is_taken_out_again(tmp_path: Path) -> None:
    store = FakeStore(Standing(State.ABSENT), then=State.ABSENT)
    outcome = outcome_of(store, tmp_path)
    assert (outcome.end, outcome.exit_code) == (End.FAILED, 4)
    assert store.done[-1] == "remove"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (TrustFailed("it broke", hint="mend it"), 3),
        (TrustPutBack("it broke", hint="mend it"), 4),
    ],
)
def test_what_one_store_says_stops_no_other(
    trouble: TrustFailed, code: int, tmp_path: Path
) -> None:
    outcome = outcome_of(FakeStore(Standing(State.ABSENT), trouble=trouble), tmp_path)
    assert (outcome.end, outcome.note, outcome.hint) == (End.FAILED, "it broke", "mend it")
    assert exit_code([outcome]) == code


def test_a_disk_in_trouble_is_told_likewise(tmp_path: Path) -> None:
    trouble = FileTrouble(tmp_path, "the disk is full", hint="make room")
    outcome = outcome_of(FakeStore(Standing(State.ABSENT), trouble=trouble), tmp_path)
    assert outcome.end is End.FAILED
    assert "the disk is full" in outcome.note


def test_the_worst_end_is_the_exit_code() -> None:
    def end(end: End, code: int = 0) -> Outcome:
        return Outcome("s", "S", end, exit_code=code)

    good = [end(End.THERE), end(End.INSTALLED), end(End.NOT_HERE), end(End.GONE), end(End.NEVER)]
    assert exit_code(good) == 0
    assert exit_code([*good, end(End.TOOL)]) == 1
    assert exit_code([*good, end(End.TOOL), end(End.FAILED, 3)]) == 3
    assert exit_code([end(End.FAILED, 4), end(End.FAILED, 3)]) == 4


def test_a_plan_only_looks(tmp_path: Path) -> None:
    store = FakeStore(Standing(State.ABSENT))
    machine = fake_machine(tmp_path, lambda *_, **__: Ran(0, "", ""))
    assert plan(store, a_root(), machine, taking_out=False).end is End.WOULD_INSTALL
    store.standing = Standing(State.PRESENT)
    assert plan(store, a_root(), machine, taking_out=True).end is End.WOULD_REMOVE
    assert store.done == ["look", "look"]
