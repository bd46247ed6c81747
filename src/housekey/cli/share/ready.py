"""What is served, where, and with which leaf: made ready before anything listens."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from housekey.cli.another_road import another_road
from housekey.cli.home import remembering
from housekey.cli.output import now
from housekey.cli.share.card import write_card
from housekey.errors import HouseBusy, UsageError
from housekey.homeassistant.names import (
    DEFAULT_HOST,
    local_addresses,
    loopback_addresses,
    own_names,
    this_machine,
)
from housekey.homeassistant.reached import given_address, https_address
from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT
from housekey.house.files import Files
from housekey.house.journal import Journal
from housekey.house.lock import LOCK_SECONDS, house_lock
from housekey.house.revoking import list_to_serve
from housekey.live.handshake import resolve
from housekey.onboarding.leaf import new_leaf, usable_leaf
from housekey.onboarding.offer import Offer
from housekey.onboarding.reach import Facts, Reach, decide, url
from housekey.onboarding.roots import former_roots, opens_later, signed_by
from housekey.pki.encoding import fingerprint, to_der
from housekey.pki.names import DnsName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from housekey.cli.output import Output
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.live.handshake import Address, Resolver
    from housekey.pki.names import Name

_POLL_SECONDS = 0.2
# An address in another network, to see by which of its own this machine would go there. Nothing
# is sent (TEST-NET-3, RFC 5737: nobody has it).
_ELSEWHERE = ("203.0.113.1", 9)


@dataclass(frozen=True, slots=True)
class Ready:
    """All that is to be served, and told."""

    house: House
    reach: Reach
    leaf: Leaf
    offer: Offer
    port: int
    sha256: str  # of the root
    card: Path | None  # written


async def make_ready(
    house: House, options: dict[str, Any], card: Path | None, output: Output
) -> Ready:
    """Find out and prepare everything. Raises `HousekeyError`, with nothing served."""
    files = Files()
    if (other := another_road(house.road_of(HOME_ASSISTANT))) is not None:
        output.row("heads up", other)
    bind = _addresses(options["bind"])
    output.busy("looking at the names of this machine")
    resolver = remembering(resolve)
    reach = await _reach(house, bind, resolver)
    home_assistant, its_hosts = await _home_assistant(house, options, resolver, files)
    leaf = await _leaf(house, reach.leaf_names, files, output)
    output.busy("")
    offer = Offer(
        root_der=to_der(house.root_for_devices),
        home=_home_of(house),
        proof_port=options["proof_port"],
        hosts=reach.hosts,
        home_assistant=home_assistant,
        home_assistant_hosts=its_hosts,
        former=former_roots(house),
        opens_later=home_assistant is not None and opens_later(house, house.leaf(HOME_ASSISTANT)),
        home_assistant_by=signed_by(house.road_of(HOME_ASSISTANT)),
        crl_der=list_to_serve(house, files=files, by="share", at=now()),
    )
    if card is not None:
        write_card(card, offer, url(reach.best, options["port"]), files)
    return Ready(
        house=house,
        reach=reach,
        leaf=leaf,
        offer=offer,
        port=options["port"],
        sha256=fingerprint(house.root_for_devices),
        card=card,
    )


def _addresses(given: Sequence[str]) -> tuple[Address, ...]:
    """Read what `--bind` says. Raises `UsageError`."""
    found = []
    for text in given:
        if "%" in text:
            raise UsageError(
                f"{text} is known on one network card alone, and no device could open it",
                hint="give another address of this machine",
            )
        try:
            address = ip_address(text.strip("[]"))
            with socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET) as it:
                it.bind((str(address), 0))
        except ValueError:
            raise UsageError(
                f"{text!r} is not an IP address",
                hint="--bind takes an address of this machine, such as 192.168.1.20",
            ) from None
        except OSError:
            has = ", ".join(map(str, (*local_addresses(), *loopback_addresses())))
            raise UsageError(
                f"{text} is not an address of this machine", hint=f"it has {has}"
            ) from None
        found.append(address)
    return tuple(found)


async def _reach(house: House, bind: Sequence[Address], resolver: Resolver) -> Reach:
    machine = this_machine()
    names = own_names(machine)
    found = await asyncio.gather(*map(resolver, (*names, DEFAULT_HOST)))
    *of_names, by_default_name = found
    leads_to = dict(zip(names, of_names, strict=True))
    if set(by_default_name) & set(machine.addresses):
        names = (DEFAULT_HOST, *names)
        leads_to[DEFAULT_HOST] = by_default_name
    facts = Facts(
        names=names,
        addresses=machine.addresses,
        loopback=loopback_addresses(),
        leads_to=leads_to,
        outward=_outward(),
    )
    return decide(facts, bind=bind, constraints=house.constraints)


def _outward() -> Address | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return ip_address(probe.getsockname()[0])


async def _home_assistant(
    house: House, options: dict[str, Any], resolver: Resolver, files: Files
) -> tuple[str | None, tuple[str, ...]]:
    """Return where the page leads in the end, and the hosts under which that is good."""
    given = options["home_assistant"]
    leaf = house.leaf(HOME_ASSISTANT)
    names: tuple[Name, ...] = () if leaf is None else leaf.names
    if given is not None:
        return given_address(given), ()
    hosts = [name for name in names if isinstance(name, DnsName)]
    found = await asyncio.gather(*(resolver(str(name)) for name in hosts))
    resolving = [name for name, addresses in zip(hosts, found, strict=True) if addresses]
    journal = Journal(house.folder / "journal", files=files, clock=now)
    url = https_address(journal.transactions(), names, resolving=resolving)
    return url, tuple(map(str, names)) if url else ()


async def _leaf(house: House, names: Sequence[Name], files: Files, output: Output) -> Leaf:
    """Return the proof's leaf, issued anew if need be. Raises as `House.issue`, and `HouseBusy`."""
    leaf = usable_leaf(house, names, now=now())
    loop = asyncio.get_running_loop()
    end = loop.time() + LOCK_SECONDS
    while leaf is None:
        try:
            with house_lock(house.folder, wait=0, files=files):
                leaf = usable_leaf(house, names, now=now()) or new_leaf(house, names)
        except HouseBusy:
            if loop.time() >= end:
                raise
            output.busy("waiting for another housekey to be done with the house")
            await asyncio.sleep(_POLL_SECONDS)
    return leaf


def _home_of(house: House) -> str:
    """Return what the home is called: the organization of its root."""
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - loaded already

    found = house.root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else ""
