"""The integration in a real Home Assistant, over REST and WebSocket as a browser would use it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import re
import shutil
import socket
import ssl
import urllib.request
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from demo.api import Api, CallError, wait_for
from demo.instance import free_port
from housekey.onboarding import PORT
from release.__main__ import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import NewHome
    from tests.homes.home import Home

FLOW = "/api/config/config_entries/flow"
OPTIONS = "/api/config/config_entries/options/flow"
DOMAIN = "housekey"
NAMES = ("localhost", "127.0.0.1", "testhome.local")
# What every Home Assistant says of any custom integration.
_OF_ANY = ("We found a custom integration housekey",)
# What any Home Assistant on HTTPS says when a browser goes while a file is on its way to it:
# asyncio goes on writing, and says it for every 16 KiB (tests/homes/test_browser_left.py).
_OF_A_BROWSER_THAT_LEFT = (
    "[asyncio] SSL connection is closed",
    "Module asyncio is logging too frequently",
)
# What no start has to wait for, unless it is in a trial: the YAML, the page and its proof, the
# lane, what a flow finds out, the judging of certificates, the quiet hours, the list of what is
# revoked. And what the command line alone needs.
LATE = {
    *("ruamel.yaml", "housekey.homeassistant.yaml_tree", "segno", "publicsuffixlist"),
    *("housekey.onboarding.render", "housekey.onboarding.gate", "housekey.onboarding.qr"),
    *("housekey.onboarding.offer", "housekey.onboarding.nonce"),
    *("custom_components.housekey.onboarding_page", "custom_components.housekey.page_proof"),
    *("custom_components.housekey.proof", "custom_components.housekey.found_names"),
    *("custom_components.housekey.lane", "custom_components.housekey.lane_rules"),
    *("custom_components.housekey.lane_port", "custom_components.housekey.owed"),
    *("housekey.pki.verifying", "housekey.pki.description", "housekey.pki.crl"),
    *("housekey.live.handshake", "housekey.homeassistant.impact", "housekey.renewal.delivery"),
    *("housekey.homeassistant.switch", "housekey.homeassistant.client", "housekey.cli", "click"),
    *("housekey.public.order", "lexicon"),  # of acme Home Assistant itself has need
}
_LINE = re.compile(r"^(?:\x1b\[\d+m)*\d{4}-\d\d-\d\d \S+ (?P<level>WARNING|ERROR|CRITICAL) ")


@cache
def packed() -> Path:
    """The folder that a user copies, packed once."""
    target = Path(mkdtemp(prefix="housekey-packed-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    pack(target)
    return target / "custom_components" / DOMAIN


def give(home: Home) -> None:
    """Copy the integration into the folder of a Home Assistant that has not started yet."""
    folder = home.config / "custom_components" / DOMAIN
    shutil.copytree(packed(), folder)


def give_besides(home: Home, component: str, *, configured: bool = True) -> None:
    """Add a component of the tests: `housekey_moments` or `housekey_starts`.

    One that is not `configured` has an entry instead: `housekey_bare`.
    """
    folder = home.config / "custom_components" / component
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(__file__).parent / component, folder, ignore=ignored)
    if configured:
        configuration = home.config / "configuration.yaml"
        configuration.write_text(f"{configuration.read_text()}{component}:\n")


def loaded_at_start(home: Home) -> list[str]:
    """The modules that were loaded when all was set up, at the last start of this home."""
    modules: list[str] = json.loads((home.config / "start.json").read_text())["modules"]
    return modules


def ours_at_start(home: Home) -> set[str]:
    """Those of housekey."""
    ours = ("housekey", "custom_components.housekey")
    return {
        each
        for each in loaded_at_start(home)
        if each in ours or each.startswith(tuple(f"{one}." for one in ours))
    }


def late_at_start(home: Home) -> list[str]:
    """Those that no start waits for, and this one did."""
    return sorted(LATE & set(loaded_at_start(home)))


def entry_of(api: Api) -> dict[str, Any] | None:
    """The integration's entry."""
    entries = api.get("/api/config/config_entries/entry")
    found: list[dict[str, Any]] = [each for each in entries if each["domain"] == DOMAIN]
    return found[0] if found else None


