"""Where a Home Assistant that was secured is reached now, from what the house remembers of it.

Nobody signs in for this: the journal says which port and which internal URL `secure` gave it, and
the leaf says under which names it is good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from housekey.errors import UsageError
from housekey.homeassistant.find import parse_url
from housekey.homeassistant.names import internal_url_host
from housekey.homeassistant.plan import HTTPS_PORT, https_url
from housekey.homeassistant.recorded import INTERNAL_URL
from housekey.homeassistant.served import port_after
from housekey.house.journal import SettingChange, State
from housekey.pki.names import IpName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from housekey.house.journal import Transaction
    from housekey.pki.names import Name


def https_address(
    transactions: Sequence[Transaction], names: Sequence[Name], *, resolving: Collection[Name]
) -> str | None:
    """Return the address of the Home Assistant that was secured last; None when none stands.

    `transactions` are the journal's, oldest first; `names` those of the leaf that it presents;
    `resolving` are the ones that resolve on this machine.
    """
    kept = [each for each in transactions if each.state is State.KEPT]
    if not kept or not names:
        return None
    last = kept[-1]
    mine = [each for each in kept if each.target.get("folder") == last.target.get("folder")]
    url = next((url for each in reversed(mine) if (url := _internal_url(each))), None)
    host = internal_url_host(names, existing=url, resolving=resolving) or _address_in(names)
    return None if host is None else https_url(host, port_after(last))


def _internal_url(transaction: Transaction) -> str | None:
    for change in reversed(transaction.changes):
        if isinstance(change, SettingChange) and change.what == INTERNAL_URL:
            return str(change.after)
    return None


def _address_in(names: Sequence[Name]) -> str | None:
    """Return the first address that leads to it from other devices."""
    for name in names:
        if isinstance(name, IpName) and not name.address.is_loopback:
            return str(name)
    return None


def given_address(text: str) -> str:
    """Read the address of a Home Assistant on HTTPS that a person wrote. Raises `UsageError`."""
    parts = urlsplit(parse_url(text))
    if parts.scheme != "https" or parts.hostname is None:
        raise UsageError(
            f"{text!r} is not a Home Assistant on https, and the page leads nobody to plain http",
            hint="write it like https://homeassistant.local:8123",
        )
    return https_url(parts.hostname, parts.port or HTTPS_PORT)
