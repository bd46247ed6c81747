"""`housekey house`: the house itself."""

from __future__ import annotations

import click

from housekey.cli.lazy import LazyGroup

_COMMANDS = {
    "show": ("housekey.cli.house.show", "The root, the issuing CA, what the house may issue for."),
    "check": ("housekey.cli.house.check", "Is the house whole, and does its backup lack anything?"),
    "backup": ("housekey.cli.house.backup", "The whole house in one sealed file, proven."),
    "restore": ("housekey.cli.house.restore", "Put a house back from a backup."),
    "recover": ("housekey.cli.house.recover", "A new issuing CA, with the recovery code."),
    "rotate": ("housekey.cli.house.rotate", "A new root, with the old one beside it for a time."),
}


@click.group("house", cls=LazyGroup, commands_in=_COMMANDS, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """The house itself: what it is, whether it is whole, and how it outlives what happens."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
