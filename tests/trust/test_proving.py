"""The server to prove by: real TLS on this machine, with a fresh leaf of a real house."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from housekey.errors import HouseExpired
from housekey.house.files import Files
from housekey.house.house import House
from housekey.live.tls import context_trusting, server_context
from housekey.pki.keys import KeyType, PrivateKey
from housekey.trust.asking import ask_curl, ask_node, ask_python, ask_wget
from housekey.trust.machine import this_machine
from housekey.trust.proving import proving_server
from housekey.trust.store import Server
from tests.needs import require
from tests.trust.roots import NOW, a_root, make_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    make_house(tmp_path / "house")
    with House.open(tmp_path / "house", files=Files(), clock=lambda: NOW) as house:
        yield house


def greet(server: Server, root: object) -> bytes:
    context = context_trusting(root)  # type: ignore[arg-type]
    with (
        socket.create_connection((server.host, server.port), 10) as plain,
        context.wrap_socket(plain, server_hostname=server.host) as tls,
    ):
        tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while more := tls.recv(4096):
            answer += more
        return answer


def test_it_answers_who_trusts_the_root_and_nobody_else(house: House) -> None:
    with proving_server(house) as server:
        assert greet(server, house.root).startswith(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(ssl.SSLCertVerificationError):
            greet(server, a_root("neighbours"))
        assert greet(server, house.root).endswith(b"ok\n")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_answers_under_every_name_of_this_computer(address: str, house: House) -> None:
    with proving_server(house) as server:
        there = address != "::1" or _has_ipv6()
        require(there, "IPv6 on the loopback")
        assert greet(Server(address, server.port), house.root)


def test_its_leaf_is_in_the_ledger_and_its_key_nowhere(house: House) -> None:
    with proving_server(house):
        newest = house.ledger.certificates()[0]
        assert (newest.role, newest.label) == ("leaf", None)
        assert newest.names == ("localhost", "127.0.0.1", "::1")
        assert newest.not_after - newest.not_before <= timedelta(days=1)
        assert sorted(path.name for path in house.folder.glob("**/*.key")) == ["issuing.key"]
        assert not (house.folder / "leaves").exists()


def test_when_the_block_ends_nobody_listens_and_no_thread_is_left(house: House) -> None:
    before = threading.active_count()
    with proving_server(house) as server:
        greet(server, house.root)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", server.port), 5)
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join(10)
    assert threading.active_count() == before


def test_one_who_connects_and_says_nothing_keeps_nobody_waiting(house: House) -> None:
    with (
        proving_server(house) as server,
        socket.create_connection(("127.0.0.1", server.port)),
        socket.create_connection(("127.0.0.1", server.port)) as noisy,
    ):
        noisy.sendall(b"GET / HTTP/1.0\r\n\r\n" * 100)
        assert greet(server, house.root)


def test_only_this_computer_is_listened_to(house: House) -> None:
    with proving_server(house) as server:
        others = {
            info[4][0]
            for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
            if not str(info[4][0]).startswith("127.")
        }
        for address in others:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((str(address), server.port), 5)


def test_a_house_that_has_ended_says_so(tmp_path: Path) -> None:
    make_house(tmp_path / "old", born=timedelta(days=-4018))
    with (
        House.open(tmp_path / "old", files=Files(), clock=lambda: NOW) as house,
        pytest.raises(HouseExpired),
        proving_server(house),
    ):
        pass


def test_a_key_of_another_certificate_is_refused(house: House) -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    other = PrivateKey.generate(KeyType.ECDSA_P256)
    from housekey.pki.encoding import chain_to_pem  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    chain = chain_to_pem(house.sign(key.public_key, [parse_name("localhost")]))
    with pytest.raises(OSError):  # ssl.SSLError is one
        server_context(chain, other.to_pem())
    assert server_context(chain, key.to_pem())


def test_a_chain_larger_than_a_pipe_is_read_whole(house: House) -> None:
    key = PrivateKey.generate(KeyType.ECDSA_P256)
    from housekey.pki.encoding import chain_to_pem  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    leaf, issuing = house.sign(key.public_key, [parse_name("localhost")])
    chain = chain_to_pem([leaf, *[issuing] * 300])
    assert len(chain) > 200_000
    assert server_context(chain, key.to_pem())


def test_no_program_of_this_machine_trusts_it_unasked(house: House) -> None:
    machine = this_machine()
    for ask, name in ((ask_curl, "curl"), (ask_wget, "wget"), (ask_python, "python3")):
        require(machine.which(name) is not None, name)
        with proving_server(house) as server:
            proof = ask(machine, server)
        assert proof.accepts is False, proof
        assert proof.said


def test_each_program_accepts_it_when_it_is_told_of_the_root(house: House, tmp_path: Path) -> None:
    machine = this_machine()
    root = tmp_path / "root.pem"
    from housekey.pki.encoding import certificate_to_pem  # noqa: PLC0415

    root.write_bytes(certificate_to_pem(house.root))
    with proving_server(house) as server:
        proofs = [
            ask_curl(machine, server, options=["--cacert", str(root)]),
            ask_python(machine, server, env={"SSL_CERT_FILE": str(root)}),
            ask_node(machine, server, env={"NODE_EXTRA_CA_CERTS": str(root)}),
        ]
    for proof in proofs:
        require(proof.accepts is not None, proof.said)
        assert proof.accepts, proof


def test_where_nobody_listens_nothing_is_proven() -> None:
    machine, nobody = this_machine(), Server("127.0.0.1", 1)
    for proof in (
        ask_curl(machine, nobody),
        ask_wget(machine, nobody),
        ask_python(machine, nobody),
        ask_node(machine, nobody, env={}),
    ):
        assert proof.accepts is None, proof
        assert proof.said, proof


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False
