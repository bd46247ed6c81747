"""Running a command while everybody's view of it is written down: its output, and its processes."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.command import COMMAND, environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAUSE = 0.02  # a command lives for some hundred milliseconds


@dataclass(slots=True)
class Seen:
    """What one command wrote, and what its processes showed."""

    command: str
    code: int
    out: bytes
    err: bytes
    processes: dict[tuple[int, str], bytes] = field(default_factory=dict)  # (pid, file) -> content

    def everything(self) -> dict[str, bytes]:
        shown = {f"/proc/{pid}/{name}": content for (pid, name), content in self.processes.items()}
        return {"standard output": self.out, "standard error": self.err, **shown}


def watched(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    stop_at: bytes | None = None,
    inside: Sequence[str] = (),
) -> Seen:
    """Run `housekey` and look at its processes and all that they start, until it ends.

    `stop_at`: end it once it has said this, for a command that stays. `inside`: what it is run by.
    """
    process = subprocess.Popen(
        [*inside, *COMMAND, *map(str, arguments)],
        env=environment(**(env or {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    seen: dict[tuple[int, str], bytes] = {}
    ended = threading.Event()
    looking = threading.Thread(target=_look, args=(process.pid, seen, ended))
    looking.start()
    try:
        if stop_at is None:
            out, err = process.communicate(stdin, timeout=300)
        else:
            out, err = _until(process, stop_at)
    finally:
        ended.set()
        looking.join()
        if process.poll() is None:
            process.kill()
            process.wait()
    return Seen(" ".join(map(str, arguments)), process.returncode, out, err, seen)


def _until(process: subprocess.Popen[bytes], stop_at: bytes) -> tuple[bytes, bytes]:
    """Read both streams until one has said it; what it started is all there by then."""
    guard = threading.Timer(120, process.kill)
    guard.start()
    said = {1: b"", 2: b""}
    try:
        with selectors.DefaultSelector() as streams:
            for number, stream in ((1, process.stdout), (2, process.stderr)):
                assert stream is not None
                streams.register(stream, selectors.EVENT_READ, number)
            while streams.get_map() and not any(stop_at in each for each in said.values()):
                for key, _ in streams.select():
                    chunk = os.read(key.fd, 65536)
                    said[key.data] += chunk
                    if not chunk:
                        streams.unregister(key.fileobj)
        time.sleep(5 * _PAUSE)  # its processes are looked at once more
        process.terminate()
        out, err = process.communicate(timeout=60)
    finally:
        guard.cancel()
    assert any(stop_at in each for each in said.values()), said
    return said[1] + out, said[2] + err


def _look(pid: int, seen: dict[tuple[int, str], bytes], ended: threading.Event) -> None:
    while not ended.is_set():
        for each in _family(pid):
            for name in ("cmdline", "environ"):
                with suppress(OSError):
                    content = Path(f"/proc/{each}/{name}").read_bytes()
                    if content:
                        seen[each, name] = seen.get((each, name), b"")
                        if content not in seen[each, name]:
                            seen[each, name] += content + b"\0"
        time.sleep(_PAUSE)


def _family(pid: int) -> list[int]:
    """The process and all below it."""
    below: dict[int, list[int]] = {}
    for each in Path("/proc").iterdir():
        if each.name.isdecimal():
            with suppress(OSError, ValueError, IndexError):
                # Behind the name, which may hold anything: the state, then the parent (proc(5)).
                fields = (each / "stat").read_text().rpartition(")")[2].split()
                below.setdefault(int(fields[1]), []).append(int(each.name))
    found: list[int] = []
    todo = [pid]
    while todo:
        found.append(todo.pop())
        todo += below.get(found[-1], [])
    return found
