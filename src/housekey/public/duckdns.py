"""DuckDNS: what its DNS can do, and pointing a name to an address of the home.

Its interface is one address that is asked (https://www.duckdns.org/spec.jsp); lexicon speaks to it.
A name has one A, one AAAA and one TXT record, and everything below it shows the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import DnsFailed
from housekey.public.changing import SECONDS, Changer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from ipaddress import IPv4Address, IPv6Address

    from housekey.pki.secret import Secret
    from housekey.public.world import World

PROVIDER = "duckdns"
ZONE = "duckdns.org"
_SEEN = "auto"  # to lexicon: no address is sent, and DuckDNS takes the one it sees


def holds(name: str) -> bool:
    """Whether this is a name of DuckDNS's users, or below one."""
    return name.lower().rstrip(".").endswith(f".{ZONE}")


def domain_of(name: str) -> str:
    """Return the name as it was registered, of itself or of anything below it.

    Raises `DnsFailed` for a name elsewhere.
    """
    labels = name.lower().rstrip(".").split(".")
    if not holds(name):
        raise DnsFailed(
            f"{name} is not a name of DuckDNS",
            hint=f"it looks like myhome.{ZONE}; for a name elsewhere give --dns PROVIDER",
        )
    return ".".join(labels[-3:])


async def point(
    name: str,
    addresses: Sequence[IPv4Address | IPv6Address],
    credentials: Mapping[str, Secret],
    *,
    world: World,
    seconds: float = SECONDS,
) -> None:
    """Let `name`, and everything below it, lead to `addresses`; the other kind of address stays.

    DuckDNS keeps one IPv4 and one IPv6 address. None at all: the public IPv4 address that DuckDNS
    sees this home come from. Raises `DnsFailed`, and `ProviderRefused`.
    """
    domain = domain_of(name)
    wanted = {"A" if address.version == 4 else "AAAA": str(address) for address in addresses}
    if len(wanted) != len(addresses):
        raise DnsFailed(
            f"DuckDNS keeps one IPv4 and one IPv6 address for {domain}, and more were given",
            hint="choose one of each",
        )
    changer = Changer(PROVIDER, credentials, seconds=seconds)
    world.busy(f"pointing {domain} to {', '.join(wanted.values()) or 'this home'}")
    try:
        for kind, address in (wanted or {"A": _SEEN}).items():
            await changer.create(kind, domain, address, zone=domain)
    finally:
        world.busy("")


async def point_all(
    names: Iterable[str],
    addresses: Sequence[IPv4Address | IPv6Address],
    credentials: Mapping[str, Secret],
    *,
    world: World,
) -> None:
    """As `point`, for each name that was registered; tells of each that leads there now.

    One that fails keeps no other from being tried. Raises `DnsFailed`, which says which failed.
    """
    where = ", ".join(map(str, addresses)) or "this home's public address, as DuckDNS sees it"
    domains = tuple(dict.fromkeys(map(domain_of, names)))
    failed: dict[str, DnsFailed] = {}
    for domain in domains:
        try:
            await point(domain, addresses, credentials, world=world)
        except DnsFailed as trouble:
            failed[domain] = trouble
        else:
            world.tell("points", f"{domain} leads to {where}")
    if not failed:
        return
    first = next(iter(failed.values()))
    if len(domains) == 1:
        raise first
    raise DnsFailed(
        f"of {len(domains)} names, {len(failed)} could not be led to {where}"
        f" ({', '.join(failed)}): {first.message}",
        hint=first.hint,
    ) from first
