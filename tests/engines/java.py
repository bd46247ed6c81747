"""Java's HttpsURLConnection: real requests, all of them by one virtual machine."""

from __future__ import annotations

from shutil import which
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import PROGRAMS, ask_program, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case


class Java:
    """The JDK's own TLS and path validation (SunJSSE, PKIX)."""

    platform = Platform.JAVA

    def __init__(self) -> None:
        self.version = first_line("java", "-version")

    @staticmethod
    def missing() -> str | None:
        """Why Java cannot be asked here; its compiler is needed for the program."""
        return None if which("java") and which("javac") else "a JDK is not installed"

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        # A source file is compiled in memory (JEP 330). The proxy is on loopback, which the
        # JDK would otherwise go around.
        command = ("java", "-Dhttp.nonProxyHosts=", str(PROGRAMS / "Client.java"))
        return ask_program(command, cases)
