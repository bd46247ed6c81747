"""Running what is measured: programs, to their end, one after the other and by turns."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from bench.rows import NotMeasured
from demo.release import InstallError, apt_install, plain_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Times:
    """How long the runs of one thing took, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def spread(self) -> str:
        """The shortest and the longest, for people."""
        return f"{min(self.seconds):.2f} to {max(self.seconds):.2f} s"


def by_turns(contenders: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, Times]:
    """Run each once a round, in turn, so that a busy machine slows all alike.

    One round before is not counted: it fills the disk's caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for counted in (False, *[True] * rounds):
        for name, run in contenders.items():
            start = perf_counter()
            run()
            if counted:
                seconds[name].append(perf_counter() - start)
    return {name: Times(tuple(taken)) for name, taken in seconds.items()}


def output_of(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return its standard output.

    Its environment is an empty one and `env`. Ctrl-C ends the program too. Raises
    NotMeasured when it fails.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            env={**plain_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise NotMeasured(f"{name} is not installed") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[:2]
        raise NotMeasured(f"{name} ended with exit code {done.returncode}: {' '.join(said)}")
    return done.stdout


def need(program: str, *, package: str | None = None) -> None:
    """Make sure that a program of Debian is here: root installs its package.

    Raises NotMeasured.
    """
    package = package or program
    if shutil.which(program):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotMeasured(f"{program} is not installed (apt-get install {package})")
    say(f"installing {package}")
    try:
        apt_install(package)
    except InstallError as error:
        last = str(error).splitlines()[-1]
        raise NotMeasured(f"{package} could not be installed: {last}") from error


def say(text: str) -> None:
    """Tell on standard error what is being done."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()
