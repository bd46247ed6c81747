"""Home Assistant trusts the house in its own outgoing calls, in memory alone.

Its shared client contexts are never changed: a root that was added to a context cannot be taken
out again. Instead there are twins of them, which trust the root besides, and they are handed out
for as long as the entry is set up; so what is undone is undone.

The one place that knows (read in 2026.7.4 and 2026.11.0): `homeassistant.util.ssl` makes every
shared context in `_client_context(cipher_list, alpn)` and calls it by that name; the shared
connectors of `helpers.aiohttp_client` are in `hass.data[DATA_CONNECTOR]` and keep theirs in
`_ssl`; the shared clients of `helpers.httpx_client` are in `hass.data[DATA_ASYNC_CLIENT]` and keep
theirs in `_transport._pool._ssl_context`. Where a name is missing, that part is left as it is.
What an integration has taken for itself before goes on as it was until it is set up anew.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from homeassistant.core import callback
from homeassistant.helpers import aiohttp_client, httpx_client
from homeassistant.util import ssl as ssl_util
from homeassistant.util.hass_dict import HassKey

from housekey.pki.encoding import to_der

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from cryptography.x509 import Certificate
    from homeassistant.core import HomeAssistant

_LOGGER = logging.getLogger(__name__)
# The roots, and the twins that trust them: some MiB, which no reload shall make anew.
_TWINS: HassKey[tuple[bytes, dict[ssl.SSLContext, ssl.SSLContext]]] = HassKey("housekey_twins")
_NEEDED = ("_client_context", "_create_client_context", "SSLCipherList", "_SSL_ALPN_PROTOCOLS")


@callback
def async_forget_twins(hass: HomeAssistant) -> None:
    """Give their memory back: the house is not to be trusted again soon."""
    hass.data.pop(_TWINS, None)


class OutgoingTrust:
    """What Home Assistant trusts besides, while it is installed."""

    def __init__(self, hass: HomeAssistant, roots: Iterable[Certificate]) -> None:
        self._hass = hass
        self._roots = b"".join(map(to_der, roots))
        self._theirs: Callable[..., ssl.SSLContext] | None = None
        self._twins: dict[ssl.SSLContext, ssl.SSLContext] = {}
        self._removed = False

    @property
    def installed(self) -> bool:
        """Whether it is."""
        return self._theirs is not None

    async def async_install(self) -> None:
        """Hand out the twins from now on."""
        if self.installed or not all(hasattr(ssl_util, name) for name in _NEEDED):
            return
        roots, twins = self._hass.data.get(_TWINS, (b"", {}))
        if roots != self._roots:
            # Each takes some milliseconds to load a hundred roots.
            twins = await self._hass.async_add_executor_job(self._made)
        if self._removed:  # the entry was unloaded meanwhile
            return
        self._hass.data[_TWINS] = self._roots, twins
        self._twins = twins
        theirs = self._theirs = ssl_util._client_context  # noqa: SLF001

        def ours(*args: Any, **more: Any) -> ssl.SSLContext:
            context = theirs(*args, **more)
            return self._twins.get(context, context)

        ssl_util._client_context = ours  # type: ignore[assignment]  # noqa: SLF001
        self._exchange(self._twins)

    def remove(self) -> None:
        """Hand out Home Assistant's own again, for good."""
        self._removed = True
        if self._theirs is None:
            return
        ssl_util._client_context = self._theirs  # type: ignore[assignment]  # noqa: SLF001
        self._theirs = None
        self._exchange({twin: own for own, twin in self._twins.items()})

    def _made(self) -> dict[ssl.SSLContext, ssl.SSLContext]:
        """Make a twin of each shared context; in an executor."""
        made = {}
        for cipher in ssl_util.SSLCipherList:
            for alpn in ssl_util._SSL_ALPN_PROTOCOLS:  # noqa: SLF001
                twin = ssl_util._create_client_context(cipher, alpn)  # noqa: SLF001
                twin.load_verify_locations(cadata=self._roots)
                made[ssl_util._client_context(cipher, alpn)] = twin  # noqa: SLF001
        return made

    def _exchange(self, instead: dict[ssl.SSLContext, ssl.SSLContext]) -> None:
        """Give those that were handed out before theirs anew, for connections to come."""
        for holder, name in self._holders():
            context = getattr(holder, name, None)
            try:
                if context in instead:
                    setattr(holder, name, instead[context])
            except (TypeError, AttributeError):  # not a context, or not to be set
                _LOGGER.debug("%r keeps what it trusts", holder)

    def _holders(self) -> Iterator[tuple[Any, str]]:
        for connector in self._hass.data.get(aiohttp_client.DATA_CONNECTOR, {}).values():
            yield connector, "_ssl"
        for client in self._hass.data.get(httpx_client.DATA_ASYNC_CLIENT, {}).values():
            pool = getattr(getattr(client, "_transport", None), "_pool", None)
            if pool is not None:
                yield pool, "_ssl_context"
