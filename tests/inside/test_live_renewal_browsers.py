"""A page in a real browser stays open, and connects anew, while its server is renewed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from housekey.pki.encoding import certificate_to_pem, to_der
from tests.browsers import chromium, firefox
from tests.browsers.chromium import Chromium
from tests.browsers.firefox import Firefox
from tests.inside.pairs import write_pair
from tests.inside.test_live_renewal import NAMES, Server
from tests.needs import require
from tests.pki.houses import a_house

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

RENEWALS = 12

_SPEAK = """
new Promise(open => {
  window.heard = 0;
  window.ended = "";
  const socket = new WebSocket(`wss://${location.host}/api/websocket`);
  socket.onopen = () => { setInterval(() => socket.send("still here"), 50); open("open"); };
  socket.onmessage = () => { window.heard += 1; };
  socket.onclose = event => { window.ended = `closed: ${event.code}`; };
})
"""
# Each is a connection of its own: the server hangs up.
_CONNECT = """
Promise.all(["/once?1", "/once?2", "/once?3"].map(async path => (await fetch(path)).text()))
"""
_LISTEN = "new Promise(done => setTimeout(() => done(window.heard), 200))"


@pytest.mark.engine
@pytest.mark.parametrize(
    ("kind", "lacks"),
    [(Chromium, chromium.missing), (Firefox, firefox.missing)],
    ids=["chromium", "firefox"],
)
def test_a_page_stays_open_and_connects_anew(kind: Any, lacks: Any, tmp_path: Path) -> None:
    missing = lacks()
    require(missing is None, missing or "")
    asyncio.run(scene(kind, tmp_path))


async def scene(kind: Any, folder: Path) -> None:
    house = a_house()
    root = folder / "root.pem"
    root.write_bytes(certificate_to_pem(house.root.certificate))
    first = write_pair(folder, 0, NAMES, by=house.issuing)
    connections: set[str] = set()
    heard = 0
    async with Server(first.certificate, first.key, root) as server:
        with ThreadPoolExecutor(1) as alone:  # a driver belongs to one thread

            def there(do: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
                return asyncio.get_running_loop().run_in_executor(alone, do, *arguments)

            browser = await there(lambda: kind(roots=[to_der(house.root.certificate)]))
            try:
                url = f"https://127.0.0.1:{server.ports[0]}/"
                assert await there(browser.navigate, url) == ""
                assert await there(browser.evaluate, _SPEAK) == "open"
                for number in range(1, RENEWALS + 1):
                    pair = write_pair(folder, number, NAMES, by=house.issuing)
                    done = await server.do(
                        "swap", certificate=str(pair.certificate), key=str(pair.key)
                    )
                    assert done["leaf"] == pair.sha256
                    if number % 2:  # sessions are taken up, or not
                        await server.do("sessions again")
                    connections.update(await there(browser.evaluate, _CONNECT))
                    assert await there(browser.evaluate, "window.ended") == ""
                    before, heard = heard, await there(browser.evaluate, _LISTEN)
                    assert heard > before
            finally:
                await there(browser.close)
        assert len(connections) == 3 * RENEWALS
    assert await server.said() == ""
