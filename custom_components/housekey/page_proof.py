"""The proof of a trial that the onboarding page brings, to Home Assistant's own https address.

A page that is open on a device goes on looking while Home Assistant restarts. In the trial it
proves at the proof listener once more that its browser trusts the root. There, over TLS, it gets
something that is good once and for a minute (`nonce.py`, signed with a secret of this trial), and
its script brings that here. A browser sends nothing before it has accepted the certificate that it
is shown, so what arrives was sent by a device for which HTTPS works: name, port, leaf and root. A
warning that was clicked away does not get as far: it is not one of the proof listener's.

What that is worth: a program that checks nothing can do all this, too. No server sees whether its
client has verified. Such a program in the network can have a trial kept that would have ended. It
cannot make Home Assistant present anything else than what a device would accept, which the trial
sees for itself (`proof.verified`), and it learns nothing here.

Registered at the first trial, and from then on there is nothing here unless one is on. The answers:
404 for whoever is not the page, 403 for what is spent, 429 for too many, 200.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from aiohttp import hdrs, web
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.core import callback
from homeassistant.util.hass_dict import HassKey

from housekey.onboarding.nonce import SECRET_BYTES, Acceptor, Issuer, Refusal
from housekey.pki.secret import Secret

from .http_store import running_port
from .lane_rules import is_forwarded
from .proof import came_by_own_tls

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

PATH = "/api/housekey/proof"
LIFE_SECONDS = 60.0  # the page brings it at once
PAUSE_SECONDS = 1.0  # between two proofs: each makes the trial shake hands with itself
_REGISTERED: HassKey[bool] = HassKey("housekey_proof_view")
_PROOFS: HassKey[PageProofs] = HassKey("housekey_page_proofs")


class PageProofs:
    """Those of one trial."""

    def __init__(
        self, proved: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        secret = Secret(secrets.token_bytes(SECRET_BYTES))
        self.issuer = Issuer(secret)  # for the proof listener
        self.origins: frozenset[str] = frozenset()  # of the page, as it is served now
        self._acceptor = Acceptor(secret, life=LIFE_SECONDS)
        self._proved = proved
        self._clock = clock
        self._last: float | None = None

    def take(self, nonce: str, *, origin: str) -> int:
        """Spend what the page has brought; return the status of the answer."""
        now = self._clock()
        if origin not in self.origins:
            return 404
        if self._last is not None and now - self._last < PAUSE_SECONDS:
            return 429  # it is not spent
        if isinstance(self._acceptor.accept(nonce, now=now), Refusal):
            return 403
        self._last = now
        self._proved()
        return 200


@callback
def async_take(hass: HomeAssistant, proofs: PageProofs) -> Callable[[], None]:
    """Take proofs of this trial from now on; return what ends it."""
    if not hass.data.get(_REGISTERED):
        hass.data[_REGISTERED] = True
        hass.http.register_view(_ProofView())
    hass.data[_PROOFS] = proofs

    @callback
    def end() -> None:
        if hass.data.get(_PROOFS) is proofs:
            del hass.data[_PROOFS]

    return end


class _ProofView(HomeAssistantView):
    url = PATH
    name = "api:housekey:proof"
    requires_auth = False  # a device that has not signed in anywhere yet

    def register(
        self,
        hass: HomeAssistant,
        app: web.Application,  # noqa: ARG002 - see below
        router: web.UrlDispatcher,
    ) -> None:
        """Register without Home Assistant's list of foreign origins: none of them may ask here."""
        super().register(hass, web.Application(), router)

    async def get(self, request: web.Request) -> web.Response:
        """Answer the page."""
        hass = request.app[KEY_HASS]
        proofs = hass.data.get(_PROOFS)
        if (
            proofs is None
            or is_forwarded(request.headers)
            or not came_by_own_tls(request, running_port(hass))
        ):
            return web.Response(status=404)
        origin = request.headers.get(hdrs.ORIGIN, "")
        status = proofs.take(request.query.get("nonce", ""), origin=origin)
        if status == 404:
            return web.Response(status=404)
        headers = {
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin,
            hdrs.VARY: hdrs.ORIGIN,
            hdrs.CACHE_CONTROL: "no-store",
        }
        return self.json({"proved": status == 200}, status, headers)
