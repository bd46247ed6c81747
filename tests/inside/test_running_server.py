"""What the integration asks of Home Assistant's own server."""

from __future__ import annotations

import asyncio
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from housekey.errors import PairRefused, SwapRefused
from housekey.live.contexts import SESSION_SECONDS, NotLive, Obstacle
from housekey.pki.encoding import to_der
from tests.inside.pairs import Written, write_pair
from tests.live.test_contexts import TLS_1_3, a_client, a_pair, a_server, connect
from tests.pki.houses import a_house, names

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from custom_components.housekey.running_server import RunningServer

ROOT = a_house().root.certificate
FILE = Path(__file__).parents[2] / "custom_components" / "housekey" / "running_server.py"


class FakeHome:
    """As much of `hass` as is used: a loop, an executor, a server's context."""

    def __init__(self, context: object) -> None:
        self.http = SimpleNamespace(context=context)
        self.loop = SimpleNamespace(call_later=self._note)
        self.timers: list[tuple[float, Callable[[], object], asyncio.TimerHandle]] = []

    async def async_add_executor_job(self, target: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(target)

    def _note(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        timer = asyncio.get_running_loop().call_later(delay, callback)
        self.timers.append((delay, callback, timer))
        return timer


def running(hass: object) -> RunningServer:
    """Load the module by its file: its package is Home Assistant's to import."""
    spec = spec_from_file_location("running_server", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    server: RunningServer = module.RunningServer(hass)
    return server


def pair(folder: Path, number: int = 1) -> Written:
    return write_pair(folder, number, names("ha.lan"), by=a_house().issuing)


def met(context: ssl.SSLContext) -> bytes | None:
    return connect(context, a_client(TLS_1_3)).leaf


def test_a_pair_is_presented_and_sessions_come_back_when_the_old_ones_have_ended(
    tmp_path: Path,
) -> None:
    async def scene() -> None:
        context = a_server(a_pair())
        hass = FakeHome(context)
        server = running(hass)
        assert (server.not_live, server.leaf) == (None, None)
        for number in (1, 2):
            files = pair(tmp_path, number)
            leaf = await server.async_present(files.certificate, files.key, root=ROOT)
            assert met(context) == to_der(leaf)
            assert server.leaf == leaf
        assert context.num_tickets == 0
        (_, _, first), (delay, two_hours_later, second) = hass.timers
        assert delay == SESSION_SECONDS
        assert first.cancelled()
        assert not second.cancelled()
        two_hours_later()
        assert context.num_tickets == 2
        server.release()
        assert second.cancelled()
        with pytest.raises(SwapRefused, match="let go"):
            await server.async_present(files.certificate, files.key, root=ROOT)
        assert met(context) == to_der(leaf)

    asyncio.run(scene())


def test_sessions_come_back_after_a_reload_too(tmp_path: Path) -> None:
    async def scene() -> None:
        context = a_server(a_pair())
        before = FakeHome(context)
        server = running(before)
        files = pair(tmp_path)
        await server.async_present(files.certificate, files.key, root=ROOT)
        server.release()
        assert context.num_tickets == 0
        after = FakeHome(context)
        again = running(after)
        ((delay, two_hours_later, _),) = after.timers
        assert delay == SESSION_SECONDS
        two_hours_later()
        assert context.num_tickets == 2
        again.release()
        # Nothing is stopped any more, so nothing is counted.
        last = FakeHome(context)
        running(last).release()
        assert last.timers == []

    asyncio.run(scene())


def test_the_one_asked_for_last_is_the_one_presented_in_the_end(tmp_path: Path) -> None:
    async def scene() -> None:
        context = a_server(a_pair())
        server = running(FakeHome(context))
        files = [pair(tmp_path, number) for number in range(1, 7)]
        leaves = await asyncio.gather(
            *(server.async_present(each.certificate, each.key, root=ROOT) for each in files)
        )
        assert met(context) == to_der(leaves[-1])
        server.release()

    asyncio.run(scene())


def test_files_that_are_not_there_or_not_for_the_names_change_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        first = a_pair()
        context = a_server(first)
        server = running(FakeHome(context))
        files = pair(tmp_path)
        with pytest.raises(PairRefused, match=r"gone\.pem: No such file"):
            await server.async_present(tmp_path / "gone.pem", files.key, root=ROOT)
        with pytest.raises(PairRefused, match=r"is not for other\.lan"):
            await server.async_present(
                files.certificate, files.key, root=ROOT, names=names("other.lan")
            )
        assert met(context) == to_der(first.leaf)
        server.release()

    asyncio.run(scene())


@pytest.mark.parametrize("context", [None, "of another kind"])
def test_a_server_that_cannot_be_led_says_why(context: object, tmp_path: Path) -> None:
    async def scene() -> None:
        server = running(FakeHome(context))
        assert isinstance(server.not_live, NotLive)
        assert server.leaf is None
        with pytest.raises(SwapRefused, match="while the server runs"):
            await server.async_present(tmp_path, tmp_path, root=ROOT)
        server.release()

    asyncio.run(scene())


def test_a_home_assistant_without_an_http_server_has_no_tls() -> None:
    server = running(SimpleNamespace())
    assert server.not_live is not None
    assert server.not_live.obstacle is Obstacle.NO_TLS
