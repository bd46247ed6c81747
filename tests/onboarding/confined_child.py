"""A process that confines itself and then tries everything that it must not be able to do.

Run as `python -m tests.onboarding.confined_child`, with a line of JSON on standard input (see
`Orders`); prints a line of JSON: for each attempt "done", or the name of the error.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.onboarding import confine as confining

if TYPE_CHECKING:
    from collections.abc import Callable

_SYSCALL = ctypes.CDLL(None, use_errno=True).syscall
_SYSCALL.restype = ctypes.c_long
_PTRACE, _PROCESS_VM_READV, _IO_URING_SETUP, _UNSHARE = 101, 310, 425, 272  # x86_64
_TGKILL, _FCHMODAT2, _SHMGET = 234, 452, 29
_NEW_USER = 0x10000000
_CURRENT_FOLDER = -100  # AT_FDCWD
_ATTACH, _DETACH = 16, 17


@dataclass(frozen=True)
class Orders:
    """What the process is to be, and to try."""

    user: int | None  # to become before everything else; None stays what it is
    landlock: bool
    seccomp: bool
    may_become_nobody: bool
    confine: bool  # False shows what each attempt does to one who is not confined
    folder: str
    files: list[str]
    port: int  # where somebody listens, TCP and UDP
    victim: int  # a process of the same user


def attempts(orders: Orders) -> dict[str, Callable[[], object]]:
    """Return all attempts by name; each raises OSError when it is refused."""

    def read(path: str) -> Callable[[], object]:
        return lambda: os.close(os.open(path, os.O_RDONLY))

    def connect() -> None:
        with socket.create_connection(("127.0.0.1", orders.port), timeout=5):
            pass

    def udp() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"secret", ("127.0.0.1", orders.port))

    def bind() -> None:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            one.listen()

    def execute() -> None:
        os.execv("/bin/sh", ["/bin/sh", "-c", "echo '\"done\"}'"])

    def fork() -> None:
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

    def thread() -> None:
        try:
            started = threading.Thread(target=int)
            started.start()
        except RuntimeError as refused:
            raise PermissionError(errno.EACCES, str(refused)) from refused
        started.join()

    def attach() -> None:
        _call(_PTRACE, _ATTACH, orders.victim, 0, 0)
        os.waitpid(orders.victim, 0x40000000)
        _call(_PTRACE, _DETACH, orders.victim, 0, 0)

    def peek() -> None:
        buffer = ctypes.create_string_buffer(8)
        here = struct.pack("PN", ctypes.addressof(buffer), 8)
        there = struct.pack("PN", ctypes.addressof(buffer), 8)
        try:
            _call(_PROCESS_VM_READV, orders.victim, here, 1, there, 1, 0)
        except OSError as trouble:
            if trouble.errno != errno.EFAULT:  # allowed, but nothing is at that address
                raise

    return {
        **{f"read {path}": read(path) for path in orders.files},
        "list the folder": lambda: list(Path(orders.folder).iterdir()),
        "list /": lambda: list(Path("/").iterdir()),
        "write a file": lambda: os.close(
            os.open(Path(orders.folder, "new"), os.O_CREAT | os.O_WRONLY)
        ),
        "change a mode": lambda: Path(orders.folder).chmod(0o700),
        "change a mode in the newest way": lambda: _call(
            _FCHMODAT2, _CURRENT_FOLDER, orders.folder.encode(), 0o700, 0
        ),
        "change a time": lambda: os.utime(orders.folder),
        "list extended attributes": lambda: os.listxattr(orders.folder),
        "share memory": lambda: _call(_SHMGET, 0, 4096, 0o600),
        "read a process's memory": read(f"/proc/{orders.victim}/mem"),
        "read a process's environment": read(f"/proc/{orders.victim}/environ"),
        "attach to a process": attach,
        "peek into a process": peek,
        "send a signal": lambda: os.kill(orders.victim, signal.SIGCONT),
        "send a signal to a thread": lambda: _call(
            _TGKILL, orders.victim, orders.victim, signal.SIGCONT
        ),
        "limit a process": lambda: resource.prlimit(orders.victim, resource.RLIMIT_CORE, (0, 0)),
        "connect": connect,
        "send a datagram": udp,
        "listen": bind,
        "fork": fork,
        "start a thread": thread,
        "set up io_uring": lambda: os.close(
            _call(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120))
        ),
        "become root": lambda: os.setuid(0),
        "have a user namespace": lambda: _call(_UNSHARE, _NEW_USER),
        "execute": execute,  # last: done, it does not come back
    }


def _call(number: int, *arguments: object) -> int:
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    answer = int(_SYSCALL(ctypes.c_long(number), *words))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def main() -> None:
    """Do as ordered."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    "localhost".encode("idna")  # a module that connecting loads, and which is no attempt of ours
    if orders.user is not None:
        os.setgroups([])
        os.setgid(orders.user)
        os.setuid(orders.user)
    for path in orders.files:  # that they are there, and would be readable
        os.close(os.open(path, os.O_RDONLY))
    held: tuple[str, ...] = ()
    if orders.confine:
        if not orders.may_become_nobody:
            confining._become_nobody = lambda: False
        held = confining.confine(landlock=orders.landlock, seccomp=orders.seccomp)
    sys.stdout.write(f'{{"held": {json.dumps(held)}')
    for name, attempt in attempts(orders).items():
        sys.stdout.write(f", {json.dumps(name)}: ")
        sys.stdout.flush()
        outcome = "done"
        try:
            attempt()
        except OSError as refused:
            outcome = errno.errorcode.get(refused.errno or 0, str(refused))
        sys.stdout.write(json.dumps(outcome))
    sys.stdout.write("}")
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
