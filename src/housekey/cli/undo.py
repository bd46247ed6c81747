"""`housekey undo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import choose_home, folder_of, home_options, running, sign_in, world_of
from housekey.cli.output import Output, common_options, house_folder, yes_option

if TYPE_CHECKING:
    from housekey.homeassistant.undo import Undone


@click.command("undo")
@home_options
@yes_option
@common_options
def command(**options: Any) -> None:
    """Put Home Assistant back as it was before housekey.

    Its configuration and its files come back byte for byte, and housekey waits
    until it answers as before. The house, with its root and its certificates,
    stays where it is: devices may trust it already.
    """
    output = Output(as_json=options["as_json"], yes=options["yes"])
    undone = running(_undo(options, output), output)
    for warning in undone.warnings:
        output.row("warning", warning)
    output.document(
        {
            "home_assistant": {
                "version": undone.version,
                "url": undone.url,
                "config_dir": str(undone.folder),
            },
            "changed": undone.changed,
            "files": [str(path) for path in undone.files],
            "warnings": list(undone.warnings),
        }
    )


async def _undo(options: dict[str, Any], output: Output) -> Undone:
    from housekey.homeassistant.undo import undo  # noqa: PLC0415 - after --help

    house = house_folder(options)
    world = world_of(options, output)
    home = await choose_home(options, world, output, house=house)
    async with sign_in(options, home, world, output, house=house) as token:
        return await undo(
            house=house,
            folder=await folder_of(home, token, world, house=house),
            door=home.door,
            token=token,
            restart_command=options["restart_command"],
            world=world,
        )
