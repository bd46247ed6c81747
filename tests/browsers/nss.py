"""An NSS database that trusts given roots, as `certutil` of libnss3-tools makes it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# What PLATFORMS.md 10.2 says, and mkcert and every guide do: a CA for servers.
TRUSTED_CA = "C,,"


class NotImported(Exception):
    """`certutil` refused a root; the text is what it said."""

    def __init__(self, root: bytes, said: str) -> None:
        super().__init__(said)
        self.root = root


def trust(database: Path, roots: Sequence[bytes], *, flags: str = TRUSTED_CA) -> None:
    """Make `database` (a folder) trust `roots` (DER) and nothing else.

    Raises:
        NotImported: `certutil` does not take one of them.
    """
    database.mkdir(parents=True)
    _certutil(database, "-N", "--empty-password")
    with tempfile.TemporaryDirectory(dir=database) as folder:
        commands = []
        for number, root in enumerate(roots):
            file = Path(folder, f"root-{number}.der")
            file.write_bytes(root)
            commands.append(f"-A -n root-{number} -t {flags} -i {file}\n")
        # One process for all of them.
        Path(folder, "commands").write_text("".join(commands))
        said = _certutil(database, "-B", "-i", str(Path(folder, "commands"))) if roots else ""
    there = set(_certutil(database, "-L").split())
    for number, root in enumerate(roots):
        if f"root-{number}" not in there:
            raise NotImported(root, said.strip())


def add(database: Path, name: str, root: Path, *, flags: str = TRUSTED_CA) -> None:
    """Make an existing `database` trust the root in a file (DER or PEM), as a person would.

    Raises:
        NotImported: `certutil` does not take it.
    """
    said = _certutil(database, "-A", "-n", name, "-t", flags, "-i", str(root))
    if name not in _certutil(database, "-L").split():
        raise NotImported(root.read_bytes(), said.strip())


def _certutil(database: Path, *arguments: str) -> str:
    """Run it, and return what it prints. It ends well when a command of many went wrong."""
    ended = subprocess.run(
        ["certutil", *arguments, "-d", f"sql:{database}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )
    return ended.stdout.decode(errors="replace")
