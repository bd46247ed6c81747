"""Real Home Assistants under fire: renewed a hundred times without a restart."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import pytest

from demo.release import small_configuration
from housekey.pki.encoding import certificate_from_pem
from housekey.pki.issuing import Issuer
from housekey.pki.keys import PrivateKey
from tests.command import Owner
from tests.homes.looks import presented
from tests.inside.crowd import Crowd, Figures, Presenting, open_sockets
from tests.inside.pairs import write_pair
from tests.needs import require
from tests.pki.houses import names

if TYPE_CHECKING:
    from tests.conftest import NewHome
    from tests.homes.home import Home

CHECKOUT = Path(__file__).parents[2]
COMPONENT = "housekey_live_test"
RENEWALS = 100
NAMES = names("localhost", "127.0.0.1")


def files_with_the_component(home: Home) -> None:
    """Put the component into the folder of a Home Assistant that has not started yet."""
    folder = home.config / "custom_components" / COMPONENT
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(__file__).parent / COMPONENT, folder, ignore=ignored)
    shutil.copytree(CHECKOUT / "src", folder / "library", ignore=ignored)
    shutil.copy(CHECKOUT / "custom_components" / "housekey" / "running_server.py", folder)
    configuration = home.config / "configuration.yaml"
    configuration.write_text(
        f"{small_configuration(home.installed.release, home.port)}{COMPONENT}:\n"
    )


class Administrator:
    """Somebody signed in over one WebSocket, who gives commands."""

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

    async def do(self, what: str, **more: str) -> dict[str, Any]:
        """Give a command of the component, and return its result."""
        self._last += 1
        await self._socket.send_json({"id": self._last, "type": f"{COMPONENT}/{what}", **more})
        answer = await self._socket.receive_json(timeout=60)
        assert answer["success"], answer
        result: dict[str, Any] = answer["result"]
        return result


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


@pytest.mark.parametrize("new", ["home_2026_7", "home_2026_11"])
def test_a_hundred_renewals_of_a_home_assistant_under_fire(
    new: str, request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make: NewHome = request.getfixturevalue(new)
    home = make(start=False)
    files_with_the_component(home)
    home.start()
    owner = Owner.of(home, tmp_path)
    secured = owner.secure()
    assert secured.code == 0, secured
    home.wait_until_running(scheme="https")
    starts, process, logged = home.starts, home.pid, len(home.log)

    figures = asyncio.run(under_fire(home, owner, tmp_path, secured.json["certificate"]["sha256"]))

    with capsys.disabled():
        sys.stdout.write(f"\nHome Assistant {home.version}\n{figures}\n")
    assert figures.troubles == []
    assert figures.closed == []
    assert figures.old_leaves == []
    assert figures.renewals == RENEWALS
    assert len(figures.leaves_met) >= RENEWALS + 1
    assert figures.sockets == 50
    assert len(figures.handshakes) >= 12
    early, late = figures.looks[1], figures.looks[-1]
    assert late["contexts"] == early["contexts"]
    assert late["memory"] - early["memory"] < 4096
    assert (home.starts, home.pid) == (starts, process)
    assert home.log[logged:] == ""
    require(not figures.missing, f"it went well, but without {figures.missing}")


async def under_fire(home: Home, owner: Owner, folder: Path, first: str) -> Figures:
    """Renew while everybody comes, stays and speaks."""
    root = owner.house / "root.pem"
    shutil.copy(root, home.config)
    issuer = Issuer(
        certificate_from_pem((owner.house / "issuing.pem").read_bytes()),
        PrivateKey.from_pem((owner.house / "issuing.key").read_bytes()),
    )
    presenting, figures = Presenting(first), Figures()
    sockets = open_sockets(home.https_url, root, figures, greet=sign_in(home), ask=ping)
    crowd = Crowd([home.port], root, folder, presenting, figures)
    async with Administrator(home, root) as administrator, sockets:
        assert (await administrator.do("look"))["not_live"] is None
        with crowd:
            await crowd.wait_until_met(first, times=50)
            broken = write_pair(home.config, RENEWALS + 1, NAMES, by=issuer)
            for number in range(1, RENEWALS + 1):
                pair = await asyncio.to_thread(write_pair, home.config, number, NAMES, by=issuer)
                presenting.begin(pair.sha256)
                done = await administrator.do(
                    "swap", certificate=pair.certificate.name, key=pair.key.name
                )
                assert done["leaf"] == pair.sha256, done
                presenting.done()
                if number == 1:
                    presenting.whole_from_now()
                figures.renewals += 1
                figures.prepare.append(done["seconds"])
                if number % 10 == 0:
                    refused = await administrator.do(
                        "swap", certificate=pair.certificate.name, key=broken.key.name
                    )
                    assert "key is not the one" in refused["refused"]
                    figures.refused += 1
                await crowd.wait_until_met(pair.sha256, times=10)
                if number % (RENEWALS // 4) == 0:
                    look = await administrator.do("look")
                    figures.looks.append({**look, "renewals": number})
            # Unloaded, what is newest stays; set up again, it goes on.
            await administrator.do("release")
            assert presented(home, root) == pair.sha256
            gone = await administrator.do(
                "swap", certificate=broken.certificate.name, key=broken.key.name
            )
            assert "let go" in gone["refused"]
            assert presented(home, root) == pair.sha256
            await administrator.do("adopt")
            presenting.begin(broken.sha256)
            await administrator.do("swap", certificate=broken.certificate.name, key=broken.key.name)
            presenting.done()
            assert presented(home, root) == broken.sha256
    return figures


@pytest.mark.parametrize("new", ["home_2026_7", "home_2026_11"])
def test_without_tls_there_is_nothing_to_lead_and_it_says_so(
    new: str, request: pytest.FixtureRequest
) -> None:
    make: NewHome = request.getfixturevalue(new)
    home = make(start=False)
    files_with_the_component(home)
    home.start()
    assert home.api().command(f"{COMPONENT}/look")["not_live"] == "no-tls"
