"""A disk that is really full, and one that really can only be read, as the kernel makes them.

What the other files of this folder inject is what we believe that a disk says. Here a file system
of memory has just so many pages left, from none to as many as the command needs, or is mounted
read-only. Mounts are private: the tests themselves are in `real_disks.py`, which a pytest in a
mount namespace of its own runs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import environment
from tests.needs import require

HERE = Path(__file__).parent


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_is_really_full_or_read_only_leaves_the_old_state(
    step: int, capfd: pytest.CaptureFixture[str]
) -> None:
    able = os.geteuid() == 0 and shutil.which("unshare") is not None
    require(able, "a private mount takes root, and unshare")
    done = subprocess.run(
        [
            *("unshare", "--mount", "--propagation", "private", "--"),
            *(sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"),
            str(HERE / "real_disks.py"),
        ],
        cwd=HERE.parents[1],
        env=environment(HOUSEKEY_PAGES=str(step)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    with capfd.disabled():
        print("", *(line for line in done.stdout.splitlines() if line.startswith("  ")), sep="\n")
