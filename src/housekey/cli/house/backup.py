"""`housekey house backup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.house.check import told
from housekey.cli.house.passphrase import new_passphrase
from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.cli.recovery_code import recovery_code, recovery_code_option
from housekey.errors import Stopped, UsageError

if TYPE_CHECKING:
    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.sealing import OpenedBy
    from housekey.pki.secret import Secret


@click.command("backup", short_help="The whole house in one sealed file, proven.")
@click.argument("file", metavar="FILE")
@click.option(
    "--passphrase-file",
    metavar="FILE",
    help="The passphrase that seals it, in the first line; - is standard input."
    "  [default: asked for]",
)
@click.option(
    "--with-recovery-code", is_flag=True, help="Seal it with the recovery code; no passphrase."
)
@recovery_code_option
@click.option("--replace", is_flag=True, help="Replace FILE, once the new one is proven.")
@common_options
def command(**options: Any) -> None:
    """Write the house into one encrypted file, for the day on which this machine is gone.

    The file is read back, opened and compared before it gets its name. A passphrase seals it:
    nobody opens it without, and the root's key in it stays sealed with the recovery code on top.
    With --with-recovery-code there is nothing new to remember, but whoever finds the file and
    your note of the code has the root as well.
    """
    from housekey.house.backup import back_up, try_out  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.house.reasons import told as in_plain_words  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    files = Files()
    folder = house_folder(options)
    path = Path(options["file"]).absolute()
    if options["passphrase_file"] and (options["with_recovery_code"] or _code_file(options)):
        raise UsageError(
            "a backup is sealed with a passphrase or with the recovery code, not with both",
            hint="leave out one of the two",
        )
    with open_house(folder) as house:
        try_out(path, files=files)
        _may_be_replaced(path, options, output, files)
        opened_by, secret = _secret(house, options, output)
    output.busy("Writing the backup and reading it back")
    # As it is once the lock is held: questions take minutes.
    with house_lock(folder, files=files), open_house(folder) as house:
        made = back_up(house, path, secret, opened_by=opened_by, at=now())
    output.row("written", f"{made.path} ({made.files} files of the house, {_size(made.size)})")
    output.row("proven", "read back, opened and compared; its keys, chains and ledger examined")
    output.not_noted(made.not_noted)
    output.row("opened by", f"the {opened_by.told} alone: without it, by nobody")
    for name in made.left_out:
        output.row("heads up", f"{name} is no regular file, and is not in the backup")
    for finding in made.wrong:
        output.row("heads up", f"as in the house: {told(finding)}")
    with in_plain_words(path):
        is_beside = path.parent.stat().st_dev == folder.stat().st_dev
    if is_beside:
        output.row("heads up", "it is on the same disk as the house: take a copy to another place")
    output.document(
        {
            "house": str(folder),
            "file": str(made.path),
            "bytes": made.size,
            "sha256": made.sha256,
            "files": made.files,
            "opened_by": opened_by.value,
            "left_out": list(made.left_out),
            "wrong": [told(finding) for finding in made.wrong],
            "on_the_same_disk": is_beside,
            "not_noted": made.not_noted,
        }
    )


def _code_file(options: dict[str, Any]) -> bool:
    return options["recovery_code_file"] is not None


def _may_be_replaced(path: Path, options: dict[str, Any], output: Output, files: Files) -> None:
    if files.snapshot(path) is None or options["replace"]:  # a folder of that name raises
        return
    if not output.confirm(f"{path} is there already. Replace it?", option="--replace"):
        raise Stopped


def _secret(house: House, options: dict[str, Any], output: Output) -> tuple[OpenedBy, Secret]:
    from housekey.house.root_key import open_root_key  # noqa: PLC0415 - after --help
    from housekey.house.sealing import OpenedBy  # noqa: PLC0415

    if not (options["with_recovery_code"] or _code_file(options)):
        return OpenedBy.PASSPHRASE, new_passphrase(options, output)
    code = recovery_code(options, output=output)
    open_root_key(house, code)  # is it the code of this house? Nobody would know until too late
    return OpenedBy.RECOVERY_CODE, code.secret


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
