"""`housekey house check`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.findings import Finding


@click.command("check")
@click.option(
    "--fix", is_flag=True, help="Make public files again that are lost, from the ledger's copies."
)
@common_options
def command(**options: Any) -> None:
    """Look whether the house is whole. Exit code 1 when something is wrong.

    Do keys and certificates belong together, does each chain hold, are the keys their owner's
    alone, is the ledger sound and complete, was a change cut short, what does the last backup
    lack? Works on a damaged house, too: that is what it is for. Changes nothing without --fix.
    """
    from housekey.house.examining import examined  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.findings import Weight  # noqa: PLC0415
    from housekey.house.seen import seen_on_disk  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder = house_folder(options)
    files = Files()
    fixed = _fixed(folder, files) if options["fix"] else []
    seen = seen_on_disk(folder, files=files)
    findings = examined(seen, folder=folder, now=now())
    wrong = [each for each in findings if each.weight is Weight.WRONG]
    output.row("house", str(folder))
    for name in fixed:
        output.row("fixed", f"{name}: made again, from the ledger")
    for finding in findings:
        output.row(finding.weight.value, told(finding))
    if not wrong:
        known = len(seen.ledger.serials) if seen.ledger else 0
        output.row(
            "good",
            f"keys, chains and modes are as they should be; the ledger is sound,"
            f" with {known} certificates",
        )
    output.document(
        {
            "house": str(folder),
            "sound": not wrong,
            "fixed": fixed,
            "findings": [{**asdict(each), "weight": each.weight.value} for each in findings],
        }
    )
    if wrong:
        raise click.exceptions.Exit(1)


def _fixed(folder: Path, files: Files) -> list[str]:
    """Make again what the ledger has, all of it or nothing; return the names of the files."""
    from housekey.house.lock import house_lock  # noqa: PLC0415 - rarely needed
    from housekey.house.remaking import remade  # noqa: PLC0415 - loaded already
    from housekey.house.seen import seen_on_disk  # noqa: PLC0415 - loaded already
    from housekey.house.together import replace_together  # noqa: PLC0415 - rarely needed

    seen_on_disk(folder, files=files)  # says that there is none before a lock is left there
    with house_lock(folder, files=files):
        again = remade(seen_on_disk(folder, files=files))
        if again:
            replace_together(folder, again, files=files)
    return sorted(again)


def told(finding: Finding) -> str:
    """Tell a finding in one line."""
    return f"{finding.about}: {finding.what}" + (f" - {finding.do}" if finding.do else "")
