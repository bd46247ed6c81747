"""Lets the integration's pure modules be imported where Home Assistant is not installed.

`custom_components.housekey` is then a package without its `__init__.py`, which sets everything up
and needs Home Assistant. Import this first; where Home Assistant is, it does nothing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

INTEGRATION = Path(__file__).parents[1] / "custom_components" / "housekey"
_NAME = "custom_components.housekey"

if find_spec("homeassistant") is None and _NAME not in sys.modules:
    _package = ModuleType(_NAME)
    _package.__path__ = [str(INTEGRATION)]
    sys.modules[_NAME] = _package
