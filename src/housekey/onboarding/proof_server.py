"""What the proof's port says, over HTTPS: a device that hears it trusts the root.

Whoever gets an answer here has verified the leaf of this port, in a handshake of its own: no
session is ever resumed, because a resumed one verifies nothing (RFC 8446, section 2.2).
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

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
    from housekey.onboarding.nonce import Acceptor
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._page = page
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
        refusal = Refusal.UNKNOWN if origin and not ours else self._count(asked, admitted)
        if refusal is None:
            answer = said(
                {"trusted": True, "home_assistant": self._page.home_assistant_for(admitted.host)}
            )
        else:
            answer = said({"trusted": True, "reason": refusal.value}, status=403)
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

    def _count(self, asked: Asked, admitted: Admitted) -> Refusal | None:
        """Spend the nonce and report; or say why it is none."""
        if asked.method != "GET":
            return None  # HEAD spends nothing
        met = self._acceptor.accept(admitted.query.get("nonce", ""), now=self._clock())
        now = datetime.now(UTC)
        if isinstance(met, Refusal):
            self._report(Event(now, Step.REFUSED, reason="bad-nonce"))
            return met
        self._report(Event(now, Step.TRUSTS, met.device, met.visitor, again=met.again))
        return None


def proof_context(chain_pem: bytes, key_pem: Secret) -> ssl.SSLContext:
    """Return the server's side of TLS, from a pair that never lies in a file.

    Raises ValueError for a pair that is none. Python takes the pair by names of
    files alone; so each comes through a pipe, whose reading end has a name in /dev/fd on Linux
    and macOS. Nothing of it can reach a disk, and nobody else can open it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # TLS 1.3
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_SINGLE_ECDH_USE
    context.set_alpn_protocols(["http/1.1"])
    with _Piped(chain_pem) as chain, _Piped(key_pem.reveal()) as key:
        try:
            # A passphrase must never be asked for on a terminal.
            context.load_cert_chain(chain, key, password="")
        except OSError as trouble:  # of which the pipe may have said something else in between
            raise ValueError("the key and the chain are no pair") from trouble
    return context


class _Piped:
    """Bytes under the name of a pipe's reading end, to be read once from front to end."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> str:
        self._reading, self._writing = os.pipe()
        # A pipe may hold as little as a page (pipe(7)); so somebody writes while OpenSSL reads.
        self._thread = threading.Thread(target=self._feed)
        self._thread.start()
        return f"/dev/fd/{self._reading}"

    def __exit__(self, *_: object) -> None:
        os.close(self._reading)  # one who still writes ends with EPIPE
        self._thread.join()

    def _feed(self) -> None:
        rest = memoryview(self._content)
        try:
            while rest:
                rest = rest[os.write(self._writing, rest) :]
        except OSError:
            pass  # nobody reads on: OpenSSL says why
        finally:
            os.close(self._writing)
