"""A real Firefox ESR without a screen, driven through WebDriver BiDi."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from tests.browsers import nss, process
from tests.browsers.bidi import Connection, Refused
from tests.browsers.keys import KEYS, SHIFT
from tests.browsers.preferences import PREFERENCES, way_out, with_policies
from tests.browsers.privileged import ANSWER_IMPORT, OPEN_IMPORT, WALK
from tests.browsers.process import BrowserHome, DidNotStart
from tests.browsers.watching import TELL_VIOLATIONS, Accessible, Said, Watched

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.browsers.guise import Guise

_PATIENCE = 30.0  # seconds for one answer, on a busy machine
_EVENTS = ("log.entryAdded", "network.beforeRequestSent")
_SECURITY_ERROR = re.compile(r"\b(?:SEC|SSL|MOZILLA_PKIX)_ERROR_[A-Z0-9_]+")


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
        self._connection: Connection | None = None
        # Where Firefox itself has new ones (PLATFORMS.md FFX-22).
        self._profile = self._home.folder / ".config/mozilla/firefox/tests.default"
        self._preferences = {**PREFERENCES, **way_out(proxy, hosts)}
        self._program = "firefox-esr"
        try:
            nss.trust(self.database, roots, flags=trust)
            self._start()
        except BaseException:
            self.close()
            raise

    @property
    def home(self) -> Path:
        """The home folder of its user."""
        return self._home.folder

    @property
    def database(self) -> Path:
        """The NSS database that it reads roots from."""
        return self._profile

    @property
    def downloads(self) -> Path:
        """The folder that files are downloaded into."""
        return self._home.folder / "Downloads"

    def _start(self) -> None:
        self._watched: Watched | None = None
        self._script = True
        self._told.unlink(missing_ok=True)
        (self._profile / "user.js").write_text(
            "".join(
                f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                for name, value in self._preferences.items()
            )
        )
        self._home.start(
            [
                self._program, "--headless", "--no-remote", "--profile", self._profile,
                "--remote-debugging-port", "0", "--remote-allow-system-access", "about:blank",
            ],
            env={"MOZ_CRASHREPORTER_DISABLE": "1"},
        )  # fmt: skip
        self._connection = Connection(
            f"{self._listens()}/session", patience=_PATIENCE, hear=self._hear
        )
        self._tab = self._ask("browsingContext.getTree")["contexts"][0]["context"]
        scope = {"moz:scope": "chrome"}
        self._window = self._ask("browsingContext.getTree", **scope)["contexts"][0]["context"]
        self._privileged("gBrowser.selectedBrowser.focus()")  # keys go to the page

    @property
    def _told(self) -> Path:
        return self._profile / "WebDriverBiDiServer.json"

    def _listens(self) -> str:
        """Wait until it listens, and return where: it writes that into its profile."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self._home.alive:
            try:
                server = json.loads(self._told.read_text())
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
        if not self._script:
            # The page can wait for nothing, but a sandbox beside it can look.
            return self._value(f"JSON.stringify({expression})", context=self._tab, sandbox="look")
        return self._value(
            f"Promise.resolve({expression}).then(it => JSON.stringify(it))", context=self._tab
        )

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key of `keys.KEYS` and let it go."""
        held = [SHIFT] if shift else []
        strokes = [("keyDown", each) for each in (*held, KEYS[key].webdriver)]
        strokes += [("keyUp", each) for each in (KEYS[key].webdriver, *held)]
        actions = [{"type": type_, "value": value} for type_, value in strokes]
        self._ask(
            "input.performActions",
            context=self._tab,
            actions=[{"type": "key", "id": "keyboard", "actions": actions}],
        )

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return the window, or the `whole` page, as PNG; after a failure what tells of it."""
        origin = "document" if whole else "viewport"
        shot = self._ask("browsingContext.captureScreenshot", context=self._tab, origin=origin)
        return base64.b64decode(shot["data"])

    def wear(self, guise: Guise) -> None:
        """Seem to be something else, from the next navigation on."""
        tab = {"contexts": [self._tab]}
        self._ask(
            "browsingContext.setViewport",
            context=self._tab,
            viewport={"width": guise.width, "height": guise.height},
            devicePixelRatio=guise.scale,
        )
        self._ask("emulation.setUserAgentOverride", userAgent=guise.user_agent or None, **tab)
        self._ask("emulation.setLocaleOverride", locale=guise.language, **tab)
        touch = json.dumps(guise.touch)
        self._privileged(f"""(it => {{
            it.prefersColorSchemeOverride = "{"dark" if guise.dark else "light"}";
            it.allowJavascript = {json.dumps(guise.script)};
            it.inRDMPane = {touch};
            it.setRDMPaneMaxTouchPoints({touch} ? 5 : 0);
            it.touchEventsOverride = {touch} ? "enabled" : "none";
        }})(gBrowser.selectedBrowser.browsingContext)""")
        self._script = guise.script

    def watch(self) -> None:
        """Note from now on what it asks for and what it says."""
        self._watched = Watched()
        self._ask("session.subscribe", events=list(_EVENTS))
        self._ask("script.addPreloadScript", functionDeclaration=TELL_VIOLATIONS)

    def watched(self) -> Watched:
        """Return what has been noted so far."""
        self._privileged("null")  # what was said before the answer has been heard by then
        assert self._watched is not None
        return self._watched

    def accessible(self) -> list[Accessible]:
        """Return what a screen reader meets in the page, in its order."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:  # the tree is made from the first question on
            if found := self._privileged(WALK):
                return [Accessible(**each) for each in found]
            time.sleep(0.1)
        raise TimeoutError("Firefox has no tree of what is accessible")

    def import_root(self, file: Path, *, tick: bool = True) -> str:
        """Import a root as a person does in the settings, and return what there was to `tick`."""
        self._privileged(OPEN_IMPORT % json.dumps(str(file)))
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if ticked := self._privileged(ANSWER_IMPORT % json.dumps(tick)):
                return str(ticked)
            time.sleep(0.1)
        raise TimeoutError("Firefox does not ask what to trust the root for")

    def enforce(self, policies: Mapping[str, Any]) -> None:
        """Have an enterprise's policies, once it is started again."""
        self._program = str(with_policies(self._home.folder / "program", policies))

    def restart(self) -> None:
        """Close it as its user would, and start it again with the same home and profile."""
        with suppress(ConnectionError, TimeoutError):
            self._ask("browser.close")
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

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        assert self._connection is not None
        return self._connection.ask(method, **parameters)

    def _hear(self, event: dict[str, Any]) -> None:
        if self._watched is None:
            return
        facts = event["params"]
        if event["method"] == "network.beforeRequestSent":
            self._watched.requests.append(facts["request"]["url"])
        elif event["method"] == "log.entryAdded":
            source = "console-api" if facts["type"] == "console" else facts["type"]
            self._watched.said.append(Said(source, facts["level"], facts["text"] or ""))

    def _privileged(self, expression: str) -> Any:
        """Return the value of an expression in the browser's own window, as its own code."""
        return self._value(f"JSON.stringify({expression})", context=self._window)

    def _value(self, expression: str, **target: str) -> Any:
        answer = self._ask(
            "script.evaluate", expression=expression, target=target, awaitPromise=self._script
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
