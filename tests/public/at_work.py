"""A CA's program on loopback, in a folder of its own, for as long as a test wants it."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
SECONDS = 60.0  # within which it starts; usually half a one
_STARTS = 3  # another program may take a port that was free


class AtWork:
    """Ends with the `with` block, or with this process, whatever happens.

    Who inherits says what is started (`command`), where it answers (`directory`), and which root
    its HTTPS has (`https_root_pem`), as soon as it has one.
    """

    program: ClassVar[str]  # as Debian's package is called, too

    _environment: Mapping[str, str] = {}  # besides that of the test

    def __init__(self) -> None:
        require(shutil.which(self.program) is not None, f"{self.program} (Debian: {self.program})")
        require(shutil.which("setpriv") is not None, "setpriv")
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def directory(self) -> str:
        """The URL of the ACME directory."""
        raise NotImplementedError

    @property
    def https_root_pem(self) -> str:
        """The root of its HTTPS certificate. Raises `OSError` while there is none."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """Choose ports, write what it reads into its folder, and return what starts it."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        """What it has said since its start."""
        return (self._folder / "log").read_text(errors="replace")

    def answers(self) -> None:
        """Return once it does all it is for. Raises `OSError` while it does not."""
        self.fetch(self.directory)

    def fetch(self, url: str) -> str:
        """Ask it for something."""
        context = ssl.create_default_context(cadata=self.https_root_pem)
        with urllib.request.urlopen(url, context=context, timeout=SECONDS) as answer:
            return str(answer.read().decode())

    def die(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def start(self) -> None:
        """Start it, once more on other ports if these were taken meanwhile."""
        for _ in range(_STARTS):
            self._run()
            if self._comes_up():
                return
            self.die()
        raise AssertionError(f"{self.program} does not start:\n{self.log}")

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix=f"housekey-{self.program}-"))
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        command = self.command()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                env={**os.environ, **self._environment},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _comes_up(self) -> bool:
        assert self._process is not None
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.answers()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        return False
