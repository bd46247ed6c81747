"""One folder under two names; and whether it is the running Home Assistant's at all."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from housekey.errors import FileTrouble, UsageError
from housekey.homeassistant.client import Client, InstanceConfig
from housekey.homeassistant.paths import (
    Evidence,
    PathMap,
    gather_evidence,
    judge,
    map_paths,
    runs_as,
    token_id,
)
from housekey.house.files import Files, Owner
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from tests.conftest import NewHome

AGREED = Evidence("2026.11.0", "2026.11.0", (), token_known=True)


@pytest.fixture
def container(tmp_path: Path) -> PathMap:
    folder = tmp_path / "config"
    folder.mkdir()
    return map_paths(folder, "/config")


@pytest.fixture
def venv(tmp_path: Path) -> PathMap:
    folder = tmp_path / "config"
    folder.mkdir()
    return map_paths(folder, str(folder))


def test_in_a_container_only_the_name_of_the_folder_changes(container: PathMap) -> None:
    assert not container.same_view
    inside = container.folder / "ssl" / "certificate.pem"
    assert container.to_home_assistant(inside) == "/config/ssl/certificate.pem"
    assert container.to_here("/config/ssl/certificate.pem") == inside
    assert container.to_here("ssl/certificate.pem") == inside


def test_a_file_outside_the_folder_cannot_be_seen_from_a_container(container: PathMap) -> None:
    for outside in ("/etc/letsencrypt/privkey.pem", f"{container.folder}/../elsewhere/key.pem"):
        with pytest.raises(UsageError, match="cannot see") as told:
            container.to_home_assistant(Path(outside))
        assert str(container.folder) in told.value.hint
    assert container.to_here("/etc/letsencrypt/privkey.pem") is None
    assert container.to_here("/config/../etc/privkey.pem") is None


def test_the_shared_folder_of_home_assistant_os_keeps_its_name(container: PathMap) -> None:
    assert container.to_home_assistant(Path("/ssl/privkey.pem")) == "/ssl/privkey.pem"
    assert container.to_here("/ssl/privkey.pem") == Path("/ssl/privkey.pem")


def test_in_the_same_view_every_path_keeps_its_name(venv: PathMap) -> None:
    assert venv.same_view
    for path in (venv.folder / "privkey.pem", Path("/etc/ssl/privkey.pem")):
        assert venv.to_home_assistant(path) == str(path)
        assert venv.to_here(str(path)) == path


def test_links_to_and_in_the_folder(container: PathMap, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(container.folder)
    assert map_paths(link, "/config").to_home_assistant(link / "a.pem") == "/config/a.pem"
    assert map_paths(link, "/config").to_home_assistant(container.folder / "a") == "/config/a"
    assert container.to_home_assistant(link / "a.pem") == "/config/a.pem"
    (container.folder / "out").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="cannot see"):
        container.to_home_assistant(container.folder / "out" / "a.pem")
    (container.folder / "out.pem").symlink_to("/etc/hosts")
    with pytest.raises(UsageError, match="cannot see"):
        container.to_home_assistant(container.folder / "out.pem")


def test_a_folder_of_the_same_name_that_is_another_is_not_the_same_view(tmp_path: Path) -> None:
    mapped = map_paths(tmp_path, "/config", same_file=lambda *_: False)
    assert mapped == PathMap(tmp_path, PurePosixPath("/config"), same_view=False)


def test_home_assistants_user_owns_what_it_writes_itself(tmp_path: Path) -> None:
    (tmp_path / ".HA_VERSION").write_text("2026.11.0")
    assert runs_as(tmp_path) == Owner(os.getuid(), os.getgid())
    if os.getuid() == 0:
        (tmp_path / ".storage").mkdir()
        (tmp_path / ".storage" / "core.config").write_text("{}")
        os.chown(tmp_path / ".storage" / "core.config", 4711, 4712)
        assert runs_as(tmp_path) == Owner(4711, 4712)
    with pytest.raises(FileTrouble, match="which user"):
        runs_as(tmp_path / "nothing")


# Do they belong together?


def test_agreement_belongs_with_or_without_a_token() -> None:
    assert judge(AGREED).belongs
    assert judge(replace(AGREED, token_known=None)).belongs


@pytest.mark.parametrize(
    ("contradiction", "reason"),
    [
        ({"folder_version": "2026.7.4"}, r"of 2026\.7\.4, and 2026\.11\.0 is running"),
        ({"folder_version": None}, "unknown version"),
        ({"token_known": False}, "does not know the token"),
        ({"differing": ("location_name", "time_zone")}, "differ in location name, time zone"),
    ],
)
def test_one_contradiction_is_enough(contradiction: dict[str, object], reason: str) -> None:
    verdict = judge(replace(AGREED, **contradiction))  # type: ignore[arg-type]
    assert not verdict.belongs
    assert re.search(reason, verdict.reason)


def token(**claims: object) -> Secret:
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    return Secret(b"e30." + encoded + b".signature")


def test_a_token_names_its_own_entry_and_nonsense_names_none() -> None:
    assert token_id(token(iss="abc", iat=1)) == "abc"
    for nonsense in (b"", b"abc", b"a.b.c", b"a.!!!.c", b"e30.W10.x"):
        assert token_id(Secret(nonsense)) is None
    assert token_id(token(iss=5)) is None


def evidence(folder: Path, running: InstanceConfig, given: Secret | None) -> Evidence:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    found = asyncio.run(gather_evidence(folder, running, given, read=Files().read, sleep=sleep))
    assert sum(slept) <= 5
    return found


def test_a_real_folder_and_its_instance_belong_together(any_home: NewHome, tmp_path: Path) -> None:
    home = any_home()
    secret = Secret(home.token.encode())

    async def running_config() -> InstanceConfig:
        async with Client(home.url, secret) as client:
            # Fresh, and so not on the disk yet: Home Assistant takes a second to save it.
            fresh = await client.create_long_lived_token("housekey test")
            config = await client.get_config()
            found = await gather_evidence(home.config, config, fresh, read=Files().read)
            assert judge(found).belongs
            assert found.token_known
            return config

    running = asyncio.run(running_config())
    assert judge(evidence(home.config, running, secret)) == judge(
        Evidence(home.version, home.version, (), token_known=True)
    )
    assert runs_as(home.config).uid == (home.config / ".storage" / "auth").stat().st_uid

    # Another home: the same version and place, and another token.
    stranger = evidence(home.config, running, token(iss="another"))
    assert stranger.token_known is False
    moved = replace(running, location_name="Cottage", latitude=1.0)
    assert evidence(home.config, moved, secret).differing == ("location_name", "latitude")
    assert evidence(home.config, replace(moved, config_source="yaml"), secret).differing == ()

    empty = evidence(tmp_path, running, secret)
    assert empty == Evidence(None, home.version, (), token_known=None)


def test_the_token_is_waited_for_and_not_forever(tmp_path: Path) -> None:
    (tmp_path / ".HA_VERSION").write_text("2026.11.0\n")
    (tmp_path / ".storage").mkdir()
    auth = tmp_path / ".storage" / "auth"
    auth.write_text('{"data": {"refresh_tokens": []}}')
    running = InstanceConfig(
        version="2026.11.0", config_dir="/config", config_source="storage", location_name="Home",
        country=None, time_zone="UTC", latitude=0.0, longitude=0.0, internal_url=None,
        external_url=None, components=frozenset(), state="RUNNING", recovery_mode=False,
        safe_mode=False,
    )  # fmt: skip
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            auth.write_text('{"data": {"refresh_tokens": [{"id": "late"}]}}')

    async def known(wanted: str) -> bool | None:
        found = await gather_evidence(
            tmp_path, running, token(iss=wanted), read=Files().read, sleep=sleep
        )
        return found.token_known

    assert asyncio.run(known("late")) is True
    assert len(slept) == 3
    slept.clear()
    assert asyncio.run(known("never")) is False
    assert sum(slept) == 5
    auth.write_text("not json")
    assert asyncio.run(known("late")) is None
