"""Finding the Home Assistant that is meant."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from zeroconf import ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from housekey.errors import NotFound, NotReady, UsageError
from housekey.homeassistant.announced import SERVICE_TYPE, Announced, browse
from housekey.homeassistant.find import (
    Endpoint,
    Found,
    endpoints_of,
    find,
    folder_of,
    parse_url,
    spoken,
    usual_folders,
)
from housekey.house.files import Files
from housekey.live.handshake import Speech
from tests.needs import require

if TYPE_CHECKING:
    from tests.conftest import NewHome

READ = Files().read


def announcement(**facts: Any) -> Announced:
    told: dict[str, Any] = {
        "location_name": "Home",
        "version": "2026.11.0",
        "uuid": "abc",
        "internal_url": "http://192.168.1.20:8123",
        "base_url": None,
        "addresses": ("192.168.1.20",),
        "port": 8123,
    }
    return Announced(**told | facts)


def a_folder(path: Path, *, version: str = "2026.11.0", http: object = None) -> Path:
    (path / ".storage").mkdir(parents=True)
    (path / ".HA_VERSION").write_text(version)
    if http is not None:
        (path / ".storage" / "http").write_text(json.dumps({"data": http}))
    return path


def found(
    config: Path | None = None,
    url: str | None = None,
    *,
    environ: dict[str, str] | None = None,
    speaking: dict[tuple[str, int], Speech] | None = None,
    announced: tuple[Announced, ...] = (),
    **options: Any,
) -> tuple[Found, ...]:
    async def heard() -> tuple[Announced, ...]:
        return announced

    async def probe(host: str, port: int) -> Speech:
        return (speaking or {}).get((host, port), Speech.NOTHING)

    options.setdefault("folders", ())
    return asyncio.run(
        find(config, url, environ or {}, read=READ, browse=heard, probe=probe, **options)
    )


# Addresses


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("http://homeassistant.local:8123", "http://homeassistant.local:8123"),
        ("http://homeassistant.local:8123/", "http://homeassistant.local:8123"),
        ("http://homeassistant.local", "http://homeassistant.local:8123"),
        ("http://homeassistant.local:80", "http://homeassistant.local:80"),
        ("https://ha.lan", "https://ha.lan:443"),
        ("HTTPS://HA.lan:8123", "https://ha.lan:8123"),
        ("192.168.1.20", "http://192.168.1.20:8123"),
        ("192.168.1.20:8124", "http://192.168.1.20:8124"),
        ("[fd00::1]", "http://[fd00::1]:8123"),
        (" http://[fd00::1]:80 ", "http://[fd00::1]:80"),
    ],
)
def test_an_address_is_read_as_people_write_it(typed: str, meant: str) -> None:
    assert parse_url(typed) == meant
    assert parse_url(meant) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "", "http://", "ftp://ha.lan", "http://ha.lan:99999", "http://ha.lan:x", "http://[oops",
        "http://ada:secret@ha.lan", "http://ha.lan/lovelace", "http://ha.lan?x=1",
        "http://ha lan", "http://ha.lan/#top",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="cannot be the address") as told:
        parse_url(typed)
    assert "secret" not in str(told.value)


# Where the Home Assistant of a folder listens


def test_from_2026_8_on_the_stored_settings_tell_where_it_listens(tmp_path: Path) -> None:
    http = {
        "stable": {"server_port": 8123},
        "pending": {"server_port": 443, "ssl_certificate": "/config/a.pem"},
    }
    folder = a_folder(tmp_path / "config", http=http)
    assert endpoints_of(folder, read=READ, settings_of=lambda _: {"server_port": 1}) == (
        Endpoint("127.0.0.1", 8123, "http"),
        Endpoint("127.0.0.1", 443, "https"),
    )


def test_before_2026_8_the_yaml_tells_it_and_then_what_was_running(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "config", http={"server_port": 8124})
    assert endpoints_of(folder, read=READ, settings_of=lambda _: {"server_port": "8125"}) == (
        Endpoint("127.0.0.1", 8125, "http"),
        Endpoint("127.0.0.1", 8124, "http"),
    )


@pytest.mark.parametrize(
    ("host", "asked_at"),
    [
        (None, "127.0.0.1"),
        (["0.0.0.0", "::"], "127.0.0.1"),
        ("192.168.1.20", "192.168.1.20"),
        (["192.168.1.20", "192.168.1.21"], "192.168.1.20"),
        ([], "127.0.0.1"),
    ],
)
def test_one_that_is_bound_to_an_address_is_asked_there(
    host: object, asked_at: str, tmp_path: Path
) -> None:
    folder = a_folder(tmp_path / "config", http={"stable": {"server_host": host}})
    assert endpoints_of(folder, read=READ) == (Endpoint(asked_at, 8123, "http"),)


def test_a_folder_without_any_settings_listens_on_the_default_port(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "config", http="nonsense")
    assert endpoints_of(folder, read=READ) == (Endpoint("127.0.0.1", 8123, "http"),)


# Which is meant


def test_folder_and_address_as_given_are_not_doubted(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "config", version="2026.7.4")
    given = found(folder, "ha.lan")
    assert given == (Found(folder, "http://ha.lan:8123", "2026.7.4", "given"),)
    assert found(None, "ha.lan") == (Found(None, "http://ha.lan:8123", None, "given"),)
    environ = {"HASS_SERVER": "https://other.lan:8123"}
    assert found(None, None, environ=environ)[0].url == "https://other.lan:8123"
    assert found(None, "ha.lan", environ=environ)[0].url == "http://ha.lan:8123"


def test_the_address_of_a_given_folder_is_as_it_is_spoken_there(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "config", http={"stable": {"server_port": 8124}})
    speaking = {("127.0.0.1", 8124): Speech.TLS}
    assert found(folder, speaking=speaking) == (
        Found(folder, "https://127.0.0.1:8124", "2026.11.0", "given"),
    )
    assert found(folder) == (
        Found(folder, "http://127.0.0.1:8124", "2026.11.0", "given", answers=False),
    )


def test_a_folder_that_is_none_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(NotFound, match=r"holds no \.HA_VERSION"):
            found(folder)


def test_a_folder_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    from housekey.house.reasons import trouble_from  # noqa: PLC0415

    def refused(path: Path) -> bytes:
        error = PermissionError(13, "Permission denied")
        raise trouble_from(path, error) from error

    async def nobody() -> tuple[Announced, ...]:
        return ()

    with pytest.raises(NotFound, match="may not be read by this user") as told:
        asyncio.run(find(tmp_path, None, {}, read=refused, browse=nobody))
    assert "sudo" in told.value.hint


def test_usual_folders_come_before_the_network_and_each_is_told_once(tmp_path: Path) -> None:
    one = a_folder(tmp_path / "one")
    two = a_folder(tmp_path / "two", http={"stable": {"server_port": 8124}})
    (tmp_path / "link").symlink_to(one)
    folders = (tmp_path / "none", one, tmp_path / "link", two)
    both = {("127.0.0.1", 8123): Speech.PLAIN, ("127.0.0.1", 8124): Speech.TLS}
    told = found(folders=folders, speaking=both, announced=(announcement(),))
    assert [(each.folder, each.url, each.by) for each in told] == [
        (one, "http://127.0.0.1:8123", "folder"),
        (two, "https://127.0.0.1:8124", "folder"),
    ]
    # One that was left behind is not asked about; when none is alive, each may be meant.
    (alive,) = found(folders=folders, speaking={("127.0.0.1", 8124): Speech.PLAIN})
    assert (alive.folder, alive.answers) == (two, True)
    assert [each.answers for each in found(folders=folders)] == [False, False]


def test_the_folder_of_an_instance_known_by_its_address(tmp_path: Path) -> None:
    one, two = a_folder(tmp_path / "one"), a_folder(tmp_path / "two")
    assert folder_of(str(one), (two, tmp_path), read=READ) == (one, two)
    assert folder_of("/config-of-nobody", (two,), read=READ) == (two,)


def test_usual_folders_are_those_of_the_user_and_of_whoever_called_sudo() -> None:
    folders = usual_folders({"HOME": "/home/ada", "SUDO_USER": "root"})
    assert Path("/home/ada/.homeassistant") in folders
    assert Path("~root/.homeassistant").expanduser() in folders
    assert Path("/config") in usual_folders({})
    assert all(folder.is_absolute() for folder in usual_folders({}))


def test_those_heard_on_the_network_are_told_with_an_address_that_answers() -> None:
    speaking = {("192.168.1.20", 8123): Speech.TLS, ("192.168.1.21", 8123): Speech.PLAIN}
    told = found(
        speaking=speaking,
        announced=(
            announcement(),
            announcement(internal_url="http://gone.lan:8123", addresses=("192.168.1.21",)),
            announcement(internal_url="nonsense://", addresses=("192.168.1.99",)),
        ),
    )
    assert [each.url for each in told] == ["https://192.168.1.20:8123", "http://192.168.1.21:8123"]
    assert {each.by for each in told} == {"mdns"}


def test_nobody_is_an_error_with_the_options_that_help() -> None:
    with pytest.raises(NotFound) as told:
        found()
    assert "--config" in told.value.hint
    assert "--url" in told.value.hint


def test_one_that_is_still_being_installed_is_told_as_such() -> None:
    landing = announcement(version="0000.0.0")
    with pytest.raises(NotReady, match="still being installed"):
        found(announced=(landing,))
    speaking = {("192.168.1.20", 8123): Speech.PLAIN}
    (only,) = found(announced=(landing, announcement()), speaking=speaking)
    assert only.version == "2026.11.0"


def test_a_real_one_is_found_by_its_folder(any_home: NewHome) -> None:
    home = any_home()
    settings = {} if home.has_trials else {"server_port": home.port}

    async def nobody() -> tuple[Announced, ...]:
        return ()

    if home.has_trials:
        assert "stable" in home.storage("http")
    told = asyncio.run(
        find(home.config, None, {}, read=READ, browse=nobody, settings_of=lambda _: settings)
    )
    assert told == (Found(home.config, home.url, home.version, "given"),)


def test_an_announcement_on_the_network_is_heard() -> None:
    async def announce_and_browse() -> tuple[Announced, ...]:
        info = ServiceInfo(
            SERVICE_TYPE,
            f"housekey-test-{os.getpid()}.{SERVICE_TYPE}",
            server=f"housekey-test-{os.getpid()}.local.",
            port=18123,
            addresses=[socket.inet_aton("127.0.0.1")],
            properties={
                "location_name": "Test Home",
                "uuid": "abc",
                "version": "2026.11.0",
                "internal_url": "http://127.0.0.1:18123",
                "base_url": "",
            },
        )
        try:
            announcing = AsyncZeroconf()
        except OSError:
            return ()
        async with announcing:
            await (await announcing.async_register_service(info))
            return await browse(2.0)

    heard = [each for each in asyncio.run(announce_and_browse()) if each.port == 18123]
    require(bool(heard), "a network that carries multicast (mDNS)")
    (only,) = heard
    assert only.location_name == "Test Home"
    assert (only.version, only.uuid) == ("2026.11.0", "abc")
    assert (only.internal_url, only.base_url) == ("http://127.0.0.1:18123", None)
    assert only.addresses == ("127.0.0.1",)
    assert not only.is_landing_page


def test_the_first_that_answers_is_spoken_to() -> None:
    async def probe(host: str, port: int) -> Speech:
        return {"a": Speech.NOTHING, "b": Speech.TLS}[host]

    endpoints = (Endpoint("a", 1, "http"), Endpoint("b", 2, "http"))
    assert asyncio.run(spoken(endpoints, probe=probe)) == "https://b:2"
    assert asyncio.run(spoken(endpoints[:1], probe=probe)) is None