def loaded(api: Api) -> bool:
    """Whether the entry is set up; waits a little."""
    return wait_for(lambda: (entry_of(api) or {}).get("state") == "loaded", timeout=20)


def complaints(home: Home, *, browser_left: bool = False) -> list[str]:
    """All warnings and errors in the log that are about the integration, with what follows them.

    `browser_left`: a browser was ended, or led elsewhere, while it was using HTTPS.
    """
    usual = _OF_ANY + _OF_A_BROWSER_THAT_LEFT if browser_left else _OF_ANY
    found: list[str] = []
    about = False
    for line in home.log.splitlines():
        if _LINE.match(line):
            about = any(
                each in line for each in ("housekey", "asyncio", "blocking call")
            ) and not any(each in line for each in usual)
            if about:
                found.append(line)
        elif about and not re.match(r"^(?:\x1b\[\d+m)*\d{4}-\d\d-\d\d ", line):
            found[-1] += f"\n{line}"
        else:
            about = False
    return found


# The flow, step by step


class Flow:
    """The config flow, as its dialog would drive it."""

    def __init__(self, api: Api, *, path: str = FLOW, handler: str = DOMAIN, **more: Any) -> None:
        self.api = api
        self.path = path
        self.shown: dict[str, Any] = api.post(path, {"handler": handler, **more})

    @property
    def step(self) -> str | None:
        return self.shown.get("step_id")

    @property
    def told(self) -> dict[str, str]:
        """What stands in the step's text."""
        told: dict[str, str] = self.shown.get("description_placeholders") or {}
        return told

    def default(self, field: str) -> Any:
        """What a field holds before anything is typed."""
        return next(f.get("default") for f in self.shown["data_schema"] if f["name"] == field)

    def send(self, **fields: Any) -> dict[str, Any]:
        """Press the button."""
        self.shown = self.api.post(f"{self.path}/{self.shown['flow_id']}", fields)
        return self.shown

    def look(self) -> dict[str, Any]:
        """Ask again, as the dialog does when a progress has moved on."""
        self.shown = self.api.get(f"{self.path}/{self.shown['flow_id']}")
        return self.shown

    def until(self, *steps: str, timeout: float = 20) -> None:
        """Wait until one of these steps is shown."""

        def shown() -> bool:
            self.look()
            return self.step in steps and self.shown["type"] in ("form", "menu")

        assert wait_for(shown, timeout=timeout), self.shown

    def end(self) -> None:
        """Close the dialog."""
        self.api._send("DELETE", f"{self.path}/{self.shown['flow_id']}", None)


def defaults(flow: Flow) -> dict[str, object]:
    """What all fields hold before anything is typed."""
    return {f["name"]: f["default"] for f in flow.shown["data_schema"] if "default" in f}


def to_the_page(flow: Flow, *names: str, lane: bool = False) -> str:
    """From the first step to the page with the QR code, on ports that are free.

    Returns the recovery code; empty when the house was there already.
    """
    assert flow.step == "user"
    flow.send(next_step_id="names")
    assert flow.step == "names", flow.shown
    flow.send(names=list(names) or flow.default("names"))
    assert flow.step in ("impact", "no_impact"), flow.shown
    code = ""
    with usual_port_taken():
        flow.send(lane=lane)
        if flow.step == "house":
            code = flow.told["code"]
            flow.send(first_group=flow.told["code"][:5].lower(), noted=True)
    while flow.step == "ports":
        flow.send(page_port=free_port(), proof_port=free_port())
    assert flow.step == "onboarding", flow.shown
    return code


def added(api: Api, *names: str, port: int) -> str:
    """From the first step to an entry that is set up, without a device and without a switch.

    `port`: of Home Assistant. Returns the recovery code, as `to_the_page`.
    """
    code = to_the_page(flow := Flow(api), *names)
    finished(flow, port=port)
    assert loaded(api), entry_of(api)
    return code


