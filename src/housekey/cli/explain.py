"""`housekey explain`: paste an error, get the cause and the command that mends it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from housekey.platforms.messages.explain import Reader
    from housekey.platforms.messages.model import Explanation

_LONGEST = 1 << 20  # bytes of a line
_WHERE_TO_ASK = (
    "docs/errors.md lists what it knows; https://community.home-assistant.io is a place to ask,"
    " with the whole line"
)


@click.command(
    "explain",
    # A number such as -1202 is a text, not an option.
    context_settings={"ignore_unknown_options": True},
)
@click.argument("text", nargs=-1, metavar="[TEXT]...")
@common_options
def command(text: tuple[str, ...], **options: Any) -> None:
    """Say what an error means, and what to do about it.

    TEXT is the error as a browser, an app, a program or Home Assistant's log says it; a code
    such as -1202 is enough. Without TEXT, standard input is read: a whole log may be piped in.
    Exit code 1 when nothing in it is known.

    \b
    Examples:
      housekey explain NET::ERR_CERT_AUTHORITY_INVALID
      housekey explain "curl: (60) SSL certificate problem: self-signed certificate"
      housekey explain < home-assistant.log
    """
    output = Output(as_json=options["as_json"])
    given = " ".join(text)
    if given.strip():
        reader = _read(given.splitlines())
    elif not text and not sys.stdin.isatty():
        output.busy("reading")
        reader = _read(_lines(sys.stdin.buffer))
        output.busy("")
    else:
        reader = _read(())
    if not reader.lines:
        raise click.UsageError("there is no text to explain", click.get_current_context())
    found = reader.explanations()
    for number, explanation in enumerate(found):
        _tell(output, explanation, first=number == 0, with_lines=reader.lines > 1)
    if not found:
        said = "that line" if reader.lines == 1 else f"those {reader.lines} lines"
        output.row("nothing", f"housekey knows no message in {said}")
        output.row("next", "housekey check ADDRESS looks at the server itself")
        output.row("", _WHERE_TO_ASK)
    output.document({"lines": reader.lines, "explanations": [_document(each) for each in found]})
    if not found:
        raise click.exceptions.Exit(1)


def _read(lines: Iterable[str]) -> Reader:
    from housekey.homeassistant import messages as home_assistant  # noqa: PLC0415 - after --help
    from housekey.platforms.messages import catalogue  # noqa: PLC0415
    from housekey.platforms.messages.explain import Reader  # noqa: PLC0415

    reader = Reader((*home_assistant.MESSAGES, *catalogue.MESSAGES))
    reader.read(lines)
    return reader


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Read a log of any size line by line; of a very long line only the beginning."""
    while line := stream.readline(_LONGEST):
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(_LONGEST)):
            pass
        yield line.decode(errors="replace")


def _tell(output: Output, explanation: Explanation, *, first: bool, with_lines: bool) -> None:
    if not (first or output.as_json):
        click.echo()
    for number, seen in enumerate(explanation.seen):
        where = [f"line {seen.line}"] if with_lines else []
        where += [f"{seen.count} times"] if seen.count > 1 else []
        where.insert(0, seen.message.by)
        output.row("" if number else "says", f"{seen.text}  ({', '.join(where)})")
    output.row("means", explanation.means)
    for number, cause in enumerate(explanation.causes):
        output.row("" if number else "why", f"{number + 1}  {cause}")
    for number, step in enumerate(explanation.steps):
        output.row("" if number else "next", step.replace("`", ""))
    output.row("source", "; ".join(_sources(explanation)))


def _sources(explanation: Explanation) -> tuple[str, ...]:
    sources = dict.fromkeys(seen.message.source for seen in explanation.seen)
    return (*sources, *explanation.rules)


def _document(explanation: Explanation) -> dict[str, Any]:
    return {
        "matter": explanation.matter.id,
        "means": explanation.means,
        "causes": list(explanation.causes),
        "steps": [step.replace("`", "") for step in explanation.steps],
        "values": dict(explanation.values),
        "seen": [
            {
                "message": seen.message.id,
                "by": seen.message.by,
                "platform": seen.message.platform,
                "text": seen.text,
                "line": seen.line,
                "count": seen.count,
                "source": seen.message.source,
                "rules": list(seen.message.rules),
            }
            for seen in explanation.seen
        ],
    }
