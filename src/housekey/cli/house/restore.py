"""`housekey house restore`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.house.check import told
from housekey.cli.house.passphrase import passphrase
from housekey.cli.output import Output, common_options, house_folder, now
from housekey.cli.recovery_code import recovery_code, recovery_code_option
from housekey.errors import Stopped, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.house.records import Event, IssuedCertificate
    from housekey.house.sealing import OpenedBy
    from housekey.pki.secret import Secret

_MOST_NAMED = 6
_SINCE = "since that backup, and it stays so"


@click.command("restore", short_help="Put a house back from a backup.")
@click.argument("file", metavar="FILE")
@click.option(
    "--passphrase-file",
    metavar="FILE",
    help="The passphrase that opens it, in the first line; - is standard input."
    "  [default: asked for]",
)
@recovery_code_option
@click.option(
    "--replace", is_flag=True, help="Where there is a house already: put it aside, unharmed."
)
@common_options
def command(**options: Any) -> None:
    """Put the house back that `housekey house backup` wrote into FILE.

    It comes into a new or empty folder, whole or not at all. With --replace the house that is
    there goes aside, under a name beside it, in the same moment.
    """
    from housekey.house.backup import open_backup  # noqa: PLC0415 - after --help
    from housekey.house.carrying import to_carry  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.house.restoring import is_taken, lacking, restore  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    files = Files()
    folder = house_folder(options)
    path = Path(options["file"]).absolute()

    def secret(opened_by: OpenedBy) -> Secret:
        return _secret(opened_by, options, output)

    opened = open_backup(path, secret, files=files)
    output.row("opens", f"{path}, made on {opened.header.made:%d %B %Y}")
    missing = lacking(folder, opened.copy)
    if missing:
        output.row("lacks", _listed(missing))
    since = to_carry(folder, opened.copy, files=files).revocations
    if since:
        output.row("revoked", f"{_SINCE}: {_labels(since)}")
    replace = options["replace"]
    if is_taken(folder) and not replace:
        question = f"There is something in {folder}. Put it aside, and the backup in its place?"
        if not output.confirm(question, option="--replace"):
            raise Stopped
        replace = True
    with contextlib.ExitStack() as held:
        if folder.is_dir() and is_taken(folder):  # an empty one must stay empty
            held.enter_context(house_lock(folder, files=files))
        done = restore(opened, folder, source=path, replace=replace, files=files, clock=now)
    output.row("restored", f"{done.folder} ({done.files} files)")
    if done.aside is not None:
        output.row("saved", f"what was there is now {done.aside}")
    for finding in done.wrong:
        output.row("heads up", told(finding))
    if len(done.revoked) > len(since):  # known from the list alone: the ledger was damaged
        output.row("revoked", f"{_SINCE}: {_labels(done.revoked)}")
    steps = ["housekey secure, on the machine of Home Assistant; housekey house check"]
    if done.revoked:
        steps.insert(0, "what was revoked and is here again gets a new key: housekey renew")
    for number, step in enumerate(steps):
        output.row("" if number else "next", step)
    output.document(
        {
            "house": str(done.folder),
            "file": str(path),
            "made": done.made.isoformat(),
            "files": done.files,
            "aside": str(done.aside) if done.aside else None,
            "lacks": [
                {"label": each.label, "names": list(each.names), "sha256": each.sha256}
                for each in missing
            ],
            "revoked_since": [
                {
                    "label": _label(event),
                    "serial": event.data.get("serial"),
                    "sha256": event.sha256,
                    "at": event.at.isoformat(),
                }
                for event in done.revoked
            ],
            "wrong": [told(finding) for finding in done.wrong],
        }
    )


def _secret(opened_by: OpenedBy, options: dict[str, Any], output: Output) -> Secret:
    from housekey.house.sealing import OpenedBy  # noqa: PLC0415 - loaded already

    given = {
        OpenedBy.PASSPHRASE: options["passphrase_file"],
        OpenedBy.RECOVERY_CODE: options["recovery_code_file"],
    }
    if given[opened_by] is None and any(given.values()):
        raise UsageError(
            f"this backup is opened by the {opened_by.told}",
            hint=f"give --{opened_by.value}-file FILE, or neither to be asked",
        )
    if opened_by is OpenedBy.PASSPHRASE:
        return passphrase(options, output)
    return recovery_code(options, output=output).secret


def _label(revoked: Event) -> str | None:
    label = revoked.data.get("label")
    return str(label).removeprefix("_") if label else None


def _labels(revoked: Sequence[Event]) -> str:
    what = [_label(event) or f"serial {event.data.get('serial')}" for event in revoked]
    named = list(dict.fromkeys(what))
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _listed(missing: Sequence[IssuedCertificate]) -> str:
    what = [each.label or ", ".join(each.names) or each.role for each in missing]
    named = [each.removeprefix("_") for each in dict.fromkeys(what)]
    more = len(named) - _MOST_NAMED
    number = f"{len(missing)} certificate{'' if len(missing) == 1 else 's'} of the house here"
    return f"{number}: {', '.join(named[:_MOST_NAMED])}" + (f" and {more} more" if more > 0 else "")
