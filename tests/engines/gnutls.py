"""GnuTLS, the library as Debian has it: real handshakes, all of them by one process."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from shutil import which
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import PROGRAMS, ask_program, first_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engines.model import Answer, Case

_COMMAND = (sys.executable, str(PROGRAMS / "gnutls_client.py"))


class GnuTls:
    """GnuTLS with its default priorities."""

    platform = Platform.GNUTLS

    def __init__(self) -> None:
        self.version = first_line(*_COMMAND)
        # Debian's security fixes change verdicts, and the library does not tell them.
        if which("dpkg-query"):
            package = first_line("dpkg-query", "-W", "-f", "${Version}", "libgnutls30")
            self.version += f" ({package})"

    @staticmethod
    def missing() -> str | None:
        """Why GnuTLS cannot be asked here; apt itself needs it on Debian 12."""
        found = find_library("gnutls")
        return None if found == "libgnutls.so.30" else "libgnutls.so.30 is not installed"

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        return ask_program(_COMMAND, cases)
