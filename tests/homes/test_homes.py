"""The homes themselves: what the other tests rely on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from demo.api import CallError, wait_for

if TYPE_CHECKING:
    from tests.conftest import NewHome


def processes_naming(text: str) -> list[int]:
    """The processes of this machine whose command line names `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if text.encode() in command:
                found.append(int(entry.name))
    return found


def test_it_starts_restarts_dies_starts_again_and_leaves_nothing(any_home: NewHome) -> None:
    home = any_home()
    config = home.api().get("/api/config")
    assert config["version"] == home.version
    assert config["config_dir"] == home.config_dir
    assert config["location_name"] == "Test Home"
    assert home.scheme() == "http"

    first = home.pid
    home.api().post("/api/services/homeassistant/restart")
    assert wait_for(lambda: home.starts == 2 and home.is_running(), timeout=60)
    assert home.pid != first

    second = home.pid
    home.kill()
    assert home.pid is None
    assert home.scheme() is None
    home.start()
    assert home.pid != second

    home.stop()
    assert home.process.exit_code == 0
    assert processes_naming(str(home.config)) == []
    assert str(home.config) not in Path("/proc/mounts").read_text()


START_AND_WAIT = """
import sys, time
from pathlib import Path
from tests.homes import install
from tests.homes.home import Home

with Home(install.installed(sys.argv[1]), Path(sys.argv[2])) as home:
    print("running", flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_when_the_tests_themselves_are_killed(
    any_home: NewHome, tmp_path: Path
) -> None:
    version = any_home(start=False).version
    config = tmp_path / "killed"
    runner = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, version, str(config)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
    )
    try:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"running\n"
        assert len(processes_naming(str(config))) >= 2
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.communicate()
    assert wait_for(lambda: processes_naming(str(config)) == [], timeout=10)


def test_one_that_is_not_supervised_stays_dead_after_a_restart(any_home: NewHome) -> None:
    home = any_home()
    home.supervise = False
    home.api().post("/api/services/homeassistant/restart")
    assert home.process.wait(30)
    assert home.process.exit_code == 100
    time.sleep(1)
    assert home.scheme() is None
    home.supervise = True
    home.start()
    assert home.scheme() == "http"


def test_its_administrator_may_what_another_user_may_not(any_home: NewHome) -> None:
    home = any_home()
    assert home.api().command("auth/current_user")["is_admin"] is True
    visitor = home.api()
    visitor = type(visitor)(visitor.url, home.make_user())
    assert visitor.command("auth/current_user")["is_admin"] is False
    with pytest.raises(CallError) as refused:
        visitor.command("config/core/update", location_name="Mine")
    assert refused.value.status == "unauthorized"


def test_only_the_newest_keeps_its_http_settings_itself(any_home: NewHome) -> None:
    home = any_home()
    if home.has_trials:
        http = home.api().command("http/config")
        assert http["pending"] is None
        assert http["stable"]["server_port"] == home.port
    else:
        with pytest.raises(CallError) as refused:
            home.api().command("http/config")
        assert refused.value.status == "unknown_command"


def test_a_stale_http_block_is_ignored_from_2026_8_on(home_2026_11: NewHome) -> None:
    block = "homeassistant:\nfrontend:\nhttp:\n  server_port: 1\n"
    home = home_2026_11(files={"configuration.yaml": block}, migrated=True)
    http = home.api().command("http/config")
    assert (http["active_config_type"], http["stable"]["server_port"]) == ("stable", home.port)


@pytest.mark.parametrize("home", ["home_2026_7", "home_2026_11"])
def test_it_can_run_as_a_user_of_its_own(home: str, request: pytest.FixtureRequest) -> None:
    new: NewHome = request.getfixturevalue(home)
    running = new(user=4711)
    assert running.pid is not None
    assert Path(f"/proc/{running.pid}").stat().st_uid == 4711
    assert (running.config / "home-assistant.log").stat().st_uid == 4711
