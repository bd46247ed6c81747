"""The proof from outside: a verified TLS handshake, for every name, at every address of it.

`prove` answers for each name whether a client that trusts the root, and nothing else, would
reach the leaf just issued. It never raises for what a server does: what was met is the answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from enum import Enum, StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from cryptography import x509

from housekey.live.tls import context_trusting, context_trusting_anyone
from housekey.pki.names import DnsName, IpName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from housekey.live.tls import Trust
    from housekey.pki.names import Name

    Address = IPv4Address | IPv6Address
    Resolver = Callable[[str], Awaitable[tuple[Address, ...]]]

CONNECT_SECONDS = 3.0
HANDSHAKE_SECONDS = 5.0
RESOLVE_SECONDS = 3.0  # mDNS answers within one; a slow name server is as good as none


class Outcome(StrEnum):
    """How one handshake ended."""

    VERIFIED = "verified"  # the chain leads to the root, and the name is in the leaf
    UNTRUSTED = "untrusted"  # a certificate was presented, and a device would refuse it
    NOT_TLS = "not-tls"  # the connection was accepted, and no TLS came of it
    CLOSED = "closed"  # nothing accepts connections there


@dataclass(frozen=True, slots=True)
class Presented:
    """What a server presented at one address, under one name."""

    outcome: Outcome
    reason: str  # for people; empty when verified
    leaf: x509.Certificate | None = None  # only when verified
    protocol: str | None = None  # "TLSv1.3"; only when verified


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether devices reach the leaf under a name."""

    ok: bool | None  # None: the name does not resolve on this machine, so nothing can be said
    reason: str  # for people; empty when proven
    seconds: float


class Speech(Enum):
    """What is spoken at a port."""

    TLS = "tls"
    PLAIN = "plain"
    NOTHING = "nothing"


async def resolve(host: str) -> tuple[Address, ...]:
    """Return the addresses that this machine's own resolver gives for `host`; none is an answer.

    A look-up cannot be called off, and a dead DNS server makes it last half a minute. So it has
    a thread of its own that nobody waits for, not even at the program's end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Address, ...]] = loop.create_future()

    def settle(found: tuple[Address, ...]) -> None:
        if not answer.done():
            answer.set_result(found)

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            entries = []
        found = tuple(dict.fromkeys(ip_address(_with_scope(entry[4])) for entry in entries))
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            return await answer
    except TimeoutError:
        return ()


async def shake(name: Name, address: Address, port: int, *, root: Trust) -> Presented:
    """Handshake with `address`, asking for `name` and trusting `root` and nothing else."""
    try:
        connection = await connect(address, port)
    except (OSError, TimeoutError) as trouble:
        return Presented(Outcome.CLOSED, f"{address} port {port}: {plainly(trouble)}")
    # For an IP name `server_hostname` makes OpenSSL compare the iPAddress entries, and no SNI
    # is sent (RFC 6066, section 3).
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(
                sock=connection, ssl=context_trusting(root), server_hostname=str(name)
            )
    except ssl.SSLCertVerificationError as refusal:
        return Presented(
            Outcome.UNTRUSTED, f"the certificate at {address} is refused: {refusal.verify_message}"
        )
    except (OSError, TimeoutError) as trouble:
        connection.close()
        return Presented(Outcome.NOT_TLS, f"no TLS at {address} port {port}: {plainly(trouble)}")
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    encoded = secured.getpeercert(binary_form=True)
    protocol = secured.version()
    await _hang_up(writer)
    if encoded is None:  # cannot happen with verification on
        return Presented(Outcome.UNTRUSTED, f"{address} presented no certificate")
    return Presented(
        Outcome.VERIFIED, "", leaf=x509.load_der_x509_certificate(encoded), protocol=protocol
    )


async def prove(
    names: Iterable[Name],
    port: int,
    *,
    root: Trust,
    leaf: x509.Certificate,
    resolver: Resolver = resolve,
) -> dict[Name, Proof]:
    """Prove every name at once.

    A name is proven when at least one of its addresses verifies and presents exactly `leaf`,
    and no address that accepts the connection does otherwise. An address where nothing
    listens is no disproof: a name often has an IPv6 address that the server does not listen
    on, and clients go on to the next. A wrong certificate is one, at any address: clients do
    not go on after it.
    """
    names = tuple(names)
    proofs = await asyncio.gather(
        *(_prove(name, port, root=root, leaf=leaf, resolver=resolver) for name in names)
    )
    return dict(zip(names, proofs, strict=True))


async def speaks(host: str, port: int) -> Speech:
    """Return what is spoken at `host` and `port`; no secret is sent, nobody is trusted."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS + HANDSHAKE_SECONDS):
            try:
                _, writer = await asyncio.open_connection(
                    host, port, ssl=context_trusting_anyone(), server_hostname=host
                )
            except ssl.SSLError as answer:
                # An alert is TLS's own way to say no (too old a version, an unknown name);
                # anything else that OpenSSL cannot read is another protocol.
                return Speech.TLS if "alert" in str(answer).lower() else Speech.PLAIN
            except ConnectionRefusedError:
                return Speech.NOTHING
            except (ConnectionError, asyncio.IncompleteReadError):
                return await _speaks_http(host, port)
            await _hang_up(writer)
            return Speech.TLS
    except (OSError, UnicodeError, TimeoutError):
        return Speech.NOTHING


