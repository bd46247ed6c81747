"""A Debian root to run newer programs in, and how to run them there without leaving anything.

Every command gets mount and process namespaces of its own: what it mounts and
starts is gone when it ends, however it ends. The network is the machine's.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.release import apt_install, network_environment, plain_environment, run_here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# $1 the root; then pairs of folder and mount point up to "--"; then what to run.
_ENTER = """
root=$1; shift
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done
shift
exec chroot "$@"
"""
_CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A folder with a Debian in it."""

    path: Path

    def make(self, suite: str, mirror: str, *, packages: Sequence[str]) -> None:
        """Make it from a mirror, as root; what was there before goes. Raises InstallError."""
        if not shutil.which("debootstrap"):
            apt_install("debootstrap")
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        for folder in (unfinished, self.path):
            if folder.exists():
                shutil.rmtree(folder)
        run_here(
            [
                *("debootstrap", "--variant=minbase", f"--include={','.join(packages)}"),
                *(suite, str(unfinished), mirror),
            ],
            os.environ,
        )
        shutil.rmtree(unfinished / "var" / "cache" / "apt" / "archives")
        unfinished.rename(self.path)

    def take_network_settings(self) -> None:
        """Give it the machine's name resolution and certificates (a private CA's among them)."""
        for name in ("etc/resolv.conf", "etc/hosts"):
            if Path("/", name).exists():
                shutil.copy("/" / Path(name), self.path / name)
        named = network_environment().get("SSL_CERT_FILE")
        machine_certificates = Path(named) if named else "/" / _CERTIFICATES
        if machine_certificates.exists():
            shutil.copy(machine_certificates, self.path / _CERTIFICATES)
        (self.path / "config").mkdir(exist_ok=True)

    def environment(self) -> dict[str, str]:
        """What a command in it is run with: the machine's network settings with its own paths."""
        env = {
            name: value
            for name, value in network_environment().items()
            if "FIND_LINKS" not in name and not value.startswith("/")
        }
        certificates = str("/" / _CERTIFICATES)
        return {
            **plain_environment(),
            **env,
            "SSL_CERT_FILE": certificates,
            "REQUESTS_CA_BUNDLE": certificates,
            "HOME": "/root",
        }

    def command(
        self,
        command: Sequence[str],
        *,
        binds: Mapping[Path, str] | None = None,
        user: int | None = None,
    ) -> list[str]:
        """What runs `command` in it; `binds` are folders to appear there, `user` a uid.

        The command is process 1 of its own process namespace and the only child
        of the `unshare` that this starts.
        """
        pairs = [
            part for outside, inside in (binds or {}).items() for part in (str(outside), inside)
        ]
        identity = [] if user is None else [f"--userspec={user}:{user}"]
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--"),
            *("/bin/sh", "-euc", _ENTER, "sh", str(self.path), *pairs, "--"),
            *(*identity, str(self.path), *command),
        ]


def debian_mirror(
    etc_apt: Path = Path("/etc/apt"), *, system: Mapping[str, str] | None = None
) -> str | None:
    """The mirror of this machine's own Debian, as apt's sources have it; None on another system.

    `system` is what os-release says, read from the machine if not handed in.
    """
    if system is None:
        try:
            system = platform.freedesktop_os_release()
        except OSError:
            return None
    if system.get("ID") != "debian":
        return None
    suites = {system.get("VERSION_CODENAME", ""), "stable", "testing", "sid", "unstable"}
    parts = etc_apt / "sources.list.d"
    for source in sorted(parts.glob("*.sources")):
        for stanza in source.read_text().split("\n\n"):
            lines = [line.partition(":") for line in stanza.splitlines() if line[:1].isalpha()]
            fields = {name: value.split() for name, _, value in lines}
            if suites.intersection(fields.get("Suites", [])):
                return fields["URIs"][0]
    for source in (etc_apt / "sources.list", *sorted(parts.glob("*.list"))):
        for line in source.read_text().splitlines() if source.exists() else []:
            if line.startswith("deb "):
                # deb [options] URI suite component…
                uri, suite, *_ = line.removeprefix("deb ").rpartition("]")[2].split()
                if suite in suites:
                    return uri
    return None
