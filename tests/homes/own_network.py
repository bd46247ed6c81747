"""A network of a test's own: who asks for it, and all that it starts, are alone in it."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLONE_NEWNET = 0x40000000  # unshare(2)
_SIOCSIFADDR, _SIOCSIFFLAGS = 0x8916, 0x8914  # netdevice(7)
_IFF_UP = 0x1


@contextmanager
def own_network() -> Iterator[None]:
    """Be in a network namespace with nothing but a loopback, until the end."""
    require(sys.platform.startswith("linux") and os.geteuid() == 0, "root on Linux, to make a net")
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        require(libc.unshare(_CLONE_NEWNET) == 0, "the right to make a network of its own")
        try:
            _ask(_SIOCSIFFLAGS, struct.pack("16sh22s", b"lo", _IFF_UP, b""))
            yield
        finally:
            assert libc.setns(before, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(before)


def give_address(address: str, *, number: int = 1) -> None:
    """Give this machine one address more; the kernel tells everybody who listens."""
    ip = socket.inet_aton(address)
    name = f"lo:{number}".encode()
    _ask(_SIOCSIFADDR, struct.pack("16sH2s4s8s", name, socket.AF_INET, b"", ip, b""))


def _ask(request: int, argument: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, request, argument)
