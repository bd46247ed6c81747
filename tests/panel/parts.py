"""The integration's modules that need no Home Assistant, and its files."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from tests.without_home_assistant import INTEGRATION

CHECKOUT = INTEGRATION.parents[1]


def part(name: str) -> Any:
    """Import one of the modules."""
    return import_module(f"custom_components.housekey.{name}")


def read_json(name: str) -> Any:
    """Return what a JSON file of the integration holds."""
    return json.loads((INTEGRATION / name).read_text(encoding="utf-8"))
