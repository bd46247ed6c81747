"""This machine as it is: commands run without a shell, in a clean environment, to an end."""

from __future__ import annotations

import os
import pwd
import sys
import time
from pathlib import Path

import pytest

from housekey.trust.machine import SystemRunner, this_machine


def test_a_command_is_run_from_a_list_and_no_shell_reads_it() -> None:
    ran = this_machine().run(["printf", "%s", "$HOME; `id`"])
    assert (ran.code, ran.out) == (0, "$HOME; `id`")


def test_it_gets_what_is_written_to_it_and_an_end() -> None:
    assert this_machine().run(["cat"], stdin=b"some bytes").out == "some bytes"


def test_nothing_that_says_whom_to_trust_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "https_proxy", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(name, "/somewhere")
    ran = this_machine().run(["env"], env={"SSL_CERT_DIR": "/this"})
    names = {line.partition("=")[0] for line in ran.out.splitlines()}
    assert {"PATH", "HOME", "LC_ALL", "SSL_CERT_DIR"} <= names
    assert not names & {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "https_proxy", "NODE_EXTRA_CA_CERTS"}


def test_a_program_that_is_not_there_is_127() -> None:
    ran = this_machine().run(["no-such-program-anywhere"])
    assert (ran.code, "no such program" in ran.err) == (127, True)


def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program")
    (tmp_path / "text").chmod(0o755)
    ran = this_machine().run([tmp_path / "text"])
    assert ran.code == 126
    assert ran.err


def test_one_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    # The child holds the pipes open, as a daemon that a tool starts would.
    script = f"sleep 600 & echo $! > {note}; wait"
    ran = this_machine().run(["sh", "-c", script], seconds=0.5)
    assert (ran.code, "did not end" in ran.err) == (124, True)
    child = int(note.read_text())
    for _ in range(100):
        if not _runs(child):
            return
        time.sleep(0.05)
    pytest.fail("what it had started still runs")


def test_what_it_says_need_not_be_text() -> None:
    ran = SystemRunner({})([sys.executable, "-c", "import os; os.write(1, b'\\xff')"])
    assert ran.out == "\N{REPLACEMENT CHARACTER}"


def test_an_administrators_programs_are_found_from_any_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert this_machine().which("sh") == "/usr/bin/sh"


@pytest.mark.skipif(os.geteuid() != 0, reason="what sudo does is done as root")
def test_under_sudo_the_stores_are_those_of_the_user_who_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUDO_USER", "nobody")
    machine = this_machine()
    assert machine.home == Path(pwd.getpwnam("nobody").pw_dir)
    assert machine.run(["env"]).out.splitlines().count(f"HOME={machine.home}") == 1
    monkeypatch.setenv("SUDO_USER", "no-such-user")
    assert this_machine().home == Path.home()


def test_who_is_root_is_an_administrator() -> None:
    assert this_machine().administrator is (os.geteuid() == 0)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
