"""The integration in Home Assistant's own test process, with the fixtures of its own tests.

These run in the environment of `tests.homes.install.in_process`, not in the checkout's; the outer
test is `tests/inside/test_in_process.py`. The house, its ledger and its files are real. So is
Home Assistant's http server, on a free port of loopback. Not real: the machine's addresses, which
are those of `Machine`, and a restart, which is told and not done.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import aiohttp
import pytest
from homeassistant.components import http
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from housekey.homeassistant.switch import LABEL
from housekey.house.journal import State
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homeassistant.core import HomeAssistant, ServiceCall

    from custom_components.housekey.coordinator import HousekeyCoordinator

NAMES = ("homeassistant.local", "192.168.1.20")
ADDRESSES = (ip_address("192.168.1.20"),)


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """A folder of its own for every test, with a configuration."""
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "configuration.yaml").write_text("homeassistant:\nfrontend:\n")
    return str(folder)


@pytest.fixture(autouse=True)
def everything(enable_custom_integrations: None) -> None:
    """Custom integrations are found."""


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Here the server does listen: this takes the place of a fixture of Home Assistant's."""


@pytest.fixture(autouse=True)
def _machine() -> Iterator[Machine]:
    """The addresses of this machine, as the test wants them."""
    machine = Machine()
    with patch("custom_components.housekey.coordinator.local_addresses", lambda: machine.addresses):
        yield machine


@dataclass
class Machine:
    """This machine, as far as its addresses go."""

    addresses: tuple[Any, ...] = ADDRESSES


class Client:
    """An administrator's browser: REST over the server's own port, TLS or not."""

    def __init__(self, server: Server, token: str) -> None:
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """Return what is answered, as JSON."""
        scheme = "http" if self._server.hass.http.ssl_certificate is None else "https"
        url = f"{scheme}://127.0.0.1:{self._server.port}{path}"
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.request(method, url, json=body, ssl=False) as response,
        ):
            return await response.json()

    async def mend(self, issue: str) -> dict[str, Any]:
        """Walk through the fix flow of a repair; return its last step."""
        path = "/api/repairs/issues/fix"
        begun = await self.call("POST", path, {"handler": DOMAIN, "issue_id": issue})
        assert (begun["type"], begun["step_id"]) == ("form", "confirm"), begun
        ended: dict[str, Any] = await self.call("POST", f"{path}/{begun['flow_id']}", {})
        await self._server.hass.async_block_till_done()
        return ended


@pytest.fixture
def client(server: Server, hass_access_token: str) -> Client:
    """The browser of an administrator."""
    return Client(server, hass_access_token)


@pytest.fixture
def restarts(hass: HomeAssistant) -> list[ServiceCall]:
    """Every time that Home Assistant was told to restart."""
    return async_mock_service(hass, "homeassistant", "restart")


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """This machine."""
    return _machine


@dataclass
class Server:
    """Home Assistant's own http server, listening on loopback alone."""

    hass: HomeAssistant
    storage: dict[str, Any]
    port: int
    trials: bool = hasattr(http, "make_server")  # Home Assistant tries http settings out itself

    @property
    def settings(self) -> dict[str, Any]:
        """Its http settings without TLS."""
        return {"server_host": ["127.0.0.1"], "server_port": self.port}

    async def start(
        self, *, tls: tuple[Path, Path] | None = None, pending: dict[str, Any] | None = None
    ) -> None:
        """Start it, with a pair or without; `pending` is what is on trial (where there are)."""
        settings = self.settings
        if tls is not None:
            settings |= {"ssl_certificate": str(tls[0]), "ssl_key": str(tls[1])}
        if self.trials:
            self.store(settings, pending)
            assert await async_setup_component(self.hass, "http", {})
        else:
            assert pending is None
            lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in settings.items())
            yaml = Path(self.hass.config.config_dir) / "configuration.yaml"
            yaml.write_text(f"homeassistant:\nfrontend:\nhttp:\n{lines}")
            assert await async_setup_component(self.hass, "http", {"http": settings})
        for each in ("frontend", "repairs", "diagnostics", "system_health", "config"):
            assert await async_setup_component(self.hass, each, {})
        await self.hass.async_block_till_done()

    def store(self, stable: dict[str, Any], pending: dict[str, Any] | None) -> None:
        """Write Home Assistant's http settings as it would."""
        config = import_module("homeassistant.components.http.config")

        def whole(settings: dict[str, Any]) -> dict[str, Any]:
            return {
                **config.HTTP_STORAGE_SCHEMA(settings),
                "created_at": "2026-11-01T00:00:00+00:00",
                "error": None,
                "error_message": None,
            }

        self.storage["http"] = {
            "version": config.STORAGE_VERSION,
            "minor_version": config.STORAGE_MINOR_VERSION,
            "key": "http",
            "data": {
                "stable": whole(stable),
                "pending": whole(pending) if pending else None,
                "yaml_migration_done": True,
            },
        }


@pytest.fixture
def server(hass: HomeAssistant, hass_storage: dict[str, Any], socket_enabled: None) -> Server:
    """Home Assistant's server, not started yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Server(hass, hass_storage, probe.getsockname()[1])


@pytest.fixture
def access(hass_config_dir: str) -> HouseAccess:
    """The place of the house."""
    return HouseAccess(Path(hass_config_dir))


@pytest.fixture
def house(access: HouseAccess) -> HouseAccess:
    """A house, without a certificate yet."""
    names = [parse_name(each) for each in NAMES]
    access.create(access.prepare(names, home="Test Home"))
    return access


@pytest.fixture
def leaf(house: HouseAccess) -> HouseAccess:
    """A house with a certificate for Home Assistant."""
    with house.held() as held:
        held.issue(LABEL, [parse_name(each) for each in NAMES])
    return house


@dataclass
class Kept:
    """A Home Assistant with HTTPS by a certificate of the house."""

    access: HouseAccess
    certificate: Path
    key: Path


@pytest.fixture
async def kept(leaf: HouseAccess, server: Server) -> Kept:
    """HTTPS is permanent: the pair lies in the configuration folder, the journal knows it."""
    pair = Kept(leaf, leaf.config / "certificate.pem", leaf.config / "privkey.pem")
    with leaf.held() as house:
        present = house.leaf(LABEL)
        assert present is not None
        transaction = leaf.journal().begin({"folder": str(leaf.config), "way": "https"})
        for path, data, mode in (
            (pair.key, present.key_pem.reveal(), 0o600),
            (pair.certificate, present.chain_pem, 0o644),
        ):
            with transaction.step(path.name, transaction.writing(path, data)):
                leaf.files.write(path, data, mode=mode)
        transaction.close(State.KEPT)
    await server.start(tls=(pair.certificate, pair.key))
    return pair


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """The entry, not set up yet."""
    entry = MockConfigEntry(domain=DOMAIN, title="housekey", data={}, options={})
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def set_up(hass: HomeAssistant, server: Server, entry: MockConfigEntry) -> Callable[[], Any]:
    """Set the entry up when the test calls it; returns the coordinator, or None."""

    async def go() -> HousekeyCoordinator | None:
        if "http" not in hass.config.components:
            await server.start()
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        data = getattr(entry, "runtime_data", None)
        return None if data is None else data.coordinator

    return go
