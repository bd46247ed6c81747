"""What the engines are asked, and what they answer.

A case is one chain that a server presents, one root that the client trusts, one name and the
leaf's key, so that a real server can present it. Every engine answers the same cases, and
housekey's `judge()` must say what the engine said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.platforms.model import Platform, Question


@dataclass(frozen=True, slots=True)
class Case:
    """One chain, on one side of some rule's line."""

    id: str  # unique, stable, kebab-case: "leaf-826-days"
    question: Question
    key: bytes  # PKCS#8 PEM of the leaf's key
    rules: tuple[str, ...] = ()  # ids of the rules whose line it is about; empty: random
    # What the server must do that the chain does not say: "curve not in TLS" and the like.
    note: str = ""
    also: tuple[bytes, ...] = ()  # more roots that the client trusts, beside the question's


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said. `accepts` None: it could not be asked this one; `text` says why."""

    accepts: bool | None
    text: str  # the engine's own words when it refuses


class Engine(Protocol):
    """A real program that verifies certificates."""

    platform: Platform
    version: str  # of the program, as it calls itself

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        """Return the answer to each case by its id."""
        ...
