"""Another certificate for a server that runs: new handshakes present it, connections stay.

From inside the server's own process. OpenSSL asks a callback in every handshake, of clients
without SNI too, and there the connection is given the newest of our contexts. Whole contexts are
swapped, never the pair in one: a context keeps its old pair beside a new one of another kind of
key, has none at all after a pair that did not fit, and OpenSSL does not lock such changes
against handshakes (measured; and Home Assistant reports `load_cert_chain` in its event loop).

    adopt()      can this server's context be led so?           changes nothing
    prepare()    judge a pair, load it, shake hands with it     slow; in any thread
    swap()       from now on this one                           one assignment; in the event loop
    release()    let go; what is presented stays presented

The server's own pair is never touched: it is what is presented should the callback ever fail.
With a callback Python refuses greetings whose SNI is no ASCII, which no device sends (RFC 6066,
section 3), and prints of each.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from housekey.errors import PairRefused, SwapRefused
from housekey.live.pair import judge_pair, load_pair
from housekey.live.rehearsal import answers_http, shake_in_memory
from housekey.live.settings import AuthoritiesUnknown, Settings, SettingsUnknown, settings_of
from housekey.live.tls import context_trusting
from housekey.pki.encoding import to_der
from housekey.pki.names import names_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cryptography import x509

    from housekey.live.tls import Trust
    from housekey.pki.names import Name
    from housekey.pki.secret import Secret

# How long a client may take up a session from before a swap: OpenSSL's two hours, which Python
# cannot change, and a slow handshake (asyncio gives up after one minute).
SESSION_SECONDS = 7200 + 120


class Obstacle(StrEnum):
    """Why the certificate of a running server cannot be swapped."""

    NO_TLS = "no-tls"
    UNKNOWN = "unknown"  # not a context of Python's ssl
    TAKEN = "taken"  # somebody else's callback is there
    CLIENT_CERTIFICATES = "client-certificates"  # clients show one, and whose cannot be copied
    SETTINGS = "settings"  # some other setting cannot be copied


@dataclass(frozen=True, slots=True)
class NotLive:
    """A server whose certificate cannot be swapped while it runs, and why, for people."""

    obstacle: Obstacle
    reason: str  # one sentence without a full stop


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair that was judged, loaded, and has shaken hands: ready to be presented."""

    leaf: x509.Certificate
    context: ssl.SSLContext = field(repr=False)
    settings: Settings = field(repr=False)


def adopt(context: object) -> LiveContext | NotLive:
    """Return the means to swap the certificate of the server of `context`, or why there is none.

    `context` is the server's own, or None for one without TLS. It is not changed yet.
    """
    if context is None:
        return NotLive(Obstacle.NO_TLS, "the server does not speak TLS")
    if not isinstance(context, ssl.SSLContext):
        return NotLive(Obstacle.UNKNOWN, "the server keeps its TLS settings in another way")
    if not (context.sni_callback is None or isinstance(context.sni_callback, _Presenter)):
        return NotLive(Obstacle.TAKEN, "something else already chooses the server's certificate")
    try:
        settings = settings_of(context)
        settings.context()
    except AuthoritiesUnknown as unknown:
        return NotLive(Obstacle.CLIENT_CERTIFICATES, f"the server asks clients for one: {unknown}")
    except SettingsUnknown as unknown:
        return NotLive(Obstacle.SETTINGS, f"the server's TLS settings: {unknown}")
    return LiveContext(context, settings)


