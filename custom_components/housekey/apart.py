"""Work of the library that takes minutes: in a thread and an event loop of its own.

To order a certificate is to wait: for the CA, and for the DNS. Home Assistant's loop must not be
held up by any of it, and its executor has few threads. The house is opened in the thread, because
its ledger belongs to the one that has opened it. Whoever waits may be cancelled: then the work is,
too, and what it has begun is taken up by the next order.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

_T = TypeVar("_T")
_END_SECONDS = 5.0  # that cancelled work may take to put things down


async def async_apart(work: Callable[[], Coroutine[Any, Any, _T]], *, name: str) -> _T:
    """Do `work` there, and return what it returns, or raise what it raises."""
    here = asyncio.get_running_loop()
    done: asyncio.Future[_T] = here.create_future()
    there: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def begin() -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a runner runs one
        there.append((asyncio.get_running_loop(), task))
        try:
            if done.cancelled():
                return
            _tell(here, done, result=await work())
        except BaseException as failure:  # noqa: BLE001 - it is raised where somebody waits
            _tell(here, done, failure=failure)

    def run() -> None:
        # What it leaves behind, such as a call that waits for a server, ends after it was told.
        asyncio.run(begin())

    # A daemon: Home Assistant's end waits for nobody's DNS.
    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        if there:
            loop, task = there[0]
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)
            await asyncio.wait([done], timeout=_END_SECONDS)
        done.cancel()
        raise


def _tell(
    loop: asyncio.AbstractEventLoop,
    done: asyncio.Future[_T],
    *,
    result: _T | None = None,
    failure: BaseException | None = None,
) -> None:
    """Tell the one who waits in `loop` what came of it."""

    def tell() -> None:
        if done.done():
            return
        if isinstance(failure, asyncio.CancelledError):
            done.cancel()
        elif failure is not None:
            done.set_exception(failure)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    with contextlib.suppress(RuntimeError):  # Home Assistant has ended meanwhile
        loop.call_soon_threadsafe(tell)
