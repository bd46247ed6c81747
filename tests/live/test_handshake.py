"""The proof from outside, against servers that present all kinds of things."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from housekey.live.handshake import (
    Outcome,
    Presented,
    Proof,
    Speech,
    judge,
    prove,
    resolve,
    shake,
    speaks,
)
from housekey.live.tls import Called, context_trusting
from housekey.pki.encoding import chain_to_pem
from housekey.pki.issuing import issue_leaf
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from tests.needs import require
from tests.pki.houses import A_DAY, NOW, TwoTiers, a_house, names

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from cryptography import x509

    from housekey.live.handshake import Address

V4, V6 = ip_address("127.0.0.1"), ip_address("::1")
ROOT = a_house().root.certificate


class Server:
    """A pair for `served` names, issued by a house, and what serves it."""

    def __init__(self, folder: Path, *served: str, house: TwoTiers | None = None) -> None:
        house = house or a_house()
        key = PrivateKey.generate(KeyType.ECDSA_P256)
        self.leaf: x509.Certificate = issue_leaf(
            public_key=key.public_key, names=names(*served), issuer=house.issuing, now=NOW
        )
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        pem = chain_to_pem((self.leaf, house.issuing.certificate)) + key.to_pem().reveal()
        file = folder / f"{'-'.join(served).replace(':', '.')}.pem"
        file.write_bytes(pem)
        self.context.load_cert_chain(file)

    @asynccontextmanager
    async def at(self, host: str, port: int = 0) -> AsyncIterator[int]:
        async with listening(host, port, ssl=self.context) as bound:
            yield bound


@asynccontextmanager
async def listening(
    host: str, port: int = 0, *, says: bytes | None = None, **options: Any
) -> AsyncIterator[int]:
    """A server that says `says` to whoever greets it, and hangs up; None: says nothing."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1)
            if says:
                writer.write(says)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(greet, host, port, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def resolving(**known: str) -> Callable[[str], Awaitable[tuple[Address, ...]]]:
    async def resolver(host: str) -> tuple[Address, ...]:
        return tuple(ip_address(each) for each in known.get(host.replace(".", "_"), "").split())

    return resolver


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Server:
    served = ("ha.lan", "127.0.0.1", "::1")
    return Server(tmp_path_factory.mktemp("pair"), *served)


# One handshake


def test_a_leaf_of_the_house_is_verified_under_its_names_and_addresses(pair: Server) -> None:
    async def story() -> None:
        async with pair.at("127.0.0.1") as port:
            for name in names("ha.lan", "127.0.0.1"):
                met = await shake(name, V4, port, root=ROOT)
                assert met == Presented(Outcome.VERIFIED, "", pair.leaf, "TLSv1.3")

    asyncio.run(story())


@pytest.mark.parametrize("name", ["other.lan", "sub.ha.lan", "127.0.0.2", "::1"])
def test_a_name_that_is_not_in_the_leaf_is_refused(name: str, tmp_path: Path) -> None:
    server = Server(tmp_path, "ha.lan", "127.0.0.1")

    async def story() -> None:
        async with server.at("127.0.0.1") as port:
            met = await shake(parse_name(name), V4, port, root=ROOT)
            assert met.outcome is Outcome.UNTRUSTED
            assert "mismatch" in met.reason
            assert met.leaf is None

    asyncio.run(story())


def test_a_leaf_of_another_house_is_refused(tmp_path: Path) -> None:
    other = a_house(key_type=KeyType.ECDSA_P384)
    server = Server(tmp_path, "ha.lan", house=other)

    async def story() -> None:
        async with server.at("127.0.0.1") as port:
            (name,) = names("ha.lan")
            assert (await shake(name, V4, port, root=ROOT)).outcome is Outcome.UNTRUSTED
            met = await shake(name, V4, port, root=other.root.certificate)
            assert met.outcome is Outcome.VERIFIED

    asyncio.run(story())


def test_an_expired_leaf_is_refused(tmp_path: Path) -> None:
    old = a_house(born=NOW - 30 * A_DAY)
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    expired = issue_leaf(
        public_key=key.public_key,
        names=names("ha.lan"),
        issuer=old.issuing,
        now=NOW - 5 * A_DAY,
        days=2,
    )
    file = tmp_path / "expired.pem"
    file.write_bytes(chain_to_pem((expired, old.issuing.certificate)) + key.to_pem().reveal())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)

    async def story() -> None:
        async with listening("127.0.0.1", ssl=context) as port:
            (name,) = names("ha.lan")
            met = await shake(name, V4, port, root=old.root.certificate)
            assert met.outcome is Outcome.UNTRUSTED
            assert "expired" in met.reason

    asyncio.run(story())


def test_what_is_not_tls_is_told_from_what_is_closed() -> None:
    async def story() -> None:
        (name,) = names("ha.lan")
        for says in (b"HTTP/1.1 400 Bad Request\r\n\r\n", None):
            async with listening("127.0.0.1", says=says) as port:
                met = await shake(name, V4, port, root=ROOT)
                assert met.outcome is Outcome.NOT_TLS, met
        met = await shake(name, V4, port, root=ROOT)
        assert met.outcome is Outcome.CLOSED
        assert "refused" in met.reason

    asyncio.run(story())


def test_a_server_that_accepts_and_then_is_silent_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("housekey.live.handshake.HANDSHAKE_SECONDS", 0.2)

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            met = await shake(names("ha.lan")[0], V4, port, root=ROOT)
            assert met.outcome is Outcome.NOT_TLS
            assert "no answer in time" in met.reason

    asyncio.run(story())


