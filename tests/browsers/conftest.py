"""Each browser in turn, for every test that asks for a `kind`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browsers import chromium, firefox
from tests.needs import require

_KINDS = {"chromium": chromium.Chromium, "firefox": firefox.Firefox}
_MISSING = {"chromium": chromium.missing, "firefox": firefox.missing}


@pytest.fixture(params=list(_KINDS))
def kind(request: pytest.FixtureRequest) -> Any:
    """Each browser's class."""
    missing = _MISSING[request.param]()
    require(missing is None, missing or "")
    return _KINDS[request.param]
