"""What Home Assistant itself says when a browser goes while a file is on its way to it."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from demo.api import wait_for
from demo.instance import free_port
from tests.inside.integration import complaints
from tests.platforms.messages.servers import issued

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import NewHome

_LARGE = 8 << 20  # bytes: more than all buffers on the way hold


def leave_amid(port: int, path: str) -> None:
    """Ask for a file, and end the connection as a browser that is closed: after its first bytes."""
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = tls.wrap_bio(received, sent)

        def until_done(step: Callable[[], object]) -> object:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    plain.sendall(sent.read())
                    received.write(plain.recv(1 << 10))

        until_done(client.do_handshake)
        client.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = until_done(lambda: client.read(15))
        assert head == b"HTTP/1.1 200 OK", head
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(1 << 16):  # what was on its way
            pass


def test_a_home_assistant_without_housekey_complains_of_a_browser_that_left(
    home_2026_7: NewHome,
) -> None:
    pair = issued("localhost", by=None, names=["localhost"])
    port = free_port()
    block = (
        f"http:\n  server_port: {port}\n"
        "  ssl_certificate: /config/pair.pem\n  ssl_key: /config/key.pem\n"
    )
    files = {
        "configuration.yaml": f"homeassistant:\nfrontend:\n{block}",
        "pair.pem": pair.pem.decode(),
        "key.pem": pair.key_pem.decode(),
        "www/large.bin": "0" * _LARGE,
    }
    home = home_2026_7(start=False, files=files, port=port)
    home.start(wait=False)
    home.wait_until_running(scheme="https")
    assert complaints(home) == []
    leave_amid(port, "/local/large.bin")
    assert wait_for(lambda: complaints(home) != [], timeout=10), home.log
    assert "[asyncio] SSL connection is closed" in complaints(home)[0]
    assert complaints(home, browser_left=True) == []
