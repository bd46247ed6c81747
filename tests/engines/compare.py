"""housekey's verdict beside the engine's, case by case, and the table of where they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.platforms.judge import judge
from housekey.platforms.model import Severity
from tests.engines.known import KNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.platforms.model import Verdict
    from tests.engines.model import Answer, Case, Engine

_WORDS = {True: "accepts", False: "rejects", None: "unsure"}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that housekey judges otherwise than the engine did; unsure is otherwise, too."""

    case: Case
    verdict: Verdict
    answer: Answer

    @property
    def reason(self) -> str | None:
        """Why it is left so, if that is known."""
        return KNOWN.get((self.verdict.platform, self.case.id))


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that one engine was asked."""

    version: str
    asked: int
    unasked: tuple[tuple[Case, Answer], ...]  # the engine could not be asked these
    disagreements: tuple[Disagreement, ...]

    @property
    def unexplained(self) -> tuple[Disagreement, ...]:
        return tuple(each for each in self.disagreements if each.reason is None)

    def __str__(self) -> str:
        """How many, and one line for each that differs."""
        asked = f"{self.asked} chains asked, {len(self.unasked)} could not be asked"
        return "\n".join(
            (
                f"{self.version}: {asked}, {len(self.disagreements)} disagreements",
                *map(_line, self.disagreements),
                *sorted({f"  not asked: {answer.text[:90]}" for _, answer in self.unasked}),
            )
        )


def compare(engine: Engine, cases: Sequence[Case]) -> Comparison:
    """Ask the engine, judge the same questions, and put both beside each other."""
    answers = engine.ask(cases)
    disagreements = []
    for case in cases:
        answer = answers[case.id]
        if answer.accepts is None:
            continue
        (verdict,) = judge(case.question, platforms=(engine.platform,))
        if verdict.accepts is not answer.accepts:
            disagreements.append(Disagreement(case, verdict, answer))
    unasked = tuple((case, answers[case.id]) for case in cases if answers[case.id].accepts is None)
    return Comparison(engine.version, len(cases) - len(unasked), unasked, tuple(disagreements))


def _line(each: Disagreement) -> str:
    """Case, what housekey says and by which rules, what the engine says in its own words."""
    rules = " ".join(
        finding.rule for finding in each.verdict.findings if finding.severity is Severity.ERROR
    )
    said = f"engine {_WORDS[each.answer.accepts]} {each.answer.text[:120]}".rstrip()
    judged = f"housekey {_WORDS[each.verdict.accepts]} {rules}".rstrip()
    known = f" (known: {each.reason})" if each.reason else ""
    return f"  {each.case.id:44} {judged:34} {said}{known}"
