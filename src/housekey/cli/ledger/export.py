"""`housekey ledger export`: the ledger as lines of JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from housekey.cli.output import Output, common_options, house_folder, open_house

_STDOUT = "-"


@click.command("export")
@click.option(
    "--out",
    metavar="FILE",
    default=_STDOUT,
    help="Write it there, for you alone; - is standard output.  [default: -]",
)
@common_options
def command(**options: Any) -> None:
    """Print every certificate and every event of the ledger, one JSON object a line.

    The first line is the version of this form; docs/recovery.md tells what each line holds.
    """
    from housekey.house.exporting import FORM, exported, lines_of  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    with open_house(house_folder(options)) as house:
        if options["out"] != _STDOUT:
            path, files = Path(options["out"]).absolute(), Files()
            files.try_out(path.parent)
            lines = list(lines_of(house.ledger))
            files.write(path, "".join(f"{line}\n" for line in lines).encode(), mode=0o600)
            output.row("written", f"{path}: {len(lines) - 1} entries of the ledger")
            output.document({**FORM, "written": str(path), "entries": len(lines) - 1})
        elif output.as_json:
            output.document({**FORM, "entries": list(exported(house.ledger))})
        else:
            for line in lines_of(house.ledger):
                click.echo(line)
