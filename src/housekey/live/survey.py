"""What only the wire shows of a server: every address, every name, every version of TLS.

All greetings of a round run at once, and each round is bounded, so that a server that is silent,
gone or something else is told within five seconds. What was met is the answer; `survey` raises
only when there is no chain to tell about.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from housekey.errors import LookFailed, PemUnreadable
from housekey.live.greeting import Greeting, Met, greet
from housekey.live.handshake import RESOLVE_SECONDS, resolve
from housekey.pki.names import DnsName, IpName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Sequence

    from housekey.live.handshake import Address, Resolver
    from housekey.pki.names import Name

# Python's own start included, below five on a machine that is busy with other things.
FIRST_ROUND_SECONDS = 3.5  # from the look-up of the name to the first chain
SECOND_ROUND_SECONDS = 3.0  # there is something to tell by then
_AT_ONCE = 8  # greetings; small devices serve few clients
_MOST_ADDRESSES = 8
_MOST_NAMES = 12  # of the leaf, asked beside those that were to be asked

VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Sight:
    """One greeting: where, under which name, and what was met."""

    address: Address
    name: Name | None  # None: as clients greet that know only the address
    greeting: Greeting


@dataclass(frozen=True, slots=True)
class Survey:
    """A server as it was seen; at least one sight has a chain."""

    host: Name
    port: int
    addresses: tuple[Address, ...]
    sights: tuple[Sight, ...]
    # Whether each version of TLS is accepted; None: this OpenSSL could not ask.
    versions: tuple[tuple[str, bool | None], ...]

    def chains(self, name: Name) -> tuple[tuple[bytes, ...], ...]:
        """Return what clients of `name` are sent, each chain once; the first address' first."""
        asked = name if isinstance(name, DnsName) else None
        seen = (sight for sight in self.sights if sight.name == asked)
        return tuple(dict.fromkeys(sight.greeting.chain for sight in seen if sight.greeting.chain))

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The first chain that was met."""
        return next(each.greeting.chain for each in self.sights if each.greeting.chain)


async def survey(
    host: Name,
    ports: Sequence[int],
    names: Iterable[Name] = (),
    *,
    resolver: Resolver = resolve,
    seconds: float = FIRST_ROUND_SECONDS,
) -> Survey:
    """Look at the server at the first of `ports` where anything is accepted.

    `names` are asked at its addresses; without any, `host` itself.
    Raises LookFailed when it cannot be found, is silent, or speaks something else.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    addresses = await _addresses(host, resolver, seconds)
    asked = tuple(dict.fromkeys(_sni(name) for name in (names or (host,))))
    places = [(port, address) for port in ports for address in addresses]
    first = await asyncio.gather(
        *(
            greet(address, port, asked[0], seconds=max(end - loop.time(), 0.5))
            for port, address in places
        )
    )
    met = dict(zip(places, first, strict=True))
    port = next(
        (port for port, address in places if met[port, address].met is not Met.CLOSED), ports[0]
    )
    sights = [Sight(address, asked[0], met[port, address]) for address in addresses]
    if not any(sight.greeting.chain for sight in sights):
        raise _nothing_to_tell(host, port, sights, ports)
    more, versions = await _second_round(port, sights, asked)
    return Survey(host, port, addresses, (*sights, *more), versions)


async def _second_round(
    port: int, sights: Sequence[Sight], asked: Sequence[Name | None]
) -> tuple[list[Sight], tuple[tuple[str, bool | None], ...]]:
    """Ask for the other names, for none, and for each version of TLS, all at once."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def asking(work: Awaitable[Greeting]) -> Greeting:
        async with limit:
            return await work

    there = [sight.address for sight in sights if sight.greeting.chain]
    leaf = next(sight.greeting.chain[0] for sight in sights if sight.greeting.chain)
    others = [name for name in (*asked, *_names_in(leaf), None) if name != asked[0]]
    questions = [(address, name) for name in dict.fromkeys(others) for address in there]
    seconds = SECOND_ROUND_SECONDS
    answers = await asyncio.gather(
        *(asking(greet(address, port, name, seconds=seconds)) for address, name in questions),
        *(
            asking(greet(there[0], port, asked[0], seconds=seconds, only=version))
            for version in VERSIONS.values()
        ),
    )
    more = [Sight(*each, answer) for each, answer in zip(questions, answers, strict=False)]
    versions = (_accepted(greeting) for greeting in answers[len(questions) :])
    return more, tuple(zip(VERSIONS, versions, strict=True))


def _accepted(greeting: Greeting) -> bool | None:
    if greeting.met is Met.UNABLE:
        return None
    return greeting.met is Met.TLS


async def _addresses(host: Name, resolver: Resolver, seconds: float) -> tuple[Address, ...]:
    if isinstance(host, IpName):
        return (host.address,)
    try:
        async with asyncio.timeout(min(seconds, RESOLVE_SECONDS)):
            found = await resolver(str(host))
    except TimeoutError:
        found = ()
    if not found:
        raise LookFailed(
            f"{host} does not resolve on this computer",
            hint="check the name; or give the address, and the name with --name",
        )
    return found[:_MOST_ADDRESSES]


def _sni(name: Name) -> Name | None:
    return name if isinstance(name, DnsName) else None


def _names_in(leaf: bytes) -> list[DnsName]:
    """Return the names of a leaf that a client can ask for; none of one that cannot be read."""
    from cryptography import x509  # noqa: PLC0415 - slow to import

    from housekey.pki.names import names_of  # noqa: PLC0415

    try:
        found = names_of(x509.load_der_x509_certificate(leaf))
    except (PemUnreadable, ValueError, x509.InvalidVersion):
        return []
    hosts = [name for name in found if isinstance(name, DnsName) and not name.is_wildcard]
    return [name for name in hosts if _can_be_asked(name)][:_MOST_NAMES]


def _can_be_asked(name: DnsName) -> bool:
    """Whether `name` can stand in a greeting: what a foreign certificate holds may be anything."""
    return name.text.isascii() and 0 < len(name.text) < 254 and not name.text.startswith(".")


def _nothing_to_tell(
    host: Name, port: int, sights: Sequence[Sight], ports: Sequence[int]
) -> LookFailed:
    """Say why there is no chain, by the address that came furthest."""
    order = (Met.HTTP, Met.OTHER, Met.REFUSED, Met.SILENT, Met.UNABLE, Met.CLOSED)
    greeting = min((sight.greeting for sight in sights), key=lambda each: order.index(each.met))
    where, reason = f"{host} port {port}", greeting.reason
    match greeting.met:
        case Met.HTTP:
            message = f"{where} speaks plain HTTP: there is no certificate to check"
            hint = "housekey secure takes a Home Assistant to https"
        case Met.OTHER:
            message = f"{where} speaks something else than TLS: {reason}"
            hint = "give the port where https is spoken, such as :8123"
        case Met.REFUSED:
            message = f"{where} refuses to speak TLS with this computer: {reason}"
            hint = "does it answer under another name? give that one with --name"
        case Met.SILENT:
            message = f"{where} does not speak TLS: {reason}"
            hint = "it may be busy or starting; try again, or give another port"
        case _:
            several = " or ".join(map(str, ports))
            message = f"nothing answers at {host} port {several}: {reason}"
            hint = "is it running, and is this its port? write it like ha.lan:8123"
    return LookFailed(message, hint=hint, met=greeting.met.value, reason=reason)
