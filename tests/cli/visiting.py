"""`housekey share` as it runs, and devices that come to its page, over real HTTP and real TLS."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, Any, Self

from demo.instance import free_port
from tests.command import COMMAND, Done, environment

if TYPE_CHECKING:
    from pathlib import Path

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
)
_SECONDS = 60


class Sharing:
    """`housekey share` without a terminal, at ports of its own. Use it as a context manager."""

    def __init__(self, house: Path, *options: str | Path, bind: str | None = "127.0.0.1") -> None:
        self.port, self.proof_port = free_port(), free_port()
        self.root = house / "root.pem"
        self.out = self.err = ""
        ports = (f"--port={self.port}", f"--proof-port={self.proof_port}")
        where = () if bind is None else (f"--bind={bind}",)
        self._process = subprocess.Popen(
            [*COMMAND, "share", *ports, *where, *map(str, options)],
            env=environment(HOUSEKEY_HOUSE=str(house)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._watch = threading.Timer(_SECONDS, self._process.kill)

    def __enter__(self) -> Self:
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.cancel()
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def expect(self, text: str) -> str:
        """Wait for a line with `text` in it, and return the line."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.out += line
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not said, but:\n{self.out}{self._err()}")

    def told(self, text: str) -> str:
        """Wait for a line with `text` in it on standard error, where the story of --json is."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.err += line
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not said, but:\n{self.err}")

    def answers(self) -> Self:
        """Wait until the page answers."""
        while True:
            assert self._process.poll() is None, self._err()
            try:
                # From another address: one that asks its own port may reach itself (RFC 9293, 3.5).
                Device(self, address="127.0.0.3").about()
            except ConnectionRefusedError:
                continue
            return self

    def send(self, number: int = signal.SIGINT) -> Done:
        """Send a signal, as Ctrl-C does, and wait for the end."""
        self._process.send_signal(number)
        return self.end()

    def end(self) -> Done:
        """Wait for the end."""
        out, err = self._process.communicate(timeout=_SECONDS)
        return Done(self._process.returncode, self.out + out, self.err + err)

    def _err(self) -> str:
        self._process.kill()
        return self._process.communicate()[1]


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a page is that was not started by `Sharing`."""

    port: int
    proof_port: int
    root: Path


@dataclass(frozen=True, slots=True)
class Device:
    """A device by its User-Agent, at an address of its own."""

    page: Sharing | Ports
    agent: str = IPHONE
    address: str = "127.0.0.1"

    def arrive(self) -> str:
        """Open the page."""
        return self._get(self._plain(), "/").decode()

    def download(self) -> bytes:
        """Download the root."""
        return self._get(self._plain(), "/housekey.crt")

    def about(self) -> dict[str, Any]:
        """Ask what a program is told."""
        answer: dict[str, Any] = json.loads(self._get(self._plain(), "/about.json"))
        return answer

    def prove(self, *, again: bool = False) -> dict[str, Any]:
        """Prove trust as the page's script does. Raises SSLError where the root is not trusted."""
        nonce = self.nonce(again=again)
        secure = HTTPSConnection(
            "127.0.0.1",
            self.page.proof_port,
            timeout=20,
            source_address=(self.address, 0),
            context=ssl.create_default_context(cafile=str(self.page.root)),
        )
        answer: dict[str, Any] = json.loads(self._get(secure, f"/proof?nonce={nonce}"))
        return answer

    def nonce(self, *, again: bool = False) -> str:
        """Ask for a nonce, as the page's script does."""
        asked = self._get(self._plain(), f"/nonce?kind=iphone&again={int(again)}")
        return str(json.loads(asked)["nonce"])

    def come_by(self, host: str) -> int:
        """Ask for the page under another host, and return the status."""
        connection = self._plain()
        connection.request("GET", "/", headers={"Host": host, "User-Agent": self.agent})
        status = connection.getresponse().status
        connection.close()
        return status

    def _plain(self) -> HTTPConnection:
        return HTTPConnection(
            "127.0.0.1", self.page.port, timeout=20, source_address=(self.address, 0)
        )

    def _get(self, connection: HTTPConnection, path: str) -> bytes:
        try:
            connection.request("GET", path, headers={"User-Agent": self.agent})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (path, answer.status, body)
        return body
