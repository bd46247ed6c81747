"""Waiting for what a browser does in its own time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browsers.chromium import Chromium

T = TypeVar("T")


def soon(what: Callable[[], T], *, seconds: float = 30) -> T:
    """Return what it returns as soon as that is something, or else what it is in the end."""
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def told(browser: Chromium, expression: str) -> Any:
    """Return the value of an expression; None while the page loads itself anew."""
    try:
        return browser.evaluate(f"document.body ? ({expression}) : null")
    except RuntimeError as error:
        if "navigated" not in str(error):
            raise
        return None
