"""A housekey that has imported everything and forks itself for each command.

Starting Python and importing takes half a second, a fork some milliseconds: thousands of kills
become possible. What runs in the child is the command line's own code from its first line
(`housekey.cli.main._exit_code`), in a process of its own that the kernel really kills. Run as a
program this module is that server; imported, it is its client, `Warmed`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.command import environment
from tests.faults.operations import Disk, Fault
from tests.faults.points import Met

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.02  # instead of a tenth: the stand-in restarts faster than Home Assistant
WARM = (
    "aiohttp", "asyncio", "cryptography.x509", "cryptography.hazmat.primitives.serialization",
    "sqlite3", "rich.console", "rich.status", "ruamel.yaml", "shutil", "traceback", "idna",
    "encodings.idna", "ifaddr", "publicsuffixlist", "zeroconf",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended, or was ended."""

    code: int  # negative: the signal that ended it
    out: str
    err: str
    operations: tuple[str, ...]  # empty if it was killed
    seconds: float
    met: tuple[Met, ...] = ()  # before each operation and after the last, where it was asked for
    failed: int = 0  # operations that were made to fail

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    def __str__(self) -> str:
        return f"exit code {self.code}\n--- out\n{self.out}--- err\n{self.err}"


@dataclass(slots=True)
class Warmed:
    """The client of one server; a context manager. `within` is what runs it, as `unshare` does."""

    within: Callable[..., Sequence[str]] = lambda *command: command
    env: Mapping[str, str] | None = None
    _process: subprocess.Popen[str] = field(init=False)
    _folder: tempfile.TemporaryDirectory[str] = field(init=False)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="housekey-warmed-")
        self._process = subprocess.Popen(
            self.within(
                *(sys.executable, "-W", "error", "-m", "tests.faults.warmed", self._folder.name)
            ),
            cwd=Path(__file__).parents[2],
            # The public CAs take longer to read than all the rest takes; nothing here is theirs.
            env=self.env or environment(SSL_CERT_FILE=os.devnull),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=_PATIENCE_SECONDS)
        self._folder.cleanup()

    def run(
        self,
        *arguments: str | Path,
        root: Path,
        fault: Fault | None = None,
        kill_after: float | None = None,
        given: str = "",
    ) -> Ended:
        """Run one command to its end. `root`: what is about this folder is counted."""
        request = {
            "arguments": [str(each) for each in arguments],
            "root": str(root),
            "fault": asdict(fault) if fault else None,
            "kill_after": kill_after,
            "given": given,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline() or "null")
        assert answer is not None, "the server has ended"
        folder = Path(self._folder.name)
        counted = folder / "counted"
        told = json.loads(counted.read_text()) if counted.exists() else {}
        return Ended(
            code=answer["code"],
            out=(folder / "out").read_text(errors="replace"),
            err=(folder / "err").read_text(errors="replace"),
            operations=tuple(told.get("operations", ())),
            seconds=answer["seconds"],
            met=tuple(Met(**each) for each in told.get("met", ())),
            failed=told.get("failed", 0),
        )


def _serve(folder: Path) -> None:
    import importlib  # noqa: PLC0415 - the server's alone
    import pkgutil  # noqa: PLC0415

    import housekey  # noqa: PLC0415
    from housekey.homeassistant import client, site  # noqa: PLC0415
    from housekey.house import backup  # noqa: PLC0415
    from housekey.pki.shared_zones import is_registry, registered_domain  # noqa: PLC0415

    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for module in pkgutil.walk_packages(housekey.__path__, "housekey."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # another platform's
                importlib.import_module(module.name)
    _resolve_nothing_but_this_machine()
    for read in (is_registry, registered_domain):
        read("lan")  # the public suffixes: a quarter of what `secure` takes, each time the same
    # A passphrase is stretched for a second, each time; what is tested here is not that.
    assert backup.back_up.__kwdefaults__ is not None
    backup.back_up.__kwdefaults__["cost"] = 2**10
    client._LISTENING_SECONDS = site.POLL_SECONDS = _POLL_SECONDS
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        begun = time.monotonic()
        (folder / "counted").unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            _be_the_command(request, folder)
        code = _wait(pid, kill_after=request["kill_after"])
        answer = {"code": code, "seconds": time.monotonic() - begun}
        print(json.dumps(answer), flush=True)


def _resolve_nothing_but_this_machine() -> None:
    """Fake: what a network's DNS answers, and when, is not what is tested here."""
    from ipaddress import ip_address  # noqa: PLC0415 - the server's alone

    from housekey.live import handshake  # noqa: PLC0415

    async def resolve(host: str) -> tuple[handshake.Address, ...]:
        return (ip_address("127.0.0.1"),) if host == "localhost" else ()

    handshake.resolve = resolve


def _wait(pid: int, *, kill_after: float | None) -> int:
    fd = os.pidfd_open(pid)
    try:
        patience = _PATIENCE_SECONDS if kill_after is None else kill_after
        ended, _, _ = select.select([fd], [], [], patience)
        if not ended:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    finally:
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _be_the_command(request: dict[str, Any], folder: Path) -> None:
    code = 70
    try:
        for number, name in ((1, "out"), (2, "err")):
            fd = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(fd, number)
        read, write = os.pipe()
        os.write(write, request["given"].encode())
        os.close(write)
        os.dup2(read, 0)
        os.umask(0)  # the widest: a mode must not owe anything to it
        sys.argv = ["housekey", *request["arguments"]]
        from housekey.cli.main import _exit_code  # noqa: PLC0415 - loaded by now

        disk = None
        if request["fault"] is not None:
            disk = Disk(request["root"], Fault(**request["fault"]))
            disk.install()
        code = _exit_code(request["arguments"])
        if disk is not None:
            disk.busy = True
            if disk.fault.kind == "kill" and disk.fault.at == len(disk.done):
                os.kill(os.getpid(), signal.SIGKILL)
            disk.note()
            counted = {
                "operations": disk.done,
                "met": [asdict(each) for each in disk.met],
                "failed": disk.failed,
            }
            (folder / "counted").write_text(json.dumps(counted))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - must not come back into the server
        import traceback  # noqa: PLC0415

        traceback.print_exc()
    finally:
        os._exit(code)


def main(arguments: Sequence[str]) -> None:
    _serve(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
