"""What the tests of the trust stores share."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
