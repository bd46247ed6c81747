"""The rehearsal of a process loads all that answering needs; afterwards nothing can be opened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from housekey.onboarding.wire import Task, task_line
from housekey.pki.secret import Secret
from tests.onboarding.sharing import a_pair, an_offer

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["page_process", "proof_process"])
def test_after_the_rehearsal_no_request_loads_a_module(name: str) -> None:
    chain, key = a_pair()
    task = Task(an_offer(), 8125, (), Secret(b"s" * 32), chain, key)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.onboarding.rehearsed", name],
        input=task_line(task),
        capture_output=True,
        cwd=CHECKOUT,
        timeout=300,
        check=False,
    )
    assert ended.stderr.decode() == ""
    loaded, refused = json.loads(ended.stdout)
    assert loaded == []
    assert {"bad-request", "no-such-page"} <= set(refused)  # so they were asked a lot
