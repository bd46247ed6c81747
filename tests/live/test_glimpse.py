"""A glance at several servers takes down what each presents now, and waits for none too long."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from housekey.live.glimpse import Seen, glimpse
from housekey.pki.encoding import fingerprint
from tests.live.servers import Pair, by_name, serving, tls

if TYPE_CHECKING:
    from pathlib import Path


def test_each_server_is_seen_with_the_certificate_that_it_presents(tmp_path: Path) -> None:
    pairs = [Pair(tmp_path, "ha.lan"), Pair(tmp_path, "nas.lan")]
    with serving(tls(pairs[0].context)) as one, serving(tls(pairs[1].context)) as two:
        places = [("127.0.0.1", one), ("localhost", two)]
        seen = glimpse(places, seconds=30)
    assert [seen[place].sha256 for place in places] == [fingerprint(pair.leaf) for pair in pairs]
    assert all(each.seen is Seen.CERTIFICATE for each in seen.values())


def test_a_server_of_several_names_is_asked_for_the_one_that_is_meant(tmp_path: Path) -> None:
    other, meant = Pair(tmp_path, "other.lan"), Pair(tmp_path, "localhost")
    with serving(tls(by_name(other, {"localhost": meant}))) as port:
        seen = glimpse([("localhost", port), ("127.0.0.1", port)], seconds=30)
    assert seen["localhost", port].sha256 == fingerprint(meant.leaf)
    assert seen["127.0.0.1", port].sha256 == fingerprint(other.leaf)


def test_a_server_of_plain_http_presents_nothing_and_is_there() -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serving(answer) as port:
        found = glimpse([("127.0.0.1", port)], seconds=30)["127.0.0.1", port]
    assert (found.seen, found.leaf, found.answers) == (Seen.PLAIN, b"", True)
    assert "no TLS" in found.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "nowhere.invalid", "a" * 64 + ".lan", ""])
def test_where_nothing_is_it_is_told_why(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = glimpse([(host, port)], seconds=30)[host, port]
    assert (found.seen, found.answers) == (Seen.NOTHING, False)
    assert found.reason


def test_a_silent_server_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    """It accepts and says nothing until it is let go, which is after all have been seen."""
    seen = threading.Event()
    pair = Pair(tmp_path, "ha.lan")

    def wait(_: socket.socket) -> None:
        seen.wait(60)

    with (
        serving(wait) as silent,
        serving(tls(pair.context)) as quick,
    ):
        found = glimpse([("127.0.0.1", silent), ("127.0.0.1", quick)], seconds=5)
        seen.set()
    assert found["127.0.0.1", silent].reason == "no answer in time"
    assert found["127.0.0.1", quick].sha256 == fingerprint(pair.leaf)
