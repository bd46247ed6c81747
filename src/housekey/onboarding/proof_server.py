"""What the proof's port says, over HTTPS: a device that hears it trusts the root.

Whoever gets an answer here has verified the leaf of this port, in a handshake of its own: no
session is ever resumed, because a resumed one verifies nothing (RFC 8446, section 2.2).
"""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from housekey.live.tls import server_context
from housekey.onboarding.answering import (
    NO_SUCH_PAGE,
    Answer,
    Hosts,
    Refused,
    SecureHosts,
    admit,
    headed,
    page_policy,
    said,
)
from housekey.onboarding.events import Event, Step
from housekey.onboarding.nonce import Refusal
from housekey.onboarding.page_server import file_answer
from housekey.onboarding.recognise import recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.onboarding.answering import Admitted, Asked, Report
    from housekey.onboarding.nonce import Acceptor, Facts, Issuer
    from housekey.onboarding.offer import Offer
    from housekey.onboarding.page_server import AssetLike
    from housekey.onboarding.visitor import Visitor
    from housekey.pki.secret import Secret

FILES = ("/style.css", "/icon.svg")  # of the page, which the trusted page shows too


class TrustedPageLike(Protocol):
    """The page, as far as it is served from here."""

    @property
    def assets(self) -> Mapping[str, AssetLike]: ...
    def trusted_html(self, visitor: Visitor, *, host: str, language: str) -> bytes: ...
    def language_for(self, accept_language: str, asked: str | None) -> str: ...
    def home_assistant_for(self, host: str) -> str | None: ...


class ProofServer:
    """Answers at the proof's port. `answer` does no I/O; what happened goes to `report`."""

    def __init__(
        self,
        page: TrustedPageLike,
        offer: Offer,
        acceptor: Acceptor,
        report: Report,
        *,
        page_port: int,
        trial: Issuer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`trial` gives out what the page brings to Home Assistant while that tries https.

        Only who has just proved trust here gets it, and by a connection that nobody can read.
        """
        self._page = page
        self._trial = trial
        self._acceptor = acceptor
        self._report = report
        self._clock = clock
        self._hosts = SecureHosts(offer.hosts, offer.proof_port)
        self._origins = frozenset(Hosts(offer.hosts, page_port).origins())

    def answer(self, asked: Asked) -> Answer | Refused:
        """Return what is said to a request."""
        admitted = admit(asked, self._hosts)
        if isinstance(admitted, Refused):
            return admitted
        if admitted.path == "/proof":
            return self._proof(asked, admitted)
        if admitted.path == "/trusted":
            return self._trusted(asked, admitted)
        if admitted.path in FILES and admitted.path in self._page.assets:
            return file_answer(asked, self._page.assets[admitted.path])
        return NO_SUCH_PAGE

    def _proof(self, asked: Asked, admitted: Admitted) -> Answer:
        origin = asked.header("origin")
        ours = origin in self._origins
        # A script of another site may not even spend a nonce.
        met = Refusal.UNKNOWN if origin and not ours else self._count(asked, admitted)
        if isinstance(met, Refusal):
            answer = said({"trusted": True, "reason": met.value}, status=403)
        else:
            told: dict[str, object] = {
                "trusted": True,
                "home_assistant": self._page.home_assistant_for(admitted.host),
            }
            if self._trial is not None and met is not None:
                told["trial"] = self._trial.issue(met, now=self._clock())
            answer = said(told)
        headers = {**answer.headers, "Vary": "Origin"}
        if ours:
            headers["Access-Control-Allow-Origin"] = origin
        return Answer(answer.status, answer.body, headers)

    def _trusted(self, asked: Asked, admitted: Admitted) -> Answer:
        if "nonce" in admitted.query:
            self._count(asked, admitted)  # a page that is loaded again counts nothing
        language = self._page.language_for(
            asked.header("accept-language"), admitted.query.get("lang")
        )
        body = self._page.trusted_html(
            recognise(asked.header("user-agent")), host=admitted.host, language=language
        )
        policy = page_policy(scripts=False)
        headers = headed("text/html; charset=utf-8", cache="no-store", policy=policy)
        headers["Content-Language"] = language
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return Answer(200, body, headers)

    def _count(self, asked: Asked, admitted: Admitted) -> Facts | Refusal | None:
        """Spend the nonce and report; or say why it is none. None: nothing was to be spent."""
        if asked.method != "GET":
            return None  # HEAD spends nothing
        met = self._acceptor.accept(admitted.query.get("nonce", ""), now=self._clock())
        now = datetime.now(UTC)
        if isinstance(met, Refusal):
            self._report(Event(now, Step.REFUSED, reason="bad-nonce"))
            return met
        self._report(Event(now, Step.TRUSTS, met.device, met.visitor, again=met.again))
        return met


def proof_context(chain_pem: bytes, key_pem: Secret) -> ssl.SSLContext:
    """Return the server's side of TLS, from a pair that never lies in a file.

    Raises ValueError for a pair that is none.
    """
    try:
        context = server_context(chain_pem, key_pem)
    except OSError as trouble:
        raise ValueError("the key and the chain are no pair") from trouble
    context.num_tickets = 0  # TLS 1.3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    context.set_alpn_protocols(["http/1.1"])
    return context
