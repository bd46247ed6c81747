"""The public command line, run as a user runs it: a process of its own, no terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.homes.home import Home

COMMAND = (sys.executable, "-W", "error", "-m", "housekey")
_PRIVATE = ("HOUSEKEY_HOUSE", "HASS_TOKEN", "HASS_SERVER", "HOUSEKEY_TEST_MOMENT")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be one JSON document and nothing else."""
        document: dict[str, Any] = json.loads(self.out)
        return document

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- out\n{self.out}--- err\n{self.err}"


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what housekey would listen to."""
    plain = {key: value for key, value in os.environ.items() if key not in _PRIVATE}
    return {**plain, "NO_COLOR": "1", **more}


def housekey(*arguments: str | Path, env: Mapping[str, str] | None = None) -> Done:
    """Run `housekey` to its end."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Done(ended.returncode, ended.stdout, ended.stderr)


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody with a Home Assistant, a token of its administrator, and a place for a house."""

    home: Home
    house: Path
    token_file: Path

    @classmethod
    def of(cls, home: Home, folder: Path) -> Owner:
        """Set up the owner's files in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        token_file = folder / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(home.token)
        return cls(home, folder / "house", token_file)

    def arguments(self, *more: str | Path, token: bool = True) -> list[str | Path]:
        """Return the options that say which Home Assistant, whose token, which house."""
        given: list[str | Path] = ["--token-file", self.token_file] if token else []
        return ["--config", self.home.config, "--house", self.house, *given, *more]

    def run(self, command: str, *more: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run a command about this Home Assistant, with --json and --yes."""
        return housekey(command, *self.arguments("--json", "--yes", *more), env=env)

    def secure(self, *more: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run `housekey secure`."""
        return self.run("secure", *more, env=env)

    def undo(self, *more: str | Path) -> Done:
        """Run `housekey undo`."""
        return self.run("undo", *more)
