"""`housekey house`: the house itself."""

from __future__ import annotations

import click

from housekey.cli.lazy import LazyGroup

_COMMANDS = {
    "show": ("housekey.cli.house.show", "The root, the issuing CA, what the house may issue for."),
    "rotate": ("housekey.cli.house.rotate", "A new root, with the old one beside it for a time."),
}


@click.group("house", cls=LazyGroup, commands_in=_COMMANDS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """What the house is and what it covers."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
