"""A router's DNS: Debian's dnsmasq, which OpenWrt, Pi-hole and many others are made of.

It forwards to a `Knot`, and with `filters` drops private addresses as such routers do.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Self

import dns.exception
import dns.message
import dns.query

from tests.needs import require
from tests.public.knot import SECONDS, asking, free_address

if TYPE_CHECKING:
    from pathlib import Path

    from tests.public.knot import Knot


class Dnsmasq:
    """Listens on port 53 of an address of its own; ends with the `with` block, or this process."""

    def __init__(self, upstream: Knot, *, filters: bool, allowed: str = "", own: str = "") -> None:
        require(shutil.which("dnsmasq") is not None, "dnsmasq (Debian: dnsmasq-base)")
        self.address = free_address()
        self._options = [
            *(f"--server=/{zone}/{upstream.address}" for zone in upstream.zones),
            # The zones' own servers are on loopback, which is let through as OpenWrt does.
            *(["--stop-dns-rebind", "--rebind-localhost-ok"] if filters else []),
            *([f"--rebind-domain-ok={allowed}"] if allowed else []),
            *([f"--address={own}"] if own else []),
        ]
        self._asked = next(iter(upstream.zones))
        self._folder = upstream.resolv_conf.parent

    def seen_by(self, *command: str | Path) -> list[str]:
        """Return what runs `command` with this as the system's resolver."""
        resolv_conf = self._folder / f"resolv.conf-{self.address}"
        resolv_conf.write_text(f"nameserver {self.address}\noptions timeout:2\n")
        return asking(resolv_conf, *command)

    def __enter__(self) -> Self:
        plain = ["--no-resolv", "--no-hosts", "--pid-file=", "--conf-file=/dev/null", "--user=root"]
        here = [f"--listen-address={self.address}", "--bind-interfaces", "--keep-in-foreground"]
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "dnsmasq", *plain, *here, *self._options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _wait(self) -> None:
        end = time.monotonic() + SECONDS
        while True:
            assert self._process.poll() is None
            assert time.monotonic() < end, "dnsmasq does not answer"
            try:
                question = dns.message.make_query(self._asked, "SOA")
                dns.query.udp(question, self.address, timeout=0.2)
            except (OSError, dns.exception.DNSException):
                time.sleep(0.02)
            else:
                return
