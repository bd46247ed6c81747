"""`housekey untrust`: this computer trusts the home no longer."""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import common_options, yes_option
from housekey.cli.trusting import carry_out, options_of_both


@click.command("untrust")
@options_of_both
@yes_option
@common_options
def command(**options: Any) -> None:
    """Take the home's root out of this computer again.

    Removes exactly this root from every trust store, under whatever name it is
    there, and proves that programs refuse it again. The house itself stays, and so
    do other roots. Exit code 1 when something still accepts it.
    """
    carry_out(options, taking_out=True)
