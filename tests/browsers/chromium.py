"""A real Chromium without a screen, driven through its DevTools pipe.

The pipe instead of a port: nobody else on the machine can drive it, nothing is raced for, and
Chromium ends by itself when the other end goes away.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from tests.browsers import nss, process
from tests.browsers.devtools import PATIENCE, Pipe, accessible, note
from tests.browsers.keys import KEYS
from tests.browsers.process import BrowserHome, DidNotStart
from tests.browsers.watching import TELL_VIOLATIONS, Watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.browsers.guise import Guise
    from tests.browsers.watching import Accessible

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
        self,
        *,
        roots: Sequence[bytes] = (),
        trust: str = nss.TRUSTED_CA,
        proxy: str | None = None,
        hosts: Sequence[str] = (),
    ) -> None:
        """Start with a fresh profile that trusts `roots` (DER).

        `proxy` ("127.0.0.1:port") is asked for every host, this machine's own included; without
        one nothing but this machine is reachable. `hosts` are more names and addresses of it.
        """
        self._home = BrowserHome()
        self._pipe: Pipe | None = None
        self._way = _way_out(proxy, hosts)
        try:
            nss.trust(self.database, roots, flags=trust)
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def database(self) -> Path:
        """The NSS database that it reads roots from."""
        # Where it exists, this folder is used by every release (PLATFORMS.md CHR-27).
        return self._home.folder / ".pki/nssdb"

    @property
    def downloads(self) -> Path:
        """The folder that files are downloaded into."""
        return self._home.folder / "Downloads"

    def _start(self) -> None:
        self._awaited = ""  # the loader whose page is to come
        self._loaded: set[str] = set()
        self._watched: Watched | None = None
        self._pipe = Pipe(hear=self._hear, last_words=self._home.last_words)
        there, back = self._pipe.its_reading_end, self._pipe.its_writing_end
        try:
            # DevTools wants its pipe at 3 and 4.
            self._home.start(
                [
                    "bash", "-c", f'exec "$@" 3<&{there} 4>&{back}', "bash", "chromium",
                    *_FLAGS, *self._way, "--remote-debugging-pipe",
                    f"--user-data-dir={self._home.folder / 'profile'}", "about:blank",
                ],
                pass_fds=(there, back),
            )  # fmt: skip
        finally:
            self._pipe.close_its_ends()
        targets = self._ask("Target.getTargets")["targetInfos"]
        page = next((each["targetId"] for each in targets if each["type"] == "page"), None)
        if page is None:
            page = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self._tell("Page.enable")
        self._tell("Page.setLifecycleEventsEnabled", enabled=True)
        self._tell("Network.enable")
        self._ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def navigate(self, url: str) -> str:
        """Go to `url`; return "" once it is loaded, or Chromium's name of what went wrong.

        The name is that of net/base/net_error_list.h, such as ERR_CERT_AUTHORITY_INVALID.
        """
        assert self._pipe is not None
        asked = self._pipe.send("Page.navigate", session=self._session, url=url)
        deadline = time.monotonic() + PATIENCE
        loader = ""
        while True:
            event = self._pipe.receive(deadline, f"navigation to {url}")
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

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key of `keys.KEYS` and let it go."""
        it = KEYS[key]
        both: dict[str, Any] = {"key": it.text if it.text == " " else key, "code": key}
        both |= {"windowsVirtualKeyCode": it.code, "modifiers": 8 if shift else 0}
        down = {"type": "keyDown", "text": it.text} if it.text else {"type": "rawKeyDown"}
        self._tell("Input.dispatchKeyEvent", **both, **down)
        self._tell("Input.dispatchKeyEvent", **both, type="keyUp")

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return the window, or the `whole` page, as PNG; after a failure what tells of it."""
        self._settle()
        clip: dict[str, Any] = {}
        if whole:
            size = self._tell("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {**size, "scale": 1}, "captureBeyondViewport": True}
        return base64.b64decode(self._tell("Page.captureScreenshot", format="png", **clip)["data"])

    def wear(self, guise: Guise) -> None:
        """Seem to be something else, from the next navigation on."""
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=guise.width,
            height=guise.height,
            deviceScaleFactor=guise.scale,
            mobile=guise.touch,
        )
        self._tell("Emulation.setTouchEmulationEnabled", enabled=guise.touch, maxTouchPoints=5)
        self._tell("Emulation.setScrollbarsHidden", hidden=True)  # the whole page has none
        scheme = "dark" if guise.dark else "light"
        self._tell(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        own = self._ask("Browser.getVersion")["userAgent"].replace("Headless", "")
        self._tell(
            "Emulation.setUserAgentOverride",
            userAgent=guise.user_agent or own,
            acceptLanguage=guise.language,
        )
        self._tell("Emulation.setScriptExecutionDisabled", value=not guise.script)

    def watch(self) -> None:
        """Note from now on what it asks for and what it says."""
        self._watched = Watched()
        for domain in ("Log", "Runtime", "Audits"):
            self._tell(f"{domain}.enable")
        self._tell("Page.addScriptToEvaluateOnNewDocument", source=f"({TELL_VIOLATIONS})()")

    def watched(self) -> Watched:
        """Return what has been noted so far."""
        self._ask("Browser.getVersion")  # what was said before the answer has been heard by then
        assert self._watched is not None
        return self._watched

    def accessible(self) -> list[Accessible]:
        """Return what a screen reader meets in the page, in its order."""
        self._settle()
        return accessible(self._tell("Accessibility.getFullAXTree")["nodes"])

    def restart(self) -> None:
        """Close it as its user would, and start it again with the same home and profile."""
        with suppress(DidNotStart):
            self._ask("Browser.close")
        self._home.stop(politely=True)
        self._hang_up()
        self._start()

    def close(self) -> None:
        """End it and remove everything of it."""
        self._home.close()
        self._hang_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self) -> None:
        """Wait until the page of the last navigation is there, be it the one that tells why not."""
        assert self._pipe is not None
        deadline = time.monotonic() + PATIENCE
        while self._awaited and self._awaited not in self._loaded:
            self._pipe.receive(deadline, "the page's load event")

    def _tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        assert self._pipe is not None
        return self._pipe.ask(method, session=self._session, **parameters)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        assert self._pipe is not None
        return self._pipe.ask(method, **parameters)

    def _hear(self, message: dict[str, Any]) -> None:
        method, facts = message.get("method", ""), message.get("params", {})
        if method == "Page.frameNavigated" and "parentId" not in facts["frame"] and self._awaited:
            self._awaited = facts["frame"]["loaderId"]  # a page may lead on to another
        if method == "Page.lifecycleEvent" and facts["name"] == "load":
            self._loaded.add(facts["loaderId"])
        if self._watched is not None:
            note(self._watched, method, facts)

    def _hang_up(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


def _way_out(proxy: str | None, hosts: Sequence[str]) -> list[str]:
    """Return the flags that lead everything to the proxy, or to this machine only."""
    if proxy:
        return [f"--proxy-server=http://{proxy}", "--proxy-bypass-list=<-loopback>"]
    rules = [f"MAP {host} 127.0.0.1" for host in hosts if not _is_address(host)]
    addresses = [f"EXCLUDE {host}" for host in ("127.0.0.1", *filter(_is_address, hosts))]
    return [
        "--no-proxy-server",
        f"--host-resolver-rules={', '.join([*rules, 'MAP * ^NOTFOUND', *addresses])}",
    ]


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _plain(error: str) -> str:
    return error.removeprefix("net::")
