"""What goes wrong on the way to HTTPS, in real Home Assistants: the old state, and why."""

from __future__ import annotations

import contextlib
import socket
from functools import partial
from typing import TYPE_CHECKING

import pytest

from demo.api import CallError, wait_for
from demo.instance import free_port
from tests.inside.integration import (
    OPTIONS,
    Flow,
    at_the_page,
    complaints,
    entry_of,
    finished,
    give,
    loaded,
    overview,
    prove,
    secured,
    sign_in,
    stage,
    to_the_page,
    usual_port_taken,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

# Of each TLS connection aiohttp leaves the goodbye to a loop that has ended already.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
HOMES = ["home_2026_7", "home_2026_11"]


def at_home(new: NewHome, tmp_path: Path, *, moments: bool = False) -> tuple[Home, Path]:
    """A Home Assistant with a house and a device, on http."""
    home, flow = at_the_page(new, besides="housekey_moments" if moments else "")
    root = tmp_path / "root.pem"
    prove(flow.told["url"], root)
    finished(flow, port=home.port)
    assert loaded(home.api())
    # Home Assistant writes its entries a moment later; a power cut before that is none of ours.
    assert wait_for(lambda: '"housekey"' in stored_entries(home), timeout=10)
    return home, root


def stored_entries(home: Home) -> str:
    """What is on disk of the entries."""
    return (home.config / ".storage" / "core.config_entries").read_text()


def switch(home: Home) -> Flow:
    """Press "switch to HTTPS" in the options."""
    entry = entry_of(home.api())
    assert entry is not None
    options = Flow(home.api(), path=OPTIONS, handler=entry["entry_id"])
    options.send(next_step_id="switch")
    # It may be gone before it has answered.
    with contextlib.suppress(OSError, ValueError):
        options.send()
    return options


def test_a_pair_that_breaks_before_the_restart_ends_with_the_old_state(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    home, _ = at_home(home_2026_11, tmp_path)
    home.supervise = False
    switch(home)
    assert home.process.wait(60)
    (home.config / "privkey.pem").write_text("no key at all")
    home.supervise = True
    home.start()
    api = home.api()
    assert home.scheme() == "http"
    assert loaded(api)
    assert wait_for(lambda: stage(api) == "reverted", timeout=10)
    assert "could not start with it" in overview(api)["reason"]
    assert not (home.config / "certificate.pem").exists()
    # What is broken is not ours any more, and stays.
    assert (home.config / "privkey.pem").read_text() == "no key at all"


@pytest.mark.parametrize("release", HOMES)
def test_a_port_that_is_taken_is_refused_before_anything_is_changed(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, flow = at_the_page(request.getfixturevalue(release))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flow.send(go_on=True)
        flow.send(https_port=port, switch=True)
        assert flow.shown["errors"] == {"https_port": "port_taken"}
        flow.send(https_port=home.port, switch=False)
    assert loaded(home.api())
    assert home.scheme() == "http"
    assert not (home.config / "certificate.pem").exists()


@pytest.mark.parametrize("release", HOMES)
def test_a_page_port_that_is_taken_is_asked_for_again(
    release: str, request: pytest.FixtureRequest
) -> None:
    new: NewHome = request.getfixturevalue(release)
    home = new(start=False)
    give(home)
    home.start()
    flow = Flow(home.api())
    with usual_port_taken():
        flow.send(next_step_id="names")
        flow.send(names=["localhost", "127.0.0.1"])
        flow.send(lane=False)
        flow.send(first_group="nope!", noted=False)
        assert flow.shown["errors"] == {"noted": "not_noted", "first_group": "wrong_group"}
        assert not (home.config / "housekey").exists()
        flow.send(first_group=flow.told["code"][:5], noted=True)
        assert flow.step == "ports", flow.shown
        assert "taken" in flow.told["reason"]
        flow.send(page_port=free_port(), proof_port=free_port())
        assert flow.step == "onboarding"
    # Left here, the house is whole, and is found by the next flow.
    page = flow.told["url"]
    flow.end()
    assert wait_for(lambda: not answers(page), timeout=10)
    again = Flow(home.api())
    to_the_page(again, "localhost", "127.0.0.1")
    assert again.step == "onboarding"
    again.end()
    assert complaints(home) == []


def answers(page: str) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", int(page.rpartition(":")[2])), timeout=1),
    ):
        return True
    return False


def _has_started(home: Home, times: int) -> bool:
    return home.starts == times


STAGING = ("begun", "before key", "after key", "before certificate", "after certificate")
ARMING = {
    "home_2026_7": ("before yaml", "after yaml", "marked restart"),
    "home_2026_11": ("before configure", "marked restart", "after configure"),
}
KEEPING = ("marked promoting", "marked proven", "before internal url", "after internal url")


@pytest.mark.parametrize("release", HOMES)
def test_a_power_cut_between_any_two_steps_leaves_a_home_that_answers_and_can_go_on(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, root = at_home(request.getfixturevalue(release), tmp_path, moments=True)
    moment = home.config / "moment"
    for reached in (*STAGING, *ARMING[release]):
        moment.write_text(reached)
        switch(home)
        assert home.process.wait(60), reached
        assert not moment.exists(), reached
        home.start()
        if home.scheme() == "https":
            break  # it is tried now
        assert loaded(home.api()), reached
        assert stage(home.api()) == "plain", reached
        assert not (home.config / "certificate.pem").exists(), reached
        assert not (home.config / "privkey.pem").exists(), reached
    else:
        restarted = partial(_has_started, home, home.starts + 1)
        switch(home)
        assert wait_for(restarted, timeout=60)
        home.wait_until_running(scheme="https")
    assert loaded(secured(home, root))
    for reached in KEEPING:
        moment.write_text(reached)
        with contextlib.suppress(OSError, ValueError, TypeError, CallError, AssertionError):
            sign_in(home, root)
        if not home.process.wait(20):
            assert stage(secured(home, root)) == "kept", reached
            assert moment.exists()
            moment.unlink()
            continue
        home.start()
        home.wait_until_running(scheme="https")
        assert loaded(secured(home, root)), reached
    sign_in(home, root)
    api = secured(home, root)
    assert wait_for(lambda: stage(api) == "kept", timeout=20)
    assert api.get("/api/config")["internal_url"] == f"https://testhome.local:{home.port}"
    assert complaints(home) == []


@pytest.mark.slow
@pytest.mark.parametrize("release", HOMES)
def test_nobody_signs_in_within_five_minutes_and_it_goes_back_by_itself(
    release: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    home, root = at_home(request.getfixturevalue(release), tmp_path)
    before = (home.config / "configuration.yaml").read_bytes()
    switch(home)
    assert wait_for(lambda: home.starts == 2, timeout=60)
    home.wait_until_running(scheme="https")
    # That a device trusts the root proves nothing of this listener; nor does a REST call.
    assert secured(home, root).get("/api/config")
    assert wait_for(lambda: home.starts == 3, timeout=400)
    home.wait_until_running(scheme="http")
    api = home.api()
    assert loaded(api)
    assert wait_for(lambda: stage(api) == "reverted", timeout=10)
    assert overview(api)["reason"] == "nobody used HTTPS within five minutes"
    assert (home.config / "configuration.yaml").read_bytes() == before
    assert not (home.config / "certificate.pem").exists()
    assert not (home.config / "privkey.pem").exists()
