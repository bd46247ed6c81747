"""This Debian with a trust store of the test's own: real programs; the machine's store stays.

Each command gets a mount namespace in which copies stand for the folders of the system's store.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.command import COMMAND, Done, environment
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Sequence

ANCHORS = Path("/usr/local/share/ca-certificates")
LISTED = Path("/etc/ca-certificates.conf")  # which of Debian's own are taken in
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# Pairs of what is meant and where it lies, up to "--"; then what to run.
_ENTER = """
while [ "$1" != -- ]; do mount --bind "$2" "$1"; shift 2; done
shift
exec "$@"
"""
# Somebody who is not root, and may read this checkout and its Python wherever they lie.
_AS_NOBODY = (
    *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"),
)


class PrivateDebian:
    """A Debian whose system's store is in `folder`; with a `few` of its own roots, for speed."""

    def __init__(
        self, folder: Path, *, like: PrivateDebian | None = None, few: bool = False
    ) -> None:
        root = os.geteuid() == 0
        tools = all(map(shutil.which, ("unshare", "setpriv", "update-ca-certificates")))
        require(root and tools, "a private mount namespace on Debian takes root")
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.anchors = folder / "anchors"
        self.anchors.mkdir()
        self.ssl = folder / "ssl"
        shutil.copytree(like.ssl if like else "/etc/ssl", self.ssl, symlinks=True)
        self.hooks = folder / "hooks"
        self.hooks.mkdir()
        self.listed = folder / "ca-certificates.conf"
        lines = LISTED.read_text().splitlines(keepends=True)
        own = [line for line in lines if line.startswith("mozilla/")]
        self.listed.write_text("".join(own[:3] if few else lines))
        if like is None:
            # Without the machine's own additions, so that a test sees only what it did itself.
            self.run("update-ca-certificates", "--fresh")

    @property
    def bundle(self) -> bytes:
        return (self.ssl / "certs" / BUNDLE.name).read_bytes()

    def housekey(self, *arguments: str | Path, nobody: bool = False, **env: str) -> Done:
        """Run `housekey` there, as root or as nobody."""
        return self.run(*COMMAND, *arguments, nobody=nobody, check=False, **env)

    def command(self, *command: str | Path, nobody: bool = False) -> Sequence[str]:
        """Return what runs `command` there."""
        places = {ANCHORS: self.anchors, Path("/etc/ssl"): self.ssl}
        places[Path("/etc/ca-certificates/update.d")] = self.hooks
        places[LISTED] = self.listed
        pairs = [str(part) for place in places.items() for part in place]
        identity = _AS_NOBODY if nobody else ()
        return [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *("/bin/sh", "-euc", _ENTER, "sh", *pairs, "--", *identity),
            *(str(part) for part in command),
        ]

    def environment(self, **env: str) -> dict[str, str]:
        """Return a plain environment, with a home of the test's own."""
        told = ("SSL_CERT", "CA_BUNDLE", "NODE_", "CA_CERTS", "XDG_")
        plain = {k: v for k, v in environment().items() if not any(part in k for part in told)}
        return {**plain, "HOME": str(self.home), **env}

    def run(
        self, *command: str | Path, nobody: bool = False, check: bool = True, **env: str
    ) -> Done:
        """Run `command` there."""
        ended = subprocess.run(
            self.command(*command, nobody=nobody),
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        done = Done(ended.returncode, ended.stdout, ended.stderr)
        assert done.code == 0 or not check, done
        return done
