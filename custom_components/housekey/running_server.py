"""The certificate of the Home Assistant that this runs in, changed while it runs.

The one place that knows where Home Assistant keeps its server's TLS context: `hass.http.context`,
in every release looked at (2024.3.3, 2026.7.4, 2026.11.0). Where it is not there, or cannot be
led, `not_live` says why, and a restart has to do.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from housekey.errors import PairRefused, SwapRefused
from housekey.live.contexts import SESSION_SECONDS, LiveContext, NotLive, adopt
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from cryptography.x509 import Certificate

    from housekey.live.contexts import Prepared
    from housekey.live.tls import Trust
    from housekey.pki.names import Name


class HomeAssistant(Protocol):
    """What is used of `hass`."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...
    def async_add_executor_job(self, target: Callable[[], Any], /) -> Awaitable[Any]: ...


class RunningServer:
    """Home Assistant's own server. Make it in the event loop, and `release` it at unload."""

    def __init__(self, hass: HomeAssistant) -> None:
        self._hass = hass
        self._led = adopt(getattr(getattr(hass, "http", None), "context", None))
        self._one_by_one = asyncio.Lock()  # or the one that was asked for first could win
        self._again: asyncio.TimerHandle | None = None
        if isinstance(self._led, LiveContext) and self._led.are_sessions_stopped:
            # By a swap before a reload, whose time nobody counts any more.
            self._let_sessions_later(self._led)

    @property
    def not_live(self) -> NotLive | None:
        """Why its certificate cannot be changed while it runs; None: it can."""
        return self._led if isinstance(self._led, NotLive) else None

    @property
    def leaf(self) -> Certificate | None:
        """What it presents since it was last changed; None: what it read at its start."""
        return self._led.leaf if isinstance(self._led, LiveContext) else None

    async def async_present(
        self, certificate: Path, key: Path, *, root: Trust, names: Sequence[Name] = ()
    ) -> Certificate:
        """Present the pair in these files in every handshake from now on; return its leaf.

        It must hold for `names`, or else for its own, and has shaken hands in memory before
        anything changes. Raises PairRefused and SwapRefused, after which all is as before.
        """
        led = self._led
        if isinstance(led, NotLive):
            raise SwapRefused(led.reason)

        def prepare() -> Prepared:
            try:
                chain_pem, key_pem = certificate.read_bytes(), Secret(key.read_bytes())
            except OSError as error:
                raise PairRefused(f"{error.filename}: {error.strerror}") from error
            return led.prepare(chain_pem, key_pem, root=root, names=names, at=datetime.now(UTC))

        async with self._one_by_one:
            prepared: Prepared = await self._hass.async_add_executor_job(prepare)
            led.swap(prepared)
            self._forget_timer()
            self._let_sessions_later(led)
        return prepared.leaf

    def release(self) -> None:
        """Let it go. It goes on to present the newest certificate for as long as it runs."""
        self._forget_timer()
        if isinstance(self._led, LiveContext):
            self._led.release()

    def _let_sessions_later(self, led: LiveContext) -> None:
        self._again = self._hass.loop.call_later(SESSION_SECONDS, led.sessions_again)

    def _forget_timer(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None
