"""Where a Home Assistant is reached after `secure`, as the journal and its leaf tell it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from housekey.errors import UsageError
from housekey.homeassistant.reached import given_address, https_address
from housekey.homeassistant.recorded import HTTP_CONFIG, HTTP_YAML, INTERNAL_URL
from housekey.house.files import Files
from housekey.house.journal import Journal, SettingChange, State
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.journal import Change

NAMES = "pi.local pi 192.168.1.20 localhost 127.0.0.1"


class Past:
    """A journal that is written as `secure` does, and asked afterwards."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder, files=Files(), clock=lambda: datetime.now(UTC))

    def secured(
        self, *changes: Change, port: int = 8123, folder: str = "/config", state: State = State.KEPT
    ) -> None:
        target = {"folder": folder, "scheme": "http", "host": "127.0.0.1", "port": str(port)}
        transaction = self.journal.begin(target)
        for change in changes:
            with transaction.step("any", change):
                pass
        if state is not State.OPEN:
            transaction.close(state)

    def address(self, names: str = NAMES, resolving: str = "") -> str | None:
        return https_address(
            self.journal.transactions(),
            tuple(map(parse_name, names.split())),
            resolving=tuple(map(parse_name, resolving.split())),
        )


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def config(port: int) -> SettingChange:
    return SettingChange(HTTP_CONFIG, {"server_port": 8123}, {"server_port": port})


def internal_url(url: str) -> SettingChange:
    return SettingChange(INTERNAL_URL, None, url)


def test_without_a_secured_home_assistant_there_is_no_address(past: Past) -> None:
    assert past.address() is None
    for state in (State.OPEN, State.PUT_BACK, State.UNDONE):
        past.secured(config(8123), state=state)
        assert past.address() is None


def test_it_is_the_internal_url_that_secure_gave_it(past: Past) -> None:
    past.secured(config(8123), internal_url("https://pi:8123"))
    assert past.address() == "https://pi:8123"
    assert past.address("pi.local") == "https://pi.local:8123"  # the leaf is no longer for `pi`


def test_without_an_internal_url_it_is_the_name_that_leads_there(past: Past) -> None:
    past.secured(config(8123))
    assert past.address() == "https://pi.local:8123"
    assert past.address(resolving="pi") == "https://pi:8123"
    assert past.address("192.168.1.20 localhost") == "https://192.168.1.20:8123"
    assert past.address("localhost 127.0.0.1") is None


def test_a_port_that_was_moved_is_the_port(past: Past) -> None:
    past.secured(config(443), port=80)
    assert past.address() == "https://pi.local"
    # A renewal sets nothing: it found Home Assistant where it was.
    past.secured(port=443)
    assert past.address() == "https://pi.local"


def test_on_the_yaml_road_a_port_that_is_not_written_is_the_one_from_before(past: Past) -> None:
    yaml = {"ssl_certificate": "a", "ssl_key": "b"}
    past.secured(SettingChange(HTTP_YAML, {}, yaml), port=8124)
    assert past.address() == "https://pi.local:8124"
    past.secured(SettingChange(HTTP_YAML, {}, {**yaml, "server_port": 8443}), port=8124)
    assert past.address() == "https://pi.local:8443"


def test_the_one_that_was_secured_last_counts(past: Past) -> None:
    past.secured(config(8123), internal_url("https://pi:8123"), folder="/one")
    past.secured(config(8222), folder="/two")
    assert past.address() == "https://pi.local:8222"


def test_an_address_that_is_given_is_https() -> None:
    assert given_address("https://ha.lan:8123/") == "https://ha.lan:8123"
    assert given_address("https://HA.lan") == "https://ha.lan"
    assert given_address("https://[fd00::2]:8123") == "https://[fd00::2]:8123"
    for wrong in ("http://ha.lan:8123", "ha.lan", "https://", "ftp://ha.lan", "https://a/b?c"):
        with pytest.raises(UsageError):
            given_address(wrong)
