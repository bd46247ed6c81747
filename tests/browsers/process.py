"""A browser's process: a home of its own, a process group of its own, and nothing left behind.

The home is one temporary folder, and what it is called stands in the environment of the
processes that the browser starts, unless they overwrite it; those stay in its session. So they
can all be found again and be ended by their ids.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# What a browser takes from the user's environment; the rest could lead it out of its home.
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ")


def missing(*commands: tuple[str, str]) -> str | None:
    """Say which of the commands this machine lacks; each with its package in Debian."""
    for command, package in (*commands, ("certutil", "libnss3-tools"), ("setpriv", "util-linux")):
        if shutil.which(command) is None:
            return f"{command} is not installed (Debian: {package})"
    return None


class DidNotStart(Exception):
    """The browser did not come up, or went away; the text is the end of what it printed."""


class BrowserHome:
    """A fresh home folder, and what runs in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="housekey-browser-"))  # mode 0700
        self.log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: Sequence[str | Path],
        *,
        pass_fds: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Run the browser. It dies with the thread that called this, if it comes to that."""
        plain = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
                env={**plain, **(env or {}), "HOME": str(self.folder)},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=tuple(pass_fds),
            )

    @property
    def alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self._process is not None and self._process.poll() is None

    def running(self) -> list[int]:
        """Return the ids of all that runs in this home; a zombie counts as ended."""
        home = b"HOME=" + os.fsencode(self.folder)
        found = []
        for entry in Path("/proc").iterdir():
            # A zombie's environment reads as empty, and a process may end while it is looked at.
            with suppress(OSError):
                if entry.name.isdigit() and (
                    home in (entry / "environ").read_bytes().split(b"\0") or self._in_session(entry)
                ):
                    found.append(int(entry.name))
        return found

    def _in_session(self, entry: Path) -> bool:
        """Whether a folder of /proc is of a process, not a zombie, in the browser's session."""
        state, _parent, _group, session = (
            (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
        )
        return self._process is not None and session == str(self._process.pid) and state not in "ZX"

    def last_words(self) -> str:
        """Return the end of what the browser printed."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""

    def stop(self, *, politely: bool = False) -> None:
        """End everything that runs in this home; `politely`: it was asked to, and is given time."""
        deadline = time.monotonic() + 10
        while politely and self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        deadline = time.monotonic() + 10
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
        while (left := self.running()) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def close(self) -> None:
        """End everything that runs in this home, and remove the folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
