"""The process of a Home Assistant, started again when it asks for it.

Used by the demo and by the tests' homes. Everything is plain blocking code: the
callers are a script and tests.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESTART_EXIT_CODE = 100  # homeassistant/const.py: "start me again"


def free_port() -> int:
    """A TCP port that nothing listens on right now, on IPv4 or IPv6."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


class Supervised:
    """A process that is started again whenever it asks for it, as systemd would.

    `wrapper_depth` is how many processes stand between the one started here and
    Home Assistant itself: 1 under `unshare --fork`, else 0.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        wrapper_depth: int = 0,
    ) -> None:
        self.restart = True  # False: an exit with 100 is final too
        self.starts = 0
        self.exit_code: int | None = None
        self._command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        self._env = dict(env)
        self._log = log
        self._depth = wrapper_depth
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = threading.Event()
        self._ended.set()
        self._stopping = False

    @property
    def running(self) -> bool:
        return not self._ended.is_set()

    @property
    def pid(self) -> int | None:
        """Home Assistant's own process, or None while there is none."""
        process = self._process
        if process is None or process.poll() is not None:
            return None
        pid = process.pid
        for _ in range(self._depth):
            children = _children(pid)
            if not children:
                return None
            pid = children[0]
        return pid

    def start(self) -> None:
        """Start it, and keep restarting it until stop() or kill()."""
        if self.running:
            raise RuntimeError("already running")
        self._ended.clear()
        self._stopping = False
        self.exit_code = None
        # The parent-death signal follows the *thread* that started the process, so the thread
        # stays for as long as the process does.
        threading.Thread(target=self._supervise, name="home-assistant", daemon=True).start()

    def stop(self, *, within: float = 30) -> None:
        """Ask it to end and wait; it is killed after `within` seconds."""
        self._end(signal.SIGTERM)
        if not self._ended.wait(within):
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)
        if not self._ended.wait(10):
            raise RuntimeError("a killed process did not end")

    def wait(self, timeout: float) -> bool:
        """Wait until it has ended for good; False when it has not within `timeout` seconds."""
        return self._ended.wait(timeout)

    def _end(self, number: signal.Signals) -> None:
        self._stopping = True
        # A wrapper that was only just started has no child yet; between two starts there is none.
        while self.running:
            pid = self.pid
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                return
            time.sleep(0.02)

    def _supervise(self) -> None:
        try:
            with self._log.open("ab") as log:
                while not self._stopping:
                    self._process = subprocess.Popen(
                        self._command,
                        env=self._env,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                    self.starts += 1
                    self.exit_code = self._process.wait()
                    if self.exit_code != RESTART_EXIT_CODE or not self.restart:
                        return
        finally:
            self._ended.set()


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]
