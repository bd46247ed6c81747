"""Go's net/http: real requests, by one small program that is built here."""

from __future__ import annotations

import subprocess
from shutil import which
from typing import TYPE_CHECKING

from housekey.platforms.model import Platform
from tests.engines.asking import BUILT, PROGRAMS, ask_program, first_line, quiet_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.engines.model import Answer, Case


class Go:
    """Go's crypto/tls and crypto/x509."""

    platform = Platform.GO

    def __init__(self) -> None:
        self._program = built(PROGRAMS / "client.go", "go-client")
        self.version = first_line(str(self._program))

    @staticmethod
    def missing() -> str | None:
        """Why Go cannot be asked here."""
        return None if which("go") else "go is not installed"

    def ask(self, cases: Sequence[Case]) -> Mapping[str, Answer]:
        return ask_program((str(self._program),), cases)


def built(source: Path, name: str) -> Path:
    """The program, compiled when its source is newer; two test processes may do so at once."""
    program = BUILT / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        # Nothing but the standard library; nothing is fetched.
        environment = quiet_environment() | {
            "GOPROXY": "off", "GOFLAGS": "", "GOCACHE": str(BUILT / "go-cache"), "CGO_ENABLED": "0",
        }  # fmt: skip
        # `go build` puts the finished file in place at once.
        subprocess.run(
            ["go", "build", "-o", str(program), str(source)],
            env=environment,
            check=True,
            timeout=300,
        )
    return program
