"""A Java whose trust store a test may change: the real one, with links to all that is large."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

# What finds its way home by where it really lies, and so must lie there.
_COPIED = ("bin/java", "bin/keytool", "lib/libjli.so", "lib/server/libjvm.so")


def java_homes() -> list[Path]:
    """The Javas of this machine that have what is needed, each once."""
    found = dict.fromkeys(
        Path(os.path.realpath(home)) for home in sorted(Path("/usr/lib/jvm").glob("*"))
    )
    return [home for home in found if all((home / part).is_file() for part in _COPIED)]


def fake_jdk(real: Path, home: Path, *, cacerts: Path | None = None) -> Path:
    """Make a Java in `home` out of `real`, with a copy of its trust store; return that copy.

    With `cacerts` its trust store is a link to that instead, as distributions have it.
    """
    for folder in (home, home / "bin", home / "lib", home / "lib/server", home / "lib/security"):
        folder.mkdir(parents=True)
        for part in (real / folder.relative_to(home)).iterdir():
            name = part.relative_to(real)
            if str(name) in _COPIED:
                shutil.copy(part, home / name)
            elif name not in map(Path, ("bin", "lib", "lib/server", "lib/security")):
                (home / name).symlink_to(part)
    store = home / "lib/security/cacerts"
    store.unlink()
    if cacerts is not None:
        store.symlink_to(cacerts)
        return cacerts
    shutil.copy(os.path.realpath(real / "lib/security/cacerts"), store)
    store.chmod(0o644)
    return store
