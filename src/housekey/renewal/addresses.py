"""Waiting until this machine has other addresses, or another name.

The kernel of Linux says so by itself (rtnetlink(7)); what it says is not read, only that it said
something. Elsewhere, and for the name, the machine is looked at every minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from housekey.homeassistant.names import Machine

LOOK_SECONDS = 60.0
# A router that restarts, or a cable that is pulled, takes addresses away and gives them back.
SETTLE_SECONDS = 30.0
_IPV4, _IPV6 = 0x10, 0x100  # RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_CHUNK = 65_536


class AddressWatch:
    """Tells when the machine is another. Close it, or use it as a context manager."""

    def __init__(
        self,
        look: Callable[[], Machine],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._look = look
        self._sleep = sleep
        self._known = look()
        self._socket = _kernel()

    @property
    def by_kernel(self) -> bool:
        """Whether the kernel says when there is something to look at."""
        return self._socket is not None

    async def changed(self) -> Machine:
        """Wait until names or addresses are others, and stay so for a while; return them."""
        while True:
            found = self._look()
            if found == self._known:
                await self._wait(LOOK_SECONDS)
                continue
            await self._sleep(SETTLE_SECONDS)
            self._drain()
            if self._look() == found:
                self._known = found
                return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _wait(self, seconds: float) -> None:
        """Wait until the kernel says something, or for `seconds`."""
        waiting = [asyncio.ensure_future(self._sleep(seconds))]
        if self._socket is not None:
            loop = asyncio.get_running_loop()
            waiting.append(asyncio.ensure_future(_heard(loop, self._socket)))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _drain(self) -> None:
        """Forget what the kernel said meanwhile: the machine is looked at now."""
        with contextlib.suppress(OSError):
            while self._socket is not None:
                self._socket.recv(_CHUNK)


async def _heard(loop: asyncio.AbstractEventLoop, kernel: socket.socket) -> None:
    with contextlib.suppress(OSError):  # ENOBUFS: it said more than there was room for
        await loop.sock_recv(kernel, _CHUNK)


def _kernel() -> socket.socket | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    except OSError:
        return None
    try:
        kernel.bind((0, _IPV4 | _IPV6))
        kernel.setblocking(False)  # noqa: FBT003
    except OSError:
        kernel.close()
        return None
    return kernel
