"""What a test needs and a machine may lack: skipped with the reason, or failed in CI."""

from __future__ import annotations

import os

import pytest


def require(available: bool, reason: str) -> None:
    """Skip the test with `reason` unless `available`; fail it under HOUSEKEY_NO_SKIP=1."""
    if available:
        return
    if os.environ.get("HOUSEKEY_NO_SKIP") == "1":
        pytest.fail(f"HOUSEKEY_NO_SKIP=1, and this machine lacks: {reason}")
    pytest.skip(reason)
