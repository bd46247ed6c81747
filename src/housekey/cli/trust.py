"""`housekey trust`: let this computer trust the home."""

from __future__ import annotations

from typing import Any

import click

from housekey.cli.output import common_options, yes_option
from housekey.cli.trusting import carry_out, options_of_both

_EXAMPLES = """\b
Examples:
  housekey trust                                   the house is on this computer
  housekey trust --from http://homeassistant.local:8125
                                                   it is on another one, where housekey share runs
  housekey trust --dry-run                         say what that would do, and change nothing
  housekey trust --store nss-firefox               this store only

\b
Why --unconstrained is a big step: a root of housekey can speak for the names and
addresses of a home, and for nothing else. A root without that limit can speak for
every website. Whoever has its key can pass for your bank, and no program on this
computer will warn you.
"""


@click.command("trust", epilog=_EXAMPLES)
@options_of_both
@click.option(
    "--unconstrained",
    is_flag=True,
    help="Install a root that could speak for every website, too; see below.",
)
@yes_option
@common_options
def command(**options: Any) -> None:
    """Let this computer trust the home: system, browsers, Java.

    Puts the root of the house into every trust store of this computer, and proves
    each by a program that reads it. Exit code 0 when all are proven, 1 when
    something is left to do.
    """
    carry_out(options, taking_out=False)
