"""A live check of a server on this machine, against `testssl.sh -S` of the same server.

`-S` is the part of testssl.sh that looks at what `housekey check` looks at: the server's
default certificate, its chain and its names. Whole processes, by turns.

    python -m bench --only check
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.commands import housekey
from bench.processes import by_turns, need, output_of, say
from bench.rows import Figures, Row, Unit, ratio_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 7
_TESTSSL = "testssl.sh"  # Debian's package, whose command is called testssl


def rows() -> list[Row]:
    """Return the one row. Raises NotMeasured."""
    need("testssl", package=_TESTSSL)
    say(f"check: {ROUNDS} rounds of housekey check and testssl -S against a server here")
    with TemporaryDirectory(prefix="housekey-bench-") as name:
        folder = Path(name)
        house = folder / "house"
        places = ("--out", folder, "--house", house)
        here = {"HOME": name}
        output_of([housekey(), "cert", "new", "localhost", "127.0.0.1", *places, "--yes"], env=here)
        with _server(folder) as port:
            target = f"localhost:{port}"
            commands: dict[str, Callable[[], object]] = {
                "ours": partial(output_of, [housekey(), "check", target, "--house", house]),
                # It ends with a code that counts its findings, as soon as it has any.
                "theirs": partial(_testssl, target, here),
            }
            times = by_turns(commands, rounds=ROUNDS)
    figures = Figures(times["ours"].median * 1000, times["theirs"].median * 1000, Unit.MILLISECONDS)
    how = (
        f"whole processes by turns, median of {ROUNDS};"
        f" ours {times['ours'].spread}, theirs {times['theirs'].spread}"
    )
    return [Row("housekey check / testssl.sh -S", figures, how, ratio_below(figures, 1 / 20))]


def _testssl(target: str, env: dict[str, str]) -> None:
    script = (
        'testssl --warnings off --color 0 -S "$1" >"$HOME/said"; grep -q ertificate "$HOME/said"'
    )
    output_of(["/bin/sh", "-c", script, "sh", target], env=env)


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[int]:
    """An HTTPS server on loopback with the pair in `folder`; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "privkey.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Quiet)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer any page with nothing."""
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the table is for the figures."""
