"""Verdicts folded for reading: what is equal is told once.

Platforms tell the same thing in the same words (`platforms/rule.py`), so equal messages are one
finding, under whatever ids the platforms' own rules carry it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.platforms.model import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from housekey.pki.names import Name
    from housekey.platforms.model import Finding, Platform, Verdict


_NAME = "\0"  # in no text


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that is so, with all rules that say it."""

    severity: Severity
    message: str
    fix: str
    known_by: tuple[tuple[str, str], ...]  # rules and their sources
    names: tuple[Name, ...]  # those that it is about; empty: all that were asked


@dataclass(frozen=True, slots=True)
class Line:
    """What one platform will do with some of the names."""

    platform: Platform
    accepts: bool | None
    error: str
    names: tuple[Name, ...]  # empty: all that were asked


@dataclass(frozen=True, slots=True)
class Group:
    """Platforms that say the same for the same reasons; a line is about what is not accepted."""

    lines: tuple[Line, ...]
    told: tuple[Told, ...]
    others: tuple[Name, ...]  # the names that all of them accept, where they reject some


@dataclass(frozen=True, slots=True)
class Folded:
    """All verdicts: first what every platform says, then the groups, rejections first."""

    everywhere: tuple[Told, ...]
    groups: tuple[Group, ...]


def fold(verdicts: Sequence[Verdict], *, least: Severity = Severity.WARNING) -> Folded:
    """Fold what was asked of several platforms and names; findings below `least` are left out."""
    asked = tuple(dict.fromkeys(verdict.name for verdict in verdicts))
    by_platform: dict[Platform, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_platform[verdict.platform].append(verdict)
    told = {platform: _told(own, asked, least) for platform, own in by_platform.items()}
    everywhere = _everywhere(tuple(told.values())) if len(told) > 1 else ()
    common = {(each.severity, each.message, each.names) for each in everywhere}
    groups: dict[object, tuple[list[Line], list[Told]]] = {}
    for platform, own in by_platform.items():
        answers = _lines(platform, own, asked)
        lines = [line for line in answers if not line.accepts] or answers
        rest = [
            each
            for each in told[platform]
            if (each.severity, each.message, each.names) not in common
        ]
        state = tuple((line.accepts, line.names) for line in answers)
        content = frozenset((each.severity, each.message, each.fix, each.names) for each in rest)
        key = state, content
        if key in groups:
            groups[key] = (groups[key][0] + lines, _joined([*groups[key][1], *rest]))
        else:
            groups[key] = (lines, rest)
    ordered = sorted(groups.values(), key=lambda each: min(map(_rank, each[0])))
    return Folded(
        everywhere, tuple(Group(tuple(a), tuple(b), _others(a, asked)) for a, b in ordered)
    )


def _others(lines: Sequence[Line], asked: tuple[Name, ...]) -> tuple[Name, ...]:
    about = {name for line in lines for name in line.names or asked}
    return tuple(name for name in asked if name not in about)


def _rank(line: Line) -> int:
    return (False, None, True).index(line.accepts)


def _lines(platform: Platform, own: Iterable[Verdict], asked: tuple[Name, ...]) -> list[Line]:
    """One line, unless names are told apart; rejections first."""
    by_answer: dict[tuple[bool | None, str], list[Name]] = defaultdict(list)
    for verdict in own:
        by_answer[verdict.accepts, _nameless(verdict.error, verdict.name)].append(verdict.name)
    lines = [
        Line(platform, accepts, _named(error, names), _some(names, asked))
        for (accepts, error), names in by_answer.items()
    ]
    return sorted(lines, key=_rank)


def _told(own: Iterable[Verdict], asked: tuple[Name, ...], least: Severity) -> list[Told]:
    """The findings of one platform, each once, worst first."""
    found: dict[tuple[Severity, str, str], list[tuple[Finding, Name]]] = defaultdict(list)
    for verdict in own:
        for finding in verdict.findings:
            if finding.severity.rank <= least.rank:
                message = _nameless(finding.message, verdict.name)
                fix = _nameless(finding.fix, verdict.name)
                found[finding.severity, message, fix].append((finding, verdict.name))
    told = []
    for (severity, message, fix), same in found.items():
        names = [name for _, name in same]
        known_by = tuple(dict.fromkeys((finding.rule, finding.source) for finding, _ in same))
        texts = _named(message, names), _named(fix, names)
        told.append(Told(severity, *texts, known_by, _some(names, asked)))
    return sorted(told, key=lambda each: each.severity.rank)


def _everywhere(per_platform: Sequence[list[Told]]) -> tuple[Told, ...]:
    """What every platform says, by its words; the first platform's fix, everybody's rules."""
    first, *others = per_platform
    keys = [{(each.severity, each.message, each.names) for each in told} for told in others]
    common = [
        each
        for each in first
        if all((each.severity, each.message, each.names) in said for said in keys)
    ]
    everything = [each for told in per_platform for each in told]
    return tuple(
        _one(each, [e for e in everything if e.message == each.message and e.names == each.names])
        for each in common
    )


def _joined(told: Sequence[Told]) -> list[Told]:
    same: dict[tuple[str, str, tuple[Name, ...]], list[Told]] = defaultdict(list)
    for each in told:
        same[each.message, each.fix, each.names].append(each)
    return [_one(each[0], each) for each in same.values()]


def _one(first: Told, same: Sequence[Told]) -> Told:
    return Told(
        first.severity,
        first.message,
        first.fix,
        tuple(dict.fromkeys(known for each in same for known in each.known_by)),
        first.names,
    )


def _some(names: Sequence[Name], asked: tuple[Name, ...]) -> tuple[Name, ...]:
    unique = tuple(dict.fromkeys(names))
    return () if set(unique) == set(asked) else unique


def _nameless(text: str, name: Name) -> str:
    """Put a place-holder for the name asked: what is said of every name alike is one thing."""
    return re.sub(rf"(?<![\w.:-]){re.escape(str(name))}(?![\w:-]|\.\w)", _NAME, text)


def _named(text: str, names: Sequence[Name]) -> str:
    return text.replace(_NAME, str(names[0]) if len(set(names)) == 1 else "NAME")
