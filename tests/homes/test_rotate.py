"""A new root under a real Home Assistant: for devices with the old root, and with the new one."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest

from tests.command import Owner, housekey
from tests.homes.looks import presented
from tests.homes.test_renew import renewed
from tests.inside.integration import added, give, secured

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Done
    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def rotate(owner: Owner, *more: str | Path) -> Done:
    done = housekey("house", "rotate", *more, "--house", owner.house, "--json", "--yes")
    assert done.code == 0, done
    return done


def accepted(home: Home, *roots: Path) -> list[bool]:
    """Whether devices that know only this root accept what Home Assistant presents."""
    found = []
    for root in roots:
        with contextlib.suppress(ssl.SSLCertVerificationError):
            presented(home, root)
            found.append(True)
            continue
        found.append(False)
    return found


def code_of(done: Done, folder: Path) -> Path:
    file = folder / "code.txt"
    file.touch(0o600)
    file.write_text(done.json["recovery_code"])
    return file


def test_with_the_integration_no_device_is_refused_for_a_moment_and_nothing_restarts(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    home = home_2026_11(start=False)
    give(home)
    home.start()
    owner = Owner.of(home, tmp_path)
    first = owner.secure()
    assert first.code == 0, first
    old, new = tmp_path / "old.pem", owner.house / "root.pem"
    old.write_bytes(new.read_bytes())
    home.wait_until_running(scheme="https")
    added(secured(home, new), port=home.port)
    starts, key = home.starts, (home.config / "privkey.pem").read_bytes()

    rotate(owner, "--recovery-code-file", code_of(first, tmp_path))
    assert accepted(home, old, new) == [True, False], "the new chain is not presented yet"
    code, told = renewed(owner)
    assert (code, told["became"], told["way"]) == (0, "renewed", "live"), told
    assert accepted(home, old, new) == [True, True]

    rotate(owner, "--finish")
    code, told = renewed(owner)
    assert (code, told["became"], told["way"]) == (0, "renewed", "live"), told
    assert accepted(home, old, new) == [False, True]
    assert home.starts == starts
    assert (home.config / "privkey.pem").read_bytes() == key


def test_after_a_leak_home_assistant_gets_another_key(home_2026_7: NewHome, tmp_path: Path) -> None:
    home = home_2026_7()
    owner = Owner.of(home, tmp_path)
    assert owner.secure().code == 0
    old, new = tmp_path / "old.pem", owner.house / "root.pem"
    old.write_bytes(new.read_bytes())
    home.wait_until_running(scheme="https")
    key = (home.config / "privkey.pem").read_bytes()

    rotate(owner, "--leaked")
    done = owner.secure()
    assert done.code == 0, done
    assert accepted(home, old, new) == [False, True]
    served = done.json["certificate"]["path"].replace("certificate", "privkey")
    assert (home.config / served.rpartition("/")[2]).read_bytes() != key
    assert owner.undo().code == 0
    assert home.scheme() == "http"
