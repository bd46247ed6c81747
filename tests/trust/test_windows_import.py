"""`housekey trust --from` runs where there is no fcntl, no pwd and no euid: on Windows."""

from __future__ import annotations

import subprocess
import sys

from tests.trust.pages import about, onboarding_page
from tests.trust.roots import pem_of, sha256_of

# What is missing on Windows is taken away before housekey is imported; and the system is told to
# be Windows, whose PowerShell is not there.
_AS_ON_WINDOWS = """
import os, platform, sys
for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules[name] = None
for name in ("geteuid", "getegid", "fork", "fchown", "chown"):
    if hasattr(os, name):
        delattr(os, name)
platform.system = lambda: "Windows"
from housekey.cli.main import run
run(sys.argv[1:])
"""


def as_on_windows(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _AS_ON_WINDOWS, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_root_of_a_page_is_fetched_compared_and_looked_for() -> None:
    with onboarding_page(pem_of(), about()) as url:
        arguments = ("trust", "--from", url, "--fingerprint", sha256_of(), "--store", "windows")
        done = as_on_windows(*arguments)
        shown = as_on_windows("trust", "--from", url, "--dry-run", "--json")
    # Everything was there but Windows: that is as far as it can come here.
    assert "Windows did not say what it trusts" in done.stdout, done.stderr
    assert done.returncode == 3
    assert sha256_of() in shown.stdout, shown.stderr


def test_a_wrong_fingerprint_is_refused_there_as_well() -> None:
    with onboarding_page(pem_of(), about()) as url:
        done = as_on_windows("trust", "--from", url, "--fingerprint", "0" * 64)
    assert done.returncode == 3
    assert "another root" in done.stderr


def test_without_a_page_it_says_that_the_house_is_elsewhere() -> None:
    done = as_on_windows("trust", "--store", "windows")
    assert done.returncode == 3
    assert "--from" in done.stderr
