"""`housekey share` as a user runs it: a process of its own, on free ports of this machine."""

from __future__ import annotations

import http.client
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from demo.instance import free_port
from tests.command import COMMAND, Done, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_ANSWERS_WITHIN = 60.0  # seconds, on a busy machine


class Share:
    """The page of a house, from entering the `with` to its end. No terminal, `--json`."""

    def __init__(self, house: Path, *options: str, host: str = "127.0.0.1") -> None:
        """Answer at `host`, an address of this machine, with more `options` of the command."""
        self.host = host
        self.port, self.proof_port = free_port(), free_port()
        self.command = (
            *(*COMMAND, "share", "--house", str(house), "--json", "--bind", host),
            *("--port", str(self.port), "--proof-port", str(self.proof_port), *options),
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{_shown(self.host)}:{self.port}/"

    @property
    def proof(self) -> str:
        """The proof's address, without a path."""
        return f"https://{_shown(self.host)}:{self.proof_port}"

    def get(self, path: str = "/", headers: Mapping[str, str] | None = None) -> bytes:
        """Return the body of what lies at `path`. Raises OSError when nobody answers."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            return connection.getresponse().read()
        finally:
            connection.close()

    def ended(self, *, seconds: float = 60) -> Done:
        """Wait until it ends by itself, and return how."""
        assert self._process is not None
        code = self._process.wait(seconds)
        return Done(code, self._out.read_text(), self._err.read_text())

    def end(self) -> Done:
        """End it as Ctrl-C does, and return how it ended."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.ended()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="housekey-share-")
        self._out, self._err = (Path(self._folder.name, name) for name in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                self.command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        end = time.monotonic() + _ANSWERS_WITHIN
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError):
                self.get("/about.json")  # which makes nobody a device
                return self
            time.sleep(0.05)
        self.__exit__()
        raise AssertionError(f"housekey share does not answer: {self._process.poll()}")

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        try:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)
                self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
            raise
        finally:
            self._folder.cleanup()


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
