"""What a command says: the lines of its story, its questions, and its one JSON document."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.errors import AnswerMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.status import Status

    from housekey.house.house import House
    from housekey.house.recovery import RecoveryCode

_LABEL_WIDTH = 10


@dataclass(slots=True)
class Output:
    """Where a command speaks. With `as_json` the story goes unsaid and the document is printed."""

    as_json: bool = False
    yes: bool = False
    _status: Status | None = field(default=None, repr=False)

    def row(self, label: str, text: str) -> None:
        """Print one line of the story."""
        if self.as_json:
            return
        self.busy("")
        shown = click.style(f"{label:<{_LABEL_WIDTH - 1}}", fg=_COLOURS.get(label), bold=True)
        click.echo(f"  {shown} {text}")

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the JSON document, if one was asked for."""
        if self.as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))

    def busy(self, text: str) -> None:
        """Say on a terminal what is being waited for; an empty text ends it."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if text and sys.stderr.isatty():
            from rich.console import Console  # noqa: PLC0415 - slow to import

            self._status = Console(stderr=True).status(text)
            self._status.start()

    def confirm(self, question: str, *, option: str = "--yes") -> bool:
        """Ask yes or no; `--yes` says yes."""
        if self.yes:
            return True
        self._must_be_a_terminal(question, option)
        return click.confirm(f"  {question}", err=True)

    def choose(self, question: str, choices: Sequence[str], *, option: str) -> int:
        """Ask for one of several and return its index."""
        self._must_be_a_terminal(question, option, tuple(choices))
        for number, choice in enumerate(choices, 1):
            click.echo(f"  {number}  {choice}", err=True)
        answer: int = click.prompt(f"  {question}", type=click.IntRange(1, len(choices)), err=True)
        return answer - 1

    def _must_be_a_terminal(
        self, question: str, option: str, choices: tuple[str, ...] = ()
    ) -> None:
        self.busy("")
        if self.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise AnswerMissing(question, option=option, choices=choices)


_COLOURS = {
    "heads up": "yellow",
    "warning": "yellow",
    "kept": "green",
    "proven": "green",
    "nothing": "green",
    "next": "cyan",
    "owed": "yellow",
}


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command has."""
    for option in (
        click.option("-v", "verbose", count=True, help="-vv shows where an error came from."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
        click.option(
            "--house",
            "house_folder",
            metavar="DIR",
            envvar="HOUSEKEY_HOUSE",
            help="The folder of the house.  [default: this user's data folder]",
        ),
    ):
        command = option(command)
    return command


yes_option = click.option(
    "-y", "--yes", is_flag=True, help="Answer every question the safe way, without asking."
)


_SUBJECT = {  # option, field of Subject, what it says
    "--country": ("country", "Country of the root, two letters (C).  [default: Home Assistant's]"),
    "--state": ("state", "State or province of the root (ST)."),
    "--locality": ("locality", "Town of the root (L)."),
    "--organization": ("organization", "Organization (O).  [default: Home Assistant's name]"),
    "--organizational-unit": ("organizational_unit", "Organizational unit (OU)."),
    "--common-name": ("common_name", "Common name of the root (CN), as phones list it."),
    "--email": ("email", "E-mail address of the root."),
}


def subject_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each field of the root's subject."""
    for option, (_field, text) in reversed(_SUBJECT.items()):
        command = click.option(option, metavar="TEXT", help=text)(command)
    return command


def subject_of(options: dict[str, Any]) -> dict[str, str]:
    """Take the subject's fields out of a command's options."""
    fields = {field: options.pop(field) for field, _text in _SUBJECT.values()}
    return {field: value for field, value in fields.items() if value is not None}


def note_code(output: Output, code: RecoveryCode) -> bool:
    """Show the recovery code, once; in JSON it stands in the document instead."""
    if output.as_json:
        return True
    output.row("house", f"created; recovery code: {code.text}")
    output.row("", "it opens the root's key should this machine be lost, and is shown only now")
    return output.confirm("Have you written it down?")


def house_folder(options: Mapping[str, Any]) -> Path:
    """Return the folder of the house: `--house`, HOUSEKEY_HOUSE, or the usual one."""
    from housekey.house.house import default_house_folder  # noqa: PLC0415 - after --help

    given = options["house_folder"]
    return (Path(given) if given else default_house_folder(os.environ)).absolute()


def open_house(folder: Path) -> House:
    """Open the house in `folder`."""
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.house import House  # noqa: PLC0415

    return House.open(folder, files=Files(), clock=now)


def now() -> datetime:
    """Return the time, in whole seconds of UTC, as certificates count it."""
    return datetime.now(UTC).replace(microsecond=0)
