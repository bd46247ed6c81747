"""Somebody with a Home Assistant (the stand-in of tests/faults), a name, and a CA for it.

The command line is the real one, and so are the DNS (knot) and the CA (Pebble).
"""

from __future__ import annotations

import json
import ssl
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from housekey.pki.names import names_of
from tests.command import COMMAND, Done, environment
from tests.faults.stand_in import TOKEN, StandIn, free_port, furnish
from tests.public.knot import Knot
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.public.dnsmasq import Dnsmasq

ZONE, NAME = "home.test", "ha.home.test"
ZONES = {ZONE: "ha A 127.0.0.1\n* A 127.0.0.1", "duckdns.org": "myhome A 127.0.0.1"}


@dataclass
class Owner:
    """Somebody with a Home Assistant (the stand-in), a name, and a CA that signs for it."""

    folder: Path
    home: StandIn
    dns: Knot
    ca: Pebble

    @property
    def house(self) -> Path:
        return self.folder / "house"

    def run(
        self,
        *words: str | Path,
        begin: tuple[str, ...] = COMMAND,
        env: Mapping[str, str] | None = None,
        resolver: Dnsmasq | None = None,
        as_json: bool = True,
    ) -> Done:
        """Run a command about this house; `resolver` is whom it asks, in place of knot."""
        command = [*begin, *words, "--house", self.house, *(["--json"] if as_json else [])]
        ended = subprocess.run(
            (resolver or self.dns).seen_by(*command),
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        self.home.settle()
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def about_home(self, command: str, *more: str | Path, **how: object) -> Done:
        at = ["--config", self.home.folder, "--token-file", self.folder / "token", "--wait", "20"]
        return self.run(command, *at, "--yes", *more, **how)  # type: ignore[arg-type]

    def secure(self, *more: str | Path, names: tuple[str, ...] = (NAME,), **how: object) -> Done:
        named: list[str | Path] = [part for name in names for part in ("--public", name)]
        road: list[str | Path] = ["--dns", "ddns", "--dns-credentials", self.folder / "dns.ini"]
        return self.about_home("secure", *named, *road, *self.by_the_ca, *more, **how)

    @property
    def by_the_ca(self) -> list[str | Path]:
        root = self.folder / "ca.pem"
        return ["--acme-directory", self.ca.directory, "--acme-root", root, "--agree-tos"]

    @property
    def presented(self) -> x509.Certificate:
        pem = ssl.get_server_certificate(("127.0.0.1", self.home.port))
        return x509.load_pem_x509_certificate(pem.encode())

    @property
    def names_presented(self) -> set[str]:
        return {str(name) for name in names_of(self.presented)}

    @property
    def urls(self) -> dict[str, str | None]:
        """The addresses that Home Assistant goes by."""
        core = json.loads((self.home.folder / ".storage" / "core.config").read_text())["data"]
        return {each: core.get(each) for each in ("internal_url", "external_url")}


@contextmanager
def owner_in(
    folder: Path,
    *,
    zones: Mapping[str, str] | None = None,
    listens_at: str = "127.0.0.1",
    seconds: int = 90 * 86400,
) -> Iterator[Owner]:
    """Start everything; it ends with the block. `seconds`: the life of what the CA signs.

    `listens_at`: where the Home Assistant does.
    """
    home = StandIn(folder / "config", "trial", free_port(), listens_at)
    furnish(home.folder, "trial", home.port)
    for name, text in (("token", TOKEN), ("dns.ini", "")):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    with (
        Knot(zones=zones or ZONES) as dns,
        Pebble(dns=(dns.address, dns.port), seconds=seconds) as ca,
        home,
    ):
        home.start()
        options = "".join(f"{name} = {value}\n" for name, value in dns.credentials.items())
        (folder / "dns.ini").write_text(options)
        (folder / "ca.pem").write_text(ca.roots_pem())
        yield Owner(folder, home, dns, ca)
