"""The root from an onboarding page: real HTTP on this machine, honest and otherwise."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from housekey.errors import RootRefused, TrustFailed, UsageError
from housekey.trust import page as page_module
from housekey.trust.page import fetch, page_at, server_at
from housekey.trust.store import Server
from tests.trust.pages import about, onboarding_page
from tests.trust.roots import Forged, a_root, pem_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://ha.lan:8125", ("ha.lan", 8125)),
        ("http://ha.lan:8125/", ("ha.lan", 8125)),
        ("ha.lan", ("ha.lan", 8125)),
        ("192.168.1.9:80", ("192.168.1.9", 80)),
        ("http://[fd00::9]:8125", ("fd00::9", 8125)),
    ],
)
def test_an_address_is_read(text: str, meant: tuple[str, int]) -> None:
    assert page_at(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        *("", "https://ha.lan:8125", "ftp://ha.lan", "http://ha.lan/other", "http://ha.lan:99999"),
        *("http://a:b@ha.lan", "http://ha.lan?x", "http://", "http://[fd00::9", "http://h a"),
    ],
)
def test_what_is_no_address_of_a_page_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        page_at(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ha.lan:8123", Server("ha.lan", 8123)),
        ("ha.lan", Server("ha.lan", 443)),
        ("https://[fd00::9]:8123/lovelace", Server("fd00::9", 8123)),
    ],
)
def test_a_server_to_prove_by_is_read(text: str, meant: Server) -> None:
    assert server_at(text) == meant
    with pytest.raises(UsageError):
        server_at(f"http://{text}")


def test_the_root_and_the_place_of_proof_are_fetched() -> None:
    with onboarding_page(pem_of(), about(hosts=["ha.lan", "127.0.0.1"], port=9)) as url:
        got = fetch(url)
    assert got.root == a_root()
    assert got.server == Server("127.0.0.1", 9)  # under the name that the page was reached by


def test_of_other_names_the_best_one_is_taken() -> None:
    with onboarding_page(pem_of(), about(hosts=["-bad-", "ha.lan", "ha.local"], port=9)) as url:
        assert fetch(url).server == Server("ha.lan", 9)


@pytest.mark.parametrize(
    "proof",
    [
        *(None, [], "x", {}, {"hosts": ["ha.lan"]}, {"hosts": ["ha.lan"], "port": 0}),
        *({"hosts": ["ha.lan"], "port": "9"}, {"hosts": [], "port": 9}, {"hosts": "ha", "port": 9}),
        {"hosts": [None, "$(reboot)", "ha.lan/../", "--help"], "port": 9},
    ],
)
def test_a_place_of_proof_that_is_none_is_none(proof: object) -> None:
    with onboarding_page(pem_of(), {**about(), "proof": proof}) as url:
        assert fetch(url).server is None


def test_a_page_that_contradicts_itself_is_refused() -> None:
    with onboarding_page(pem_of("b"), about()) as url, pytest.raises(RootRefused, match="another"):
        fetch(url)


@pytest.mark.parametrize(
    "answer",
    [b"", b"null", b"[]", b"{}", b'{"housekey": 2}', b"<html>", b"\xff\xfe", b"[" * 50_000],
    ids=range(8),
)
def test_what_is_no_onboarding_page_is_told(answer: bytes) -> None:
    with (
        onboarding_page(pem_of(), answer) as url,
        pytest.raises(TrustFailed, match="is no onboarding page"),
    ):
        fetch(url)


def test_a_certificate_that_is_none_is_refused() -> None:
    with onboarding_page(b"hello", about()) as url, pytest.raises(RootRefused):
        fetch(url)


def test_a_leaf_is_fetched_and_judged_later() -> None:
    leaf = Forged(ca=False).certificate()
    from housekey.pki.encoding import certificate_to_pem, fingerprint  # noqa: PLC0415

    told = {**about(), "sha256": fingerprint(leaf)}
    with onboarding_page(certificate_to_pem(leaf), told) as url:
        assert fetch(url).root == leaf


def test_a_redirect_is_not_followed() -> None:
    def elsewhere(_: str) -> bytes:
        return b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"

    with raw_server(elsewhere) as url, pytest.raises(TrustFailed, match="it says 302"):
        fetch(url)


def test_too_much_is_not_read() -> None:
    def endless(_: str) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b" " * 200_000

    with raw_server(endless) as url, pytest.raises(TrustFailed, match="too much"):
        fetch(url)


@pytest.mark.parametrize("slow", ["silent", "drop by drop"])
def test_one_who_never_comes_to_an_end_is_left(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "_SECONDS", 0.5)

    told = threading.Event()

    def drops(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Long: "
        while not told.wait(0.05):
            yield b"x" if slow == "drop by drop" else b""

    with raw_server(drops) as url:
        with pytest.raises(TrustFailed, match="does not answer"):
            fetch(url)
        told.set()


def test_nobody_there_is_told() -> None:
    with pytest.raises(TrustFailed, match=r"does not answer at http://127\.0\.0\.1:1") as caught:
        fetch("http://127.0.0.1:1")
    assert "housekey share" in caught.value.hint


def test_one_who_speaks_no_http_is_told() -> None:
    with raw_server(lambda _: b"SSH-2.0-OpenSSH_9.2\r\n") as url, pytest.raises(TrustFailed):
        fetch(url)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with onboarding_page(pem_of(), about(hosts=["ha.lan"], port=9)) as url:
        assert fetch(url).root == a_root()


@contextlib.contextmanager
def raw_server(answer: Callable[[str], bytes | Iterator[bytes]]) -> Iterator[str]:
    """Answer every connection with these bytes, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        request = client.recv(4096).decode(errors="replace")
                        parts = answer(request)
                        for part in [parts] if isinstance(parts, bytes) else parts:
                            client.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def test_the_tests_own_page_says_what_the_real_one_says() -> None:
    assert set(json.loads(json.dumps(about()))) == {"housekey", "sha256", "proof", "home_assistant"}
