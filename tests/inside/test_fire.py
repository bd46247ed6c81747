"""Real Home Assistants under fire: the integration renews a hundred times, and nobody notices."""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest

from demo.api import wait_for
from housekey.homeassistant.recorded import LABEL
from housekey.pki.encoding import certificate_from_pem, fingerprint
from housekey.pki.keys import KeyType
from tests.homes.looks import presented
from tests.inside.crowd import Crowd, Figures, Presenting, open_sockets
from tests.inside.integration import (
    OPTIONS,
    Flow,
    complaints,
    defaults,
    entry_of,
    loaded,
    on_https,
    overview,
    secured,
)
from tests.needs import require

if TYPE_CHECKING:
    from pathlib import Path

    from demo.api import Api
    from tests.conftest import NewHome
    from tests.homes.home import Home

RENEWALS = 100  # by the action
EACH_KIND = 20  # renewals with one kind of key; then the options name the next
KINDS = (KeyType.RSA_2048, KeyType.ECDSA_P384, KeyType.ECDSA_P256)
# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Administrator:
    """Somebody signed in over one WebSocket, who gives commands. It is never opened anew."""

    def __init__(self, home: Home, root: Path) -> None:
        self._home = home
        self._tls = ssl.create_default_context(cafile=str(root))
        self._last = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            f"{self._home.https_url}/api/websocket", ssl=self._tls
        )
        await sign_in(self._home)(self._socket)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._session.close()

    async def do(self, command: str, **more: Any) -> dict[str, Any]:
        """Give a command, and return its result."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "type": command, **more})
        answer = await self._socket.receive_json(timeout=60)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def renew(self) -> None:
        """Call the action, and wait until it is done."""
        await self.do("call_service", domain="housekey", service="renew")


def sign_in(home: Home) -> Any:
    """What a WebSocket begins with."""

    async def greet(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert (await socket.receive_json(timeout=60))["type"] == "auth_required"
        await socket.send_json({"type": "auth", "access_token": home.token})
        assert (await socket.receive_json(timeout=60))["type"] == "auth_ok"

    return greet


async def ping(socket: aiohttp.ClientWebSocketResponse, turn: int) -> bool:
    """Ping; a pong comes back."""
    await socket.send_json({"id": turn, "type": "ping"})
    answer: dict[str, Any] = await socket.receive_json(timeout=60)
    return answer == {"id": turn, "type": "pong"}


def leaf_of(home: Home) -> str:
    """The SHA-256 of what the house has for Home Assistant now."""
    pem = (home.config / "housekey" / "leaves" / LABEL / "certificate.pem").read_bytes()
    return fingerprint(certificate_from_pem(pem))


def choose(api: Api, kind: KeyType) -> None:
    """Name another kind of key in the options, which renews by itself after a reload."""
    entry = entry_of(api)
    assert entry is not None
    options = Flow(api, path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="settings")
    options.send(**{**defaults(options), "key_type": kind.value})
    assert options.shown["type"] == "create_entry", options.shown


@pytest.mark.parametrize("release", ["home_2026_7", "home_2026_11"])
def test_a_hundred_renewals_under_fire(
    release: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home, root = on_https(new, tmp_path, besides="housekey_memory")
    api = secured(home, root)
    assert overview(api)["delivery"] == "live"
    starts, process = home.starts, home.pid

    figures = asyncio.run(under_fire(home, api, root, tmp_path))

    with capsys.disabled():
        sys.stdout.write(f"\nHome Assistant {home.version}\n{figures}\n")
    assert figures.troubles == []
    assert figures.closed == []
    assert figures.old_leaves == []
    assert figures.renewals == RENEWALS + RENEWALS // EACH_KIND
    assert len(figures.leaves_met) == figures.renewals + 1
    assert figures.sockets == 50
    assert len(figures.handshakes) >= 12
    early, late = figures.looks[1], figures.looks[-1]
    # One may be held a moment longer by a connection that ends just now.
    assert late["contexts"] < early["contexts"] + 5
    # KiB, over 55 renewals and some thousand handshakes; of sessions OpenSSL keeps the last 20,000.
    assert late["memory"] - early["memory"] < 8192
    assert (home.starts, home.pid) == (starts, process)
    assert complaints(home) == []
    assert overview(api)["problems"] == []
    require(not figures.missing, f"it went well, but without {figures.missing}")


async def under_fire(home: Home, api: Api, root: Path, folder: Path) -> Figures:
    """Renew while everybody comes, stays and speaks."""
    figures = Figures()
    sockets = open_sockets(home.https_url, root, figures, greet=sign_in(home), ask=ping)
    async with Administrator(home, root) as administrator, sockets:
        # Addresses of this machine may have been renewed into it, which must not go on meanwhile.
        await administrator.renew()
        presenting = Presenting(leaf_of(home))
        presenting.whole_from_now()
        with Crowd([home.port], root, folder, presenting, figures) as crowd:
            await crowd.wait_until_met(leaf_of(home), times=50)
            for number in range(1, RENEWALS + 1):
                if number % EACH_KIND == 0:
                    kind = KINDS[number // EACH_KIND % len(KINDS)]
                    await asyncio.to_thread(other_key, home, api, root, presenting, kind)
                    figures.renewals += 1
                    await crowd.wait_until_met(leaf_of(home), times=5)
                presenting.begin_unknown()
                loop = asyncio.get_running_loop()
                began = loop.time()
                await administrator.renew()
                figures.prepare.append(loop.time() - began)
                presenting.done(leaf_of(home))
                figures.renewals += 1
                await crowd.wait_until_met(leaf_of(home), times=5)
                if number % (RENEWALS // 4) == 0:
                    look = await administrator.do("housekey_memory/look")
                    figures.looks.append({**look, "renewals": figures.renewals})
    return figures


def other_key(home: Home, api: Api, root: Path, presenting: Presenting, kind: KeyType) -> None:
    """Renew by the options, with another kind of key: the entry is set up anew for it."""
    before = leaf_of(home)
    presenting.begin_unknown()
    choose(api, kind)
    assert wait_for(lambda: before != leaf_of(home) == presented(home, root), timeout=60)
    presenting.done(leaf_of(home))
    assert loaded(api), entry_of(api)
    assert wait_for(lambda: bool(overview(api)["stage"] == "kept"), timeout=20)
