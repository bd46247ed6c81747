"""What each platform will do: facts once, then every platform's rules over its own paths.

Nothing raises out of here, whatever the bytes: a certificate that cannot be read is a finding,
and so is a rule that crashes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.platforms import path as paths
from housekey.platforms.clients import CLIENTS
from housekey.platforms.facts import facts_of
from housekey.platforms.model import Finding, Platform, Severity, Verdict
from housekey.platforms.path import Signatures
from housekey.platforms.rule import Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from housekey.platforms.facts import Facts
    from housekey.platforms.model import Question
    from housekey.platforms.path import Linking, Path
    from housekey.platforms.rule import Client, Rule

_UNREADABLE = "ALL-01"
_CRASHED = "ALL-02"
_NO_RULES = "ALL-03"
_RFC_5280 = (
    "RFC 5280 4.1; every TLS library reads the whole list before it judges it (RFC 8446 4.4.2)"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule of the catalogue, and what each platform that has it shows."""

    rule: Rule
    errors: tuple[tuple[Platform, str], ...]

    @property
    def platforms(self) -> tuple[Platform, ...]:
        return tuple(platform for platform, _ in self.errors)


def rules() -> tuple[Listed, ...]:
    """Every rule of every platform once, in the platforms' order."""
    errors: dict[str, list[tuple[Platform, str]]] = {}
    first: dict[str, Rule] = {}
    for client in CLIENTS.values():
        for rule in client.rules:
            first.setdefault(rule.id, rule)
            errors.setdefault(rule.id, []).append((client.platform, rule.error))
    return tuple(Listed(rule, tuple(errors[id_])) for id_, rule in first.items())


def judge(
    question: Question, platforms: Iterable[Platform] = tuple(Platform)
) -> tuple[Verdict, ...]:
    """What each of `platforms` will do, in their order. Never raises."""
    chain = tuple(map(facts_of, question.chain))
    root = _same_object(None if question.root is None else facts_of(question.root), chain)
    unreadable = tuple(_unreadable(chain, root))
    if unreadable:
        error = "the certificate cannot be read"
        return tuple(
            Verdict(each, question.name, accepts=False, error=error, findings=unreadable)
            for each in platforms
        )
    case = _Case(question, chain, root, Signatures())
    return tuple(_verdict(platform, case) for platform in platforms)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the rules of a platform said of one path."""

    findings: tuple[Finding, ...]
    error: str  # of the first rule that rejects
    rejects: bool
    unsure: bool  # a rule would reject, if it were sure

    @property
    def accepts(self) -> bool | None:
        if self.rejects:
            return False
        return None if self.unsure else True


@dataclass(frozen=True, slots=True)
class _Case:
    """A question, read once for all platforms."""

    question: Question
    chain: tuple[Facts, ...]
    root: Facts | None
    signatures: Signatures


def _verdict(platform: Platform, case: _Case) -> Verdict:
    name = case.question.name
    client = CLIENTS.get(platform)
    if client is None:
        nothing = Finding(_NO_RULES, Severity.INFO, "no rules are known here", "", "")
        return Verdict(platform, name, accepts=None, error="", findings=(nothing,))
    outcome = _best(client, case if client.reads is None else _read_by(client.reads, case))
    error = "" if outcome.accepts else outcome.error
    return Verdict(platform, name, outcome.accepts, error, outcome.findings)


def _read_by(reads: Callable[[Facts], Facts], case: _Case) -> _Case:
    chain = tuple(map(reads, case.chain))
    root = None if case.root is None else reads(case.root)
    return replace(case, chain=chain, root=_same_object(root, chain))


def _same_object(root: Facts | None, chain: Path) -> Facts | None:
    """The leaf that is its own root is one certificate, not two."""
    return next((each for each in chain if root is not None and each.der == root.der), root)


def _best(client: Client, case: _Case) -> _Outcome:
    """The outcome of the first path that passes, or else of the first one of all."""
    signatures = case.signatures
    linking = client.links(case.chain, case.root) if client.links else client.linking
    first: _Outcome | None = None
    at = case.question.at
    for path in paths.paths(case.chain, case.root, at=at, linking=linking, signatures=signatures):
        outcome = _outcome(client, case, linking, path, anchored=True)
        if outcome.accepts is not False:
            return outcome
        first = first or outcome
    if first is None:
        path = paths.longest(case.chain, linking=linking, signatures=signatures)
        first = _outcome(client, case, linking, path, anchored=False)
    return first


def _outcome(
    client: Client, case: _Case, linking: Linking, path: Path, *, anchored: bool
) -> _Outcome:
    seen = Seen(
        platform=client.platform,
        name=case.question.name,
        at=case.question.at,
        chain=case.chain,
        root=case.root,
        path=path,
        anchored=anchored,
        linking=linking,
        signatures=case.signatures,
        known_root=case.question.known_root,
    )
    findings: list[Finding] = []
    error, rejects, unsure = "", False, False
    for rule in client.rules:
        try:
            said = tuple(rule.check(seen))
        except Exception as crash:  # noqa: BLE001 - a rule that crashes is a finding
            findings.append(_crashed(rule, crash))
            unsure = True
            continue
        findings.extend(rule.finding(each.message) for each in said)
        if said and rule.severity is Severity.ERROR:
            shown = said[0].error or rule.error
            error = error or shown.replace("{name}", str(case.question.name))
            rejects |= rule.is_sure
            unsure |= not rule.is_sure
    return _Outcome(tuple(findings), error, rejects, unsure)


def _unreadable(chain: tuple[Facts, ...], root: Facts | None) -> Iterable[Finding]:
    if not chain:
        yield _unread("the server sent no certificate")
    for at, each in enumerate(chain):
        if each.unreadable:
            who = "the leaf" if at == 0 else f"certificate {at + 1} of the chain"
            yield _unread(f"{who} cannot be read: {each.unreadable}")
    if root is not None and root.unreadable and root not in chain:
        yield _unread(f"the root cannot be read: {root.unreadable}")


def _unread(message: str) -> Finding:
    return Finding(
        _UNREADABLE,
        Severity.ERROR,
        message,
        "ask for a new certificate from whoever made this one",
        _RFC_5280,
    )


def _crashed(rule: Rule, crash: Exception) -> Finding:
    return Finding(
        _CRASHED,
        Severity.WARNING,
        f"rule {rule.id} could not be asked: {type(crash).__name__}",
        "report this certificate to the makers of housekey",
        "this is a fault of housekey, not of the certificate",
    )
