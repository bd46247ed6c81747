"""Programs that are asked: what counts as a yes, as a no, and as no answer at all."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from housekey.trust.asking import ask_curl, ask_node, ask_python, ask_requests, ask_wget, which
from housekey.trust.machine import this_machine
from housekey.trust.pem import certificates_in, holds, without
from housekey.trust.store import Ran, Server
from tests.needs import require
from tests.trust.fakes import fake_machine
from tests.trust.roots import a_root, pem_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from housekey.trust.store import Machine, Proof

SERVER = Server("ha.lan", 8123)


def machine_whose_programs_end(tmp_path: Path, *ends: Ran) -> tuple[Machine, list[list[str]]]:
    commands: list[list[str]] = []
    left = list(ends)

    def run(command: list[str], **_: object) -> Ran:
        commands.append([str(part) for part in command])
        return left.pop(0)

    return fake_machine(tmp_path, run, programs=("curl", "wget", "python3", "node")), commands


@pytest.mark.parametrize(
    ("code", "accepts"),
    [
        (0, True),
        *((60, False), (51, False), (77, False)),
        *((7, None), (6, None), (28, None), (35, None), (127, None), (124, None)),
    ],
)
def test_what_curl_ends_with(code: int, accepts: bool | None, tmp_path: Path) -> None:
    machine, commands = machine_whose_programs_end(tmp_path, Ran(code, "", "curl: (0) words\n"))
    proof = ask_curl(machine, SERVER)
    assert proof.accepts is accepts
    assert proof.said == ("" if accepts else "curl: (0) words")
    assert commands[0][1] == "-q"  # first, or ~/.curlrc is read all the same
    assert commands[0][-1] == "https://ha.lan:8123/"


@pytest.mark.parametrize(
    ("code", "accepts"), [(0, True), (8, True), (5, False), (4, None), (1, None)]
)
def test_what_wget_ends_with(code: int, accepts: bool | None, tmp_path: Path) -> None:
    version = Ran(0, "GNU Wget 1.21.3 built on linux-gnu.\n", "")
    machine, commands = machine_whose_programs_end(tmp_path, version, Ran(code, "", "words"))
    assert ask_wget(machine, SERVER).accepts is accepts
    assert "--no-hsts" in commands[1]  # it would write into the home


def test_busybox_wget_looks_at_no_certificate_and_is_not_asked(tmp_path: Path) -> None:
    version = Ran(1, "", "wget: unrecognized option '--version'\nBusyBox v1.36.1\n")
    machine, commands = machine_whose_programs_end(tmp_path, version)
    assert ask_wget(machine, SERVER).accepts is None
    assert len(commands) == 1


@pytest.mark.parametrize("out", ["", "words", "[1, 2, 3]", "{}", '["yes", ""]'])
def test_a_python_that_says_something_else_says_nothing(out: str, tmp_path: Path) -> None:
    machine, _ = machine_whose_programs_end(tmp_path, Ran(0, out, ""))
    assert ask_python(machine, SERVER).accepts is None


def test_where_there_is_no_program_there_is_no_answer(tmp_path: Path) -> None:
    machine = fake_machine(tmp_path, lambda *_, **__: pytest.fail("nothing is there to be run"))
    asks: list[Callable[[], Proof]] = [
        lambda: ask_curl(machine, SERVER),
        lambda: ask_wget(machine, SERVER),
        lambda: ask_python(machine, SERVER),
        lambda: ask_node(machine, SERVER, env={}),
        lambda: ask_requests(machine, SERVER, env={}),
    ]
    for ask in asks:
        assert ask().accepts is None
        assert "there is no" in ask().said


def test_the_systems_own_program_is_asked_before_one_that_was_brought_along(
    tmp_path: Path,
) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/curl").touch()
    machine = fake_machine(tmp_path, lambda *_, **__: Ran(0, "", ""), programs=("curl", "wget"))
    assert which(machine, "curl") == str(tmp_path / "usr/bin/curl")
    assert which(machine, "wget") == "/usr/sbin/wget"


def test_what_is_a_users_own_is_not_run_as_root(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "what an administrator does is done as root")
    machine, commands = machine_whose_programs_end(tmp_path, *[Ran(0, '[true, ""]', "")] * 3)
    machine.home.mkdir()
    os.chown(machine.home, 65534, 65534)
    assert ask_requests(machine, SERVER, env={}).accepts
    assert ask_node(machine, SERVER, env={}).accepts
    assert ask_python(machine, SERVER).accepts
    assert [command[0] for command in commands] == ["setpriv", "setpriv", "/usr/sbin/python3"]
    assert commands[0][1:3] == ["--reuid", "65534"]


def test_a_python_with_a_list_of_its_own_is_no_proof(tmp_path: Path) -> None:
    machine = replace(this_machine(), slash=tmp_path, which=lambda _: sys.executable)
    proof = ask_python(machine, Server("127.0.0.1", 1), places=[str(tmp_path)])
    assert proof.accepts is None
    assert "it reads another list" in proof.said


# Files full of certificates.


def test_a_certificate_is_found_by_its_bytes_alone() -> None:
    from housekey.pki.encoding import to_der  # noqa: PLC0415

    der = to_der(a_root())
    assert holds(b"words\n" + pem_of("b") + pem_of(), der)
    assert holds(der, der)
    trusted = pem_of().replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE")
    assert holds(trusted, der)
    assert not holds(pem_of("b"), der)
    assert not holds(b"", der)
    assert certificates_in(pem_of("b") + pem_of()) == (to_der(a_root("b")), der)


def test_a_block_that_was_cut_short_hides_no_other() -> None:
    from housekey.pki.encoding import to_der  # noqa: PLC0415

    der = to_der(a_root())
    assert holds(pem_of("b")[:300] + b"\n" + pem_of(), der)
    assert without(pem_of("b")[:300] + b"\n" + pem_of() + pem_of("c"), der) == (
        pem_of("b")[:300] + b"\n" + pem_of("c")
    )


def test_of_many_bytes_that_are_no_certificate_the_search_is_quick() -> None:
    # A line of a file that anybody may have put there; a search that goes back would not end.
    noise = b"-----BEGIN CERTIFICATE-----" * 20_000 + b"x" * 500_000
    assert not holds(noise, b"\x30")
