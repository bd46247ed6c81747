"""Is a key open to others, even for an instant? Looked at with nothing taken from any mode."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def readable_by_others(folder: Path) -> list[str]:
    """Name every file at or below `folder` that more than its owner may read, if it holds a key."""
    found = []
    for path in folder.iterdir():
        if path.is_dir():  # nobody else gets into one that is its owner's alone
            found += readable_by_others(path) if path.stat().st_mode & 0o077 else []
        elif path.stat().st_mode & 0o077 and b"PRIVATE KEY" in path.read_bytes():
            found.append(str(path))
    return found


@contextmanager
def no_umask() -> Iterator[None]:
    """Let nothing be taken from the modes that files are made with."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)
