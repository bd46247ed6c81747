"""Whether what a CA of one's own returned would work: what every platform makes of it. Pure.

A platform that takes it under none of its names refuses it, and such a chain is not installed
whatever was said. What a platform only warns of has to be let pass by a person. So has a root that
strict clients alone refuse, the programs of Python 3.13 and later: most CAs at home have such a
root, no browser and no phone minds, and it cannot be changed without visiting every device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import AnswerRefused
from housekey.pki.encoding import to_der
from housekey.pki.names import DnsName, names_of
from housekey.pki.strict import all_strict
from housekey.pki.verifying import covers
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Question, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from housekey.pki.arranging import Answer
    from housekey.pki.names import Name
    from housekey.platforms.model import Finding, Verdict

# Of every certificate of a home, the house's own included: no reason to ask anybody. A test
# holds it against a leaf of a house.
OF_EVERY_HOME = frozenset({"WIN-04"})  # it says nowhere how to learn that it was revoked
_FEW = 4  # platforms that are listed rather than counted


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is so, and which platforms say it."""

    severity: Severity  # ERROR: they refuse it
    platforms: tuple[Platform, ...]
    message: str
    fix: str
    rules: tuple[str, ...]

    @property
    def of_every_home(self) -> bool:
        """Whether it is so of the house's own certificates, too."""
        return OF_EVERY_HOME.issuperset(self.rules)

    def told(self) -> str:
        """Say it in one line."""
        return f"{listed(self.platforms)}: {self.message}"


def remarks_of(answer: Answer, *, at: datetime) -> tuple[Remark, ...]:
    """Return what the platforms say of it under its own names, the worst first.

    Raises `AnswerRefused` for a leaf without a name.
    """
    names = tuple(map(_one_host, names_of(answer.chain[0])))
    if not names:
        raise AnswerRefused(
            "the certificate has no names (SAN), and no device looks at its common name",
            hint="your CA has to copy the names from the request: copy_extensions = copy, in"
            " OpenSSL's words",
        )
    chain, root = tuple(map(to_der, answer.chain)), to_der(answer.root)
    verdicts = [verdict for each in names for verdict in judge(Question(chain, root, each, at))]
    found: dict[tuple[Severity, str], list[tuple[Platform, Finding]]] = {}
    for platform in Platform:
        own = [
            each
            for each in verdicts
            if each.platform is platform and _looks_at(platform, each.name)
        ]
        lenient = platform is Platform.PYTHON and not all_strict((answer.root,))
        for severity, finding in _that_count(own, lenient=lenient):
            found.setdefault((severity, finding.message), []).append((platform, finding))
    remarks = [
        Remark(
            severity,
            tuple(dict.fromkeys(platform for platform, _ in said)),
            message,
            said[0][1].fix,
            tuple(dict.fromkeys(finding.rule for _, finding in said)),
        )
        for (severity, message), said in found.items()
    ]
    return tuple(sorted(remarks, key=lambda each: each.severity.rank))


def refusal_of(remarks: Iterable[Remark]) -> AnswerRefused | None:
    """Return why it is not installed, whatever was said; None: it can work."""
    worst = [each for each in remarks if each.severity is Severity.ERROR]
    if not worst:
        return None
    first = worst[0]
    more = f" (and {len(worst) - 1} more)" if len(worst) > 1 else ""
    return AnswerRefused(
        f"this would not work, {listed(first.platforms)} would refuse it: {first.message}{more}",
        hint=first.fix,
    )


def not_covered(leaf: Sequence[Name], wanted: Iterable[Name]) -> tuple[Name, ...]:
    """Return the names among `wanted` for which a leaf with the names `leaf` is not good."""
    return tuple(name for name in wanted if not any(covers(each, name) for each in leaf))


def listed(platforms: Sequence[Platform]) -> str:
    """Name the platforms, or count them."""
    if len(platforms) == len(Platform):
        return "every platform"
    shown = ", ".join(platforms[:_FEW])
    more = len(platforms) - _FEW
    return f"{shown} and {more} more" if more > 0 else shown


def _that_count(
    verdicts: Sequence[Verdict], *, lenient: bool
) -> Iterator[tuple[Severity, Finding]]:
    """Yield the findings of one platform: a refusal only where it accepts no name at all.

    With `lenient` it is not strict that refuses: OpenSSL's own verdict has whatever else is wrong.
    """
    answers = {each.accepts for each in verdicts}
    accepts, unsure = True in answers, lenient or None in answers
    for finding in (finding for verdict in verdicts for finding in verdict.findings):
        if finding.severity is Severity.ERROR and not accepts:
            yield (Severity.WARNING if unsure else Severity.ERROR), finding
        elif finding.severity is Severity.WARNING:
            yield Severity.WARNING, finding


def _looks_at(platform: Platform, name: Name) -> bool:
    """Mbed TLS compares no addresses (MBD-02), of no certificate whatever."""
    return platform is not Platform.MBEDTLS or isinstance(name, DnsName)


def _one_host(name: Name) -> Name:
    """Nobody connects to a wildcard: one host stands for those that it covers."""
    if isinstance(name, DnsName) and name.is_wildcard:
        return DnsName(name.text.replace("*", "any", 1))
    return name
