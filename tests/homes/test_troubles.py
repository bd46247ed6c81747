"""Everything that may be wrong beforehand: two lines say so, and nothing at all is changed.

Most troubles leave a Home Assistant as it is, which is the point, so they share one of each road.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from demo.instance import free_port
from demo.release import HOME_2024, HOME_2026_11
from tests.cli.test_house import make_house
from tests.command import COMMAND, Done, Owner, environment, housekey
from tests.homes import install
from tests.homes.home import Home
from tests.homes.looks import contents
from tests.house.disks import read_only, small_disk
from tests.needs import require
from tests.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.release import Release
    from tests.conftest import NewHome

# A stand-in for an integration that a private CA breaks: the real one would call the network.
_CAMERA = {
    "custom_components/reolink/manifest.json": json.dumps(
        {"domain": "reolink", "name": "Camera", "version": "1.0.0", "documentation": "-"}
    ),
    "custom_components/reolink/__init__.py": "async def async_setup(hass, config): return True\n",
}


def _standing(release: Release, folder: Path, **options: Any) -> Iterator[Owner]:
    missing = install.missing(release.version)
    require(missing is None, missing or "")
    with Home(install.installed(release.version), folder / "config", **options) as home:
        yield Owner.of(home, folder / "owner")


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """2026.11, with an integration that will be affected."""
    files = {"configuration.yaml": "homeassistant:\nfrontend:\nreolink:\n", **_CAMERA}
    yield from _standing(HOME_2026_11, tmp_path_factory.mktemp("newest"), files=files)


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """2024.3, on the YAML road."""
    yield from _standing(HOME_2024, tmp_path_factory.mktemp("oldest"))


@pytest.fixture
def owner(newest: Owner, tmp_path: Path) -> Owner:
    """The owner of the newest, with a new place for a house."""
    return replace(newest, house=tmp_path / "house")


@pytest.fixture
def owner_of_oldest(oldest: Owner, tmp_path: Path) -> Owner:
    return replace(oldest, house=tmp_path / "house")


def everything(owner: Owner) -> dict[str, object]:
    """Return all that must stay as it is."""
    house = {
        str(path.relative_to(owner.house)): path.read_bytes()
        for path in sorted(owner.house.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock", "lock"))
    }
    return {
        "files": contents(owner.home),
        "http": owner.home.storage("http"),
        "urls": owner.home.storage("core.config").get("internal_url"),
        "starts": owner.home.starts,
        "house": house if owner.house.exists() else None,
    }


def refused(
    owner: Owner,
    *options: str | Path,
    said: str,
    hint: str = "",
    code: int = 3,
    command: str = "secure",
    arguments: list[str | Path] | None = None,
    env: dict[str, str] | None = None,
) -> Done:
    """Run the command and see it refuse, in two lines and one document, with nothing changed."""
    before = everything(owner)
    given = owner.arguments() if arguments is None else arguments
    done = housekey(command, *given, "--yes", "--json", *options, env=env)
    assert done.code == code, done
    lines = done.err.splitlines()
    assert len(lines) == 2, done
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")
    assert said in lines[0], done
    assert hint in lines[1], done
    assert set(done.json) == {"error"}
    assert done.json["error"]["exit_code"] == code
    assert everything(owner) == before
    return done


def token_file(folder: Path, token: str) -> Path:
    path = folder / "another-token"
    path.touch(mode=0o600)
    path.write_text(token)
    return path


# Which Home Assistant


def test_none_is_found(owner: Owner, tmp_path: Path) -> None:
    nowhere = {"HOME": str(tmp_path), "SUDO_USER": ""}
    found = [each for each in ("/config", "/homeassistant") if Path(each).exists()]
    assert not found, "this machine has a Home Assistant of its own"
    begin = time.monotonic()
    refused(
        owner,
        arguments=["--house", owner.house],
        env=nowhere,
        said="no Home Assistant was found",
        hint="--config",
    )
    assert time.monotonic() - begin < 10


def test_a_folder_that_is_none(owner: Owner, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["--house", owner.house, "--token-file", owner.token_file]
    for folder in (tmp_path, tmp_path / "nowhere"):
        refused(
            owner,
            *("--config", folder),
            arguments=arguments,
            said=f"{folder} is not the configuration folder",
            hint="configuration.yaml",
        )


def test_an_address_that_is_none(owner: Owner) -> None:
    refused(owner, "--url", "http://", code=2, said="cannot be the address", hint="http://")


def test_an_address_where_nobody_is(owner: Owner) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    refused(owner, "--url", url, said=f"does not answer at {url}", hint="--url")


def test_one_that_is_not_running(home_2026_11: NewHome, tmp_path: Path) -> None:
    owner = Owner.of(home_2026_11(start=False), tmp_path)
    url = ["--url", owner.home.url]
    refused(owner, *url, said="does not answer", hint="start it")
    make_house(owner.house)
    refused(owner, *url, command="undo", said="does not answer", hint="start it")


def test_a_folder_and_an_address_of_two_different_ones(owner: Owner, tmp_path: Path) -> None:
    other = Home(owner.home.installed, tmp_path / "other")  # a copy of before the token was made
    mine = token_file(tmp_path, owner.home.make_user("both", admin=True))
    arguments: list[str | Path] = ["--house", owner.house, "--config", other.config]
    before = contents(other)
    refused(
        owner,
        *("--url", owner.home.url, "--token-file", mine),
        arguments=arguments,
        said="does not know the token",
        hint="--config and --url",
    )
    assert contents(other) == before


@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_a_copy_of_the_folder_that_knows_the_very_token(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    owner: Owner = replace(request.getfixturevalue(which), house=tmp_path / "house")
    copy = Home(owner.home.installed, tmp_path / "copy")
    before = contents(copy)
    arguments: list[str | Path] = ["--house", owner.house, "--token-file", owner.token_file]
    tokens = len(owner.home.api().command("auth/refresh_tokens"))
    refused(
        owner,
        *("--url", owner.home.url, "--config", copy.config),
        arguments=arguments,
        said="what it saves does not appear there",
        hint="--config and --url",
    )
    assert contents(copy) == before
    assert len(owner.home.api().command("auth/refresh_tokens")) == tokens


def test_an_address_alone_whose_folder_is_not_here(owner: Owner, tmp_path: Path) -> None:
    refused(
        owner,
        *("--url", owner.home.url, "--token-file", owner.token_file),
        arguments=["--house", owner.house],
        env={"HOME": str(tmp_path)},
        said="its configuration folder (/config) is not known on this computer",
        hint="--config DIR",
    )


def test_an_address_alone_leads_to_a_folder_that_is_here(owner_of_oldest: Owner) -> None:
    owner = owner_of_oldest
    done = housekey(
        "secure",
        *("--url", owner.home.url, "--house", owner.house, "--token-file", owner.token_file),
        *("--dry-run", "--json"),
    )
    assert done.code == 0, done
    assert done.json["home_assistant"]["config_dir"] == str(owner.home.config)


# Who asks it


@pytest.mark.parametrize("token", ["garbage", "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhYmMifQ.c2ln"])
def test_a_token_that_is_none(token: str, owner: Owner, tmp_path: Path) -> None:
    file = token_file(tmp_path, token)
    refused(owner, "--token-file", file, said="did not let housekey in", hint="new token")


def test_a_token_that_was_revoked(owner: Owner, tmp_path: Path) -> None:
    token = owner.home.make_user("gone", admin=True)
    theirs = replace(owner.home.api(), token=token)
    (entry,) = [
        each
        for each in theirs.command("auth/refresh_tokens")
        if each["type"] == "long_lived_access_token"
    ]
    with contextlib.suppress(aiohttp.WSMessageTypeError):  # it hangs up on its own token
        theirs.command("auth/delete_refresh_token", refresh_token_id=entry["id"])
    file = token_file(tmp_path, token)
    refused(owner, "--token-file", file, said="did not let housekey in", hint="new token")


def test_a_token_of_somebody_who_is_no_administrator(owner: Owner, tmp_path: Path) -> None:
    file = token_file(tmp_path, owner.home.make_user("eve"))
    refused(owner, "--token-file", file, said="administrator", hint="administrator")


def test_a_token_file_that_is_missing_or_empty(owner: Owner, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    refused(owner, "--token-file", missing, code=2, said=str(missing), hint="--token-file")
    empty = token_file(tmp_path, "")
    refused(owner, "--token-file", empty, code=2, said=f"{empty} is empty", hint="new token")


def test_no_token_where_only_an_administrator_can(owner: Owner) -> None:
    refused(
        owner,
        arguments=owner.arguments(token=False),
        said="only from an administrator",
        hint="--token-file",
    )


# How it stands


_SLOW = {
    "custom_components/slow/manifest.json": json.dumps(
        {"domain": "slow", "name": "Slow", "version": "1.0.0", "documentation": "-"}
    ),
    "custom_components/slow/__init__.py": (
        "import asyncio\n\n"
        "async def async_setup(hass, config):\n    await asyncio.sleep(60)\n    return True\n"
    ),
}


def test_one_that_is_still_starting(home_2026_11: NewHome, tmp_path: Path) -> None:
    files = {"configuration.yaml": "homeassistant:\nfrontend:\nslow:\n", **_SLOW}
    home = home_2026_11(files=files, start=False)
    home.start(wait=False)
    end = time.monotonic() + 60
    while home.scheme() is None:
        assert time.monotonic() < end, home.log
        time.sleep(0.1)
    owner = Owner.of(home, tmp_path)
    begin = time.monotonic()
    refused(owner, "--wait", "2", said="still starting", hint="same command again")
    assert time.monotonic() - begin < 12


def test_one_in_recovery_mode(home_2026_11: NewHome, tmp_path: Path) -> None:
    owner = Owner.of(home_2026_11(files={"configuration.yaml": "homeassistant: [\n"}), tmp_path)
    assert owner.home.api().get("/api/config")["recovery_mode"] is True
    url = ("--url", owner.home.url)  # it stands nowhere yet
    refused(owner, *url, said="recovery mode", hint="home-assistant.log")


@pytest.mark.parametrize("which", ["newest", "oldest"])
@pytest.mark.parametrize(
    "broken", ["automation: !include nowhere.yaml\n", "script: [\n", "homeassistant:\n  nmae: 1\n"]
)
def test_one_whose_yaml_has_an_error(
    which: str, broken: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    owner = replace(request.getfixturevalue(which), house=tmp_path / "house")
    file = owner.home.config / "configuration.yaml"
    good = file.read_bytes()
    file.write_bytes(good.replace(b"homeassistant:\n", b"") + broken.encode())
    try:
        refused(
            owner,
            *("--url", owner.home.url),  # it stands in the YAML, which may not be read
            said="would refuse to restart",
            hint="Check configuration",
        )
    finally:
        file.write_bytes(good)


def test_one_that_tries_other_settings(home_2026_11: NewHome, tmp_path: Path) -> None:
    """A YAML block that is not imported yet is a trial of its own, for five minutes."""
    port = free_port()
    block = f"http:\n  server_port: {port}\n  use_x_frame_options: false\n"
    home = home_2026_11(
        files={"configuration.yaml": f"homeassistant:\nfrontend:\n{block}"}, port=port
    )
    assert home.api().command("http/config")["active_config_type"] == "pending"
    owner = Owner.of(home, tmp_path)
    refused(owner, said="trying other network settings until", hint="Settings > System > Network")


@pytest.mark.parametrize("which", ["home_2026_11", "home_2024"])
def test_one_that_wants_a_certificate_of_every_client(
    which: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(which)
    port = free_port()
    block = f"http:\n  server_port: {port}\n  ssl_peer_certificate: {{}}\n"
    plain = "homeassistant:\nfrontend:\n"
    if which == "home_2024":
        peer = tmp_path / "peer.pem"
        peer.write_text("")
        plain += block.format(peer)
    home = new(files={"configuration.yaml": plain}, port=port, migrated=True, start=False)
    if home.has_trials:
        peer = home.config / "peer.pem"
        peer.write_text("")
        stored = home.config / ".storage" / "http"
        document = json.loads(stored.read_text())
        document["data"]["stable"]["ssl_peer_certificate"] = "/config/peer.pem"
        stored.write_text(json.dumps(document))
    home.start()
    owner = Owner.of(home, tmp_path)
    refused(owner, said="ssl_peer_certificate", hint="remove the setting")


# Disks


def test_a_folder_that_can_only_be_read(owner: Owner) -> None:
    with read_only(owner.home.config):
        refused(owner, said=f"{owner.home.config}: it is on a disk that can only be read")


def test_a_full_disk(tmp_path: Path) -> None:
    missing = install.missing(HOME_2026_11.version)
    require(missing is None, missing or "")
    installed = install.installed(HOME_2026_11.version)
    with (
        small_disk(tmp_path / "disk", kilobytes=30_000) as disk,
        Home(installed, disk / "config") as home,
    ):
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        refused(Owner.of(home, tmp_path / "owner"), said="the disk is full", hint="make room")


def test_a_full_disk_under_a_new_house(owner: Owner, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=16) as disk:
        refused(replace(owner, house=disk / "house"), said="the disk is full", hint="make room")
        assert list(disk.iterdir()) == []


def test_a_full_disk_under_a_house(owner: Owner, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=400) as disk:
        make_house(disk / "house")
        with (disk / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        refused(replace(owner, house=disk / "house"), said="full", hint="make room")


# What is asked for


def test_a_port_that_is_taken(owner: Owner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(owner, "--port", str(port), said=f"port {port} is taken", hint="--port")


@pytest.mark.parametrize("option", ["--name", "--permit"])
def test_a_name_that_the_house_does_not_cover(option: str, owner: Owner) -> None:
    make_house(owner.house)
    refused(
        owner,
        *(option, "example.com"),
        said="may not issue a certificate for example.com",
        hint="housekey house rotate --permit NAME",
    )


@pytest.mark.parametrize("name", ["foo_bar", "*.local"])
@pytest.mark.parametrize("option", ["--name", "--no-name", "--permit"])
def test_a_name_that_nobody_takes(option: str, name: str, owner: Owner) -> None:
    refused(owner, option, name, code=2, said=f"'{name}' cannot be a name")


def test_a_name_that_is_wanted_and_not_wanted(owner: Owner) -> None:
    names = ("--name", "tv.lan", "--no-name", "TV.lan")
    refused(owner, *names, code=2, said="tv.lan is both", hint="drop one")


def test_a_subject_that_no_certificate_can_carry(owner: Owner) -> None:
    refused(owner, "--country", "Holland", code=2, said="not two letters", hint="two letters")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cert-path", "/etc/ssl/certificate.pem"], "Home Assistant cannot see"),
        (["--cert-path", "pair.pem", "--key-path", "pair.pem"], "both the certificate and the key"),
        (["--key-path", "custom_components"], "is a folder"),
    ],
)
def test_places_that_cannot_be_meant(options: list[str], said: str, owner: Owner) -> None:
    refused(owner, *options, code=2, said=said)


def test_a_place_in_a_folder_that_is_not_there(owner: Owner) -> None:
    refused(owner, "--cert-path", "nowhere/a.pem", said="the file or its folder is not there")


@pytest.mark.parametrize(
    "option", [["--nmae", "x"], ["--days", "826"], ["--port", "65536"], ["--key", "dsa"]]
)
def test_an_option_that_is_none(option: list[str], owner: Owner) -> None:
    refused(owner, *option, code=2, said=option[0], hint="housekey secure --help")


def test_a_question_that_nobody_can_be_asked(owner: Owner) -> None:
    before = everything(owner)
    for more in ([], ["--json"]):
        done = housekey("secure", *owner.arguments(*more))
        assert done.code == 2, done
        error, hint = done.err.splitlines()
        assert error == "error: there is no terminal to ask on: Go on?"
        assert hint == "hint: answer with --yes"
    assert everything(owner) == before


def test_a_person_who_does_not_want_to_go_on(owner: Owner) -> None:
    before = everything(owner)
    command = [*COMMAND, "secure", *map(str, owner.arguments("--private"))]
    with Terminal(command, env=environment(TERM="dumb")) as terminal:
        terminal.expect("Go on? [y/N]: ")
        assert "heads up  1 integration reports to Home Assistant" in terminal.said
        terminal.type("n")
        assert terminal.wait() == 1
    assert "stopped, before anything was changed" in terminal.said
    assert everything(owner) == before


def test_a_person_who_has_not_noted_the_recovery_code(owner: Owner) -> None:
    before = everything(owner)
    command = [*COMMAND, "secure", *map(str, owner.arguments("--private"))]
    with Terminal(command, env=environment(TERM="dumb")) as terminal:
        terminal.expect("Go on? [y/N]: ")
        terminal.type("y")
        terminal.expect("written it down? [y/N]: ")
        assert "recovery code: " in terminal.said
        terminal.type("n")
        assert terminal.wait() == 1
    assert everything(owner) == before


# The house


def _open_folder(house: Path) -> None:
    house.chmod(0o755)


def _open_key(house: Path) -> None:
    (house / "issuing.key").chmod(0o644)


def _garbage_ledger(house: Path) -> None:
    (house / "ledger.sqlite").write_bytes(os.urandom(5000))


def _newer_ledger(house: Path) -> None:
    ledger = sqlite3.connect(house / "ledger.sqlite")
    ledger.execute("PRAGMA user_version = 99")
    ledger.close()


def _no_issuing_ca(house: Path) -> None:
    (house / "issuing.pem").unlink()


def _ended(house: Path) -> None:
    shutil.rmtree(house)
    make_house(house, born=-timedelta(days=11 * 365))


def _unborn(house: Path) -> None:
    shutil.rmtree(house)
    make_house(house, born=timedelta(days=2))


@pytest.mark.parametrize(
    ("spoil", "said", "hint"),
    [
        (_open_folder, "open to other users", "chmod 700"),
        (_open_key, "open to other users", "chmod 600"),
        (_garbage_ledger, "ledger.sqlite", "housekey ledger rebuild"),
        (_newer_ledger, "newer", "update housekey"),
        (_no_issuing_ca, "lacks issuing.pem", "backup"),
        (_ended, "ended", ""),
        (_unborn, "clock", ""),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_a_house_that_is_not_as_it_should_be(
    spoil: Any, said: str, hint: str, owner: Owner
) -> None:
    make_house(owner.house)
    spoil(owner.house)
    refused(owner, said=said, hint=hint)
