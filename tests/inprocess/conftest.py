"""The integration in Home Assistant's own test process, with the fixtures of its own tests.

These run in the environment of `tests.homes.install.in_process`, not in the checkout's; the outer
test is `tests/inside/test_in_process.py`. The house, its ledger and its files are real. Not real:
the http server listens nowhere, and the machine's addresses are those of `ADDRESSES`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

CHECKOUT = Path(__file__).parents[2]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "src")]

import pytest
from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from homeassistant.setup import async_setup_component
from housekey.homeassistant.switch import LABEL
from housekey.pki.names import parse_name
from pytest_homeassistant_custom_component.common import MockConfigEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from custom_components.housekey.coordinator import HousekeyCoordinator
    from homeassistant.core import HomeAssistant

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
def _machine() -> Iterator[Machine]:
    """The addresses of this machine, as the test wants them."""
    machine = Machine()
    with patch(
        "custom_components.housekey.coordinator.local_addresses", lambda: machine.addresses
    ):
        yield machine


@dataclass
class Machine:
    """This machine, as far as its addresses go."""

    addresses: tuple[Any, ...] = ADDRESSES


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """This machine."""
    return _machine


@dataclass
class Server:
    """What is looked at of `hass.http`, where no server is to listen."""

    hass: HomeAssistant

    def runs_with(self, certificate: Path, key: Path) -> None:
        """Let Home Assistant's server have loaded this pair."""
        self.hass.http.ssl_certificate = str(certificate)
        self.hass.http.ssl_key = str(key)
        self.hass.http.context = object()


@pytest.fixture
async def server(hass: HomeAssistant) -> Server:
    """Everything that housekey needs is set up, with an http server that does not listen."""
    start = "homeassistant.components.http.start_http_server_and_save_config"
    with patch(start):
        assert await async_setup_component(hass, "http", {})
        assert await async_setup_component(hass, "frontend", {})
        for each in ("repairs", "diagnostics", "system_health", "config"):
            assert await async_setup_component(hass, each, {})
        await hass.async_block_till_done()
    return Server(hass)


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
def kept(leaf: HouseAccess, server: Server) -> Kept:
    """HTTPS is permanent: the pair lies in the configuration folder, the journal knows it."""
    pair = Kept(leaf, leaf.config / "certificate.pem", leaf.config / "privkey.pem")
    with leaf.held() as house:
        present = house.leaf(LABEL)
        assert present is not None
        from housekey.house.journal import State

        transaction = leaf.journal().begin({"folder": str(leaf.config), "way": "https"})
        for path, data, mode in (
            (pair.key, present.key_pem.reveal(), 0o600),
            (pair.certificate, present.chain_pem, 0o644),
        ):
            with transaction.step(path.name, transaction.writing(path, data)):
                leaf.files.write(path, data, mode=mode)
        transaction.close(State.KEPT)
    server.runs_with(pair.certificate, pair.key)
    return pair


@dataclass
class Heard:
    """The events of certificates on the bus."""

    data: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def entry(hass: HomeAssistant) -> MockConfigEntry:
    """The entry, not set up yet."""
    entry = MockConfigEntry(domain=DOMAIN, title="housekey", data={}, options={})
    entry.add_to_hass(hass)
    return entry


SetUp = "Callable[[], Any]"


@pytest.fixture
def set_up(hass: HomeAssistant, server: Server, entry: MockConfigEntry) -> Callable[[], Any]:
    """Set the entry up when the test calls it; returns the coordinator, or None."""

    async def go() -> HousekeyCoordinator | None:
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        data = getattr(entry, "runtime_data", None)
        return None if data is None else data.coordinator

    return go


def utc(*parts: int) -> datetime:
    """A time."""
    return datetime(*parts, tzinfo=UTC)
