"""A page and a proof as `housekey share` serves them: two processes, on loopback addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from housekey.live.tls import context_trusting
from housekey.onboarding.children import serve
from housekey.onboarding.events import Event, Step
from housekey.onboarding.offer import Offer
from housekey.pki.encoding import chain_to_pem, to_der
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from housekey.onboarding.children import Serving
    from housekey.pki.secret import Secret

HOSTS = ("homeassistant.local", "127.0.0.1")


def an_offer(*hosts: str, proof_port: int = 8126) -> Offer:
    """Return an offer of the tests' house."""
    return Offer(
        root_der=to_der(a_house().root.certificate),
        home="Home",
        proof_port=proof_port,
        hosts=hosts or HOSTS,
        home_assistant="https://homeassistant.local:8123",
        home_assistant_hosts=("homeassistant.local",),
        crl_der=b"a list that nobody reads on its way",
    )


def a_pair(*served: str) -> tuple[bytes, Secret]:
    """Return the chain and the key of a leaf for the proof."""
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    issuing = a_house().issuing
    leaf = issue_leaf(
        public_key=key.public_key, names=names(*(served or HOSTS)), issuer=issuing, now=NOW
    )
    return chain_to_pem((leaf, issuing.certificate)), key.to_pem()


def trusting() -> ssl.SSLContext:
    """Return the TLS of a device that trusts the root."""
    return context_trusting(a_house().root.certificate)


@dataclass(slots=True)
class Shared:
    """What is served, and what was told of it so far."""

    serving: Serving
    key: Secret  # of the proof's leaf
    events: list[Event] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.serving.port

    @property
    def proof_port(self) -> int:
        return self.serving.proof_port

    def steps(self, step: Step) -> list[Event]:
        """Return the events of one step."""
        return [event for event in self.events if event.step is step]

    def refused(self) -> Counter[str]:
        """Return how many were refused, by reason."""
        counted: Counter[str] = Counter()
        for event in self.steps(Step.REFUSED):
            counted[event.reason] += event.count
        return counted

    async def until(self, step: Step, count: int = 1) -> list[Event]:
        """Wait until `count` events of `step` are there."""
        async with asyncio.timeout(20):
            while len(self.steps(step)) < count:
                await asyncio.sleep(0.01)
        return self.steps(step)

    async def until_refused(self, reason: str, count: int = 1) -> int:
        """Wait until so many were refused for `reason`."""
        async with asyncio.timeout(20):
            while self.refused()[reason] < count:
                await asyncio.sleep(0.01)
        return self.refused()[reason]

    async def listen(self) -> None:
        async for event in self.serving.events():
            self.events.append(event)

    def still_lives(self) -> None:
        """Hold that both processes are there and had nothing to complain of."""
        for words in self.serving._words:
            assert words._kept == b"", words._kept.decode()
        for pid in self.serving.pids:
            assert "(zombie)" not in Path(f"/proc/{pid}/status").read_text()


@contextlib.asynccontextmanager
async def sharing(*addresses: str, offer: Offer | None = None) -> AsyncIterator[Shared]:
    """Serve at `addresses`; at the end both processes must still live, without a complaint."""
    offer = offer or an_offer()
    chain, key = a_pair(*offer.hosts)
    serving = await serve(
        offer,
        chain_pem=chain,
        key_pem=key,
        addresses=addresses or ("127.0.0.1",),
        port=0,
        proof_port=0,
    )
    shared = Shared(serving, key)
    async with serving:
        listening = asyncio.create_task(shared.listen())
        try:
            yield shared
            if listening.done():
                listening.result()
            shared.still_lives()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came."""

    status: int
    headers: dict[str, str]  # by lower-case name
    body: bytes


async def ask(
    port: int,
    target: str = "/",
    *headers: str,
    method: str = "GET",
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    source: str | None = None,
) -> Said:
    """Ask as a browser does, by a connection of its own."""
    authority = f"{host}:{port}"
    lines = (f"{method} {target} HTTP/1.1", f"Host: {authority}", *headers)
    request = "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")
    answered = await send(port, request, tls=tls, source=source, name=host)
    assert answered, "no answer"
    return parsed(answered)


async def send(
    port: int,
    request: bytes,
    *,
    tls: ssl.SSLContext | None = None,
    source: str | None = None,
    name: str = "127.0.0.1",
) -> bytes:
    """Send bytes as they are; return all that comes back."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        port,
        ssl=tls,
        server_hostname=name if tls else None,
        local_addr=(source, 0) if source else None,
    )
    answered = b""
    try:
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            await writer.drain()
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                answered += chunk
    finally:
        writer.transport.abort()
    return answered


def parsed(answered: bytes) -> Said:
    """Take an answer apart, and hold that it is one."""
    head, _, body = answered.partition(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    assert start.startswith("HTTP/1."), start
    headers = dict(line.split(": ", 1) for line in lines)
    lowered = {name.lower(): value for name, value in headers.items()}
    return Said(int(start.split()[1]), lowered, body)
