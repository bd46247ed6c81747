"""A second housekey waits for the first, or says which process it is."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, HouseBusy
from housekey.house.files import Files
from housekey.house.lock import house_lock

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
    import sys
    from pathlib import Path
    from housekey.house.files import Files
    from housekey.house.lock import house_lock

    sys.argv = ["housekey", "secure", "--token-file", "private"]
    with house_lock(Path.cwd(), wait=0, files=Files()):
        print("held", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDER)],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_held_lock_names_the_process_and_its_command(
    holder: subprocess.Popen[str], tmp_path: Path
) -> None:
    with holder:
        with (
            pytest.raises(HouseBusy, match=f"process {holder.pid}: housekey secure") as caught,
            house_lock(tmp_path, wait=0.1, files=Files()),
        ):
            pass
        assert "private" not in caught.value.message


def test_a_lock_is_waited_for(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with holder:
        assert holder.stdin is not None
        release = threading.Timer(0.3, holder.stdin.close)
        started = time.monotonic()
        release.start()
        with house_lock(tmp_path, wait=30, files=Files()):
            assert time.monotonic() - started >= 0.3
        release.join()


def test_a_kill_gives_the_lock_back(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with holder:
        holder.send_signal(signal.SIGKILL)
    with house_lock(tmp_path, wait=0, files=Files()):
        pass


def test_a_lock_ends_with_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with house_lock(tmp_path, wait=0, files=Files()):
            assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_a_house_that_is_not_there_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(FileTrouble, match="not there"),
        house_lock(tmp_path / "gone", wait=0, files=Files()),
    ):
        pass
