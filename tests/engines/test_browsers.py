"""The browsers as engines tell apart what is known in advance, and which cases may meet.

    root ─ issuing CA ─ leaf        and        self-signed leaf

What they say is from PLATFORMS.md: CHR-01, CHR-02, CHR-14, FFX-02 to FFX-05.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import pytest

from housekey.pki.encoding import to_der
from housekey.pki.issuing import issue_leaf, issue_self_signed
from housekey.pki.keys import KeyType, PrivateKey
from housekey.pki.names import parse_name
from housekey.platforms.model import Question
from tests.engines import batches, browser, corpus, der, forge
from tests.engines.chromium import ChromiumEngine
from tests.engines.chromium import is_verdict as chromium_verdict
from tests.engines.firefox import FirefoxEngine
from tests.engines.making import Maker
from tests.engines.model import Answer, Case
from tests.engines.servers import Doors
from tests.needs import require
from tests.pki.houses import NOW, TwoTiers, a_house, names

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTS = ("ha.lan", "homeassistant", "localhost", "127.0.0.1", "192.168.1.20", "fd12::20")


@cache
def _key(kind: KeyType = KeyType.ECDSA_P256) -> PrivateKey:
    return PrivateKey.generate(kind)


def house_case(
    id_: str,
    *served: str,
    asked: str | None = None,
    house: TwoTiers | None = None,
    trusts: TwoTiers | bool = True,
    sends_issuing: bool = True,
    kind: KeyType = KeyType.ECDSA_P256,
) -> Case:
    """A case of a house by the profiles; `trusts` is another house, or False for nothing."""
    house = house or a_house()
    leaf = issue_leaf(
        public_key=_key(kind).public_key, names=names(*served), issuer=house.issuing, now=NOW
    )
    trusted = (house if trusts else None) if isinstance(trusts, bool) else trusts
    sent = (leaf, house.issuing.certificate) if sends_issuing else (leaf,)
    return Case(
        id=id_,
        question=Question(
            chain=tuple(map(to_der, sent)),
            root=to_der(trusted.root.certificate) if trusted else None,
            name=parse_name(asked or served[0]),
            at=NOW,
        ),
        key=_key(kind).to_pem().reveal(),
    )


def self_signed_case(id_: str, *, trusted: bool, name: str = "ha.lan") -> Case:
    leaf = to_der(issue_self_signed(key=_key(), names=names(name), now=NOW))
    return Case(
        id=id_,
        question=Question((leaf,), leaf if trusted else None, parse_name(name), NOW),
        key=_key().to_pem().reveal(),
    )


@cache
def known() -> dict[Case, tuple[str, str]]:
    """Cases with what Chromium and Firefox say; "" is a page that is shown."""
    return {
        **{house_case(f"house-{host}", *HOSTS, asked=host): ("", "") for host in HOSTS},
        house_case("rsa", "ha.lan", kind=KeyType.RSA_2048): ("", ""),
        house_case("another-name", "ha.lan", asked="hb.lan"): (
            "ERR_CERT_COMMON_NAME_INVALID", "SSL_ERROR_BAD_CERT_DOMAIN",
        ),
        house_case("another-address", "192.168.1.20", asked="192.168.1.21"): (
            "ERR_CERT_COMMON_NAME_INVALID", "SSL_ERROR_BAD_CERT_DOMAIN",
        ),
        house_case("issuing-not-sent", "ha.lan", sends_issuing=False): (
            "ERR_CERT_AUTHORITY_INVALID", "SEC_ERROR_UNKNOWN_ISSUER",
        ),
        house_case("no-root", "ha.lan", trusts=False): (
            "ERR_CERT_AUTHORITY_INVALID", "SEC_ERROR_UNKNOWN_ISSUER",
        ),
        # The same subject with another key: Firefox finds it, and then tries it.
        house_case("root-of-that-name", "ha.lan", trusts=a_house(born=NOW - timedelta(1))): (
            "ERR_CERT_AUTHORITY_INVALID", "SEC_ERROR_BAD_SIGNATURE",
        ),
        self_signed_case("self-signed", trusted=False): (
            "ERR_CERT_AUTHORITY_INVALID", "MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT",
        ),
        self_signed_case("self-signed-trusted", trusted=True): ("ERR_CERT_INVALID", ""),
    }  # fmt: skip


def answer(words: str) -> Answer:
    return Answer(not words, words)


@pytest.mark.engine
def test_chromium_tells_apart_what_is_known() -> None:
    require(ChromiumEngine.missing() is None, ChromiumEngine.missing() or "")
    expected = {case.id: answer(words) for case, (words, _) in known().items()}
    assert ChromiumEngine().ask(list(known())) == expected


@pytest.mark.engine
def test_firefox_tells_apart_what_is_known() -> None:
    require(FirefoxEngine.missing() is None, FirefoxEngine.missing() or "")
    expected = {case.id: answer(words) for case, (_, words) in known().items()}
    assert FirefoxEngine().ask(list(known())) == expected


def test_cases_that_would_help_each_other_never_share_a_browser() -> None:
    house = house_case("house", "ha.lan")
    for other in (
        house_case("issuing-not-sent", "ha.lan", sends_issuing=False),
        house_case("no-root", "ha.lan", trusts=False),
        house_case("root-of-that-name", "ha.lan", trusts=a_house(born=NOW - timedelta(1))),
        house_case("house-of-that-name", "ha.lan", house=a_house(born=NOW - timedelta(1))),
        _trusting_the_leaf(house),
    ):
        for pair in ([house, other], [other, house]):
            assert [list(each) for each in batches.batches(pair)] == [[each] for each in pair]


def _trusting_the_leaf(case: Case) -> Case:
    return replace(
        case, id="trusts-the-leaf", question=replace(case.question, root=case.question.chain[0])
    )


def test_cases_that_do_not_touch_share_a_browser() -> None:
    of_one_house = [house_case(f"house-{host}", host) for host in HOSTS]
    apart = [of_one_house[0], self_signed_case("self-signed", trusted=True, name="nas.lan")]
    assert [list(each) for each in batches.batches(of_one_house)] == [of_one_house]
    assert [list(each) for each in batches.batches(apart)] == [apart]


def test_what_cannot_be_read_is_asked_alone() -> None:
    house = house_case("house", "ha.lan")
    for bad in (b"", b"\x30", b"\x30\x03\x30", b"\x30\x02\x30\x00", b"\x30\x80" + b"\xff" * 9):
        broken = replace(house, id="broken", question=replace(house.question, chain=(bad,)))
        assert [list(each) for each in batches.batches([broken, house])] == [[broken], [house]]


def test_a_case_of_another_day_is_not_asked() -> None:
    """A browser has the machine's clock, so the answer would be to another question."""
    house = house_case("house", "ha.lan")
    later = datetime.now(UTC) + timedelta(days=30)
    case = replace(house, question=replace(house.question, at=later))

    def start(**_: object) -> Any:
        raise AssertionError

    answers = browser.ask([case], start=start, is_verdict=chromium_verdict)
    assert answers == {"house": Answer(None, "the browser's clock cannot be set")}


