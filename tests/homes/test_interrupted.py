"""Whatever interrupts the switch, at whatever instant: Home Assistant answers, and nothing is lost.

housekey is killed, stopped and signalled at the moments of its journal, which are taken down from
an undisturbed run, so that a new one cannot be forgotten. The power goes: Home Assistant is killed
as well, and started again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from demo.api import wait_for
from demo.release import HOME_2024, HOME_2026_11
from tests.command import COMMAND, Done, Owner, environment
from tests.homes.looks import State, anyhow, contents, presented, state_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import NewHome
    from tests.homes.home import Home

KILLED = -signal.SIGKILL
INTERRUPTED = 130
PUT_BACK = 4
NOTHING_CHANGED = 3

# housekey with somebody who writes down the moments that another one could be killed at.
LISTENING = """
import sys
from pathlib import Path
from housekey.cli import home, main

def listen(moment):
    with seen.open("a") as file:
        print(moment, file=file)

seen = Path(sys.argv[1])
home._moment = listen
main.run(sys.argv[2:])
"""


# The two that lie furthest apart, one of each road: for what takes minutes.
BOTH_ROADS = pytest.mark.parametrize(
    "any_home", [HOME_2024.version, HOME_2026_11.version], indirect=True
)


@pytest.fixture
def owner(any_home: NewHome, tmp_path: Path) -> Owner:
    """Somebody with a Home Assistant, of each of the three releases in turn."""
    return Owner.of(any_home(), tmp_path)


# ---- killed, and the power gone


def test_a_kill_at_any_moment_leaves_a_home_that_answers_and_can_go_both_ways(
    owner: Owner,
) -> None:
    home = owner.home
    before = state_of(home)
    moments = moments_of(owner, "secure")
    of_undo = moments_of(owner, "undo")
    assert state_of(home) == before
    assert (moments[0], moments[-1], of_undo[-1]) == ("begun", "closed kept", "closed undone")
    left = list(of_undo)

    for number, moment in enumerate(moments):
        assert kill_at(moment, owner, "secure").code == KILLED, moment
        the_power_goes(owner)
        if number % 2 == 0:
            must_be_kept(owner, owner.secure(), moment)
            if left:
                assert kill_at(left[0], owner, "undo").code == KILLED, left[0]
                left.pop(0)
                if number % 4 == 0:
                    the_power_goes(owner)
                home.wait_until_running()
        must_be_undone(owner, before, moment)
    assert not left


@BOTH_ROADS
def test_a_kill_of_a_renewal_at_any_moment_leaves_a_home_that_answers_and_can_go_both_ways(
    owner: Owner,
) -> None:
    before = state_of(owner.home)
    assert owner.secure().code == 0
    moments = moments_of(owner, "secure", "--name", "n.lan")
    assert "before certificate" in moments
    assert "before key" not in moments  # renewed in its place, by one rename

    for number, moment in enumerate(moments):
        name = f"n{number}.lan"
        assert kill_at(moment, owner, "secure", "--name", name).code == KILLED, moment
        owner.home.wait_until_running(scheme="https")
        if number % 2 == 0:
            # Without the power going: it may still present the certificate of before.
            done = owner.secure("--name", name)
            must_be_kept(owner, done, moment)
            assert name in done.json["names"]
        else:
            the_power_goes(owner)
            must_be_undone(owner, before, moment)
            must_be_kept(owner, owner.secure(), moment)
    must_be_undone(owner, before)


# ---- signals


@BOTH_ROADS
@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("begun", signal.SIGINT),
        ("after certificate", signal.SIGTERM),
        ("marked restart", signal.SIGINT),
        ("marked promoting", signal.SIGINT),
    ],
)
def test_a_signal_before_the_proof_ends_with_the_old_state(
    any_home: NewHome, tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    owner = Owner.of(any_home(), tmp_path)
    if moment == "marked promoting" and not owner.home.has_trials:
        moment = "after yaml"
    before = state_of(owner.home)

    with stopped_at(moment, owner, "secure") as run:
        run.signal(number)
        run.go_on()
        if moment != "begun":
            run.signal(number)  # impatient: does not interrupt the way back
        done = run.end()

    assert done.code == INTERRUPTED, done
    assert "as it was before" in done.err
    assert state_of(owner.home) == before
    assert owner.undo().json["changed"] is False


@pytest.mark.parametrize("moment", ["it is down", "it answers, and takes no orders yet"])
def test_a_signal_while_home_assistant_restarts_ends_with_the_old_state(
    owner: Owner, moment: str
) -> None:
    before = state_of(owner.home)

    with running(owner, "secure") as run:
        assert wait_for(lambda: owner.home.starts == 2, timeout=60)
        run.signal(signal.SIGSTOP)  # before it can prove anything
        if moment != "it is down":
            assert wait_for(lambda: owner.home.scheme() == "https", timeout=60)
        run.signal(signal.SIGINT)
        run.go_on()
        done = run.end()

    assert done.code == INTERRUPTED, done
    assert "as it was before" in done.err
    owner.home.wait_until_running()
    assert state_of(owner.home) == before


def test_a_signal_after_the_proof_keeps_https(owner: Owner) -> None:
    before = state_of(owner.home)

    with stopped_at("marked proven", owner, "secure") as run:
        run.signal(signal.SIGINT)
        run.go_on()
        done = run.end()

    assert done.code == INTERRUPTED, done
    assert "it is kept" in done.err
    must_be_kept(owner, owner.secure())
    must_be_undone(owner, before)


# ---- a certificate that does not load


def test_a_certificate_that_does_not_load_ends_with_the_old_state(owner: Owner) -> None:
    home = owner.home
    before = state_of(home)
    certificate = home.config / "certificate.pem"
    new = self_signed()[0]  # of another key

    with stopped_at("marked restart", owner, "secure") as run:
        certificate.write_bytes(new)
        run.go_on()
        done = run.end()

    assert done.code == PUT_BACK, done
    assert len(done.err.splitlines()) == 2, done
    assert "certificate.pem" in done.err, done
    # It is somebody else's now, and stays; all the rest is as it was.
    assert certificate.read_bytes() == new
    certificate.unlink()
    home.wait_until_running(scheme="http")
    assert state_of(home) == before
    assert recovery_mode(owner) is False
    must_be_kept(owner, owner.secure())
    must_be_undone(owner, before)


def test_recovery_mode_with_its_emergency_certificate_is_left_again(
    home_2026_7: NewHome, tmp_path: Path
) -> None:
    """It comes when what worked last was HTTPS, with the file that is broken now."""
    owner = Owner.of(home_2026_7(), tmp_path)
    before = state_of(owner.home)
    assert owner.secure().code == 0
    certificate = owner.home.config / "certificate.pem"
    good, starts = certificate.read_bytes(), owner.home.starts

    with stopped_at("marked restart", owner, "secure", "--name", "n.lan") as run:
        certificate.write_bytes(b"garbage\n")
        run.go_on()
        assert wait_for(lambda: recovery_mode(owner), timeout=60)
        certificate.write_bytes(good)  # put right by somebody, who did not restart
        done = run.end()

    assert done.code == PUT_BACK, done
    assert owner.home.starts == starts + 2, done
    owner.home.wait_until_running(scheme="https")
    assert recovery_mode(owner) is False
    must_be_kept(owner, owner.secure())
    must_be_undone(owner, before)


# ---- a Home Assistant that fails


def test_one_that_never_comes_back_has_its_old_state_when_it_is_started_again(
    owner: Owner,
) -> None:
    home = owner.home
    before = state_of(home)
    home.supervise = False

    done = owner.secure("--wait", "5")

    assert done.code == PUT_BACK, done
    assert len(done.err.splitlines()) == 2, done
    assert contents(home) == before.files
    home.supervise = True
    home.start()
    assert home.scheme() == "http"
    # An impossible trial is remembered, and never tried again.
    assert replace(state_of(home), pending=None) == before
    done = owner.secure()
    must_be_kept(owner, done)
    assert done.json["certificate"]["path"] == str(home.config / "certificate.pem")
    must_be_undone(owner, before)


def test_one_that_dies_when_it_is_made_permanent_keeps_the_files_that_it_may_need(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    before = state_of(owner.home)

    with stopped_at("marked promoting", owner, "secure") as run:
        owner.home.kill()
        run.go_on()
        done = run.end()

    assert done.code == PUT_BACK, done
    assert {"certificate.pem", "privkey.pem"} <= contents(owner.home).keys()
    owner.home.start()
    must_be_kept(owner, owner.secure())
    must_be_undone(owner, before)


def test_one_that_is_slow_is_waited_for(owner: Owner) -> None:
    with stopped_at("marked restart", owner, "secure") as run:
        pid = owner.home.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        run.go_on()
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.end(within=4)
        os.kill(pid, signal.SIGCONT)
        done = run.end()

    must_be_kept(owner, done)


def test_a_trial_that_home_assistant_gave_up_can_be_repeated(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    home = owner.home
    before = state_of(home)
    for finish in ("secure", "undo"):
        assert kill_at("after configure", owner, "secure").code == KILLED
        home.wait_until_running(scheme="https")
        home.stop()
        give_up_the_trial(home.config)
        home.start()
        assert home.scheme() == "http"
        if finish == "secure":
            must_be_kept(owner, owner.secure())
        must_be_undone(owner, before, finish)


def test_a_trial_that_another_one_follows_is_not_taken_for_the_old_state(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2026_11(), tmp_path)
    before = state_of(owner.home)
    assert kill_at("after configure", owner, "secure").code == KILLED
    owner.home.wait_until_running(scheme="https")
    # Another kind of key goes to another pair, and that is a second trial over the first.
    more = ("--key", "rsa-2048")
    assert kill_at("before configure", owner, "secure", *more).code == KILLED

    must_be_undone(owner, before)

    # Nor is one over settings that were made permanent.
    must_be_kept(owner, owner.secure("--key", "ecdsa-p256"))
    assert kill_at("after configure", owner, "secure", *more).code == KILLED
    owner.home.wait_until_running(scheme="https")
    must_be_undone(owner, before)


def test_a_renewal_that_fails_after_a_proof_that_was_cut_short_goes_back_to_what_was_proven(
    home_2024: NewHome, tmp_path: Path
) -> None:
    owner = Owner.of(home_2024(), tmp_path)
    before = state_of(owner.home)
    assert kill_at("marked proven", owner, "secure").code == KILLED
    proven = contents(owner.home)
    owner.home.supervise = False

    done = owner.secure("--name", "n.lan", "--wait", "5")

    assert done.code == PUT_BACK, done
    assert contents(owner.home) == proven
    owner.home.supervise = True
    owner.home.start()
    assert owner.home.scheme() == "https"
    must_be_undone(owner, before)


# ---- undo, and what the user did since


def test_secure_after_an_undo_that_was_cut_short_says_what_finishes_it(
    home_2026_11: NewHome, tmp_path: Path
) -> None:
    """Home Assistant then runs its settings from before, as a trial that is not ours."""
    owner = Owner.of(home_2026_11(), tmp_path)
    before = state_of(owner.home)
    assert owner.secure().code == 0
    assert kill_at("settings are back", owner, "undo").code == KILLED
    owner.home.wait_until_running(scheme="http")

    done = owner.secure()

    assert done.code == 3, done
    assert "trying other network settings" in done.err
    assert "housekey undo finishes it" in done.err
    must_be_undone(owner, before)


def test_undo_changes_nothing_when_home_assistant_does_not_answer(owner: Owner) -> None:
    before = state_of(owner.home)
    assert owner.secure().code == 0
    owner.home.kill()
    secured = contents(owner.home)

    done = owner.undo()

    assert done.code == NOTHING_CHANGED, done
    assert contents(owner.home) == secured
    owner.home.start()
    must_be_undone(owner, before)


def test_undo_keeps_what_the_user_edited_since(owner: Owner) -> None:
    home = owner.home
    before = state_of(home)
    assert owner.secure().code == 0
    yaml = home.config / "configuration.yaml"
    added = b"# mine\nautomation: []\n"
    yaml.write_bytes(yaml.read_bytes() + added)

    done = owner.undo()

    assert done.code == 0, done
    was, mode = before.files["configuration.yaml"]
    edited = {**before.files, "configuration.yaml": (was + added, mode)}
    assert state_of(home) == replace(before, files=edited)


def test_undo_leaves_a_certificate_that_the_user_replace(owner: Owner) -> None:
    home = owner.home
    before = state_of(home)
    assert owner.secure().code == 0
    certificate = home.config / "certificate.pem"
    mine = b"# mine\n" + certificate.read_bytes()
    certificate.write_bytes(mine)

    done = owner.undo()

    assert done.code == 0, done
    assert any(str(certificate) in warning for warning in done.json["warnings"])
    assert certificate.read_bytes() == mine
    certificate.unlink()
    assert state_of(home) == before


# ---- several at once


def test_of_several_at_once_one_works_and_the_others_say_why_not(owner: Owner) -> None:
    before = state_of(owner.home)
    with contextlib.ExitStack() as runs:
        at_once = [runs.enter_context(running(owner, "secure")) for _ in range(3)]
        ended = [run.end() for run in at_once]

    codes = sorted(done.code for done in ended)
    assert codes[0] == 0, [str(done) for done in ended]
    assert set(codes) <= {0, NOTHING_CHANGED}, [str(done) for done in ended]
    assert sum(1 for done in ended if done.code == 0 and done.json["changed"]) == 1
    must_be_kept(owner, owner.secure())
    must_be_undone(owner, before)


# ---- an https of the user's own


@pytest.mark.parametrize("home", ["home_2024", "home_2026_11"])
def test_a_pair_of_the_users_own_is_never_touched(
    home: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    new: NewHome = request.getfixturevalue(home)
    owner = Owner.of(with_own_pair(new, migrated=home == "home_2026_11"), tmp_path)
    before = state_of(owner.home)
    assert before.scheme == "https"

    done = owner.secure()

    must_be_kept(owner, done)
    assert done.json["certificate"]["path"] == str(owner.home.config / "certificate-2.pem")
    pair = ("certificate.pem", "privkey.pem")
    assert {each: contents(owner.home)[each] for each in pair} == {
        each: before.files[each] for each in pair
    }
    must_be_undone(owner, before)

    # And when it fails.
    owner.home.supervise = False
    done = owner.secure("--wait", "5")
    assert done.code == PUT_BACK, done
    assert contents(owner.home) == before.files
    owner.home.supervise = True
    owner.home.start()
    assert replace(state_of(owner.home), pending=None) == before


# ---- helpers


class Run:
    """A housekey that is running, or stopped at a moment."""

    def __init__(self, owner: Owner, command: str, *more: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, command, *map(str, owner.arguments("--json", "--yes", *more))],
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_stopped(self) -> None:
        what = os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert what is not None
        assert what.si_code == os.CLD_STOPPED, str(self.end())

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    def end(self, *, within: float = 120) -> Done:
        out, err = self._process.communicate(timeout=within)
        return Done(self._process.returncode, out, err)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def running(owner: Owner, command: str, *more: str, **env: str) -> Iterator[Run]:
    """Yield a housekey that has just been started; it ends with the block."""
    run = Run(owner, command, *more, env=env)
    try:
        yield run
    finally:
        run.kill()


@contextlib.contextmanager
def stopped_at(moment: str, owner: Owner, command: str, *more: str) -> Iterator[Run]:
    """Yield a housekey that has stopped at a moment of its journal."""
    with running(owner, command, *more, HOUSEKEY_TEST_MOMENT=f"stop {moment}") as run:
        run.wait_until_stopped()
        yield run


def kill_at(moment: str, owner: Owner, command: str, *more: str) -> Done:
    return owner.run(command, *more, env={"HOUSEKEY_TEST_MOMENT": f"kill {moment}"})


def moments_of(owner: Owner, command: str, *more: str) -> tuple[str, ...]:
    """Return the moments of a run that nothing disturbs, in the order in which they come."""
    seen = owner.token_file.with_name("moments")
    seen.unlink(missing_ok=True)
    ended = subprocess.run(
        [
            *(sys.executable, "-W", "error", "-c", LISTENING, seen, command),
            *owner.arguments("--json", "--yes", *more),
        ],
        env=environment(),
        check=False,
    )
    assert ended.returncode == 0
    return tuple(dict.fromkeys(seen.read_text().splitlines()))


def the_power_goes(owner: Owner) -> None:
    """Let Home Assistant end as abruptly as housekey did; it must answer before and after."""
    owner.home.wait_until_running()
    owner.home.kill()
    owner.home.start()


def must_be_kept(owner: Owner, done: Done, moment: str = "") -> None:
    __tracebackhide__ = True
    assert done.code == 0, f"{moment}: {done}"
    assert done.json["kept"] is True, f"{moment}: {done}"
    assert done.json["proven"]["localhost"] is True, f"{moment}: {done}"
    root = owner.house / "root.pem"
    assert presented(owner.home, root) == done.json["certificate"]["sha256"], moment
    state = state_of(owner.home)
    assert state.pending is None, moment
    assert state.stable is None or state.stable["ssl_certificate"], moment


def must_be_undone(owner: Owner, before: State, moment: str = "") -> None:
    __tracebackhide__ = True
    done = owner.undo()
    assert done.code == 0, f"{moment}: {done}"
    assert done.json["warnings"] == [], f"{moment}: {done}"
    starts = owner.home.starts
    owner.home.wait_until_running()
    assert state_of(owner.home) == before, moment
    assert owner.undo().json["changed"] is False, moment
    assert owner.home.starts == starts, f"{moment}: what answered was not what came to stay"


def recovery_mode(owner: Owner) -> bool:
    return bool(anyhow(owner.home).get("/api/config").get("recovery_mode", False))


def give_up_the_trial(folder: Path) -> None:
    """Write down what Home Assistant does five minutes after a trial that nobody promoted."""
    path = folder / ".storage" / "http"
    stored = json.loads(path.read_text())
    stored["data"]["pending"]["error"] = "not_promoted"
    path.write_text(json.dumps(stored))


def with_own_pair(new: NewHome, *, migrated: bool) -> Home:
    """Start a home that has long been on https, with a pair that its user made."""
    home = new(start=False, migrated=migrated)
    paths = {
        "ssl_certificate": f"{home.config_dir}/certificate.pem",
        "ssl_key": f"{home.config_dir}/privkey.pem",
    }
    certificate, key = self_signed()
    (home.config / "certificate.pem").write_bytes(certificate)
    (home.config / "privkey.pem").write_bytes(key)
    if home.has_trials:
        path = home.config / ".storage" / "http"
        stored = json.loads(path.read_text())
        stored["data"]["stable"] |= paths
        path.write_text(json.dumps(stored))
    else:
        yaml = home.config / "configuration.yaml"
        lines = "".join(f"  {key}: {value}\n" for key, value in paths.items())
        yaml.write_text(yaml.read_text() + lines)
    home.start()
    return home


def self_signed() -> tuple[bytes, bytes]:
    """Make a pair as people make one for themselves: the certificate and the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "homeassistant")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
