"""`housekey status`: the house at a glance.

It is asked often and by scripts, so it is quick: it imports what it uses and no more (`make bench`
measures its start), and looks at servers all at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, look_at_house, now
from housekey.errors import UsageError

if TYPE_CHECKING:
    from typing import TextIO

    from housekey.renewal.glance import Glance

_STDOUT = "-"
_EVERY = 5.0  # seconds between two looks of --watch


@click.command("status")
@click.option("--offline", is_flag=True, help="Look at no server.")
@click.option(
    "--watch",
    is_flag=False,
    flag_value=_EVERY,
    type=click.FloatRange(0.5, 86400),
    metavar="[SECONDS]",
    help="Show it anew every few seconds, until Ctrl-C.  [default: 5]",
)
@click.option(
    "--ics",
    metavar="FILE",
    help="Write a calendar of what ends and what is due when; - is standard output.",
)
@common_options
def command(**options: Any) -> None:
    """Show the house at a glance; exit code 1 when something is to be done.

    That is: a certificate is due, damaged, or has ended, a change was cut short, or a server
    presents something else than it should.
    """
    folder = house_folder(options)
    if options["watch"] is not None:
        _must_be_watched(options)
        from housekey.cli.status.watching import watch  # noqa: PLC0415 - rarely needed

        watch(lambda: _glance(folder, offline=options["offline"]), every=options["watch"])
        return
    output = Output(as_json=options["as_json"], story_to_stderr=options["ics"] == _STDOUT)
    glance = _glance(folder, offline=options["offline"])
    if options["ics"]:
        _write_calendar(glance, options["ics"], output)
    if output.as_json:
        from housekey.cli.status.showing import document  # noqa: PLC0415

        output.document(document(glance))
    else:
        _show(glance, sys.stderr if output.story_to_stderr else sys.stdout)
    if glance.wants_something:
        raise click.exceptions.Exit(1)


def _glance(folder: Path, *, offline: bool) -> Glance:
    from housekey.renewal.glance import read  # noqa: PLC0415 - after --help

    with look_at_house(folder) as house:
        glance = read(house, now=now())
        if glance.serving and not offline:
            from housekey.live.glimpse import glimpse  # noqa: PLC0415 - loads ssl

            places = [(each.place.host, each.place.port) for each in glance.serving]
            glance = glance.seen(glimpse(places), house)
    return glance


def _show(glance: Glance, stream: TextIO) -> None:
    from housekey.cli.status.showing import lines  # noqa: PLC0415 - after --help

    height = None
    if stream.isatty():
        import shutil  # noqa: PLC0415 - for terminals

        height = shutil.get_terminal_size().lines - 1
    for line in lines(glance, height=height, blocks=can_draw(stream), stream=stream):
        click.echo(line, file=stream)


def can_draw(stream: TextIO) -> bool:
    """Whether more than ASCII can be written there."""
    try:
        "█░".encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def _must_be_watched(options: dict[str, Any]) -> None:
    """Raise UsageError where nobody watches."""
    for option, name in (("as_json", "--json"), ("ics", "--ics")):
        if options[option]:
            raise UsageError(
                f"--watch and {name} do not go together", hint=f"give {name} without --watch"
            )
    if not sys.stdout.isatty():
        raise UsageError("--watch needs a terminal to draw on", hint="leave it out, or use --json")


def _write_calendar(glance: Glance, out: str, output: Output) -> None:
    from housekey.renewal.calendar import calendar_of, is_ours  # noqa: PLC0415 - rarely needed

    if out == _STDOUT:
        if output.as_json:
            raise UsageError(
                "--json and --ics - would both be standard output", hint="--ics FILE writes a file"
            )
        click.echo(calendar_of(glance), nl=False)
        return
    from housekey.house.files import Files  # noqa: PLC0415

    files, path = Files(), Path(out).absolute()
    found = files.snapshot(path)
    kept = None
    if found is not None and not is_ours(found.data):
        kept = files.keep_aside(path, found)
    files.write(path, calendar_of(glance), mode=0o644)
    if kept is not None:
        output.row("saved", f"what was there before is now {kept.name}")
