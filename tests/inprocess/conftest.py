"""The integration in Home Assistant's own test process, with the fixtures of its own tests.

These run in the environment of `tests.homes.install.in_process`, not in the checkout's; the outer
test is `tests/inside/test_in_process.py`. The house, its ledger and its files are real. So is
Home Assistant's http server, on a free port of loopback. Not real: the machine's addresses, which
are those of `Machine`, and a restart, which is told and not done.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_mock_service

from custom_components.housekey import http_store
from custom_components.housekey.const import DOMAIN
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.http_store import ServerFacts
from custom_components.housekey.settings import settings_of
from custom_components.housekey.switch_files import announce, stage
from housekey.homeassistant.recorded import HTTP_CONFIG, LABEL, RESTART
from housekey.house.journal import SettingChange, State
from housekey.house.road import ROAD
from housekey.pki.names import parse_name
from housekey.pki.secret import Secret
from housekey.public.authority import PublicAuthority
from housekey.public.credentials import keep
from housekey.public.providers import provider
from tests.inprocess.fake_ca import NAME, TOKEN, FakeCa
from tests.inprocess.parts import NAMES, Client, Kept, Machine, Server, Staged, free_port
from tests.inprocess.public_dialog import take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from homeassistant.core import HomeAssistant, ServiceCall

    from custom_components.housekey.coordinator import HousekeyCoordinator


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
def _apart(verify_cleanup: None) -> Iterator[None]:
    """What worked apart has told what came of it, and ends a moment later: before it is looked."""
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("housekey "):
            thread.join(timeout=30)


@pytest.fixture(autouse=True)
def disable_http_server() -> None:
    """Here the server does listen: this takes the place of a fixture of Home Assistant's."""


@pytest.fixture(autouse=True)
def mock_network() -> None:
    """Nor are this machine's interfaces made up."""


@pytest.fixture(autouse=True)
def _machine() -> Iterator[Machine]:
    """The addresses of this machine, as the test wants them."""
    machine = Machine()
    with (
        patch("custom_components.housekey.coordinator.local_addresses", lambda: machine.addresses),
        # Where a packet to the internet would leave is asked of no other network than loopback.
        patch("custom_components.housekey.onboarding_page._ELSEWHERE", ("127.0.0.1", 9)),
        patch("custom_components.housekey.onboarding_page.resolve", machine.resolve),
        patch("custom_components.housekey.found_names.resolve", machine.resolve),
        patch("housekey.live.handshake.resolve", machine.resolve),
    ):
        yield machine


@pytest.fixture
def client(server: Server, hass_access_token: str) -> Client:
    """The browser of an administrator."""
    return Client(server, hass_access_token)


@pytest.fixture
def free_ports(socket_enabled: None) -> dict[str, int]:
    """Ports for the onboarding page, as options."""
    return {"page_port": free_port(), "proof_port": free_port()}


@pytest.fixture
def restarts(hass: HomeAssistant) -> list[ServiceCall]:
    """Every time that Home Assistant was told to restart."""
    return async_mock_service(hass, "homeassistant", "restart")


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """This machine."""
    return _machine


@pytest.fixture
def server(hass: HomeAssistant, hass_storage: dict[str, Any], socket_enabled: None) -> Server:
    """Home Assistant's server, not started yet."""
    return Server(hass, hass_storage, free_port())


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


@pytest.fixture
async def kept(leaf: HouseAccess, server: Server) -> Kept:
    """HTTPS is permanent: the pair lies in the configuration folder, the journal knows it."""
    return await presented_by(server, leaf)


async def presented_by(server: Server, access: HouseAccess) -> Kept:
    """Let Home Assistant present the house's leaf, as after a switch that was kept."""
    pair = Kept(access, access.config / "certificate.pem", access.config / "privkey.pem")
    with access.held() as house:
        present = house.leaf(LABEL)
        assert present is not None
        transaction = access.journal().begin({"folder": str(access.config), "way": "https"})
        for path, data, mode in (
            (pair.key, present.key_pem.reveal(), 0o600),
            (pair.certificate, present.chain_pem, 0o644),
        ):
            with transaction.step(path.name, transaction.writing(path, data)):
                access.files.write(path, data, mode=mode)
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


@pytest.fixture
def yaml(access: HouseAccess, server: Server) -> bytes:
    """The YAML of a Home Assistant on http."""
    path = access.config / "configuration.yaml"
    path.write_text(server.yaml() if not server.trials else "homeassistant:\nfrontend:\n")
    return path.read_bytes()


@pytest.fixture
def staged(house: HouseAccess, server: Server, yaml: bytes) -> Staged:
    """HTTPS is staged, and Home Assistant about to restart."""
    options = {"names": ["localhost", *NAMES]}
    facts = ServerFacts(
        tls=False,
        port=server.port,
        host="127.0.0.1",
        pair=None,
        trials=server.trials,
        stable=http_store.sendable(server.whole(server.settings)) if server.trials else {},
    )
    made = stage(house, facts, settings_of(options), internal_url=None)
    assert made is not None
    if made.config is not None:
        change = SettingChange(HTTP_CONFIG, dict(facts.stable), dict(made.config))
        announce(made.transaction, "configure", change, RESTART)
    return Staged(house, server, yaml, options, dict(made.config) if made.config else None)


@pytest.fixture
def with_names(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The entry has the names of the flow."""
    hass.config_entries.async_update_entry(entry, options={"names": ["localhost", *NAMES]})


# The road of a public name


@pytest.fixture
def ca(machine: Machine) -> Iterator[FakeCa]:
    """The CA; nothing of it is reached over a network."""
    fake = FakeCa()
    machine.names = (*machine.names, NAME)

    async def prepare(authority: Any, plan: Any, _names: Any) -> bool:
        return await fake.prepare(authority, plan)

    async def unsuggested(*_: Any, **__: Any) -> None:
        return None

    with (
        patch.object(PublicAuthority, "prepare", prepare),
        patch("housekey.public.order.taken", fake.taken),
        patch("housekey.public.ari.suggestion_for", unsuggested),
        patch("custom_components.housekey.ordering.async_about", fake.about),
    ):
        yield fake


@pytest.fixture
async def public(house: HouseAccess, server: Server, ca: FakeCa) -> Kept:
    """HTTPS is permanent, with a certificate for a public name."""
    with house.held() as held:
        house.files.write(house.folder / ROAD, ca.settings.road(LABEL).to_json(), mode=0o600)
        credentials = {"auth_token": Secret(TOKEN.encode())}
        keep(house.folder, provider("duckdns"), credentials, files=house.files)
        take(held, ca)
    return await presented_by(server, house)


@pytest.fixture
def lacking() -> Iterator[set[str]]:
    """Packages that are not installed here."""
    missing = {"dns-lexicon>=3.17", "dnspython>=2.4"}
    with patch(
        "custom_components.housekey.for_public.package.is_installed",
        lambda requirement: requirement not in missing,
    ):
        yield missing
