"""Somebody with a Home Assistant, a name in a real DNS, and a real CA that signs for it."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.command import COMMAND, Done, Owner, environment
from tests.public.knot import Knot
from tests.public.pebble import Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.homes.home import Home

ZONE = "home.test"
NAME = f"ha.{ZONE}"


@dataclass(frozen=True, slots=True)
class PublicOwner:
    """Their housekey asks knot as this machine's resolver, in a mount namespace of its own."""

    owner: Owner
    dns: Knot
    ca: Pebble
    root: Path  # what devices that accept its certificates trust
    credentials: Path

    @property
    def house(self) -> Path:
        return self.owner.house

    def run(self, command: str, *more: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run a command about this Home Assistant, with --json and --yes."""
        return self.housekey(command, *self.owner.arguments("--json", "--yes", *more), env=env)

    def housekey(self, *arguments: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run any command."""
        ended = subprocess.run(
            self.dns.seen_by(*COMMAND, *arguments),
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        return Done(ended.returncode, ended.stdout, ended.stderr)

    def secure(self, *more: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run `housekey secure --public`, as its owner did for the first time."""
        return self.run("secure", *self.options(), *more, env=env)

    def options(self, *names: str) -> list[str | Path]:
        """What `secure` is told of the road."""
        return [
            *(part for name in names or (NAME,) for part in ("--public", name)),
            *("--dns", "ddns", "--dns-credentials", self.credentials, "--agree-tos"),
            *("--acme-directory", self.ca.directory, "--acme-root", self.root),
        ]


@contextmanager
def public_owner(home: Home, folder: Path) -> Iterator[PublicOwner]:
    """Set up the name, the CA and the owner's files; all of it ends with the block."""
    owner = Owner.of(home, folder)
    zones = {ZONE: "ha A 127.0.0.1"}
    with Knot(zones=zones) as dns, Pebble(dns=(dns.address, dns.port)) as ca:
        root, credentials = folder / "ca.pem", folder / "dns.ini"
        root.write_text(ca.roots_pem())
        credentials.touch(mode=0o600)
        credentials.write_text(
            "".join(f"{name} = {value}\n" for name, value in dns.credentials.items())
        )
        yield PublicOwner(owner, dns, ca, root, credentials)