def test_a_chain_that_no_server_can_present_is_said_to_be_so() -> None:
    house = house_case("house", "ha.lan")
    case = replace(house, question=replace(house.question, chain=(b"no certificate",)))
    with Doors([case, replace(house, id="another")]) as doors:
        assert doors.refused.keys() == {"house"}
        assert doors.url(replace(house, id="another")).startswith("https://ha.lan:")


def test_a_leaf_that_openssl_complains_about_is_presented_all_the_same() -> None:
    twice = forge.Ext(forge.SAN, der.sequence(der.general_name("hb.lan")))
    case = Maker(corpus.this_hour())("twice", leaf=forge.LEAF.but(more=(twice,)))
    with Doors([case]) as doors:
        host, _, port = doors.proxy.rpartition(":")
        assert not doors.refused
        client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client_side.check_hostname, client_side.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection((host, int(port)), timeout=10) as client:
            client.sendall(f"CONNECT {doors.url(case)[8:-1]} HTTP/1.1\r\n\r\n".encode())
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            with client_side.wrap_socket(client) as tls:
                assert tls.getpeercert(binary_form=True) == case.question.chain[0]


def test_the_doors_lead_nowhere_else() -> None:
    with Doors([house_case("house", "ha.lan")]) as doors:
        host, _, port = doors.proxy.rpartition(":")
        for first in (b"CONNECT example.org:443", b"GET http://example.org/", b"\xff", b"CONNECT"):
            with socket.create_connection((host, int(port)), timeout=10) as client:
                client.sendall(first + b" HTTP/1.1\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 403 ")
        assert doors.elsewhere[0] == "CONNECT example.org:443"


class _Failing:
    """A browser that goes away at one case, each time."""

    def __init__(self, *, roots: Sequence[bytes], proxy: str) -> None:
        assert len(roots) == 1
        assert proxy.startswith("127.0.0.1:")

    def navigate(self, url: str) -> str:
        if ":20001/" in url:
            raise ConnectionError("gone")
        return "ERR_CERT_INVALID" if ":20002/" in url else "ERR_TUNNEL_CONNECTION_FAILED"

    def evaluate(self, expression: str) -> Any:
        raise AssertionError(expression)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_case_that_ends_the_browser_does_not_take_the_others_with_it() -> None:
    cases = [house_case(str(number), "ha.lan") for number in range(4)]
    answers = browser.ask(cases, start=_Failing, is_verdict=chromium_verdict)
    assert answers == {
        "0": Answer(None, "ERR_TUNNEL_CONNECTION_FAILED"),
        "1": Answer(None, "the browser failed: ConnectionError('gone')"),
        "2": Answer(False, "ERR_CERT_INVALID"),
        "3": Answer(None, "ERR_TUNNEL_CONNECTION_FAILED"),
    }
