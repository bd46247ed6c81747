"""Home Assistant's own calls trust the house, for as long as the entry is set up."""

from __future__ import annotations

import contextlib
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from demo.api import CallError, wait_for
from demo.release import small_configuration
from housekey.live.tls import AcceptedSocket
from tests.inside.integration import added, complaints, entry_of, give

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

COMMANDS = """
rest_command:
  before_and_after:
    url: "{{ url }}"
"""


def asked(home: Home, url: str) -> int | None:
    """The status that Home Assistant itself is answered at `url`; None: it does not trust it."""
    try:
        said = home.api().post(
            "/api/services/rest_command/before_and_after?return_response", {"url": url}
        )
    except CallError:
        return None
    return int(said["service_response"]["status"])


def issued(home: Home) -> dict[str, str]:
    """A certificate for another device of the house, by the action."""
    said = home.api().post("/api/services/housekey/issue?return_response", {"names": ["localhost"]})
    response: dict[str, str] = said["service_response"]
    return response


@contextlib.contextmanager
def answering(tls: ssl.SSLContext) -> Iterator[int]:
    """A server on loopback that greets whoever trusts it; its port."""

    class Greeting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust it hangs up."""

    server = Quiet(("127.0.0.1", 0), Greeting)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_it_trusts_the_house_until_the_entry_is_unloaded(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    text = small_configuration(home.installed.release, home.port)
    (home.config / "configuration.yaml").write_text(text + COMMANDS)
    home.start()
    added(home.api(), "localhost", "127.0.0.1", port=home.port)
    pair = issued(home)
    (tmp_path / "pair.pem").write_text(pair["chain"] + pair["key"])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.sslsocket_class = AcceptedSocket
    tls.load_cert_chain(tmp_path / "pair.pem")
    with answering(tls) as port:
        url = f"https://localhost:{port}/"
        _trusted_until_unloaded(home, url)


def _trusted_until_unloaded(home: Home, url: str) -> None:
    assert wait_for(lambda: asked(home, url) == 200, timeout=10)
    # A stranger to the house is trusted no more than before: its own plain port speaks no TLS.
    assert asked(home, f"https://localhost:{home.port}/") is None

    entry = entry_of(home.api())
    assert entry is not None
    disabled = home.api().command(
        "config_entries/disable", entry_id=entry["entry_id"], disabled_by="user"
    )
    assert disabled == {"require_restart": False}
    assert asked(home, url) is None
    assert complaints(home) == []
