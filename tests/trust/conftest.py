"""What the tests of the trust stores share."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from housekey.trust.store import Server
from tests.live.servers import Pair, serving, tls
from tests.needs import require

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A fresh folder that every user can pass through.

    pytest's own are closed to others, and another pytest that starts closes them again.
    """
    folder = Path(tempfile.mkdtemp(prefix="housekey-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nss_tools() -> None:
    """NSS's own programs are here."""
    for tool in ("certutil", "tstclnt"):
        require(shutil.which(tool) is not None, f"{tool} is not installed (Debian: libnss3-tools)")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder without a browser."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose chain leads to the tests' root."""
    pair = Pair(tmp_path, "127.0.0.1", "localhost", "ha.local")
    with serving(tls(pair.context)) as port:
        yield Server("127.0.0.1", port)
