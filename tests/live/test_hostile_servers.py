"""Whatever a server answers, a greeting ends, and what it sent can be judged.

noise                                    a server that speaks nothing known
a TLS 1.2 flight with bytes changed      ServerHello, Certificate, …: all of it in the clear
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housekey.live.greeting import Greeting, Met, greet
from housekey.pki.encoding import chain_to_pem
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import DnsName
from housekey.platforms.judge import judge
from housekey.platforms.model import Platform, Question
from tests.pki.houses import NOW, a_house, names

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = Callable[[bytes], bytes]  # to the client's greeting

SECONDS = 5.0
HERE = ip_address("127.0.0.1")
CHANGES = st.lists(st.tuples(st.integers(0, 1500), st.integers(1, 255)), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What a real server answers in TLS 1.2, up to the first turn of the client."""
    house, key = a_house(), PrivateKey.generate(KeyType.ECDSA_P256)
    leaf = issue_leaf(
        public_key=key.public_key, names=names("ha.lan"), issuer=house.issuing, now=NOW
    )
    folder = tmp_path_factory.mktemp("pair")
    (folder / "chain.pem").write_bytes(chain_to_pem((leaf, house.issuing.certificate)))
    (folder / "key.pem").write_bytes(key.to_pem().reveal())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")

    def answer(hello: bytes) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(hello)
        with contextlib.suppress(ssl.SSLError):
            server.do_handshake()
        return outgoing.read()

    return answer


async def _greeted(answer: Answer) -> Greeting:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(answer(await reader.read(1 << 14)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(60):  # a greeting that does not end is the failure
            return await greet(HERE, port, DnsName("ha.lan"), seconds=SECONDS)


def _judged(greeting: Greeting) -> None:
    question = Question(greeting.chain, None, DnsName("ha.lan"), datetime.now(UTC))
    assert len(judge(question)) == len(Platform)


def test_the_flight_itself_shows_the_chain(flight: Answer) -> None:
    greeting = asyncio.run(_greeted(flight))
    assert (greeting.met, len(greeting.chain)) == (Met.TLS, 2)


@settings(max_examples=150)
@given(noise=st.binary(max_size=3000))
def test_noise_ends_a_greeting(noise: bytes) -> None:
    greeting = asyncio.run(_greeted(lambda _hello: noise))
    assert greeting.chain == ()
    assert greeting.met is not Met.TLS
    assert greeting.reason
    assert greeting.reason.isprintable()


@settings(max_examples=300)
@given(changes=CHANGES)
def test_a_damaged_flight_ends_a_greeting_and_can_be_judged(
    flight: Answer, changes: list[tuple[int, int]]
) -> None:
    def damaged(hello: bytes) -> bytes:
        sent = bytearray(flight(hello))
        for at, change in changes:
            sent[at % len(sent)] ^= change
        return bytes(sent)

    _judged(asyncio.run(_greeted(damaged)))


@settings(max_examples=60)
@given(keep=st.integers(0, 1500), more=st.binary(max_size=300))
def test_a_flight_that_breaks_off_ends_a_greeting_and_can_be_judged(
    flight: Answer, keep: int, more: bytes
) -> None:
    _judged(asyncio.run(_greeted(lambda hello: flight(hello)[:keep] + more)))
