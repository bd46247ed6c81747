"""A rule is a record: what it is about, what the platform shows, where it is known from.

To add a platform:

1. Write a module of its name, which ends in `CLIENT = Client(Platform.X, linking=…, rules=…)`,
   and add it to `clients.py`.
2. `linking` says how the platform recognizes an issuer (`path.py`). It decides whether there is
   a path from the leaf to the root; the rule that uses `checks.untrusted` tells when there is none.
3. Each `Rule` has a check: a function of `Seen` (one path and the name asked) that yields what is
   wrong, one message a fact. Most checks are made by the functions of `checks.py`, whose options
   are the ways in which platforms differ. Write a plain generator for what only one does:

       def _must_have_key_usage(seen: Seen) -> Iterator[Said]:
           for each in seen.issuers:
               if each.key_usage is None:
                   yield Said(f"{seen.called(each)} has no keyUsage")

4. Rules stand in the order in which the platform looks: the error of the first one that speaks
   with `Severity.ERROR` is the verdict's. `{name}` in it becomes the name asked; a check can
   give an error of its own with each message (`Said.error`).
5. Where the same thing is told by several platforms, the same words tell it (those of
   `checks.py`): whoever prints findings tells equal messages once.
6. `judge()` follows every path that the platform could find, and accepts if one of them passes.
   A rule whose `evidence` is only UNVERIFIED makes the verdict None instead of False.

Ids are PLATFORMS.md's; where an entry there holds several conditions, a word after a dot tells
them apart ("GTL-01.key-usage"). What an engine answered differently is noted beside the rule,
as measured, with the version.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from housekey.platforms.model import Finding, Platform, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from housekey.pki.names import Name
    from housekey.platforms.facts import Facts
    from housekey.platforms.path import Linking, Path, Signatures


class Tier(StrEnum):
    """Which certificate a rule is about."""

    LEAF = "leaf"
    SELF_SIGNED = "self-signed leaf"
    ISSUING = "issuing CA"
    ROOT = "root"


class Evidence(StrEnum):
    """How a rule is known; the letters are PLATFORMS.md's."""

    SOURCE = "read in the source"  # S
    EXECUTED = "executed"  # E
    DOCUMENTED = "the vendor's documentation"  # D
    ISSUE = "an issue thread"  # I
    UNVERIFIED = "not verified"  # F


@dataclass(frozen=True, slots=True)
class Said:
    """What is so in one case, and what the platform shows for it if not the rule's own error."""

    message: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One path as one platform follows it, and what it is asked for."""

    platform: Platform
    name: Name
    at: datetime
    chain: Path  # as presented
    root: Facts | None  # what the device was told to trust
    path: Path  # from the leaf; to the root if `anchored`
    anchored: bool
    linking: Linking
    signatures: Signatures
    known_root: bool = False  # the device came with it

    @property
    def leaf(self) -> Facts:
        return self.path[0]

    @property
    def issuers(self) -> Path:
        """All certificates above the leaf, the root included."""
        return self.path[1:]

    @property
    def issuing(self) -> Path:
        """The certificates between the leaf and the root."""
        return self.path[1:-1] if self.anchored else self.path[1:]

    @property
    def presented(self) -> Path:
        """The path without the root, unless the leaf is the root."""
        return self.path[:1] + self.issuing

    @property
    def is_trusted_leaf(self) -> bool:
        """The leaf is itself what the device trusts."""
        return self.anchored and len(self.path) == 1

    def called(self, facts: Facts) -> str:
        """Who that is, at the beginning of a message."""
        if facts is self.leaf:
            return "the leaf"
        if self.root is not None and facts.der == self.root.der:
            return "the root"
        return f"the issuing CA “{facts.subject}”"


Check: TypeAlias = "Callable[[Seen], Iterable[Said]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of one platform, or of several that decide alike."""

    id: str  # PLATFORMS.md's, perhaps with a word after a dot
    title: str  # what makes it speak, without a full stop
    applies: tuple[Tier, ...]
    check: Check = field(repr=False)
    error: str  # what the platform shows
    fix: str  # the next step
    source: str  # file, function, document, or what was measured
    evidence: tuple[Evidence, ...]
    severity: Severity = Severity.ERROR
    since: str = ""  # the version or date from which it holds, where known

    @property
    def is_sure(self) -> bool:
        return set(self.evidence) != {Evidence.UNVERIFIED}

    def finding(self, message: str) -> Finding:
        return Finding(self.id, self.severity, message, self.fix, self.source)


@dataclass(frozen=True, slots=True)
class Client:
    """A platform as data: how it finds issuers, and its rules in the order it looks."""

    platform: Platform
    linking: Linking
    rules: tuple[Rule, ...]
    known_from: str  # the sources or versions that the whole was read in or measured with
    # How it reads a certificate, where that is otherwise than facts.py does.
    reads: Callable[[Facts], Facts] | None = None
    # How it links this chain to this root, where that depends on them; else `linking`.
    links: Callable[[Path, Facts | None], Linking] | None = None
