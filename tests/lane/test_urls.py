"""Which address is handed out to whom, and that nothing of it stays."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.housekey.lane_urls import (
    LaneAddress,
    LaneUrls,
    answer,
    host_for_devices,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

LANE = LaneAddress("192.168.1.5", 8123, also=frozenset({"homeassistant.local"}))
HTTPS = "https://homeassistant.local:8443"
NETWORK = "homeassistant.helpers.network"
SITE = "homeassistant.components.webhook"
LATE = "homeassistant.components.ecowitt.config_flow"
OTHER = "homeassistant.components.zeroconf"
CAST = "homeassistant.components.cast.media_player"
_CALLS = """
def ask(hass, **wishes):
    return get_url(hass, **wishes)
def is_own(hass, url):
    return is_hass_url(hass, url)
"""


class NoURLAvailableError(Exception):
    """As Home Assistant's."""


def get_url(_hass: object, **wishes: Any) -> str:
    """With TLS on and an internal URL: what Home Assistant answers, in short."""
    if wishes.get("allow_internal") is False:
        raise NoURLAvailableError
    return HTTPS


def is_hass_url(_hass: object, url: str) -> bool:
    """Whether it begins like the internal URL."""
    return url.startswith(HTTPS)


def load(name: str, network: ModuleType) -> ModuleType:
    """Load a module that takes both functions by name, as Home Assistant's do."""
    module = ModuleType(name)
    module.get_url = network.get_url  # type: ignore[attr-defined]
    module.is_hass_url = network.is_hass_url  # type: ignore[attr-defined]
    exec(_CALLS, vars(module))
    sys.modules[name] = module
    return module


@pytest.fixture
def network() -> Iterator[ModuleType]:
    """Stands for helpers/network.py; what is loaded in a test is gone after it."""
    before = dict(sys.modules)
    fake = ModuleType(NETWORK)
    vars(fake).update(
        get_url=get_url, is_hass_url=is_hass_url, NoURLAvailableError=NoURLAvailableError
    )
    sys.modules[NETWORK] = fake
    yield fake
    for name in set(sys.modules) - set(before):
        del sys.modules[name]


def test_sites_get_the_lane_and_everybody_else_https_whenever_they_are_loaded(
    network: ModuleType,
) -> None:
    site, other = load(SITE, network), load(OTHER, network)
    urls = LaneUrls(hass := object(), lambda: LANE)

    urls.install()
    late, also_late = load(LATE, network), load("custom_components.anything", network)

    assert site.ask(hass) == late.ask(hass) == "http://192.168.1.5:8123"
    assert other.ask(hass) == also_late.ask(hass) == HTTPS
    urls.install()
    urls.remove()
    assert site.ask(hass) == late.ask(hass) == HTTPS
    for module in (network, site, other, late, also_late):
        assert module.get_url is get_url
        assert module.is_hass_url is is_hass_url
    urls.remove()


def test_a_module_that_also_writes_to_people_gives_them_https(network: ModuleType) -> None:
    motioneye = load("homeassistant.components.motioneye", network)
    urls = LaneUrls(hass := object(), lambda: LANE)
    urls.install()

    assert motioneye.ask(hass, allow_cloud=False) == LANE.url
    assert motioneye.ask(hass) == HTTPS


def test_a_lane_address_is_known_for_home_assistants_own_where_that_matters(
    network: ModuleType,
) -> None:
    cast, other = load(CAST, network), load(OTHER, network)
    urls = LaneUrls(hass := object(), lambda: LANE)
    urls.install()

    for url in ("http://192.168.1.5:8123/api/hls/a", "http://HomeAssistant.local:8123/x"):
        assert cast.is_own(hass, url)
        assert not other.is_own(hass, url)
    for url in ("https://192.168.1.5:8123/x", "http://192.168.1.5/x", "http://evil:8123/x", "x"):
        assert not cast.is_own(hass, url)
    assert cast.is_own(hass, f"{HTTPS}/x")
    assert not cast.is_own(hass, "http://[::1/x")


def test_with_the_lane_closed_the_answer_is_the_old_one(network: ModuleType) -> None:
    site = load(SITE, network)
    lane: list[LaneAddress] = []
    urls = LaneUrls(hass := object(), lambda: lane[0] if lane else None)
    urls.install()

    assert site.ask(hass) == HTTPS
    lane.append(LANE)
    assert site.ask(hass) == LANE.url


def test_what_another_has_put_there_meanwhile_stays(network: ModuleType) -> None:
    site = load(SITE, network)
    urls = LaneUrls(object(), lambda: LANE)
    urls.install()
    site.get_url = theirs = lambda *_: "somebody else's"  # type: ignore[attr-defined]

    urls.remove()

    assert site.get_url is theirs
    assert network.get_url is get_url


@pytest.mark.parametrize(
    "wishes",
    [
        {"require_ssl": True, "prefer_external": True},
        {"require_cloud": True},
        {"require_current_request": True},
        {"require_standard_port": True},
        {"allow_ip": False},
    ],
    ids=str,
)
@pytest.mark.usefixtures("network")
def test_what_the_lane_cannot_be_is_asked_of_home_assistant(wishes: dict[str, Any]) -> None:
    assert answer(get_url, object(), LANE, wishes) == HTTPS


@pytest.mark.usefixtures("network")
def test_who_prefers_the_external_address_gets_it_where_there_is_one() -> None:
    hass: Any = object()

    def with_external(_hass: object, **wishes: Any) -> str:
        return "https://my.example" if wishes.get("allow_external", True) else HTTPS

    assert answer(get_url, hass, LANE, {"prefer_external": True}) == LANE.url
    assert answer(with_external, hass, LANE, {"prefer_external": True}) == "https://my.example"
    assert answer(with_external, hass, LANE, {"prefer_external": False}) == LANE.url
    assert answer(with_external, hass, LANE, {}) == LANE.url
    wishes = {"prefer_external": True, "allow_external": False}
    assert answer(with_external, hass, LANE, wishes) == LANE.url
    with pytest.raises(NoURLAvailableError):
        answer(get_url, hass, LANE, {"allow_internal": False})


def test_the_address_is_written_as_urls_are() -> None:
    assert LaneAddress("fd00::5", 80).url == "http://[fd00::5]"
    assert LaneAddress("ha.lan", 8123).url == "http://ha.lan:8123"
    assert LaneAddress("fd00::5", 80).is_own("http://[fd00::5]/x")


@pytest.mark.parametrize(
    ("own", "covered", "internal", "host"),
    [
        ("192.168.1.5", ("homeassistant.local", "192.168.1.5"), HTTPS, "192.168.1.5"),
        # in a container with a network of its own
        ("172.17.0.2", ("homeassistant.local", "fd00::5", "192.168.1.5"), HTTPS, "192.168.1.5"),
        ("172.17.0.2", ("homeassistant.local", "127.0.0.1", "fd00::5"), HTTPS, "fd00::5"),
        ("192.168.1.5", ("homeassistant.local", "127.0.0.1"), HTTPS, "192.168.1.5"),
        ("127.0.0.1", ("homeassistant.local", "127.0.0.1"), HTTPS, "homeassistant.local"),
        ("127.0.0.1", ("127.0.0.1",), None, None),
    ],
)
def test_devices_are_told_an_address_that_is_the_homes(
    own: str, covered: tuple[str, ...], internal: str | None, host: str | None
) -> None:
    assert host_for_devices(own, covered, internal) == host
