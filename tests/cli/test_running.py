"""A signal reaches the work of a command, whatever else happens at the same instant."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from housekey.cli.home import running
from housekey.cli.output import Output


def test_a_signal_at_the_instant_of_a_timeout_is_not_lost() -> None:
    """As after Ctrl-Z and fg, or a laptop's sleep: every time-out is over, all at once."""

    def wake_up() -> None:
        time.sleep(0.05)  # the time-out is due now, and so is the signal
        os.kill(os.getpid(), signal.SIGINT)

    async def work() -> str:
        asyncio.get_running_loop().call_soon(wake_up)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        except TimeoutError:
            await asyncio.sleep(0)  # the next thing that it waits for
        return "done as if nobody had said a word"

    with pytest.raises(KeyboardInterrupt):
        running(work(), Output(as_json=True, yes=True))
