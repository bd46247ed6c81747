"""`housekey untrust`: this computer trusts the home no longer."""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import common_options, yes_option
from housekey.cli.trusting import carry_out, options_of_both

_EXAMPLES = """\b
Examples:
  housekey untrust                                 the house is on this computer
  housekey untrust --root root.pem                 the root is in this file
  housekey untrust --fingerprint D8:43:…           the root in this computer that has it
  housekey untrust --dry-run                       say what that would do, and change nothing
"""


@click.command("untrust", epilog=_EXAMPLES)
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
