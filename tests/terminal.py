"""A command on a terminal of its own (a pseudo-terminal), read and typed on as a person would."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Terminal:
    """Runs `command`; `said` is all that it has shown so far. Use it as a context manager."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str]) -> None:
        self.said = ""
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(
            command,
            env=dict(env),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def expect(self, text: str, *, seconds: float = 60) -> None:
        """Wait until it has shown `text`."""
        end = time.monotonic() + seconds
        while text not in self.said:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{text!r} was not shown, but:\n{self.said}")

    def type(self, text: str) -> None:
        """Type `text` and Enter."""
        os.write(self._master, f"{text}\n".encode())

    def press(self, key: str) -> None:
        """Press one key, and no Enter: `\x04` is Ctrl-D."""
        os.write(self._master, key.encode())

    def send(self, number: int) -> None:
        """Send it a signal: SIGINT is what Ctrl-C does."""
        self._process.send_signal(number)

    def wait(self, *, seconds: float = 120) -> int:
        """Wait until it ends, and return its exit code."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        return self._process.wait(max(1, end - time.monotonic()))

    def _read(self, seconds: float) -> bool:
        """Read what is there, within `seconds`; False when nothing comes any more."""
        if not select.select([self._master], [], [], max(0, seconds))[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says that the other end is closed with EIO
            return False
        self.said += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
