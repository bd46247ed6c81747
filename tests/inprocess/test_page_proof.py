"""The onboarding page's proof of a trial, at Home Assistant's own https address.

The page is a script here (`Opened`), which does what the page's own script does; that one is tried
in a real browser by `tests/panel/test_page_across_the_switch.py`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

import pytest
from aiohttp.web_runner import SockSite
from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.housekey.const import CONF_PAGE
from custom_components.housekey.coordinator import HousekeyCoordinator
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.model import Stage
from custom_components.housekey.page_proof import PATH, PageProofs
from housekey.house.generations import Kind as Overlapping
from housekey.house.rotating import prepare_new_root
from housekey.onboarding.devices import TRUSTS
from housekey.onboarding.events import Event, Step
from housekey.onboarding.nonce import Facts, Issuer
from housekey.onboarding.visitor import Browser, Kind, Visitor
from housekey.pki.secret import Secret
from tests.inprocess.parts import NAMES, Kept, Server, Staged, last, signed_in

A_PHONE = Facts(1, Visitor(Kind.IPHONE, Browser.SAFARI))


@dataclass(frozen=True)
class Said:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Opened:
    """The page, open on a device. Its calls block: for an executor."""

    url: str
    root: str = ""

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.url.rpartition(':')[2]}"
        with urlopen(f"{self.url}/housekey.pem") as answer:
            self.root = answer.read().decode()

    def about(self) -> dict[str, Any]:
        with urlopen(f"{self.url}/about.json") as answer:
            told: dict[str, Any] = json.load(answer)
        return told

    def prove_anew(self) -> dict[str, Any]:
        """Prove trust as a device that has never done so."""
        return self.prove(again="")

    def prove(self, again: str = "&again=1") -> dict[str, Any]:
        """Prove trust at the proof listener."""
        with urlopen(f"{self.url}/nonce?kind=iphone{again}") as answer:
            nonce = json.load(answer)["nonce"]
        said = self.ask(self.about()["proof"]["port"], f"/proof?nonce={nonce}")
        told: dict[str, Any] = json.loads(said.body)
        return told

    def ask(
        self,
        port: int,
        path: str,
        *,
        origin: str | None = None,
        more: str = "",
        tls: bool = True,
        method: str = "GET",
    ) -> Said:
        """Ask another listener of this machine, as the page's script would."""
        sent = self.url if origin is None else origin
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: {sent}\r\n{more}"
        with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as plain:
            context = ssl.create_default_context(cadata=self.root)
            stream = context.wrap_socket(plain, server_hostname="localhost") if tls else plain
            stream.sendall(f"{head}Connection: close\r\n\r\n".encode())
            whole = b""
            while part := stream.recv(1 << 16):
                whole += part
            stream.close()
        top, _, body = whole.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return Said(int(first.split()[1]), headers, body)


