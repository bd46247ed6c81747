"""`housekey ledger rebuild`: a ledger again, from what can be read and what lies here."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.errors import HousekeyError, HouseMissing

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.rebuilding import Rebuilt


@click.command("rebuild")
@common_options
def command(**options: Any) -> None:
    """Make the ledger again when it is missing or damaged.

    Saves every entry that can still be read, adds the certificates that lie in the house, and
    keeps the damaged ledger beside. One that is sound stays as it is.
    """
    from housekey.house.files import Files  # noqa: PLC0415 - after --help
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.house.rebuilding import rebuild  # noqa: PLC0415
    from housekey.house.who import who  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder, files = house_folder(options), Files()
    _must_be_a_house(folder)
    with house_lock(folder, files=files):
        output.busy("reading the ledger")
        rebuilt = rebuild(folder, files=files, at=now(), by=who())
        recalled = _recalled(folder, files)
    _tell(output, folder, rebuilt, recalled)
    output.document({"house": str(folder), **asdict(rebuilt), "recalled": recalled})


def _recalled(folder: Path, files: Files) -> int:
    """Take from the list of revoked certificates what the ledger has lost; say how many."""
    from housekey.house.revoking import read_crl, recall  # noqa: PLC0415 - after --help
    from housekey.house.who import who  # noqa: PLC0415

    try:
        with open_house(folder) as house:
            return recall(house, read_crl(house, files=files), by=who())
    except HousekeyError:
        return 0  # more is missing than the ledger; whoever opens the house is told


def _must_be_a_house(folder: Path) -> None:
    """Raise before a lock is left in a folder that is none."""
    from housekey.house.generations import ISSUING, ROOT  # noqa: PLC0415 - after --help
    from housekey.house.house import LEDGER  # noqa: PLC0415

    if not any((folder / name).exists() for name in (ROOT, ISSUING, LEDGER)):
        raise HouseMissing(
            f"there is no house in {folder}", hint="--house DIR names another folder"
        )


def _tell(output: Output, folder: Path, rebuilt: Rebuilt, recalled: int) -> None:
    for problem in rebuilt.problems:
        output.row("damaged", problem)
    if rebuilt.problems:
        output.row("saved", f"{_certificates(rebuilt.certificates)}, {_events(rebuilt.events)}")
    for file in rebuilt.added:
        output.row("added", f"the certificate in {file}")
    if recalled:
        output.row("revoked", f"{_certificates(recalled)}, as the list crl.der says")
    if rebuilt.lost_certificates:
        output.row("lost", f"{_certificates(rebuilt.lost_certificates)} that could not be read")
    if rebuilt.lost_events:
        output.row("lost", f"{_events(rebuilt.lost_events)} that could not be read")
    for file in rebuilt.unreadable:
        output.row("heads up", f"{file} holds no certificate that can be read")
    if rebuilt.kept_in:
        output.row("kept", f"the damaged ledger is in {folder / rebuilt.kept_in}")
    if not rebuilt.problems and not rebuilt.added and not recalled:
        output.row("nothing", "to do: the ledger is sound, and knows every certificate here")


def _certificates(count: int) -> str:
    return f"{count} certificate{'' if count == 1 else 's'}"


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"
