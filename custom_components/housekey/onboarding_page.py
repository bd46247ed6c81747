"""The onboarding page and the proof of trust themselves: made ready, and served.

Loaded only when the page is opened: no start of Home Assistant waits for it.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from homeassistant.core import callback

from housekey.homeassistant.names import (
    DEFAULT_HOST,
    loopback_addresses,
    own_names,
    this_machine,
)
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.revoking import list_to_serve
from housekey.live.handshake import resolve
from housekey.onboarding.answering import Hosts
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
from housekey.onboarding.roots import former_roots, opens_later, signed_by
from housekey.pki.encoding import fingerprint, to_der
from housekey.pki.secret import Secret

from .house_access import now
from .page_proof import PATH

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from housekey.homeassistant.names import Machine
    from housekey.live.handshake import Address
    from housekey.onboarding.events import Event
    from housekey.onboarding.reach import Reach

    from .house_access import HouseAccess
    from .page_proof import PageProofs

# To see by which of its addresses this machine would go to another network; nothing is sent
# (TEST-NET-3, RFC 5737: nobody has it).
_ELSEWHERE = ("203.0.113.1", 9)


@dataclass(slots=True)
class Served:
    """A page that is being served."""

    urls: tuple[str, ...]  # what to open on a device, best first
    devices: Devices
    asked: tuple[str | None, PageProofs | None]  # what it was made for
    says: tuple[str, bool]  # HouseAccess.said_by_the_page, as it was made
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
class Ready:
    """All that an executor has made ready."""

    page: Page
    offer: Offer
    root: str  # its SHA-256
    later: bool  # Home Assistant refuses a device that has it alone
    reach: Reach
    port: int
    trial: PageProofs | None
    context: ssl.SSLContext = field(repr=False)
    page_listeners: tuple[socket.socket, ...]
    proof_listeners: tuple[socket.socket, ...]


def make_ready(
    access: HouseAccess,
    facts: Facts,
    port: int,
    proof_port: int,
    home_assistant: str | None,
    *,
    trial: PageProofs | None,
) -> Ready:
    """Issue, render and listen; in an executor."""
    with access.opened() as house:
        reach = decide(facts, bind=(), constraints=house.constraints)
        leaf = usable_leaf(house, reach.leaf_names, now=now())
        root, former = house.root_for_devices, former_roots(house)
        crl_der = list_to_serve(house, files=access.files, by="integration", at=now())
        theirs = house.leaf(HOME_ASSISTANT)
        later = opens_later(house, theirs)
        by = signed_by(house.road_of(HOME_ASSISTANT))
    if leaf is None:
        with access.held() as house:
            leaf = new_leaf(house, reach.leaf_names)
            # Of the same moment as the leaf that proves it.
            root, former = house.root_for_devices, former_roots(house)
            later = opens_later(house, theirs)
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
        root_der=to_der(root),
        home=access.look().home,
        proof_port=proof_port,
        hosts=reach.hosts,
        home_assistant=home_assistant,
        home_assistant_hosts=tuple(map(str, theirs.names)) if theirs and home_assistant else (),
        former=former,
        opens_later=later and home_assistant is not None,
        home_assistant_by=by,
        crl_der=crl_der,
        awaits_https=home_assistant is None or trial is not None,
        trial_path=None if trial is None else PATH,
    )
    return Ready(
        page=Page(offer, port=port),
        offer=offer,
        root=fingerprint(root),
        later=later,
        reach=reach,
        port=port,
        trial=trial,
        context=proof_context(leaf.chain_pem, leaf.key_pem),
        page_listeners=pages,
        proof_listeners=proofs,
    )


@callback
def serve(hass: HomeAssistant, ready: Ready, proved: Callable[[Event], None]) -> Served:
    """Answer on the page's and the proof's listeners; `proved` is told of each proof."""
    secret = Secret(secrets.token_bytes(SECRET_BYTES))
    devices = Devices()

    def report(event: Event) -> None:
        device = devices.take(event)
        if device is not None and event.step is Step.TRUSTS:
            proved(event)

    pages = PageServer(ready.page, ready.offer, Issuer(secret), report, port=ready.port)
    trial = ready.trial
    if trial is not None:
        trial.origins = frozenset(Hosts(ready.offer.hosts, ready.port).origins())
    proofs = ProofServer(
        ready.page,
        ready.offer,
        Acceptor(secret),
        report,
        page_port=ready.port,
        trial=None if trial is None else trial.issuer,
    )
    page_gate = Gate(pages.answer, report)
    proof_gate = Gate(proofs.answer, report, tls=ready.context)
    tasks = [
        hass.async_create_background_task(gate.serve(listener), "housekey page")
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
        asked=(ready.offer.home_assistant, trial),
        says=(ready.root, ready.later),
        _gates=(page_gate, proof_gate),
        _listeners=(*ready.page_listeners, *ready.proof_listeners),
        _tasks=tuple(tasks),
    )


async def look_around(hass: HomeAssistant) -> Facts:
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
