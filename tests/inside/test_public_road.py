"""A public name from inside: the flow, the order, the switch, the renewal; all parts are real.

Real Home Assistants, Let's Encrypt's own test server, and a real DNS server that is changed by
RFC 2136. Only how this test's own client finds the name is made up.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from demo.api import Api, wait_for
from tests.inside.integration import (
    OPTIONS,
    Flow,
    complaints,
    entry_of,
    give,
    give_besides,
    loaded,
    loaded_at_start,
    overview,
    pem_of,
    presented,
    prove,
    secured,
    stage,
    to_the_page,
)
from tests.public.knot import Knot
from tests.public.pebble import TERMS, Pebble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
NAME = "ha.home.test"
HOMES = ["home_2026_7", "home_2026_11"]
# What no start has to load, not even one with a public name. (acme, josepy and requests every Home
# Assistant loads by itself, for its Cloud.)
LATE = {
    *("lexicon", "dns", "housekey.public.order", "housekey.public.ca", "housekey.public.account"),
    *("housekey.public.records", "housekey.public.providers", "housekey.public.authority"),
}


@pytest.fixture
def dns() -> Iterator[Knot]:
    with Knot(zones={"home.test": "ha A 127.0.0.1"}) as server:
        yield server


@pytest.fixture
def ca(dns: Knot) -> Iterator[Pebble]:
    with Pebble(dns=(dns.address, dns.port), nonce_reject=20) as server:
        yield server


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the name, too."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == NAME else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def with_integration(new: NewHome, dns: Knot) -> Home:
    """A Home Assistant with the integration, which asks that DNS server for names."""
    home = new(start=False, resolv_conf=dns.resolv_conf)
    give(home)
    give_besides(home, "housekey_starts")
    home.start()
    return home


def tell_the_ca(flow: Flow, ca: Pebble, **more: Any) -> None:
    """Fill in the form for name, provider and CA."""
    flow.until("public_name", timeout=60)
    advanced = {"staging": False, "directory": ca.directory, "roots": ca.roots_pem()}
    flow.send(public_names=[NAME], provider="ddns", advanced={**advanced, **more})


def to_the_order(flow: Flow, ca: Pebble, credentials: dict[str, str]) -> None:
    """From the first step to the order that is under way."""
    assert flow.shown["menu_options"] == ["names", "public"]
    flow.send(next_step_id="public")
    tell_the_ca(flow, ca)
    assert flow.step == "credentials", flow.shown
    assert flow.told["terms"] == TERMS
    flow.send(**credentials, agree=False)
    assert flow.shown["errors"] == {"agree": "not_agreed"}
    flow.send(**credentials, agree=True)
    assert flow.step == "house_public", flow.shown
    flow.send(first_group=flow.told["code"][:5], noted=True)
    assert (flow.step, flow.shown["type"]) == ("order", "progress"), flow.shown


def options_of(api: Api, *offered: str) -> Flow:
    """The options, when they offer this: a renewal that is just under way has other worries."""
    entry = entry_of(api)
    assert entry is not None
    flow = Flow(api, path=OPTIONS, handler=entry["entry_id"])

    def is_offered() -> bool:
        nonlocal flow
        flow.end()
        flow = Flow(api, path=OPTIONS, handler=entry["entry_id"])
        return bool(flow.shown["menu_options"] == list(offered))

    assert wait_for(is_offered, timeout=20), flow.shown
    return flow


def by_name(home: Home, root: Path) -> Api:
    """The administrator, at the public name, trusting the CA alone."""
    return Api(
        f"https://{NAME}:{home.port}", home.token, ssl.create_default_context(cafile=str(root))
    )


def where_it_stands(home: Home, secret: str) -> list[str]:
    """The files of this home in which a secret stands, its log among them."""
    files = [home.log_file, *(each for each in home.config.rglob("*") if each.is_file())]
    return sorted(
        str(path.relative_to(home.config) if path.is_relative_to(home.config) else path)
        for path in files
        if secret.encode() in path.read_bytes()
    )


async def renewed_live(api: Api) -> str:
    """Renew while a WebSocket is open, and use it on; what it says last."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{api.url}/api/websocket", ssl=api.tls or True) as socket,
    ):
        await socket.receive_json()
        await socket.send_json({"type": "auth", "access_token": api.token})
        assert (await socket.receive_json())["type"] == "auth_ok"
        await socket.send_json({"id": 1, "type": "housekey/renew"})
        answer = await socket.receive_json(timeout=60)
        assert answer["success"], answer
        await socket.send_json({"id": 2, "type": "ping"})
        said = str((await socket.receive_json(timeout=10))["type"])
    await asyncio.sleep(0.1)  # as in demo.api: TLS is ended by the loop
    return said