def test_only_the_given_root_is_trusted_and_as_strictly_as_python_3_13_does() -> None:
    context = context_trusting(ROOT)
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.verify_flags & ssl.VERIFY_X509_STRICT


def test_one_that_is_met_at_an_address_and_called_by_a_name_is_asked_for_that_name(
    pair: Server,
) -> None:
    """As Home Assistant with a public name is: its certificate has no address in it."""

    async def shaken(trust: Called) -> None:
        async with pair.at("127.0.0.1") as port:
            # The address is what asyncio is told, and it is not what is compared.
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context_trusting(trust), server_hostname="127.0.0.2"
            )
            assert writer.get_extra_info("ssl_object").server_hostname == trust.name
            writer.transport.abort()

    asyncio.run(shaken(Called(ROOT, "ha.lan")))
    for wrong in (Called(ROOT, "other.lan"), Called((), "ha.lan")):
        with pytest.raises(ssl.SSLCertVerificationError):
            asyncio.run(shaken(wrong))
    context = context_trusting(Called(ROOT, "ha.lan"))
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname


# All names


def test_every_name_is_proven_or_not_or_does_not_resolve(pair: Server) -> None:
    async def story() -> dict[str, Proof]:
        async with pair.at("127.0.0.1") as port:
            asked = names("ha.lan", "other.lan", "nowhere.lan", "*.ha.lan", "127.0.0.1")
            proofs = await prove(
                asked,
                port,
                root=ROOT,
                leaf=pair.leaf,
                resolver=resolving(ha_lan="127.0.0.1", other_lan="127.0.0.1"),
            )
            assert tuple(proofs) == asked
            return {str(name): proof for name, proof in proofs.items()}

    proofs = asyncio.run(story())
    assert {name: proof.ok for name, proof in proofs.items()} == {
        "ha.lan": True,
        "other.lan": False,
        "nowhere.lan": None,
        "*.ha.lan": None,
        "127.0.0.1": True,
    }
    assert proofs["ha.lan"].reason == ""
    assert "mismatch" in proofs["other.lan"].reason
    assert "does not resolve" in proofs["nowhere.lan"].reason
    assert 0 < proofs["ha.lan"].seconds < 10


def test_an_address_where_nothing_listens_is_no_disproof_but_a_wrong_certificate_is(
    pair: Server, tmp_path: Path
) -> None:
    require(has_ipv6(), "IPv6 on its loopback")
    other = Server(tmp_path, "ha.lan")
    (name,) = names("ha.lan")
    resolver = resolving(ha_lan="127.0.0.1 ::1")

    async def proof(port: int) -> Proof:
        return (await prove([name], port, root=ROOT, leaf=pair.leaf, resolver=resolver))[name]

    async def story() -> None:
        async with pair.at("127.0.0.1") as port:
            assert (await proof(port)).ok is True
            async with pair.at("::1", port):
                assert (await proof(port)).ok is True
            async with other.at("::1", port):
                wrong = await proof(port)
                assert wrong.ok is False
                assert "another certificate" in wrong.reason
            async with listening("::1", port, says=b"HTTP/1.0 400\r\n\r\n"):
                assert (await proof(port)).ok is False
        closed = await proof(port)
        assert closed.ok is False
        assert closed.reason.count("refused") == 2

    asyncio.run(story())


def test_an_ipv6_name_is_proven(pair: Server) -> None:
    require(has_ipv6(), "IPv6 on its loopback")

    async def story() -> None:
        async with pair.at("::1") as port:
            (name,) = names("::1")
            assert (await prove([name], port, root=ROOT, leaf=pair.leaf))[name].ok is True

    asyncio.run(story())


def test_the_old_leaf_of_the_same_house_does_not_prove_the_new_one(
    pair: Server, tmp_path: Path
) -> None:
    new = Server(tmp_path, "ha.lan")
    answers = [Presented(Outcome.VERIFIED, "", leaf=pair.leaf, protocol="TLSv1.3")]
    assert judge(names("ha.lan")[0], answers, leaf=pair.leaf) == (True, "")
    ok, reason = judge(names("ha.lan")[0], answers, leaf=new.leaf)
    assert not ok
    assert "another certificate" in reason


# Probes


def test_this_machine_resolves_its_own_loopback_and_no_nonsense() -> None:
    assert V4 in asyncio.run(resolve("localhost"))
    for nonsense in ("no-such-host.invalid", "a" * 300, "ä" * 80):
        assert asyncio.run(resolve(nonsense)) == ()


def test_what_is_spoken_at_a_port(pair: Server) -> None:
    async def story() -> None:
        async with pair.at("127.0.0.1") as port:
            assert await speaks("127.0.0.1", port) is Speech.TLS
        assert await speaks("127.0.0.1", port) is Speech.NOTHING
        async with listening("127.0.0.1", says=b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
            assert await speaks("127.0.0.1", port) is Speech.PLAIN
        async with listening("127.0.0.1", says=None) as port:
            assert await speaks("127.0.0.1", port) is Speech.NOTHING
        assert await speaks("no-such-host.invalid", 80) is Speech.NOTHING

    asyncio.run(story())


def test_a_server_that_refuses_this_client_still_speaks_tls() -> None:
    handshake_failure = bytes.fromhex("15 0303 0002 02 28")  # RFC 8446, section 6

    async def story() -> None:
        async with listening("127.0.0.1", says=handshake_failure) as port:
            assert await speaks("127.0.0.1", port) is Speech.TLS

    asyncio.run(story())


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
