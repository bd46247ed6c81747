"""A real Firefox ESR without a screen, driven through WebDriver BiDi."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from tests.browsers import nss, process
from tests.browsers.bidi import Connection, Refused
from tests.browsers.process import BrowserHome, DidNotStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PATIENCE = 30.0  # seconds for one answer, on a busy machine
_SECURITY_ERROR = re.compile(r"\b(?:SEC|SSL|MOZILLA_PKIX)_ERROR_[A-Z0-9_]+")

# Nothing may leave the machine, and nothing may be in the way.
_PREFERENCES: dict[str, Any] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.pagethumbnails.capturing_disabled": True,
    "browser.region.network.url": "",
    "browser.safebrowsing.blockedURIs.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.search.update": False,
    "browser.sessionhistory.max_total_viewers": 0,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "browser.newtabpage.enabled": False,
    "browser.newtabpage.activity-stream.feeds.system.topstories": False,
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    # One process for all pages, which are a test's own, and none kept: half the work.
    "dom.ipc.processCount": 1,
    "dom.ipc.processPrelaunch.enabled": False,
    "dom.push.connection.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "extensions.update.enabled": False,
    "fission.autostart": False,
    "fission.bfcacheInParent": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.http.speculative-parallel-limit": 0,
    "network.prefetch-next": False,
    "network.trr.mode": 5,
    "security.OCSP.enabled": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "signon.autofillForms": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": "data:,",
    "toolkit.telemetry.unified": False,
}


@cache
def missing() -> str | None:
    """Say what this machine lacks for it, or None."""
    return process.missing(("firefox-esr", "firefox-esr"))


@cache
def version() -> str:
    """Return what Firefox calls itself."""
    said = subprocess.run(
        ["firefox-esr", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    return said.stdout.strip()


class Firefox:
    """One browser with one tab. Close it, or use it in a `with`."""

    def __init__(
        self, *, roots: Sequence[bytes] = (), trust: str = nss.TRUSTED_CA, proxy: str | None = None
    ) -> None:
        """Start with a fresh profile that trusts `roots` (DER).

        `proxy` ("127.0.0.1:port") is asked for every host, this machine's own included; without
        one nothing but this machine is reachable.
        """
        self._home = BrowserHome()
        self._connection: Connection | None = None
        self._profile = self._home.folder / "profile"
        try:
            nss.trust(self._profile, roots, flags=trust)
            self._start({**_PREFERENCES, **_way_out(proxy)})
        except BaseException:
            self.close()
            raise

    def _start(self, preferences: Mapping[str, Any]) -> None:
        (self._profile / "user.js").write_text(
            "".join(
                f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                for name, value in preferences.items()
            )
        )
        self._home.start(
            [
                "firefox-esr", "--headless", "--no-remote", "--profile", self._profile,
                "--remote-debugging-port", "0", "about:blank",
            ],
            env={"MOZ_CRASHREPORTER_DISABLE": "1"},
        )  # fmt: skip
        self._connection = Connection(f"{self._listens()}/session", patience=_PATIENCE)
        contexts = self._ask("browsingContext.getTree")["contexts"]
        self._tab = contexts[0]["context"]

    def _listens(self) -> str:
        """Wait until it listens, and return where: it writes that into its profile."""
        file = self._profile / "WebDriverBiDiServer.json"
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._home.alive:
            try:
                server = json.loads(file.read_text())
            except (OSError, ValueError):
                time.sleep(0.05)
            else:
                return f"ws://{server['ws_host']}:{server['ws_port']}"
        raise DidNotStart(self._home.last_words())

    def navigate(self, url: str) -> str:
        """Go to `url`; return "" once it is loaded, or Firefox's name of what went wrong.

        The name is NSS's or mozilla::pkix's, such as SEC_ERROR_UNKNOWN_ISSUER, or else the
        message as it is.
        """
        try:
            self._ask("browsingContext.navigate", context=self._tab, url=url, wait="complete")
        except Refused as refused:
            security = _SECURITY_ERROR.search(str(refused))
            return security[0] if security else str(refused).removeprefix("Error: ")
        return ""

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page; promises are waited for.

        The value goes through JSON.
        """
        answer = self._ask(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(it => JSON.stringify(it))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    def screenshot(self) -> bytes:
        """Return the page as PNG; after a failure that is the page that tells of it."""
        return base64.b64decode(
            self._ask("browsingContext.captureScreenshot", context=self._tab)["data"]
        )

    def close(self) -> None:
        """End it and remove everything of it."""
        self._home.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        assert self._connection is not None
        return self._connection.ask(method, **parameters)


def _way_out(proxy: str | None) -> dict[str, Any]:
    """Return the preferences that lead everything to the proxy, or nowhere."""
    # Port 9 is discard's, and nobody listens there.
    host, _, port = (proxy or "127.0.0.1:9").rpartition(":")
    return {
        "network.proxy.type": 1,
        "network.proxy.http": host,
        "network.proxy.http_port": int(port),
        "network.proxy.ssl": host,
        "network.proxy.ssl_port": int(port),
        "network.proxy.failover_direct": False,
        "network.proxy.no_proxies_on": "" if proxy else "localhost, 127.0.0.1, [::1]",
        "network.proxy.allow_hijacking_localhost": proxy is not None,
    }
