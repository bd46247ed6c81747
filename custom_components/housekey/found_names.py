"""Under which names this Home Assistant is reached, asked from inside."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from housekey.errors import UsageError
from housekey.homeassistant.names import choose_names, gather, this_machine
from housekey.live.handshake import resolve

from .house_access import permittable

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from housekey.pki.names import Name


async def async_found_names(hass: HomeAssistant) -> tuple[Name, ...]:
    """Return what leads here, the best host name first: found by the same rules as `secure`."""
    machine = await hass.async_add_executor_job(this_machine)
    api = hass.config.api
    host = "127.0.0.1"
    if api is not None and api.local_ip in map(str, machine.addresses):
        host = api.local_ip
    port = 8123 if api is None else api.port
    found = await gather(
        f"http://{host}:{port}",
        machine=machine,
        resolver=resolve,
        internal_url=hass.config.internal_url,
        external_url=hass.config.external_url,
    )
    with contextlib.suppress(UsageError):
        chosen = choose_names(found).chosen
        # It reads the list of public suffixes.
        return await hass.async_add_executor_job(permittable, chosen)
    return ()