def finished(flow: Flow, *, port: int) -> None:
    """From the page to an entry; Home Assistant stays on http, or as it is."""
    flow.send(go_on=True)
    flow.send(https_port=port, switch=False)
    assert flow.shown["type"] == "create_entry", flow.shown


def at_the_page(
    new: NewHome,
    *names: str,
    lane: bool = False,
    besides: str = "",
    user: int | None = None,
) -> tuple[Home, Flow]:
    """A new Home Assistant with the integration, of root or of another user, at its page.

    `besides` is a component of the tests that it has, too.
    """
    home = new(start=False, user=user)
    give(home)
    if besides:
        give_besides(home, besides)
    if user is not None:
        home.give_to(user)
    home.start()
    flow = Flow(home.api())
    to_the_page(flow, *(names or NAMES), lane=lane)
    return home, flow


@contextlib.contextmanager
def usual_port_taken() -> Iterator[None]:
    """Nobody gets the usual port of the page, for it is everybody's.

    Or another test might have it when the page opens again after a restart.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # somebody has it
            held.enter_context(socket.create_server(("127.0.0.1", PORT)))
        yield


def prove(page: str, root: Path) -> dict[str, Any]:
    """Be a device that has installed the root: fetch it, and prove it by a verified handshake."""
    port = int(page.rpartition(":")[2])
    here = f"http://127.0.0.1:{port}"
    with urllib.request.urlopen(f"{here}/housekey.pem") as answer:
        root.write_bytes(answer.read())
    with urllib.request.urlopen(f"{here}/about.json") as answer:
        about = json.load(answer)
    with urllib.request.urlopen(f"{here}/nonce?kind=iphone") as answer:
        nonce = json.load(answer)["nonce"]
    tls = ssl.create_default_context(cafile=str(root))
    tls.verify_flags |= ssl.VERIFY_X509_STRICT
    proof = f"https://localhost:{about['proof']['port']}/proof?nonce={nonce}"
    with urllib.request.urlopen(proof, context=tls) as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def secured(home: Home, root: Path, *, port: int | None = None) -> Api:
    """The administrator, over HTTPS, trusting the root alone."""
    return Api(
        f"https://localhost:{port or home.port}",
        home.token,
        ssl.create_default_context(cafile=str(root)),
    )


def sign_in(home: Home, root: Path, *, port: int | None = None) -> None:
    """Open the frontend over HTTPS: once the handshake is verified, one WebSocket command."""
    api = secured(home, root, port=port)
    assert wait_for(lambda: bool(api.get("/api/config")), timeout=60)
    assert wait_for(lambda: bool(api.command("auth/current_user")), timeout=30)


def presented(port: int) -> x509.Certificate:
    """The leaf that a new connection is shown."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def overview(api: Api) -> dict[str, Any]:
    """What the panel shows now."""

    async def asked() -> dict[str, Any]:
        tls = api.tls if api.tls is not None else True
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{api.url}/api/websocket", ssl=tls) as socket,
        ):
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": api.token})
            await socket.receive_json()
            await socket.send_json({"id": 1, "type": "housekey/overview"})
            while (told := await socket.receive_json())["type"] != "event":
                if not told.get("success", True):
                    raise CallError("housekey/overview", told["error"]["code"], "")
            shown: dict[str, Any] = told["event"]
        if api.tls is not None:
            await asyncio.sleep(0.1)  # as in demo.api: TLS is ended by the loop
        return shown

    return asyncio.run(asked())


def stage(api: Api) -> str:
    """How far it is."""
    return str(overview(api).get("stage"))  # None while the entry is not set up


def on_https(
    new: NewHome, tmp_path: Path, *, besides: str = "", user: int | None = None
) -> tuple[Home, Path]:
    """A Home Assistant that was taken to HTTPS, and kept it; of root, or of another user."""
    home, flow = at_the_page(new, besides=besides, user=user)
    root = tmp_path / "root.pem"
    assert prove(flow.told["url"], root)["trusted"]
    flow.send(go_on=True)
    flow.send(https_port=home.port, switch=True)
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")
    assert loaded(secured(home, root))
    sign_in(home, root)
    api = secured(home, root)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    return home, root
