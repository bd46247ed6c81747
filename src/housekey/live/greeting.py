"""One greeting at one address: the chain as it is sent there, or what is spoken instead of TLS.

Nobody is trusted and nothing is sent but the greeting. The handshake runs in memory
(`ssl.MemoryBIO`), because what a server says that does not speak TLS is worth telling, and a
stream that failed in its handshake no longer has it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from housekey.live.handshake import connect, plainly
from housekey.live.tls import context_for_looking
from housekey.pki.names import DnsName

if TYPE_CHECKING:
    import socket

    from housekey.live.handshake import Address
    from housekey.pki.names import Name

_RECORDS = (0x15, 0x16)  # what a TLS server may begin with: alert, handshake (RFC 8446 5.1)
_DER = 2  # _ssl.ENCODING_DER
_ENOUGH = 80  # characters of a foreign greeting that are shown


class Met(StrEnum):
    """What is spoken at a port."""

    TLS = "tls"  # a chain was presented
    REFUSED = "refused"  # TLS, and the server, or this OpenSSL, ended it before a chain was there
    HTTP = "http"
    OTHER = "other"
    SILENT = "silent"  # the connection was accepted, and then nothing came
    CLOSED = "closed"  # nothing accepts connections
    UNABLE = "unable"  # this OpenSSL cannot ask that


@dataclass(frozen=True, slots=True)
class Greeting:
    """How one greeting ended."""

    met: Met
    reason: str = ""  # for people; empty when TLS
    chain: tuple[bytes, ...] = ()  # DER, as sent: leaf first
    protocol: str | None = None  # "TLSv1.3"; None when the handshake ended early


async def greet(
    address: Address,
    port: int,
    name: Name | None,
    *,
    seconds: float,
    only: ssl.TLSVersion | None = None,
) -> Greeting:
    """Greet `address`, asking for `name`, and return what was met within `seconds`.

    An address has no SNI (RFC 6066, section 3): an IP name asks as no name does.
    """
    context = context_for_looking(only)
    if context is None:
        return Greeting(Met.UNABLE, "this OpenSSL does not have it")
    end = asyncio.get_running_loop().time() + seconds
    try:
        connection = await connect(address, port, seconds=seconds)
    except (OSError, TimeoutError) as trouble:
        return Greeting(Met.CLOSED, plainly(trouble))
    with connection:
        hand = _Hand(context, connection, name)
        try:
            async with asyncio.timeout_at(end):
                greeting = await hand.shake()
        except TimeoutError:
            return hand.so_far()
    if greeting.met in (Met.SILENT, Met.OTHER) and only is None:
        # Some web servers hang up on a TLS greeting without a word, some answer with a bare page.
        greeting = await _in_plain_http(address, port, end) or greeting
    return greeting


class _Hand:
    """A handshake in memory over one connection."""

    def __init__(
        self, context: ssl.SSLContext, connection: socket.socket, name: Name | None
    ) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        sni = name.text if isinstance(name, DnsName) else None
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=sni)
        self._heard = b""  # the first that came

    async def shake(self) -> Greeting:
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                return self._ended(error)
            else:
                return Greeting(Met.TLS, chain=_chain(self._tls), protocol=self._tls.version())
            try:
                if said := self._outgoing.read():
                    await loop.sock_sendall(self._connection, said)
                received = await loop.sock_recv(self._connection, 1 << 14)
            except OSError:
                received = b""
            if not received:
                return self._ended(None)
            self._heard = self._heard or received
            if self._heard[0] not in _RECORDS:
                return _told(self._heard)
            self._incoming.write(received)

    def so_far(self) -> Greeting:
        """Return what there is when time is up."""
        said_nothing = "it accepts the connection, and then says nothing"
        return self._ended(None, "it stops in the middle" if self._heard else said_nothing)

    def _ended(self, error: ssl.SSLError | None, otherwise: str = "it hung up") -> Greeting:
        # A server that wants a certificate of the client, say, has presented its own before.
        if chain := _chain(self._tls):
            return Greeting(Met.TLS, chain=chain, protocol=self._tls.version())
        if error is not None:
            if error.reason in _OURS:
                return Greeting(Met.UNABLE, "this OpenSSL refuses to ask that")
            return Greeting(Met.REFUSED, (error.reason or "").replace("_", " ").lower())
        return Greeting(Met.REFUSED if self._heard else Met.SILENT, otherwise)


# What OpenSSL says before it has sent a byte.
_OURS = frozenset(
    {"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL_VERSION"}
)


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return the certificates as the server sent them, verified or not.

    Public from Python 3.13 on; before, the same call of the object inside, which is there since
    3.10 and hands out objects instead of bytes.
    """
    public = getattr(tls, "get_unverified_chain", None)
    if public is not None:
        return tuple(public())
    inside: Any = tls._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - see above
    return tuple(each.public_bytes(_DER) for each in inside.get_unverified_chain() or ())


async def _in_plain_http(address: Address, port: int, end: float) -> Greeting | None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(end):
            with await connect(address, port, seconds=max(end - loop.time(), 0)) as connection:
                await loop.sock_sendall(connection, b"HEAD / HTTP/1.0\r\n\r\n")
                heard = await loop.sock_recv(connection, 1 << 14)
    except (OSError, TimeoutError):
        return None
    return _told(heard) if heard.startswith(b"HTTP/") else None


def _told(heard: bytes) -> Greeting:
    """Say what a server speaks that began with `heard`."""
    if heard.startswith(b"HTTP/"):
        return Greeting(Met.HTTP, "it speaks plain HTTP")
    first = heard.splitlines()[0].decode("ascii", "replace")
    shown = "".join(c if c.isprintable() else "�" for c in first)[:_ENOUGH].strip()
    return Greeting(
        Met.OTHER, f"it begins with {shown!r}" if shown else "it speaks another language"
    )
