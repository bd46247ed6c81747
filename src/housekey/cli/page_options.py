"""Where the onboarding page is served and leads: options of every command that serves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")


def page_options(command: _Command) -> _Command:
    """Add `--port`, `--proof-port` and `--home-assistant`, in this order."""
    for option in (
        click.option(
            "--home-assistant",
            metavar="URL",
            help="Where the page leads in the end.  [default: the Home Assistant that was secured]",
        ),
        click.option(
            "--proof-port",
            type=click.IntRange(1, 65535),
            default=8126,
            metavar="PORT",
            help="Where devices prove that they trust the root.  [default: 8126]",
        ),
        click.option(
            "--port",
            type=click.IntRange(1, 65535),
            default=8125,
            metavar="PORT",
            help="Where the page answers.  [default: 8125]",
        ),
    ):
        command = option(command)
    return command
