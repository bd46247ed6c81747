"""The onboarding page and the proof of trust, served by Home Assistant's own process.

The same page, the same answers, the same gate as `housekey share`; only that no process of its
own stands between the network and the house: an integration may start none. The gate reads one
bounded request a connection, the page holds nothing but the root, and the key that is in memory
for the proof is that of a leaf for the proof alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from housekey.errors import HousekeyError
from housekey.homeassistant.names import (
    DEFAULT_HOST,
    loopback_addresses,
    own_names,
    this_machine,
)
from housekey.homeassistant.switch import LABEL as HOME_ASSISTANT
from housekey.house.revoking import list_to_serve
from housekey.live.handshake import resolve
from housekey.onboarding.devices import Devices
from housekey.onboarding.events import Step
from housekey.onboarding.gate import Gate
from housekey.onboarding.leaf import new_leaf, usable_leaf
from housekey.onboarding.listening import listen
from housekey.onboarding.nonce import SECRET_BYTES, Acceptor, Issuer
from housekey.onboarding.offer import Offer
from housekey.onboarding.page_server import PageServer
from housekey.onboarding.proof_server import ProofServer, proof_context
from housekey.onboarding.reach import Facts, decide, url
from housekey.onboarding.render import Page
from housekey.onboarding.roots import former_roots
from housekey.pki.encoding import to_der
from housekey.pki.secret import Secret

from .house_access import now

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.names import Machine
    from housekey.live.handshake import Address
    from housekey.onboarding.events import Event
    from housekey.onboarding.reach import Reach

    from .house_access import HouseAccess

_LOGGER = logging.getLogger(__name__)
_HOURS = 2  # after which the page closes by itself
# To see by which of its addresses this machine would go to another network; nothing is sent
# (TEST-NET-3, RFC 5737: nobody has it).
_ELSEWHERE = ("203.0.113.1", 9)


@dataclass(slots=True)
class Served:
    """A page that is being served."""

    urls: tuple[str, ...]  # what to open on a device, best first
    devices: Devices
    _gates: tuple[Gate, ...]
    _listeners: tuple[socket.socket, ...]
    _tasks: tuple[asyncio.Task[None], ...]

    async def close(self) -> None:
        """Hang up on everybody and give the ports back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for gate in self._gates:
            await gate.close()
        for listener in self._listeners:
            listener.close()


@dataclass(slots=True)
class _Ready:
    """All that an executor has made ready."""

    page: Page
    offer: Offer
    reach: Reach
    port: int
    context: ssl.SSLContext = field(repr=False)
    page_listeners: tuple[socket.socket, ...]
    proof_listeners: tuple[socket.socket, ...]


class Onboarding:
    """The page of one Home Assistant: the config flow starts it, the panel later."""

    def __init__(self, hass: HomeAssistant, access: HouseAccess) -> None:
        self._hass = hass
        self._access = access
        self._served: Served | None = None
        self._lock = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._unrecorded: list[Event] = []
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
        self, *, port: int, proof_port: int, home_assistant: str | None
    ) -> tuple[str, ...]:
        """Serve the page; one that is served already goes on. Raises `HousekeyError`."""
        async with self._lock:
            if self._served is None:
                facts = await _facts(self._hass)
                ready = await self._hass.async_add_executor_job(
                    self._make_ready, facts, port, proof_port, home_assistant
                )
                self._served = self._serve(ready)
                self.proved.clear()
            if self._end is not None:
                self._end()
            self._end = async_call_later(self._hass, _HOURS * 3600, self._async_time_is_up)
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

    def _make_ready(
        self, facts: Facts, port: int, proof_port: int, home_assistant: str | None
    ) -> _Ready:
        """Issue, render and listen; in an executor."""
        access = self._access
        with access.opened() as house:
            reach = decide(facts, bind=(), constraints=house.constraints)
            leaf = usable_leaf(house, reach.leaf_names, now=now())
            root_der = to_der(house.root_for_devices)
            former = former_roots(house)
            crl_der = list_to_serve(house, files=access.files, by="integration", at=now())
            theirs = house.leaf(HOME_ASSISTANT)
        if leaf is None:
            with access.held() as house:
                leaf = new_leaf(house, reach.leaf_names)
        pages, port = listen(reach.listen, port)
        try:
            proofs, proof_port = listen(reach.listen, proof_port)
        except BaseException:
            for each in pages:
                each.close()
            raise
        for each in (*pages, *proofs):
            each.setblocking(False)  # noqa: FBT003
        offer = Offer(
            root_der=root_der,
            home=access.look().home,
            proof_port=proof_port,
            hosts=reach.hosts,
            home_assistant=home_assistant,
            home_assistant_hosts=tuple(map(str, theirs.names)) if theirs and home_assistant else (),
            former=former,
            crl_der=crl_der,
        )
        return _Ready(
            page=Page(offer, port=port),
            offer=offer,
            reach=reach,
            port=port,
            context=proof_context(leaf.chain_pem, leaf.key_pem),
            page_listeners=pages,
            proof_listeners=proofs,
        )

    @callback
    def _serve(self, ready: _Ready) -> Served:
        secret = Secret(secrets.token_bytes(SECRET_BYTES))
        devices = Devices()

        def report(event: Event) -> None:
            device = devices.take(event)
            if device is not None and event.step is Step.TRUSTS:
                if not event.again:
                    self._unrecorded.append(event)
                    self._hass.async_create_task(self._async_record(), "housekey proof")
                else:
                    self._proved()

        pages = PageServer(ready.page, ready.offer, Issuer(secret), report, port=ready.port)
        proofs = ProofServer(
            ready.page, ready.offer, Acceptor(secret), report, page_port=ready.port
        )
        page_gate = Gate(pages.answer, report)
        proof_gate = Gate(proofs.answer, report, tls=ready.context)
        tasks = [
            self._hass.async_create_background_task(gate.serve(listener), "housekey page")
            for gate, listeners in (
                (page_gate, ready.page_listeners),
                (proof_gate, ready.proof_listeners),
            )
            for listener in listeners
        ]
        reach = ready.reach
        best = [reach.best, *(each for each in (reach.known,) if each and each != reach.best)]
        return Served(
            urls=tuple(url(host, ready.port) for host in best),
            devices=devices,
            _gates=(page_gate, proof_gate),
            _listeners=(*ready.page_listeners, *ready.proof_listeners),
            _tasks=tuple(tasks),
        )

    async def _async_record(self) -> None:
        """Write proofs into the ledger; what cannot be written is tried again with the next."""
        waiting, self._unrecorded = self._unrecorded, []
        for event in waiting:
            try:
                await self._hass.async_add_executor_job(self._access.record_device, event)
            except HousekeyError as trouble:
                self._unrecorded.append(event)
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


async def _facts(hass: HomeAssistant) -> Facts:
    """Find out what this machine is called, and what leads to it."""
    machine, loopback, outward = await hass.async_add_executor_job(_this_machine)
    names = own_names(machine)
    *of_names, by_default_name = await asyncio.gather(*map(resolve, (*names, DEFAULT_HOST)))
    leads_to = dict(zip(names, of_names, strict=True))
    if set(by_default_name) & set(machine.addresses):
        names = (DEFAULT_HOST, *names)
        leads_to[DEFAULT_HOST] = by_default_name
    return Facts(
        names=names,
        addresses=machine.addresses,
        loopback=loopback,
        leads_to=leads_to,
        outward=outward,
    )


def _this_machine() -> tuple[Machine, tuple[Address, ...], Address | None]:
    return this_machine(), loopback_addresses(), _outward()


def _outward() -> Address | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return ip_address(probe.getsockname()[0])
