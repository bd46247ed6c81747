"""`housekey renew`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import home_options, running, world_of
from housekey.cli.log import Log, LoggedOutput, to_journal
from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    now,
    open_house,
    visible,
    yes_option,
)
from housekey.cli.renewing import (
    facts_of,
    home_to_renew,
    quiet_hours,
    quiet_option,
    told,
    told_of_copies,
)

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.homeassistant.site import World
    from housekey.renewal.home import Home
    from housekey.renewal.round import Item

_EXAMPLES = """\b
Examples:
  housekey renew                               what is due, now
  housekey renew --dry-run                     say what is due, and change nothing
  housekey renew printer.lan --all             this one, due or not
  housekey renew --now                         restart Home Assistant for it, if need be, at once
"""


@click.command("renew", epilog=_EXAMPLES)
@click.argument("labels", nargs=-1, metavar="[LABEL]...")
@click.option("--all", "everything", is_flag=True, help="Renew what is not due as well.")
@click.option("--dry-run", is_flag=True, help="Say what would be renewed, and change nothing.")
@click.option("--now", "at_once", is_flag=True, help="Do not wait for the quiet hours.")
@quiet_option
@home_options
@yes_option
@common_options
def command(**options: Any) -> None:
    """Renew the certificates that are due, and give Home Assistant its own.

    Due is what has a third of its life left, lacks a name under which it is reached
    today, has the chain of an earlier root, was revoked, or has ended. Labels are
    those of housekey cert list; without one, all are looked at.

    Home Assistant is given its certificate while it runs, if it has the housekey
    integration; else it is restarted, in the quiet hours. Exit code 1: something
    that is due could not be renewed.
    """
    from housekey.renewal.round import Became  # noqa: PLC0415 - after --help

    output = _output(options)
    items, notified = running(_renew(options, output), output)
    failed = [item for item in items if item.became is Became.FAILED]
    for item in items:
        output.row(*told(item, now=now()))
        for label, text in told_of_copies(item):
            output.row(label, text)
        for warning in item.warnings:
            output.row("warning", warning)
        if item.became is Became.FAILED:
            _tell_failure(item, output)
        elif places := _to_load(item):
            output.row("next", f"what uses it has to load it anew: {', '.join(map(str, places))}")
    if not items:
        output.row("nothing", "was issued yet: housekey secure, or housekey cert new NAME")
    output.document(
        {
            "house": str(house_folder(options)),
            "dry_run": options["dry_run"],
            "certificates": [facts_of(item, now=now()) for item in items],
            "notified": notified,
        }
    )
    if failed:
        raise click.exceptions.Exit(1)


def _to_load(item: Item) -> tuple[Path, ...]:
    """Return the folders whose files what uses them has to load anew."""
    from housekey.renewal.round import Became  # noqa: PLC0415 - loaded already

    if item.became not in (Became.RENEWED, Became.GOOD) or item.delivery is not None:
        return ()
    own = (item.leaf.folder,) if item.became is Became.RENEWED and item.leaf is not None else ()
    return item.copies.done or own


def _output(options: dict[str, Any]) -> Output:
    """Tell it on the terminal, or line by line into systemd's journal, with priorities."""
    if not options["as_json"] and to_journal(os.environ):
        return LoggedOutput(Log(now, journal=True))
    return Output(as_json=options["as_json"], yes=options["yes"])


def _tell_failure(item: Item, output: Output) -> None:
    """Say what helps; with --json the failure itself too, for a log that keeps standard error."""
    hint = "" if item.trouble is None else item.trouble.hint
    if output.as_json and not isinstance(output, LoggedOutput):
        label, text = told(item, now=now())
        click.echo(f"{label}: {visible(text)}; {hint}".rstrip("; "), err=True)
    elif hint:
        output.row("hint", hint)


async def _renew(options: dict[str, Any], output: Output) -> tuple[tuple[Item, ...], bool]:
    from housekey.renewal.round import Asked, go_round  # noqa: PLC0415 - after --help

    folder = house_folder(options)
    asked = Asked(
        quiet_hours(options["quiet_hours"]),
        labels=options["labels"],
        everything=options["everything"],
        dry_run=options["dry_run"],
        at_once=options["at_once"],
    )
    open_house(folder).close()  # before anything is looked for: without a house there is no round
    world = world_of(options, output)
    home = await home_to_renew(options, world, output, house=folder)
    items = await go_round(folder, home, asked, world)
    if home is None or asked.dry_run or asked.labels:
        return items, False
    return items, await tell_home(folder, home, items, world, output)


async def tell_home(
    folder: Path, home: Home, items: tuple[Item, ...], world: World, output: Output
) -> bool:
    """Show in Home Assistant what failed, or take away what was shown; say whether it shows it."""
    from housekey.errors import HousekeyError  # noqa: PLC0415 - loaded already
    from housekey.renewal.notice import notice_of, show  # noqa: PLC0415 - after --help

    notice = notice_of(items, now=world.clock())
    try:
        with open_house(folder) as house:
            was_told = await show(house, home, notice)
    except HousekeyError as trouble:
        output.row("warning", trouble.message)
        return False
    if notice is None or not was_told:
        return False
    output.row("notified", "Home Assistant shows it to everybody")
    return True