class LiveContext:
    """A running server's TLS context, whose certificate can be swapped. Made by `adopt`."""

    def __init__(self, base: ssl.SSLContext, settings: Settings) -> None:
        self._base: ssl.SSLContext | None = base
        self._settings = settings
        self._alpn: tuple[str, ...] | None = None  # not asked yet
        ours = base.sni_callback
        # One from before a reload of ours goes on as it is.
        self._presenter = ours if isinstance(ours, _Presenter) else _Presenter()

    @property
    def leaf(self) -> x509.Certificate | None:
        """What is presented since the last swap; None: what the server began with."""
        return self._presenter.leaf

    @property
    def are_sessions_stopped(self) -> bool:
        """Whether every handshake is a whole one since a swap, also one of before a reload."""
        return self._presenter.sessions is not None

    def prepare(
        self,
        chain_pem: bytes,
        key_pem: Secret,
        *,
        root: Trust,
        names: Sequence[Name] = (),
        at: datetime,
    ) -> Prepared:
        """Return a pair ready to be presented: leaf and issuing CA, and the leaf's key.

        It must hold for `names`, or else for its own, at the time `at` and now, under `root`,
        and a client must be able to shake hands over each version of TLS that the server
        speaks. Raises PairRefused; what is presented is not touched. Blocking: for an executor.
        """
        base = self._held()
        leaf = judge_pair(chain_pem, key_pem, root=root, names=names, at=at)
        if self._alpn is None:
            self._alpn = answers_http(base)
        try:
            context = self._settings.context(alpn=self._alpn)
            load_pair(context, chain_pem, key_pem)
        except (OSError, SettingsUnknown) as error:
            raise PairRefused("the server could not load it") from error
        self._rehearse(context, leaf, root=root, name=(*names, *names_of(leaf))[0])
        return Prepared(leaf, context, self._settings)

    def swap(self, prepared: Prepared) -> None:
        """Present `prepared` in every handshake whose greeting is read from now on.

        In the thread that runs the server's handshakes. Raises SwapRefused when the callback is
        no longer ours or all was let go; nothing was changed then.

        Sessions of before are not taken up any more, see `sessions_again`. A device that comes
        back within two hours each time would never be shown the new certificate, because TLS 1.3
        prolongs a session at each resumption (measured), and Chrome judges the old one anew each
        time (net/socket/ssl_client_socket_impl.cc, SSL_CTX_set_reverify_on_resume). Only what
        TLS 1.2 resumes without a ticket goes on, and ends two hours after it began.
        """
        base = self._held()
        if prepared.settings is not self._settings:
            raise ValueError("prepared for another server")
        if base.sni_callback not in (None, self._presenter):
            raise SwapRefused("something else has begun to choose the server's certificate")
        self._presenter.context = prepared.context
        self._presenter.leaf = prepared.leaf
        base.sni_callback = self._presenter
        self._presenter.stop_sessions(base)

    def sessions_again(self) -> None:
        """Let clients take up sessions as the server did before the first swap.

        SESSION_SECONDS after the last swap, when those of the old certificate have ended. Until
        then each connection is a whole handshake. In the thread of the server's handshakes.
        """
        if self._base is not None:
            self._presenter.let_sessions(self._base)

    def release(self) -> None:
        """Let the server go, with the newest certificate presented for as long as it runs.

        The callback stays, and needs nothing of us. The server's own pair is older by as much
        as was swapped, so taking the callback away would bring back an old certificate.
        """
        self._base = None

    def _held(self) -> ssl.SSLContext:
        if self._base is None:
            raise SwapRefused("the server was let go")
        return self._base

    def _rehearse(
        self, context: ssl.SSLContext, leaf: x509.Certificate, *, root: Trust, name: Name
    ) -> None:
        """Shake hands as a device would, the very way it will be done."""
        stage = self._settings.context()
        stage.verify_mode = ssl.CERT_NONE  # we have no certificate of a client
        presenter = _Presenter()
        presenter.context = context
        stage.sni_callback = presenter
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            if not self._settings.speaks(version):
                continue
            client = context_trusting(root)
            client.minimum_version = client.maximum_version = version
            met, trouble = shake_in_memory(stage, client, str(name).replace("*", "any", 1))
            if trouble is not None:
                raise PairRefused(
                    f"devices that speak {_said(version)} could not connect:"
                    f" {(trouble.reason or str(trouble)).replace('_', ' ').lower()}"
                ) from trouble
            if met.getpeercert(binary_form=True) != to_der(leaf):
                raise PairRefused("the server would present another certificate")


class _Presenter:
    """The callback: gives every new connection the newest context.

    It knows nothing of the base context, which holds it: so no context is part of a circle,
    and an old one is gone with its last connection.
    """

    __slots__ = ("context", "leaf", "sessions")

    def __init__(self) -> None:
        self.context: ssl.SSLContext | None = None
        self.leaf: x509.Certificate | None = None
        self.sessions: tuple[ssl.Options, int] | None = None  # as they were; None: as they are

    def __call__(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _base: ssl.SSLContext
    ) -> None:
        try:
            if self.context is not None:
                connection.context = self.context
        except Exception:  # noqa: BLE001, S110 - anything raised here ends the handshake
            pass  # the server's own pair, which once was good, is better than none

    def stop_sessions(self, base: ssl.SSLContext) -> None:
        """Neither take up sessions nor offer new ones.

        A ticket that was given out becomes unreadable, which means a whole handshake, no error
        (RFC 5077, section 3.1; RFC 8446, section 4.2.11).
        """
        if self.sessions is None:
            self.sessions = (base.options & ssl.OP_NO_TICKET, base.num_tickets)
        base.options |= ssl.OP_NO_TICKET
        base.num_tickets = 0

    def let_sessions(self, base: ssl.SSLContext) -> None:
        """Take them up and offer them again, as the server was set before."""
        if self.sessions is not None:
            no_ticket, base.num_tickets = self.sessions
            base.options = base.options & ~ssl.OP_NO_TICKET | no_ticket
            self.sessions = None


def _said(version: ssl.TLSVersion) -> str:
    return version.name.replace("TLSv", "TLS ").replace("_", ".")
