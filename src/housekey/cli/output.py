"""What a command says: the lines of its story, its questions, and its one JSON document."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from housekey.errors import AnswerMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.status import Status

    from housekey.house.house import House
    from housekey.house.recovery import RecoveryCode
    from housekey.house.view import HouseView
    from housekey.pki.secret import Secret

LABEL_WIDTH = 10
# What the one JSON document has to hold even if it comes to tell an error: the recovery code of a
# house that is there by now.
promised: dict[str, Any] = {}


def styled(text: str, **style: Any) -> str:
    """Colour `text`, unless NO_COLOR says not to (https://no-color.org)."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


@dataclass(slots=True)
class Output:
    """Where a command speaks. With `as_json` the story goes unsaid and the document is printed.

    Where the result itself goes to standard output, the story goes to standard error; and so it
    does `beside_json`, of a command that stays: its document comes at the end, and who started it
    has to know before that it is ready.
    """

    as_json: bool = False
    yes: bool = False
    story_to_stderr: bool = False
    beside_json: bool = False
    _status: Status | None = field(default=None, repr=False)

    def row(self, label: str, text: str) -> None:
        """Print one line of the story."""
        if self.as_json and not self.beside_json:
            return
        self.busy("")
        stream = sys.stderr if self.story_to_stderr or self.as_json else sys.stdout
        click.echo(line_of(label, text, stream=stream), file=stream)

    def not_noted(self, reason: str | None) -> None:
        """Say that what is done is missing from the ledger, if it is."""
        if reason is not None:
            self.row("heads up", f"it is done, but the ledger has no note of it: {reason}")

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

            self._status = Console(stderr=True, highlight=False).status(text)
            self._status.start()

    def confirm(self, question: str, *, option: str = "--yes") -> bool:
        """Ask yes or no; `--yes` says yes."""
        if self.yes:
            return True
        self.must_be_a_terminal(question, option=option)
        return click.confirm(f"  {visible(question)}", err=True)

    def yes_or_no(self, question: str) -> bool:
        """Ask what is the case, on a terminal; neither answer is the safe one."""
        self.busy("")
        return click.confirm(f"  {visible(question)}", default=None, err=True)

    def choose(
        self, question: str, choices: Sequence[str], *, option: str, default: int | None = None
    ) -> int:
        """Ask for one of several and return its index; `default` is that of Enter alone."""
        self.must_be_a_terminal(question, option=option, choices=choices)
        for number, choice in enumerate(choices, 1):
            click.echo(f"  {number}  {choice}", err=True)
        answer: int = click.prompt(
            f"  {question}",
            type=click.IntRange(1, len(choices)),
            default=None if default is None else default + 1,
            err=True,
        )
        return answer - 1

    def ask_secret(self, question: str, *, again: bool = False) -> Secret | None:
        """Ask for a passphrase that is not shown, or None where nobody can be asked."""
        self.busy("")
        if self.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        answer: str = click.prompt(
            f"  {question}",
            hide_input=True,
            confirmation_prompt="  Once more" if again else False,
            err=True,
        )
        from housekey.pki.secret import Secret  # noqa: PLC0415 - rarely needed

        return Secret(answer.encode())

    def must_be_a_terminal(
        self, question: str, *, option: str, choices: Sequence[str] = ()
    ) -> None:
        """Raise `AnswerMissing` where nobody can be asked."""
        self.busy("")
        if self.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise AnswerMissing(question, option=option, choices=tuple(choices))


def folded(
    text: str,
    under: int,
    *,
    first: int | None = None,
    widest: int | None = None,
    stream: TextIO | None = None,
) -> str:
    """Fold a long text at blanks; elsewhere than on a terminal a line is a line.

    It begins at the column `first` and goes on below itself at the column `under`, which is
    where it begins if nothing else is said. `widest`: no wider than so many columns.
    """
    if not (stream or sys.stdout).isatty():
        return text
    import shutil  # noqa: PLC0415 - for terminals
    import textwrap  # noqa: PLC0415

    columns = shutil.get_terminal_size().columns
    width = max(min(columns, widest or columns) - 1, under + 20)
    begin = "x" * (under if first is None else first)
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=begin,
        subsequent_indent=" " * under,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)[len(begin) :]