async def listens(host: str, port: int) -> bool:
    """Return whether a connection is accepted at `host` and `port`, whatever is spoken there."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, UnicodeError, TimeoutError):
        return False
    writer.transport.abort()
    return True


def judge(name: Name, answers: Iterable[Presented], *, leaf: x509.Certificate) -> tuple[bool, str]:
    """Return whether `answers`, one for each address of `name`, prove it; and if not, why."""
    answers = tuple(answers)
    for answer in answers:
        if answer.outcome in (Outcome.UNTRUSTED, Outcome.NOT_TLS):
            return False, answer.reason
        if answer.outcome is Outcome.VERIFIED and answer.leaf != leaf:
            return False, f"another certificate of this house is served under {name}"
    if not any(answer.outcome is Outcome.VERIFIED for answer in answers):
        return False, "; ".join(answer.reason for answer in answers)
    return True, ""


async def _prove(
    name: Name, port: int, *, root: Trust, leaf: x509.Certificate, resolver: Resolver
) -> Proof:
    began = time.monotonic()
    if isinstance(name, IpName):
        addresses: tuple[Address, ...] = (name.address,)
    elif isinstance(name, DnsName) and name.is_wildcard:
        return Proof(None, "a wildcard has no address of its own", 0.0)
    else:
        addresses = await resolver(str(name))
    if not addresses:
        return Proof(None, "it does not resolve on this machine", time.monotonic() - began)
    answers = await asyncio.gather(*(shake(name, each, port, root=root) for each in addresses))
    ok, reason = judge(name, answers, leaf=leaf)
    return Proof(ok, reason, time.monotonic() - began)


async def connect(
    address: Address, port: int, *, seconds: float = CONNECT_SECONDS
) -> socket.socket:
    """Return a connected socket; apart from the handshake, to tell "closed" from "no TLS".

    Raises OSError, TimeoutError among them.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)  # noqa: FBT003
        async with asyncio.timeout(seconds):
            await loop.sock_connect(connection, (str(address), port))
    except BaseException:
        connection.close()
        raise
    return connection


async def _speaks_http(host: str, port: int) -> Speech:
    """Ask in plain HTTP: some servers hang up on a TLS greeting without a word."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    try:
        greeting = await reader.read(5)
    finally:
        await _hang_up(writer)
    return Speech.PLAIN if greeting == b"HTTP/" else Speech.NOTHING


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()  # the other side does not care to say goodbye


def _with_scope(sockaddr: tuple[object, ...]) -> str:
    """Return the address of a sockaddr; a link-local IPv6 one is nothing without its interface."""
    text = str(sockaddr[0])
    if len(sockaddr) == 4 and sockaddr[3] and "%" not in text:
        return f"{text}%{sockaddr[3]}"
    return text


def plainly(trouble: BaseException) -> str:
    """Say in plain words why no connection, or no TLS, came about."""
    if isinstance(trouble, TimeoutError):
        return "no answer in time"
    if isinstance(trouble, ssl.SSLError):
        return "something else is spoken there"
    if isinstance(trouble, OSError) and trouble.errno:
        return os.strerror(trouble.errno).lower()  # asyncio's own words name a socket address
    return "the connection was closed"
