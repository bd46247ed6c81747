"""A real Chromium without a screen, driven through its DevTools pipe.

The pipe instead of a port: nobody else on the machine can drive it, nothing is raced for, and
Chromium ends by itself when the other end goes away.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from tests.browsers import nss, process
from tests.browsers.process import BrowserHome, DidNotStart

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNWANTED = (
    "BackForwardCache", "IsolateOrigins", "MediaRouter", "OptimizationHints",
    "ProactivelySwapBrowsingInstance", "SpareRendererForSitePerProcess", "Translate",
    "site-per-process",
)  # fmt: skip
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--no-first-run",
    "--no-default-browser-check",
    # Nothing may leave the machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    # One process for all pages, which are a test's own, and none kept: half the work.
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    f"--disable-features={','.join(_UNWANTED)}",
    "--disable-sync",
    "--metrics-recording-only",
    "--password-store=basic",
    "--use-mock-keychain",
)
_PATIENCE = 30.0  # seconds for one answer, on a busy machine


@cache
def missing() -> str | None:
    """Say what this machine lacks for it, or None."""
    return process.missing(("chromium", "chromium"), ("bash", "bash"))


@cache
def version() -> str:
    """Return what Chromium calls itself."""
    said = subprocess.run(
        ["chromium", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    return said.stdout.strip()


class Chromium:
    """One browser with one tab. Close it, or use it in a `with`."""

    def __init__(
        self, *, roots: Sequence[bytes] = (), trust: str = nss.TRUSTED_CA, proxy: str | None = None
    ) -> None:
        """Start with a fresh profile that trusts `roots` (DER).

        `proxy` ("127.0.0.1:port") is asked for every host, this machine's own included; without
        one nothing but this machine is reachable.
        """
        self._home = BrowserHome()
        self._number = 0
        self._awaited = ""  # the loader whose page is to come
        self._loaded: set[str] = set()
        self._buffer = b""
        self._pipes: list[int] = []
        try:
            # Where it exists, this folder is used by every release (PLATFORMS.md CHR-27).
            nss.trust(self._home.folder / ".pki/nssdb", roots, flags=trust)
            self._start(proxy)
        except BaseException:
            self.close()
            raise

    def _start(self, proxy: str | None) -> None:
        there, self._send_to = os.pipe()
        self._read_from, back = os.pipe()
        self._pipes = [self._send_to, self._read_from]
        way = (
            [f"--proxy-server=http://{proxy}", "--proxy-bypass-list=<-loopback>"]
            if proxy
            else ["--no-proxy-server", "--host-resolver-rules=MAP * ^NOTFOUND, EXCLUDE 127.0.0.1"]
        )
        try:
            # DevTools wants its pipe at 3 and 4.
            self._home.start(
                [
                    "bash", "-c", f'exec "$@" 3<&{there} 4>&{back}', "bash", "chromium",
                    *_FLAGS, *way, "--remote-debugging-pipe",
                    f"--user-data-dir={self._home.folder / 'profile'}", "about:blank",
                ],
                pass_fds=(there, back),
            )  # fmt: skip
        finally:
            os.close(there)
            os.close(back)
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next((each["targetId"] for each in targets if each["type"] == "page"), None)
        if page is None:
            page = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self._tell("Page.enable")
        self._tell("Page.setLifecycleEventsEnabled", enabled=True)
        self._tell("Network.enable")

    def navigate(self, url: str) -> str:
        """Go to `url`; return "" once it is loaded, or Chromium's name of what went wrong.

        The name is that of net/base/net_error_list.h, such as ERR_CERT_AUTHORITY_INVALID.
        """
        asked = self._send("Page.navigate", session=self._session, url=url)
        deadline = time.monotonic() + _PATIENCE
        loader = ""
        while True:
            event = self._receive(deadline, f"navigation to {url}")
            facts = event.get("params", {})
            match event.get("method"):
                case "Network.requestWillBeSent" if facts.get("type") == "Document":
                    loader = facts["requestId"]  # of a page it is the loader's id, too
                # The answer waits for the error page, and that for seconds in case that a captive
                # portal is to blame. What went wrong is known before.
                case "Network.loadingFailed" if facts["requestId"] == loader:
                    self._awaited = loader
                    return _plain(facts["errorText"])
            if event.get("id") == asked:
                if "error" in event:  # no URL, say
                    return str(event["error"]["message"])
                self._awaited = event["result"].get("loaderId", "")
                if error := event["result"].get("errorText"):
                    return _plain(error)
                self._settle()
                return ""

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; promises are waited for."""
        self._settle()
        answer = self._tell(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """Return the page as PNG; after a failure that is the page that tells of it."""
        self._settle()
        return base64.b64decode(self._tell("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """End it and remove everything of it."""
        self._home.close()
        while self._pipes:
            os.close(self._pipes.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> None:
        """Wait until the page of the last navigation is there, be it the one that tells why not."""
        deadline = time.monotonic() + _PATIENCE
        while self._awaited and self._awaited not in self._loaded:
            self._receive(deadline, "the page's load event")

    def _tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._ask(method, session=self._session, **parameters)

    def _ask(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        asked = self._send(method, session=session, **parameters)
        deadline = time.monotonic() + _PATIENCE
        while (answer := self._receive(deadline, method)).get("id") != asked:
            pass
        return _result(answer, method)

    def _send(self, method: str, *, session: str | None = None, **parameters: Any) -> int:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        try:
            os.write(self._send_to, json.dumps(message).encode() + b"\0")
        except BrokenPipeError as error:
            raise DidNotStart(self._home.last_words()) from error
        return self._number

    def _receive(self, deadline: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"Chromium did not answer within {_PATIENCE:.0f} s: {what}")
            readable, _, _ = select.select([self._read_from], [], [], left)
            if not readable:
                continue
            data = os.read(self._read_from, 1 << 16)
            if not data:
                raise DidNotStart(self._home.last_words())
            self._buffer += data
        first, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(first)
        if message.get("method") == "Page.lifecycleEvent" and message["params"]["name"] == "load":
            self._loaded.add(message["params"]["loaderId"])
        return message


def _plain(error: str) -> str:
    return error.removeprefix("net::")


def _result(answer: dict[str, Any], method: str) -> dict[str, Any]:
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    result: dict[str, Any] = answer["result"]
    return result