def line_of(label: str, text: str, *, stream: TextIO | None = None) -> str:
    """Write one line of a story: its label in a column of its own, its text folded beside it."""
    shown = styled(f"{label:<{LABEL_WIDTH - 1}}", fg=_COLOURS.get(label), bold=True)
    return f"  {shown} {folded(visible(text), LABEL_WIDTH + 2, stream=stream)}"


def visible(text: str) -> str:
    """Return `text` without what a terminal obeys instead of showing it.

    Names in certificates and answers of servers are a stranger's, and may hold what moves the
    cursor, clears the screen, or turns the text round (Unicode's Cc and Cf).
    """
    return "".join(
        each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text
    )


_COLOURS = {
    "heads up": "yellow",
    "warning": "yellow",
    "due": "yellow",
    "wrong": "yellow",
    "good": "green",
    "kept": "green",
    "proven": "green",
    "nothing": "green",
    "next": "cyan",
    "owed": "yellow",
    "trusts": "green",
}


def common_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command has."""
    for option in (
        click.option("-v", "verbose", count=True, help="-vv shows where an error came from."),
        click.option(
            "--json", "as_json", is_flag=True, help="Print one JSON document instead of the story."
        ),
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


yes_option = click.option("-y", "--yes", is_flag=True, help="Go on without asking for a yes.")


_SUBJECT = {  # field of Subject: what it is
    "country": "country, two letters (C)",
    "state": "state or province (ST)",
    "locality": "town (L)",
    "organization": "organization (O)",
    "organizational_unit": "organizational unit (OU)",
    "common_name": "common name (CN)",
    "email": "e-mail address",
}


def subject_options(
    whose: str, **defaults: str
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option for each field of a subject; `whose` begins its help."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for field_name, what in reversed(_SUBJECT.items()):
            default = f"  [default: {defaults[field_name]}]" if field_name in defaults else ""
            option = f"--{field_name.replace('_', '-')}"
            help_text = f"{whose} {what}.{default}"
            command = click.option(option, metavar="TEXT", help=help_text)(command)
        return command

    return add


def subject_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the subject's fields among a command's options."""
    return {each: options[each] for each in _SUBJECT if options[each] is not None}


def note_code(output: Output, code: RecoveryCode, *, what: str = "created") -> bool:
    """Show the recovery code, once; in JSON it stands in the document instead."""
    if output.as_json:
        return True
    question = "Have you written it down?"
    if not output.yes:
        output.must_be_a_terminal(question, option="--yes")
    output.row("house", f"{what}; recovery code: {code.text}")
    output.row("", "only this code opens the root's key, and it is shown only now")
    return output.confirm(question)


def house_folder(options: Mapping[str, Any]) -> Path:
    """Return the folder of the house: `--house`, HOUSEKEY_HOUSE, or the usual one."""
    from housekey.house.place import default_house_folder  # noqa: PLC0415 - after --help

    given = options["house_folder"]
    return (Path(given) if given else default_house_folder(os.environ)).absolute()


def open_house(folder: Path) -> House:
    """Open the house in `folder`."""
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.house import House  # noqa: PLC0415

    return House.open(folder, files=Files(), clock=now)


def look_at_house(folder: Path) -> HouseView:
    """Open the house in `folder` to look at: quicker than `open_house`, and it cannot issue."""
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.view import HouseView  # noqa: PLC0415

    return HouseView.open(folder, files=Files(), clock=now)


def now() -> datetime:
    """Return the time, in whole seconds of UTC, as certificates count it."""
    return datetime.now(UTC).replace(microsecond=0)
