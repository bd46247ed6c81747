"""What holds for every command: help, version, two lines of error, one JSON document, codes."""

from __future__ import annotations

import errno
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from demo.instance import free_port
from housekey import __version__
from housekey.cli.main import run
from housekey.cli.secure import command as secure
from tests.command import COMMAND, environment, housekey
from tests.needs import require
from tests.terminal import Terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Person

COMMANDS = [
    ["secure"],
    ["undo"],
    ["check"],
    ["share"],
    ["status"],
    ["explain"],
    ["cert", "new"],
    ["cert", "list"],
    ["cert", "show"],
    ["house", "show"],
    ["ledger", "export"],
    ["ledger", "rebuild"],
    *(["pem", each] for each in ("show", "match", "verify", "convert", "csr", "sign", "key")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_explains_itself_and_has_json_and_house(
    command: list[str], option: str
) -> None:
    done = housekey(*command, option)
    assert (done.code, done.err) == (0, ""), done
    assert done.out.startswith(f"Usage: housekey {' '.join(command)} [OPTIONS]")
    for each in ("--json", "--house DIR", "-h, --help"):
        assert each in done.out
    # Every option says what it does, and what it is without it, once.
    assert not re.search(r"\[default: (.*)\].*\[default: \1\]", done.out)
    assert all(line == line.rstrip() for line in done.out.splitlines())


@pytest.mark.parametrize(
    "group", [[], ["cert"], ["pem"], ["house"]], ids=["housekey", "cert", "pem", "house"]
)
def test_a_command_that_needs_another_shows_which_there_are(group: list[str]) -> None:
    done = housekey(*group)
    assert (done.code, done.err) == (0, ""), done
    assert done.out == housekey(*group, "--help").out
    assert "Commands:" in done.out


def test_the_help_names_every_command_that_works() -> None:
    listed = housekey("--help").out
    for command in {each[0] for each in COMMANDS}:
        assert re.search(rf"^  {command} +\S", listed, re.MULTILINE)


def test_the_version_is_told() -> None:
    assert housekey("--version").out == f"housekey {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["sekure"], "No such command 'sekure'. Did you mean housekey secure?", "housekey --help"),
        (["backup"], "Did you mean housekey house backup?", "housekey --help"),
        (["house", "rotat"], "Did you mean housekey house rotate?", "housekey house --help"),
        (["xyz"], "No such command 'xyz'", "housekey --help"),
        (["secure", "--install"], "requires an argument", "housekey secure --help"),
        (["house", "backup", "--passphrase-file"], "an argument", "housekey house backup --help"),
        (["secure", "ha.lan"], "'ha.lan' stands alone, and only --install", "--url"),
        (["secure", "--nmae", "x"], "No such option '--nmae'", "housekey secure --help"),
        (["cert", "new"], "Missing argument 'NAME...'", "housekey cert new --help"),
        (
            ["cert", "new", "a.lan", "--days", "826"],
            "not in the range from 1 to 825",
            "cert new --help",
        ),
        (["cert", "new", "a.lan", "--key", "dsa"], "'dsa' is not one of", "cert new --help"),
        (["secure", "--port", "0"], "0 is not in the range", "housekey secure --help"),
    ],
)
def test_a_wrong_call_is_two_lines_and_exit_code_2(
    arguments: list[str], said: str, hint: str
) -> None:
    done = housekey(*arguments)
    error, help_line = done.err.splitlines()
    assert (done.code, done.out) == (2, "")
    assert error.startswith("error: ")
    assert said in error
    assert help_line.startswith("hint: ")
    assert hint in help_line


def test_with_json_an_error_is_one_document_beside_the_two_lines(person: Person) -> None:
    done = person.run("status", "--json")
    assert done.code == 3
    error, hint = done.err.splitlines()
    assert done.json == {
        "error": {
            "message": error.removeprefix("error: "),
            "hint": hint.removeprefix("hint: "),
            "exit_code": 3,
        }
    }


def test_a_traceback_is_shown_only_to_those_who_ask_for_it(person: Person) -> None:
    assert "Traceback" not in person.run("status", "-v").err
    for asked in (["-vv"], ["-v", "-v"]):
        assert "Traceback" in person.run("status", *asked).err


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = f"{sys.executable} -m housekey cert new --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout in ("0\n", "141\n")  # it may have been quicker than `true`


@pytest.mark.parametrize("colour", [True, False])
def test_colour_is_for_terminals_whose_owner_wants_it(colour: bool, tmp_path: Path) -> None:
    env = environment(HOUSEKEY_HOUSE=str(tmp_path / "house"), TERM="xterm-256color")
    if colour:
        del env["NO_COLOR"]
    with Terminal([*COMMAND, "status"], env=env) as terminal:
        assert terminal.wait() == 3
    assert "there is no house" in terminal.said
    assert ("\x1b[" in terminal.said) is colour


def test_the_help_of_secure_has_every_option_once_and_the_roads_in_groups() -> None:
    told = housekey("secure", "--help").out
    first = told.split("Options:")[1].split("A public name (docs/public.md):")[0]
    listed = re.findall(r"^  (?:-\w, )?(-\S+)", told, re.MULTILINE)
    ours = [each.opts[-1] for each in secure.params if isinstance(each, click.Option)]
    assert sorted(listed) == sorted([*ours, "--help"])
    assert re.findall(r"^  (?:-\w, )?(-\S+)", first, re.MULTILINE) == [
        *("--dry-run", "--yes", "--house", "--json", "-v", "--help")
    ]


def test_an_address_where_nothing_is_is_not_said_to_answer(person: Person) -> None:
    port = free_port()
    done = person.run("secure", "--yes", "--url", f"http://127.0.0.1:{port}")
    assert done.code == 3, done
    assert f"error: Home Assistant does not answer at http://127.0.0.1:{port}" in done.err


def test_a_folder_of_another_user_is_told_in_words_not_as_a_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = tmp_path / "token"

    def refused(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(closed))

    monkeypatch.setattr(secure, "callback", refused)
    with pytest.raises(SystemExit) as end:
        run(["secure"])
    assert end.value.code == 3
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {closed}: this user has no permission to do that"
    assert "run housekey as the user that owns the folder" in hint


def test_output_that_finds_no_room_is_no_bug(person: Person) -> None:
    require(Path("/dev/full").exists(), "/dev/full")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [*COMMAND, "--help"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 3
    error = "error: what housekey says cannot be written: the disk is full"
    assert ended.stderr.splitlines()[0] == error


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_stops_nothing(closed: str, person: Person) -> None:
    assert person.run("cert", "new", "nas.lan", "--yes").code == 0
    command = f"exec {shlex.join(COMMAND)} status {closed}"
    env = environment(HOUSEKEY_HOUSE=str(person.house))
    ended = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, check=False)
    assert ended.returncode == 0, ended
    assert b"error" not in ended.stderr
