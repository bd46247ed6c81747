"""`housekey ledger`: what was done when and by whom, taken out and made again."""

from __future__ import annotations

import click

from housekey.cli.lazy import LazyGroup

_COMMANDS = {
    "export": ("housekey.cli.ledger.export", "All of it as lines of JSON."),
    "rebuild": ("housekey.cli.ledger.rebuild", "Make it again when it is damaged."),
}


@click.group("ledger", cls=LazyGroup, commands_in=_COMMANDS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The record of every certificate and of what was done: who, what, when."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
