"""Why a public name does not lead to Home Assistant, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import DnsFailed
from housekey.public.lookup import Lookup
from housekey.public.rebinding import Kind, exceptions_for, look, told

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Address, IPv6Address

_POINT = (
    "let its A record be the address of Home Assistant, where its DNS is kept (DuckDNS: --point"
    " private)"
)


async def why_not_here(
    name: str,
    addresses: Sequence[IPv4Address | IPv6Address],
    *,
    port: int,
    lookup: Lookup | None = None,
) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """Return what is so, what to do, and lines of a story that tell more.

    `addresses`: what this machine's resolver gives for `name`, where Home Assistant does not answer
    at `port`.
    """
    if addresses:
        where = ", ".join(map(str, addresses))
        return f"{name} leads to {where}, where nothing answers at port {port}", _POINT, ()
    message = f"{name} does not lead anywhere, seen from this machine"
    try:
        seen = await look(name, lookup=lookup or Lookup())
    except DnsFailed as trouble:
        return f"{message}: {trouble.message}", trouble.hint, ()
    if seen.kind is not Kind.FILTERED or (words := told(seen)) is None:
        return message, _POINT, ()
    return (
        words[0],
        words[1],
        tuple(("", f"{router}: {how}") for router, how in exceptions_for(name)),
    )
