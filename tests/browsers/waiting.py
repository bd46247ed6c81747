"""Waiting for what a browser does in its own time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def soon(what: Callable[[], T], *, seconds: float = 30) -> T:
    """Return what it returns as soon as that is something, or else what it is in the end."""
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return found
