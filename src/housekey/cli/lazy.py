"""A group of commands that are imported when they are called, not before.

`housekey --version` should take no longer than click itself (measured by `make bench`).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(click.Group):
    """`commands_in`: a command's name, its module, whose `command` it is, and its first line."""

    def __init__(
        self, *arguments: Any, commands_in: Mapping[str, tuple[str, str]], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._table = commands_in

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in self._table:
            return None
        module, _ = self._table[cmd_name]
        command = importlib.import_module(module).command
        assert isinstance(command, click.Command)  # noqa: S101 - a promise of every command file
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in self._table or name.startswith("-"):
            return super().resolve_command(ctx, args)
        meant = self._meant_by(ctx, name)
        maybe = f". Did you mean {' or '.join(meant)}?" if meant else ""
        raise click.UsageError(f"No such command {name!r}{maybe}", ctx)

    def _meant_by(self, ctx: click.Context, name: str) -> list[str]:
        """Return what somebody may have meant: one command deeper, or one that is spelled alike."""
        from difflib import get_close_matches  # noqa: PLC0415 - only for what is no command

        commands = {each: self.get_command(ctx, each) for each in self._table}
        deeper = [
            f"{ctx.command_path} {each} {name}"
            for each, group in commands.items()
            if isinstance(group, click.Group) and name in group.list_commands(ctx)
        ]
        alike = [f"{ctx.command_path} {each}" for each in get_close_matches(name, commands)]
        return deeper or alike

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        # From the table: loading every command to print its first line would be slow.
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._table.items()])
