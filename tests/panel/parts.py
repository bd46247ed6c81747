"""The integration's modules that need no Home Assistant, without its `__init__.py`, which does."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKOUT = Path(__file__).parents[2]
INTEGRATION = CHECKOUT / "custom_components" / "housekey"
_NAME = "housekey_integration_parts"


def part(name: str) -> Any:
    """Import one of them."""
    if _NAME not in sys.modules:
        package = ModuleType(_NAME)
        package.__path__ = [str(INTEGRATION)]
        sys.modules[_NAME] = package
    return import_module(f"{_NAME}.{name}")


def read_json(name: str) -> Any:
    """Return what a JSON file of the integration holds."""
    return json.loads((INTEGRATION / name).read_text(encoding="utf-8"))
