"""What is staged on disk, and how the last change is recognised: without Home Assistant."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import tests.without_home_assistant  # noqa: F401 - first
from custom_components.housekey import house_access
from custom_components.housekey.house_access import HouseAccess
from custom_components.housekey.http_store import ServerFacts, pair_of
from custom_components.housekey.model import ProblemKind, Stage
from custom_components.housekey.settings import settings_of
from custom_components.housekey.snapshot import Around, make_snapshot
from custom_components.housekey.switch_files import (
    Standing,
    announce,
    put_back,
    stage,
    standing,
)
from housekey.errors import HousekeyError, NotReady, YamlRefused
from housekey.homeassistant.recorded import HTTP_CONFIG
from housekey.house.journal import SettingChange, State
from housekey.pki.names import parse_name

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("home.local", "192.168.1.20")
OPTIONS = {"names": list(NAMES)}
YAML = b"homeassistant:\n  name: Home  # mine\nhttp:\n  server_port: 8124\n"
STABLE = {"server_port": 8123, "cors_allowed_origins": [], "ssl_profile": "intermediate_v6"}
OLD = ServerFacts(tls=False, port=8124, host="127.0.0.1", pair=None, trials=False)
NEW = ServerFacts(tls=False, port=8123, host="127.0.0.1", pair=None, trials=True, stable=STABLE)


@pytest.fixture
def access(tmp_path: Path) -> HouseAccess:
    """A configuration folder with a house, as after the config flow."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "configuration.yaml").write_bytes(b"homeassistant:\n")
    made = HouseAccess(config)
    made.create(made.prepare([parse_name(name) for name in NAMES], home="Home"))
    return made