@dataclass
class Trial:
    """HTTPS is on trial, and the page open."""

    hass: HomeAssistant
    coordinator: HousekeyCoordinator
    page: Opened
    server: Server

    async def do(self, work: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return await self.hass.async_add_executor_job(lambda: work(*args, **more))

    async def ticket(self) -> str:
        said = await self.do(self.page.prove)
        return str(said["trial"])

    async def bring(self, ticket: str, **more: Any) -> Said:
        """Bring it to Home Assistant's own address, and let everything settle."""
        said: Said = await self.do(
            self.page.ask, self.server.port, f"{PATH}?nonce={ticket}", **more
        )
        await self.hass.async_block_till_done(wait_background_tasks=False)
        return said

    async def stage(self) -> Stage:
        await self.coordinator.async_refresh()
        return self.coordinator.data.stage

    async def becomes(self, stage: Stage) -> None:
        """Wait for what Home Assistant does in its background."""
        async with asyncio.timeout(30):
            while await self.stage() is not stage:
                await asyncio.sleep(0.05)


@pytest.fixture
async def trial(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    free_ports: dict[str, int],
    server: Server,
) -> Any:
    """A start into the trial, of a Home Assistant whose page was open before."""
    hass.config_entries.async_update_entry(
        entry,
        data={CONF_PAGE: True},
        options={"names": ["localhost", *NAMES], **free_ports},
    )
    await staged.start()
    coordinator = await set_up()
    page = await hass.async_add_executor_job(Opened, coordinator.onboarding.urls[0])
    yield Trial(hass, coordinator, page, server)
    await coordinator.onboarding.async_stop()


async def test_the_page_that_was_open_opens_again_and_keeps_https(
    hass: HomeAssistant, trial: Trial, access: HouseAccess, entry: MockConfigEntry
) -> None:
    assert (await trial.do(trial.page.about))["trial"] is True
    assert await trial.stage() is Stage.TRIAL
    said = await trial.bring(await trial.ticket())
    assert (said.status, json.loads(said.body)) == (200, {"proved": True})
    assert said.headers["access-control-allow-origin"] == trial.page.url
    assert said.headers["cache-control"] == "no-store"
    await trial.becomes(Stage.KEPT)
    assert last(access).state.value == "kept"
    # The page opens anew, and leads to Home Assistant; there is nothing to be proved any more.
    async with asyncio.timeout(30):
        while entry.data[CONF_PAGE] is not False:
            await asyncio.sleep(0.05)
    about = await trial.do(trial.page.about)
    for _ in range(200):  # kept is seen a moment before the page is opened anew
        if "trial" not in about:
            break
        await asyncio.sleep(0.05)
        about = await trial.do(trial.page.about)
    assert "trial" not in about
    assert about["home_assistant"] == f"https://homeassistant.local:{trial.server.port}"
    assert (await trial.bring("x")).status == 404


async def test_a_proof_is_good_once_and_from_the_page_alone(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else spends it, and what is spent proves nothing any more."""
    monkeypatch.setattr(
        "custom_components.housekey.proof.verified", lambda *_, **__: "not trusted yet"
    )
    monkeypatch.setattr("custom_components.housekey.page_proof.PAUSE_SECONDS", 0.0)
    ticket = await trial.ticket()
    port = trial.page.url.rpartition(":")[2]
    for origin in ("", "null", "http://evil.example", f"https://127.0.0.1:{port}"):
        said = await trial.bring(ticket, origin=origin)
        assert said.status == 404
        assert "access-control-allow-origin" not in said.headers
    assert (await trial.bring(ticket)).status == 200
    assert (await trial.bring(ticket)).status == 403
    foreign = Issuer(Secret(b"f" * 32)).issue(A_PHONE, now=0)
    for wrong in (foreign, "", "x"):
        assert (await trial.bring(wrong)).status == 403
    # And HTTPS is not kept either, as long as a device would not trust it.
    assert await trial.stage() is Stage.TRIAL


async def test_what_a_reverse_proxy_hands_on_proves_nothing(trial: Trial) -> None:
    ticket = await trial.ticket()
    for header in ("Via: 1.1 x", "Forwarded: proto=https", "X-Real-IP: 192.168.1.7"):
        assert (await trial.bring(ticket, more=f"{header}\r\n")).status == 404
    assert await trial.stage() is Stage.TRIAL


async def test_what_is_not_a_question_is_none(trial: Trial) -> None:
    ticket = await trial.ticket()
    for method in ("POST", "HEAD", "OPTIONS"):
        assert (await trial.bring(ticket, method=method)).status == 405
    assert await trial.stage() is Stage.TRIAL


@pytest.mark.parametrize("tls", [True, False])
async def test_another_listener_of_the_same_application_proves_nothing(
    trial: Trial, staged: Staged, hass_access_token: str, tls: bool
) -> None:
    """Home Assistant Cloud's remote access is one with TLS; the lane is one without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*staged.pair)
    runner: Any = trial.hass.http.runner
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = SockSite(runner, listener, ssl_context=context if tls else None)
        await site.start()
        port = listener.getsockname()[1]
        path = f"{PATH}?nonce={await trial.ticket()}"
        said = await trial.do(trial.page.ask, port, path, tls=tls)
        assert said.status == 404
        other = Server(trial.hass, {}, port)
        async with signed_in(other, hass_access_token, tls=tls):
            await trial.hass.async_block_till_done()
        await site.stop()
    assert await trial.stage() is Stage.TRIAL


async def test_what_comes_from_the_supervisor_proves_nothing(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(
            "custom_components.housekey.proof.is_supervisors", lambda peer: peer == "127.0.0.1"
        )
        assert (await trial.bring(await trial.ticket())).status == 404
    assert await trial.stage() is Stage.TRIAL


async def test_a_page_that_nobody_had_open_stays_closed(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    free_ports: dict[str, int],
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"names": ["localhost", *NAMES], **free_ports}
    )
    await staged.start()
    coordinator = await set_up()
    assert coordinator.data.stage is Stage.TRIAL
    assert coordinator.onboarding.urls == ()
    # Opened now, it leads to the trial all the same.
    (url, *_) = await coordinator.async_start_onboarding()
    page = await hass.async_add_executor_job(Opened, url)
    assert (await hass.async_add_executor_job(page.about))["trial"] is True
    await coordinator.async_stop_onboarding()


async def test_a_page_whose_port_is_taken_is_told_and_a_sign_in_still_does(
    hass: HomeAssistant,
    staged: Staged,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    free_ports: dict[str, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    hass.config_entries.async_update_entry(
        entry,
        data={CONF_PAGE: True},
        options={"names": ["localhost", *NAMES], **free_ports},
    )
    with socket.create_server(("127.0.0.1", free_ports["page_port"])):
        await staged.start()
        coordinator = await set_up()
    assert "The onboarding page could not be opened again" in caplog.text
    assert coordinator.data.stage is Stage.TRIAL
    assert coordinator.onboarding.urls == ()


async def test_that_the_page_is_open_is_remembered_through_the_restart(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    restarts: list[ServiceCall],
    free_ports: dict[str, int],
) -> None:
    hass.config_entries.async_update_entry(
        entry, options={"names": ["localhost", *NAMES], **free_ports}
    )
    coordinator = await set_up()
    (url, *_) = await coordinator.async_start_onboarding()
    page = await hass.async_add_executor_job(Opened, url)
    # It waits for the trial that is to come.
    assert (await hass.async_add_executor_job(page.about))["trial"] is False
    await coordinator.switch.async_begin()
    assert len(restarts) == 1
    assert entry.data[CONF_PAGE] is True
    await coordinator.async_stop_onboarding()


async def test_without_a_trial_there_is_no_such_address(
    hass: HomeAssistant, kept: Kept, set_up: Callable[[], Any], free_ports: dict[str, int]
) -> None:
    coordinator = await set_up()
    assert coordinator.data.stage is Stage.KEPT
    paths = {each.canonical for each in hass.http.app.router.resources()}
    assert PATH not in paths


def test_proofs_come_no_faster_than_one_a_second() -> None:
    now, proved = [0.0], []
    proofs = PageProofs(lambda: proved.append(now[0]), clock=lambda: now[0])
    proofs.origins = frozenset({"http://a"})
    first, second = (proofs.issuer.issue(A_PHONE, now=0) for _ in range(2))
    assert proofs.take(first, origin="http://a") == 200
    assert proofs.take(second, origin="http://a") == 429
    now[0] = 1.0
    assert proofs.take(second, origin="http://a") == 200  # it was not spent
    now[0] = 70.0
    assert proofs.take(proofs.issuer.issue(A_PHONE, now=5), origin="http://a") == 403  # old
    assert proved == [0.0, 1.0]


async def test_what_is_proved_counts_for_the_root_that_the_page_handed_out(
    hass: HomeAssistant,
    house: HouseAccess,
    set_up: Callable[[], Any],
    entry: MockConfigEntry,
    free_ports: dict[str, int],
) -> None:
    """A page that was opened before a rotation proves the old root, and nothing of the new one."""
    hass.config_entries.async_update_entry(
        entry, options={"names": ["localhost", *NAMES], **free_ports}
    )
    coordinator = await set_up()
    old = await hass.async_add_executor_job(house.root_of_devices)
    (url, *_) = await coordinator.async_start_onboarding()
    page = await hass.async_add_executor_job(Opened, url)

    def rotate() -> str:
        with house.held() as opened:
            prepare_new_root(opened, Overlapping.WAITING).write(opened)
        return house.root_of_devices()

    def proofs() -> list[str | None]:
        with house.opened() as opened:
            return [event.sha256 for event in opened.ledger.events(kind=TRUSTS)]

    new = await hass.async_add_executor_job(rotate)
    assert new != old
    assert (await hass.async_add_executor_job(page.prove_anew))["trusted"] is True
    await hass.async_block_till_done()
    assert await hass.async_add_executor_job(proofs) == [old]
    # Opened once more, it hands out the new one.
    (url, *_) = await coordinator.async_start_onboarding()
    page = await hass.async_add_executor_job(Opened, url)
    assert (await hass.async_add_executor_job(page.about))["sha256"] == new
    assert (await hass.async_add_executor_job(page.prove_anew))["trusted"] is True
    await hass.async_block_till_done()
    assert await hass.async_add_executor_job(proofs) == [new, old]
    await coordinator.async_stop_onboarding()


async def test_who_floods_the_page_with_proofs_does_not_fill_the_ledger(
    hass: HomeAssistant, house: HouseAccess, set_up: Callable[[], Any]
) -> None:
    coordinator = await set_up()
    page = coordinator.onboarding
    with patch.object(page, "_room", 3):
        for device in range(1, 10):
            page._async_proved("ab" * 32, Event(dt_util.utcnow(), Step.TRUSTS, device))
        await hass.async_block_till_done()

    def proofs() -> int:
        with house.opened() as opened:
            return len(opened.ledger.events(kind=TRUSTS))

    assert await hass.async_add_executor_job(proofs) == 3
