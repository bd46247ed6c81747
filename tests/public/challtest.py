"""Pebble's own small DNS server (Debian: pebble), and records that are put into it.

It knows any name and has no zones, so it proves the protocol with the CA and nothing about DNS:
that is tests/public/knot.py's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Self

from demo.instance import free_port
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Sequence

HOST = "127.0.0.1"
SECONDS = 60.0


class ChallTest:
    """One DNS server; ends with the `with` block, or with this process."""

    def __init__(self) -> None:
        require(shutil.which("pebble-challtestsrv") is not None, "pebble-challtestsrv (pebble)")
        require(shutil.which("setpriv") is not None, "setpriv")
        self.port = self._management = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dns(self) -> tuple[str, int]:
        return HOST, self.port

    @property
    def url(self) -> str:
        """Where records are set."""
        return f"http://{HOST}:{self._management}"

    def __enter__(self) -> Self:
        self.port, self._management = free_port(), free_port()
        self._process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "pebble-challtestsrv"),
                *("-dns01", f"{HOST}:{self.port}", "-management", f"{HOST}:{self._management}"),
                *("-http01", "", "-https01", "", "-tlsalpn01", ""),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + SECONDS
        while True:
            try:
                set_txt(self.url, "ready.test", "yes")
            except OSError:
                if time.monotonic() > end:
                    self.__exit__()
                    raise
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class ChallTestRecords:
    """`Records` in a ChallTest at `url`; `hides` shows nothing, `lies` shows another value."""

    one_at_a_time = False

    def __init__(self, url: str, *, hides: bool = False, lies: bool = False) -> None:
        self._url = url
        self.hides = hides
        self.lies = lies
        self.published: list[str] = []
        self.withdrawn: list[str] = []

    def seen_at(self, domain: str) -> str:
        return f"at the test's DNS server, for {domain}" if domain in self.published else ""

    async def publish(self, domain: str, values: Sequence[str]) -> None:
        self.published.append(domain)
        clear_txt(self._url, domain)
        assert len(values) == 1 or not self.one_at_a_time
        for value in values:
            if not self.hides:
                set_txt(self._url, domain, value[::-1] if self.lies else value)

    async def withdraw(self, domain: str, values: Sequence[str]) -> None:  # noqa: ARG002
        self.withdrawn.append(domain)
        clear_txt(self._url, domain)


def set_txt(url: str, domain: str, value: str) -> None:
    _post(f"{url}/set-txt", {"host": f"_acme-challenge.{domain}.", "value": value})


def clear_txt(url: str, domain: str) -> None:
    _post(f"{url}/clear-txt", {"host": f"_acme-challenge.{domain}."})


def _post(url: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(url, data=json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=SECONDS).close()