def files(access: HouseAccess) -> dict[str, tuple[bytes, int]]:
    """All files beside the house."""
    return {
        path.name: (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        for path in access.config.iterdir()
        if path.is_file()
    }


def staged(access: HouseAccess, server: ServerFacts, **options: Any) -> Any:
    return stage(access, server, settings_of({**OPTIONS, **options}), internal_url=None)


def test_from_2026_8_on_the_pair_is_written_and_the_settings_are_home_assistants_to_try(
    access: HouseAccess,
) -> None:
    ready = staged(access, NEW)
    pair = {name: mode for name, (_, mode) in files(access).items() if name.endswith(".pem")}
    assert pair == {"certificate.pem": 0o644, "privkey.pem": 0o600}
    assert ready.config == {
        **STABLE,
        "ssl_certificate": str(access.config / "certificate.pem"),
        "ssl_key": str(access.config / "privkey.pem"),
        "server_port": 8123,
    }
    assert [str(name) for name in ready.leaf.names] == list(NAMES)


def test_up_to_2026_7_the_yaml_says_it_and_all_comes_back_byte_for_byte(
    access: HouseAccess,
) -> None:
    (access.config / "configuration.yaml").write_bytes(YAML)
    before = files(access)
    ready = staged(access, OLD)
    told = (access.config / "configuration.yaml").read_text()
    assert f"ssl_certificate: {access.config}/certificate.pem" in told
    assert "# mine" in told
    put_back(access, [ready.transaction])
    assert files(access) == before
    assert access.mine()[-1].state is State.PUT_BACK


def test_yaml_that_was_edited_meanwhile_loses_our_keys_alone(access: HouseAccess) -> None:
    (access.config / "configuration.yaml").write_bytes(YAML)
    ready = staged(access, OLD)
    path = access.config / "configuration.yaml"
    path.write_text(path.read_text() + "light: []\n")
    put_back(access, [ready.transaction])
    assert path.read_bytes() == YAML + b"light: []\n"


def test_a_pair_of_the_users_own_is_not_touched(access: HouseAccess) -> None:
    for name in ("certificate.pem", "privkey.pem"):
        (access.config / name).write_text("mine")
    mine = {"ssl_certificate": f"{access.config}/certificate.pem"}
    mine["ssl_key"] = f"{access.config}/privkey.pem"
    server = replace(NEW, tls=True, pair=pair_of(mine), stable={**STABLE, **mine})
    ready = staged(access, server)
    assert ready.config["ssl_certificate"].endswith("/certificate-2.pem")
    assert (access.config / "privkey.pem").read_text() == "mine"


@pytest.mark.parametrize("server", [OLD, NEW], ids=["yaml", "trial"])
def test_whatever_step_fails_nothing_is_left(
    access: HouseAccess, server: ServerFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server is OLD:
        (access.config / "configuration.yaml").write_bytes(YAML)
    before = files(access)
    met: list[str] = []
    monkeypatch.setattr(house_access, "moment", met.append)
    put_back(access, [staged(access, server).transaction])
    moments = [each for each in dict.fromkeys(met) if not each.startswith("closed")]
    assert "after certificate" in moments
    for wanted in moments:

        def fail(moment: str, wanted: str = wanted) -> None:
            if moment == wanted:
                monkeypatch.setattr(house_access, "moment", lambda _: None)
                raise KeyboardInterrupt

        monkeypatch.setattr(house_access, "moment", fail)
        with pytest.raises(KeyboardInterrupt):
            staged(access, server)
        assert files(access) == before, wanted


def test_what_cannot_be_done_is_said_before_anything_is_changed(access: HouseAccess) -> None:
    before = files(access)
    with pytest.raises(NotReady):
        staged(access, replace(NEW, asks_clients=True))
    with pytest.raises(NotReady):
        staged(access, replace(OLD, unknown=True))
    with pytest.raises(NotReady):
        staged(access, replace(NEW, pending={"server_port": 1234}, on_trial=True))
    (access.config / "configuration.yaml").write_text("http: !include somewhere.yaml\n")
    with pytest.raises(HousekeyError):
        staged(access, OLD)
    (access.config / "configuration.yaml").write_text("http: [\n")
    with pytest.raises(YamlRefused):
        staged(access, OLD)
    (access.config / "configuration.yaml").write_bytes(b"homeassistant:\n")
    assert files(access) == before


def test_a_stale_block_goes_before_anything_else(access: HouseAccess) -> None:
    (access.config / "configuration.yaml").write_bytes(YAML)
    ready = staged(access, NEW)
    assert "http:" not in (access.config / "configuration.yaml").read_text()
    put_back(access, [ready.transaction])
    assert (access.config / "configuration.yaml").read_bytes() == YAML


def test_how_a_trial_stands_is_read_off_home_assistants_settings(access: HouseAccess) -> None:
    ready = staged(access, NEW)
    last = ready.transaction
    assert standing(last, NEW) is Standing.BROKEN_OFF
    change = SettingChange(HTTP_CONFIG, dict(STABLE), dict(ready.config))
    announce(last, "configure", change)
    assert standing(last, NEW) is Standing.BROKEN_OFF
    armed = replace(NEW, pending=ready.config)
    assert standing(last, armed) is Standing.ARMED
    assert standing(last, replace(armed, on_trial=True)) is Standing.ON_TRIAL
    gone = replace(armed, pending_error="not_promoted")
    assert standing(last, gone) is Standing.GIVEN_UP
    assert standing(last, replace(NEW, stable=ready.config)) is Standing.KEPT
    last.close(State.KEPT)
    assert standing(last, NEW) is Standing.NOTHING
    assert standing(None, NEW) is Standing.NOTHING


def test_the_snapshot_says_where_the_way_stands(access: HouseAccess) -> None:
    def around(**facts: Any) -> Around:
        known: dict[str, Any] = {
            "now": datetime.now(UTC),
            "internal_url": None,
            "wanted": (),
            "is_ours": False,
            "stale_yaml": "",
            "key_open": "",
            "missing": (),
            "onboarding_urls": (),
            "port_taken": None,
            "live": True,
            "renewal_trouble": "",
        }
        return Around(**(known | facts))

    assert make_snapshot(access.look(), NEW, around()).stage is Stage.PLAIN
    ready = staged(access, NEW)
    assert make_snapshot(access.look(), NEW, around()).stage is Stage.STAGED
    secured = replace(NEW, tls=True, pair=pair_of(ready.config), stable=ready.config)
    ours = around(is_ours=True)
    assert make_snapshot(access.look(), secured, ours).stage is Stage.TRIAL
    ready.transaction.close(State.KEPT)
    kept = make_snapshot(access.look(), secured, ours)
    assert (kept.stage, kept.home_assistant_url) == (Stage.KEPT, "https://home.local:8123")
    assert kept.problems == ()
    late = around(
        is_ours=True,
        now=datetime.now(UTC) + timedelta(days=300),
        wanted=(parse_name("192.168.1.99"),),
        key_open="privkey.pem",
        missing=("certificate.pem",),
        stale_yaml="configuration.yaml",
        port_taken=8125,
    )
    found = {each.kind for each in make_snapshot(access.look(), secured, late).problems}
    assert found == set(ProblemKind) - {ProblemKind.NOT_PROMOTED, ProblemKind.HOUSE_BROKEN}


def test_why_a_trial_ended_is_remembered_until_the_next_one(access: HouseAccess) -> None:
    put_back(access, [staged(access, NEW).transaction])
    assert access.look().reason == ""
    access.record_end_of_trial("nobody came")
    assert access.look().reason == "nobody came"
    staged(access, NEW)
    assert access.look().reason == ""
