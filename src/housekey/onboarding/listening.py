"""The sockets of the page and of the proof, taken before any process starts that serves them."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from housekey.errors import ShareFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

BACKLOG = 512


def listen(
    addresses: Sequence[str], port: int, *, option: str = "--port"
) -> tuple[tuple[socket.socket, ...], int]:
    """Listen at every one of `addresses` on one port; return the sockets, and the port.

    Port 0 is any that is free at all of them; `option` names another one. Raises ShareFailed, with
    nothing left open.
    """
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            opened.append(_listen(address, port))
            port = opened[0].getsockname()[1]
    except OSError as trouble:
        for each in opened:
            each.close()
        raise _failed(trouble, address, port, option) from trouble
    return tuple(opened), port


def _listen(address: str, port: int) -> socket.socket:
    # The address may carry a scope ("fe80::1%eth0"), which only this function reads.
    ((family, kind, protocol, _, sockaddr), *_) = socket.getaddrinfo(
        address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
    )
    listener = socket.socket(family, kind, protocol)
    try:
        # Or the port would stay taken for a minute after the last time (TIME_WAIT).
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(sockaddr)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _failed(trouble: OSError, address: str, port: int, option: str) -> ShareFailed:
    if trouble.errno == errno.EADDRINUSE:
        return ShareFailed(
            f"port {port} at {address} is taken by another program",
            hint=f"another `housekey share` may be running; else choose a free port with {option}",
            port=port,
        )
    if trouble.errno in (errno.EACCES, errno.EPERM):
        return ShareFailed(
            f"port {port} at {address} may not be opened by this user",
            hint=f"choose a port above 1023 with {option}",
            port=port,
        )
    if trouble.errno == errno.EADDRNOTAVAIL or isinstance(trouble, socket.gaierror):
        return ShareFailed(
            f"{address} is not an address of this machine",
            hint="`ip address` lists them; name one with --bind",
        )
    reason = os.strerror(trouble.errno or 0).lower()
    return ShareFailed(
        f"port {port} at {address} cannot be opened: {reason}",
        hint=f"choose another port with {option}, or another address with --bind",
    )
