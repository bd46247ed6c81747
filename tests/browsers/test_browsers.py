"""The browsers by themselves: they show a page, and leave nothing behind, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.browsers.pages import Document, pages
from tests.browsers.process import DidNotStart

_PNG = b"\x89PNG\r\n\x1a\n"


def gone(browser: Any) -> bool:
    """Whether neither a process nor a file of it is left."""
    return not browser._home.running() and not browser._home.folder.exists()


@pytest.mark.engine
def test_a_page_is_shown_and_read(kind: Any) -> None:
    hello = Document(b"<title>Hello</title><p>A page of this machine")
    with pages({"/": hello}) as server, kind() as browser:
        assert browser.navigate(server.url) == ""
        assert browser.evaluate("document.title") == "Hello"
        assert browser.evaluate("[1, {two: null}]") == [1, {"two": None}]
        assert browser.evaluate("new Promise(done => setTimeout(done, 10, 'later'))") == "later"
        assert browser.evaluate("undefined") is None
        with pytest.raises(RuntimeError, match="nonsense"):
            browser.evaluate("nonsense")
        assert browser.screenshot().startswith(_PNG)
        assert len(browser._home.running()) > 2  # so that `gone` below can tell
    assert gone(browser)


@pytest.mark.engine
def test_the_outside_is_not_reachable_and_that_is_no_verdict(kind: Any) -> None:
    with kind() as browser:
        error = browser.navigate("https://example.org/")
        assert error
        assert not error.startswith(("ERR_CERT", "ERR_SSL", "SEC_ERROR", "SSL_ERROR", "MOZILLA"))
        assert browser.screenshot().startswith(_PNG)  # of the page that tells so


@pytest.mark.engine
def test_nothing_is_left_after_an_exception(kind: Any) -> None:
    browser = kind()
    with pytest.raises(ZeroDivisionError), browser:
        _ = 1 / 0
    assert gone(browser)


@pytest.mark.engine
def test_a_browser_that_dies_is_told_and_nothing_is_left(kind: Any) -> None:
    with kind() as browser:
        os.kill(browser._home._process.pid, signal.SIGKILL)
        with pytest.raises((DidNotStart, ConnectionError)):
            browser.navigate("about:blank")
    assert gone(browser)


_ABANDON = """
import os, signal
from tests.browsers.{module} import {name}
browser = {name}()
print(*browser._home.running(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.engine
def test_a_browser_dies_with_a_test_that_is_killed(kind: Any, tmp_path: Path) -> None:
    module = kind.__module__.rpartition(".")[2]
    ended = subprocess.run(
        [sys.executable, "-c", _ABANDON.format(module=module, name=kind.__name__)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pids = list(map(int, ended.stdout.split()))
    assert len(pids) > 2
    deadline = time.monotonic() + 20
    while (left := [pid for pid in pids if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