@pytest.mark.parametrize("release", HOMES)
def test_from_the_first_step_to_https_that_renews_live(
    release: str, request: pytest.FixtureRequest, tmp_path: Path, dns: Knot, ca: Pebble
) -> None:
    home = with_integration(request.getfixturevalue(release), dns)
    api, root = home.api(), tmp_path / "ca.pem"
    root.write_text(ca.issuing_root_pem())
    flow = Flow(api)

    # A key that the DNS server does not know: told in words, and nothing is ordered twice.
    to_the_order(flow, ca, dns.wrong_credentials)
    flow.until("order_failed", timeout=90)
    assert "_acme-challenge.ha.home.test" in flow.told["reason"], flow.told
    assert dns.wrong_credentials["auth_token"] not in flow.told["reason"]
    flow.send(next_step_id="credentials")
    flow.send(**dns.credentials, agree=True)
    flow.until("switch_public", timeout=90)
    assert flow.told["url"] == f"https://{NAME}:{home.port}"
    assert (ca.orders, ca.certificates) == (1, 1)
    assert home.scheme() == "http"
    flow.send(https_port=home.port, switch=True)
    assert flow.shown["type"] == "create_entry", flow.shown

    # On trial, and kept because somebody signs in: no device has been told anything.
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")
    api = by_name(home, root)
    assert wait_for(lambda: bool(api.command("auth/current_user")), timeout=60)
    assert loaded(api), entry_of(api)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    url = f"https://{NAME}:{home.port}"
    assert wait_for(lambda: api.get("/api/config")["internal_url"] == url, timeout=10)
    shown = overview(api)
    assert (shown["road"], shown["names"], shown["problems"]) == ("public", [NAME], [])
    road = json.loads((home.config / "housekey" / "road.json").read_text())
    assert (road["kind"], road["settings"]["directory"]) == ("public", ca.directory)

    # Renewed, by another order, while somebody is connected; nothing restarts.
    first = presented(home.port)
    assert asyncio.run(renewed_live(api)) == "pong"
    second = presented(home.port)
    assert second.serial_number != first.serial_number
    assert (home.config / "certificate.pem").read_bytes().startswith(pem_of(second))
    assert bool(api.get("/api/config"))  # verified under the CA's root
    assert (ca.orders, ca.certificates, home.starts) == (2, 2, 2)
    assert dns.lookup(f"_acme-challenge.{NAME}") == ()

    # The secret of the DNS lies in the house, closed, and nowhere else.
    secret = dns.credentials["auth_token"].rpartition(":")[2]
    assert where_it_stands(home, secret) == ["housekey/public/dns.json"]
    assert (home.config / "housekey/public/dns.json").stat().st_mode & 0o77 == 0

    # A start loads nothing of it.
    (home.config / "start.json").unlink()
    api.post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 3, timeout=60)
    home.wait_until_running(scheme="https")
    assert wait_for((home.config / "start.json").exists, timeout=10)
    assert sorted(LATE & set(loaded_at_start(home))) == []
    assert loaded(api)
    assert stage(api) == "kept"
    assert complaints(home) == []


def test_from_the_houses_own_ca_to_a_public_name_and_back(
    home_2026_11: NewHome, tmp_path: Path, dns: Knot, ca: Pebble
) -> None:
    home = with_integration(home_2026_11, dns)
    api = home.api()
    flow = Flow(api)
    flow.send(next_step_id="names")
    # All addresses are covered at once, so that no renewal comes in between.
    names = list(dict.fromkeys(["localhost", *flow.default("names")]))
    flow.end()
    to_the_page(flow := Flow(api), *names)
    flow.send(go_on=True)
    flow.send(https_port=home.port, switch=True)
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")
    private, root = home.config / "housekey" / "root.pem", tmp_path / "ca.pem"
    root.write_text(ca.issuing_root_pem())
    api = secured(home, private)
    assert wait_for(lambda: bool(api.command("auth/current_user")), timeout=60)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)

    # There, by a certificate that lies ready before anything is changed.
    options = options_of(api, "settings", "public", "back")
    options.send(next_step_id="public")
    before = presented(home.port)
    tell_the_ca(options, ca)
    options.send(**dns.credentials, agree=True)
    options.until("switch_public", timeout=90)
    assert presented(home.port) == before
    options.send()
    assert options.shown["reason"] == "restarting", options.shown
    assert wait_for(lambda: home.starts == 3, timeout=60)
    home.wait_until_running(scheme="https")
    named = by_name(home, root)
    assert wait_for(lambda: bool(named.command("auth/current_user")), timeout=60)
    assert wait_for(lambda: stage(named) == "kept", timeout=15)
    assert overview(named)["road"] == "public"
    assert (ca.orders, ca.certificates) == (1, 1)

    # And back to the house's own CA.
    options = options_of(named, "settings", "provider", "public", "private", "back")
    options.send(next_step_id="private")
    assert prove(options.told["url"], tmp_path / "root.pem")["trusted"]  # the page is on
    options.send(names=names)
    assert options.shown["reason"] == "restarting", options.shown
    assert wait_for(lambda: home.starts == 4, timeout=60)
    home.wait_until_running(scheme="https")
    assert wait_for(lambda: bool(api.command("auth/current_user")), timeout=60)
    assert wait_for(lambda: stage(api) == "kept", timeout=15)
    assert overview(api)["road"] == "private"
    assert not (home.config / "housekey" / "road.json").exists()
    assert ca.orders == 1
    assert complaints(home) == []
