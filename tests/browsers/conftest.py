"""Each browser in turn, for every test that asks for a `kind`; and an onboarding page for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from housekey.pki.encoding import certificates_from_pem, to_der
from tests.browsers import chromium, firefox
from tests.command import housekey
from tests.needs import require
from tests.sharing import Share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS = {"chromium": chromium.Chromium, "firefox": firefox.Firefox}
_MISSING = {"chromium": chromium.missing, "firefox": firefox.missing}
HOME_ASSISTANT = "https://homeassistant.local:8123"


@pytest.fixture(params=list(_KINDS))
def kind(request: pytest.FixtureRequest) -> Any:
    """Each browser's class."""
    missing = _MISSING[request.param]()
    require(missing is None, missing or "")
    return _KINDS[request.param]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house, and a leaf for this machine in the folder beside it that is called `leaf`."""
    folder = tmp_path_factory.mktemp("browsers")
    places = ("--house", folder / "house", "--out", folder / "leaf")
    made = housekey("cert", "new", "homeassistant.local", "127.0.0.1", *places, "--yes")
    assert made.code == 0, made
    return folder / "house"


@pytest.fixture(scope="session")
def root(house: Path) -> bytes:
    """Its root (DER)."""
    return to_der(certificates_from_pem((house / "root.pem").read_bytes())[0])


@pytest.fixture(scope="session")
def share(house: Path) -> Iterator[Share]:
    """Its page, for all tests; it leads to a Home Assistant that nobody asks here."""
    with Share(house, "--home-assistant", HOME_ASSISTANT) as it:
        yield it
