"""What a service tells systemd: that it is ready, that it lives, that it stops (sd_notify(3))."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Systemd:
    """The one that started us; without it, nobody is told."""

    address: str = ""
    watchdog_seconds: float | None = None  # how often it wants to hear; None: not at all

    def tell(self, *lines: str) -> None:
        """Send one message; that nobody hears it is no reason to end."""
        if not self.address:
            return
        # An address that begins with @ is in the abstract namespace (unix(7)).
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
        ):
            channel.sendto("\n".join(lines).encode(), address)


def systemd_of(environ: Mapping[str, str]) -> Systemd:
    """Read what systemd has put into the environment."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return Systemd()
    try:
        for_us = int(environ.get("WATCHDOG_PID", os.getpid())) == os.getpid()
        within = int(environ["WATCHDOG_USEC"]) / 1_000_000
    except (KeyError, ValueError):
        return Systemd(address)
    # Twice as often as it must be (sd_watchdog_enabled(3)).
    return Systemd(address, within / 2 if for_us and within > 0 else None)
