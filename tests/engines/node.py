"""Node's https, as this machine has it: real requests, all of them by one process."""

from __future__ import annotations

from shutil import which
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import PROGRAMS, ask_program, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case


class Node:
    """Node, at the security level of Node 24, whatever this machine's is (OSL-06)."""

    platform = Platform.NODE

    def __init__(self) -> None:
        told = "`Node ${process.version} with OpenSSL ${process.versions.openssl}`"
        self.version = first_line("node", "-p", told)

    @staticmethod
    def missing() -> str | None:
        """Why Node cannot be asked here."""
        return None if which("node") else "node is not installed"

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        return ask_program(("node", str(PROGRAMS / "node.cjs")), cases)
