"""The onboarding page and the proof of trust, served by Home Assistant's own process.

The same page, the same answers, the same gate as `housekey share`; only that no process of its
own stands between the network and the house: an integration may start none. The gate reads one
bounded request a connection, the page holds nothing but the root, and the key that is in memory
for the proof is that of a leaf for the proof alone.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from homeassistant.core import HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from housekey.errors import HousekeyError

from .loading import async_load

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from housekey.onboarding.events import Event

    from .house_access import HouseAccess
    from .onboarding_page import Served
    from .page_proof import PageProofs

_LOGGER = logging.getLogger(__name__)
_HOURS = 2  # after which the page closes by itself
_MOST_PROOFS = 500  # that one page writes down; no home has as many devices


class Onboarding:
    """The page of one Home Assistant: the config flow starts it, the panel later."""

    def __init__(self, hass: HomeAssistant, access: HouseAccess) -> None:
        self._hass = hass
        self._access = access
        self._served: Served | None = None
        self._lock = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._unrecorded: list[tuple[Event, str]] = []
        self._room = 0  # for proofs: who is on the network can send any number of them
        self._end: Callable[[], None] | None = None
        self.proved = asyncio.Event()  # a device has, since the page was opened

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of the page; none while it is not served."""
        return self._served.urls if self._served else ()

    @callback
    def async_listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when the page opens or closes, and for each proof."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def async_start(
        self,
        *,
        port: int,
        proof_port: int,
        home_assistant: str | None,
        trial: PageProofs | None = None,
    ) -> tuple[str, ...]:
        """Serve the page; one that is served already goes on, unless it would say otherwise now.

        So it does after a rotation: it hands out another root; and when Home Assistant has got
        its certificate under that.

        In a `trial` it leads to Home Assistant's own https address, to prove it. Raises
        `HousekeyError`.
        """
        async with self._lock:
            if self._served is not None:
                says = await self._hass.async_add_executor_job(self._access.said_by_the_page)
                if (self._served.asked, self._served.says) != ((home_assistant, trial), says):
                    served, self._served = self._served, None
                    await served.close()
            if self._served is None:
                page = await async_load(self._hass, "onboarding_page")
                facts = await page.look_around(self._hass)
                ready = await self._hass.async_add_executor_job(
                    partial(
                        page.make_ready,
                        self._access,
                        facts,
                        port,
                        proof_port,
                        home_assistant,
                        trial=trial,
                    )
                )
                self._served = page.serve(
                    self._hass, ready, partial(self._async_proved, ready.root)
                )
                self._room = _MOST_PROOFS
                self.proved.clear()
            if self._end is not None:
                self._end()
            closing = HassJob(self._async_time_is_up, "housekey page", cancel_on_shutdown=True)
            self._end = async_call_later(self._hass, _HOURS * 3600, closing)
        self._tell()
        return self.urls

    async def async_stop(self) -> None:
        """Close the page."""
        async with self._lock:
            if self._end is not None:
                self._end()
                self._end = None
            served, self._served = self._served, None
            if served is None:
                return
            await served.close()
        self._tell()

    async def _async_time_is_up(self, _now: object) -> None:
        self._end = None
        await self.async_stop()

    @callback
    def _async_proved(self, root: str, event: Event) -> None:
        """A device has proved its trust in the root of this fingerprint."""
        if event.again or self._room == 0:
            self._proved()
        else:
            self._room -= 1
            self._unrecorded.append((event, root))
            self._hass.async_create_task(self._async_record(), "housekey proof")

    async def _async_record(self) -> None:
        """Write proofs into the ledger; what cannot be written is tried again with the next."""
        waiting, self._unrecorded = self._unrecorded, []
        for event, root in waiting:
            try:
                await self._hass.async_add_executor_job(self._access.record_device, event, root)
            except HousekeyError as trouble:
                self._unrecorded.append((event, root))
                _LOGGER.warning("A device is not in the ledger yet: %s", trouble.message)
        self._proved()

    @callback
    def _proved(self) -> None:
        self.proved.set()
        self._tell()

    @callback
    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()


KEY: HassKey[Onboarding] = HassKey("housekey_onboarding")


@callback
def async_onboarding(hass: HomeAssistant, access: HouseAccess) -> Onboarding:
    """Return the page of this Home Assistant."""
    if KEY not in hass.data:
        hass.data[KEY] = Onboarding(hass, access)
    return hass.data[KEY]
