"""What only the wire shows, seen on real servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import warnings
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from housekey.errors import LookFailed
from housekey.live.greeting import Met
from housekey.live.remarks import RULES, remarks
from housekey.live.survey import Survey, survey
from housekey.pki.encoding import to_der
from housekey.pki.names import parse_name
from housekey.platforms.model import Severity
from tests.live.servers import Pair, both, by_name, saying, serving, silent, tls
from tests.needs import require
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from housekey.live.handshake import Address

V4, V6 = ip_address("127.0.0.1"), ip_address("::1")
ROOT = to_der(a_house().root.certificate)
ISSUING = to_der(a_house().issuing.certificate)


def look(
    host: str, *ports: int, asked: tuple[str, ...] = (), at: tuple[Address, ...] = (V4,)
) -> Survey:
    async def resolver(_: str) -> tuple[Address, ...]:
        return at

    return asyncio.run(survey(parse_name(host), ports, names(*asked), resolver=resolver))


def said(seen: Survey, rule: str, *, root: bytes | None = ROOT) -> list[str]:
    return [each.message for each in remarks(seen, root=root) if each.rule == rule]


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_the_chain_is_taken_down_as_it_is_sent_and_trusted_by_nobody(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "ha.lan")
    with serving(tls(pair.context)) as port:
        seen = look("ha.lan", port)
    assert seen.chain == (to_der(pair.leaf), ISSUING)
    assert seen.chains(parse_name("ha.lan")) == (seen.chain,)
    assert remarks(seen, root=ROOT) == ()


def test_an_issuing_ca_that_is_not_sent_is_told(tmp_path: Path) -> None:
    with serving(tls(Pair(tmp_path, "ha.lan", whole=False).context)) as port:
        seen = look("ha.lan", port)
    assert len(seen.chain) == 1
    (message,) = said(seen, "WIRE-01")
    assert "only its leaf, and not that of housekey issuing CA for Home" in message
    # Without a root it may be that the device knows the issuing CA.
    (unsure,) = remarks(seen, root=None)
    assert unsure.severity is Severity.WARNING


def test_a_leaf_that_the_root_itself_signed_lacks_nothing(tmp_path: Path) -> None:
    with serving(tls(Pair(tmp_path, "ha.lan", whole=False).context)) as port:
        seen = look("ha.lan", port)
    assert said(seen, "WIRE-01", root=ISSUING) == []


def test_another_certificate_under_another_name_is_told(tmp_path: Path) -> None:
    default = Pair(tmp_path, "ha.lan", "nas.lan", "old.lan")
    other = Pair(tmp_path, "nas.lan")
    with serving(tls(by_name(default, {"nas.lan": other}))) as port:
        # nas.lan is asked because it is in the leaf, too.
        seen = look("ha.lan", port)
    (message,) = said(seen, "WIRE-02")
    assert message.startswith("under nas.lan it presents another certificate")
    assert seen.chains(parse_name("nas.lan"))[0][0] == to_der(other.leaf)
    assert seen.chains(parse_name("old.lan"))[0][0] == to_der(default.leaf)


def test_another_certificate_without_a_name_is_told(tmp_path: Path) -> None:
    default, named = Pair(tmp_path, "router.lan"), Pair(tmp_path, "ha.lan")
    with serving(tls(by_name(default, {"ha.lan": named}))) as port:
        seen = look("ha.lan", port)
    (message,) = said(seen, "WIRE-02")
    assert message.startswith("without a name, as for an address, it presents another")


def test_another_certificate_at_another_address_is_told(tmp_path: Path) -> None:
    require(has_ipv6(), "IPv6 on the loopback")
    v4, v6 = Pair(tmp_path, "ha.lan"), Pair(tmp_path, "ha.lan")
    with both(tls(v4.context), tls(v6.context)) as port:
        seen = look("ha.lan", port, at=(V6, V4))
    messages = said(seen, "WIRE-03")
    assert messages
    assert all("at the IPv4 address 127.0.0.1 it presents another cert" in m for m in messages)
    chains = seen.chains(parse_name("ha.lan"))
    assert [chain[0] for chain in chains] == [to_der(v6.leaf), to_der(v4.leaf)]


@pytest.mark.parametrize(
    ("answer", "severity"),
    [(None, Severity.INFO), (saying(b"HTTP/1.1 400 Bad\r\n\r\n"), Severity.ERROR)],
    ids=["closed", "plain"],
)
def test_an_address_without_tls_beside_one_with_it_is_told(
    answer: Callable[[socket.socket], None] | None, severity: Severity, tmp_path: Path
) -> None:
    require(has_ipv6(), "IPv6 on the loopback")
    good = tls(Pair(tmp_path, "ha.lan").context)
    with serving(good) if answer is None else both(good, answer) as port:
        seen = look("ha.lan", port, at=(V6, V4))
    (found,) = (each for each in remarks(seen, root=ROOT) if each.rule == "WIRE-04")
    assert found.severity is severity
    assert "the IPv6 address ::1" in found.message


@pytest.mark.parametrize(
    ("least", "most", "accepted", "rule"),
    [
        ("TLSv1_2", "TLSv1_2", ["TLSv1.2"], None),
        ("TLSv1_3", "TLSv1_3", ["TLSv1.3"], "WIRE-07"),
        ("TLSv1", "TLSv1_3", ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"], "WIRE-05"),
        ("TLSv1", "TLSv1", ["TLSv1"], "WIRE-06"),
    ],
)
def test_the_versions_of_tls_are_those_that_the_server_accepts(
    least: str, most: str, accepted: list[str], rule: str | None, tmp_path: Path
) -> None:
    context = Pair(tmp_path, "ha.lan").context
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion[least]
        context.maximum_version = ssl.TLSVersion[most]
    with serving(tls(context)) as port:
        seen = look("ha.lan", port)
    assert [version for version, yes in seen.versions if yes] == accepted
    found = [each.rule for each in remarks(seen, root=ROOT)]
    assert found == ([rule] if rule else [])
    assert seen.chain[0] != b""


def test_a_server_that_wants_a_certificate_of_the_client_shows_its_own(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "ha.lan")
    pair.context.verify_mode = ssl.CERT_REQUIRED
    pair.context.load_verify_locations(cadata=ROOT)
    pair.context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 refuses only afterwards
    with serving(tls(pair.context)) as port:
        seen = look("ha.lan", port)
    assert seen.chain[0] == to_der(pair.leaf)


@pytest.mark.parametrize(
    ("answer", "met", "words"),
    [
        (silent, Met.SILENT, "it accepts the connection, and then says nothing"),
        (saying(b""), Met.SILENT, "it hung up"),
        (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Met.HTTP, "speaks plain HTTP"),
        (saying(b"<!DOCTYPE html>"), Met.OTHER, "it begins with '<!DOCTYPE html>'"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n", first=True), Met.OTHER, "'SSH-2.0-OpenSSH_9.2'"),
        (saying(b"\xff\xfe\x00\x1b[31m", first=True), Met.OTHER, "it begins with"),
        (saying(b"\n\n", first=True), Met.OTHER, "it speaks another language"),
        (saying(b"\x16\x03\x03\x00\x02\x00\x00"), Met.REFUSED, "refuses to speak TLS"),
        (saying(b"\x15\x03\x03\x00\x02\x02\x28"), Met.REFUSED, "handshake failure"),
    ],
)
def test_what_is_spoken_instead_of_tls_is_told_within_five_seconds(
    answer: Callable[[socket.socket], None], met: Met, words: str
) -> None:
    began = time.monotonic()
    with serving(answer) as port, pytest.raises(LookFailed) as failed:
        look("ha.lan", port)
    assert time.monotonic() - began < 5
    assert failed.value.met == met
    assert words in failed.value.message
    assert "\x1b" not in failed.value.message


def test_a_server_that_drips_is_given_up_in_time(tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(1 << 14)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(100):
            connection.sendall(bytes([byte]))
            time.sleep(0.1)

    began = time.monotonic()
    with serving(drip) as port:
        with pytest.raises(LookFailed, match="stops in the middle"):
            look("ha.lan", port)
        assert time.monotonic() - began < 5


def test_the_first_port_where_anything_is_accepted_is_meant(tmp_path: Path) -> None:
    with socket.socket() as closed, serving(tls(Pair(tmp_path, "ha.lan").context)) as port:
        closed.bind(("127.0.0.1", 0))  # bound, and not listening
        free = closed.getsockname()[1]
        assert look("ha.lan", free, port).port == port
        with pytest.raises(LookFailed, match="nothing answers at"):
            look("ha.lan", free)


def test_a_name_that_does_not_resolve_is_told() -> None:
    with pytest.raises(LookFailed, match="does not resolve on this computer"):
        look("ha.lan", 443, at=())


def test_every_remark_is_in_the_list_of_rules(tmp_path: Path) -> None:
    with serving(tls(Pair(tmp_path, "ha.lan", whole=False).context)) as port:
        found = remarks(look("ha.lan", port), root=ROOT)
    assert {each.rule for each in found} <= set(RULES)
    assert all(each.source and each.fix for each in found)
