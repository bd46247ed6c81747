"""`housekey cert`: certificates for anything else in the house."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.cert_list import facts_of, list_, show
from housekey.cli.cert_revoke import revoke
from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    note_code,
    now,
    open_house,
    promised,
    subject_of,
    subject_options,
    yes_option,
)
from housekey.errors import CodeNotNoted, HousekeyError, HouseMissing
from housekey.pki.keys import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name

# Where a self-signed leaf cannot be made to work, whatever its owner does (PLATFORMS.md).
NEVER_SELF_SIGNED = {
    "iPhone and iPad": "Certificate Trust Settings list only CAs (APL-23)",
    "Android, the Home Assistant app": "only a CA can be installed (AND-01)",
    "Chrome on Android": "it never trusts a leaf by itself (CHR-17)",
}


@click.group("cert", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Certificates for anything else in the house: a printer, a NAS, a camera."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for each in (list_, show, revoke):
    command.add_command(each)


@command.command("new", short_help="Issue a certificate for one thing.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--out", metavar="DIR", help="Put the two files there.  [default: in the house]")
@click.option(
    "--key",
    "key_type",
    type=click.Choice([kind.value for kind in KeyType]),
    default=KeyType.ECDSA_P256.value,
    help="Kind of key.  [default: ecdsa-p256]",
)
@click.option(
    "--days",
    type=click.IntRange(1, 825),
    default=397,
    metavar="DAYS",
    help="How long it is good for.  [default: 397]",
)
@click.option("--self-signed", is_flag=True, help="Signed by its own key; few devices take it.")
@subject_options("The certificate's", common_name="the first name; it can only be one of them")
@yes_option
@common_options
def new(**options: Any) -> None:
    """Issue a certificate for one thing that answers under all of these names.

    Leaves certificate.pem (with the issuing CA behind it) and privkey.pem. Creates
    the house if there is none. What is replaced at --out is kept beside it.
    """
    from housekey.house.exported import record_copy  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.pki.issuing import subject_of_server  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415
    from housekey.pki.profiles import LEAF, SELF_SIGNED  # noqa: PLC0415
    from housekey.pki.subject import Subject  # noqa: PLC0415

    output = Output(as_json=options["as_json"], yes=options["yes"])
    files = Files()
    names = tuple(dict.fromkeys(parse_name(name) for name in options["names"]))
    fields = subject_of(options)
    subject = Subject(**{"common_name": None, **fields}) if fields else None
    folder = house_folder(options)
    # Before there is a house: what would be refused after it.
    subject_of_server(SELF_SIGNED if options["self_signed"] else LEAF, names, subject)
    if options["out"]:
        _try_out(Path(options["out"]).absolute(), files)
    house, code = _house(folder, names, fields, output, files)
    house.close()
    # As it is once the lock is held: it may be rotated, or restored, while we wait.
    with house_lock(folder, files=files), open_house(folder) as house:
        label = str(names[0])
        present = house.leaf(label)
        issue = house.issue_self_signed if options["self_signed"] else house.issue
        # What cannot be put into --out is not in the house either.
        with house.leaf_stays_on_failure(label):
            leaf = issue(
                label,
                names,
                key_type=KeyType(options["key_type"]),
                days=options["days"],
                subject=subject,
            )
            target = Path(options["out"]).absolute() if options["out"] else leaf.folder
            saved: tuple[Path, ...] = ()
            if options["out"]:
                record = partial(record_copy, house, leaf, target, now=now())
                saved = _export(leaf, present, target, files, record=record)
    life = leaf.certificate.not_valid_after_utc - now()
    output.row("names", ", ".join(map(str, leaf.names)))
    output.row("issued", f"{target / 'certificate.pem'}")
    days = "1 day" if life.days == 0 else f"{life.days + 1} days"
    output.row("", f"{target / 'privkey.pem'}  ({days}, {leaf.key_type.label})")
    for path in saved:
        output.row("saved", f"what was there before is now {path.name}")
    if options["self_signed"]:
        for platform, reason in NEVER_SELF_SIGNED.items():
            output.row("heads up", f"never accepted by {platform}: {reason}")
    document = {"certificate": facts_of(leaf, target), "house": str(folder)}
    if options["self_signed"]:
        document["never_accepted_by"] = NEVER_SELF_SIGNED
    if code is not None:
        document["recovery_code"] = code.text
    output.document(document)


def _house(
    folder: Path, names: tuple[Name, ...], fields: dict[str, str], output: Output, files: Files
) -> tuple[House, RecoveryCode | None]:
    """Open the house, or create it; the code is shown before anything is on disk."""
    from housekey.house.house import clock_must_be_possible, prepare_house  # noqa: PLC0415 - after --help
    from housekey.pki.subject import Subject  # noqa: PLC0415

    try:
        return open_house(folder), None
    except HouseMissing:
        clock_must_be_possible(now())
        prepared = prepare_house(
            names=names,
            subject=Subject(
                common_name=None,
                country=fields.get("country"),
                organization=fields.get("organization", "Home"),
            ),
            clock=now,
        )
    if prepared.added:
        output.row("covers", f"beside the names of every home: {', '.join(prepared.added)}")
    if not note_code(output, prepared.recovery_code):
        raise CodeNotNoted
    code = prepared.recovery_code
    house = prepared.write(folder, files, there=lambda: promised.update(recovery_code=code.text))
    return house, code


def _try_out(target: Path, files: Files) -> None:
    """Find out whether a pair can be put into `target` before there is a house or a leaf."""
    present = target
    while not present.exists() and present.parent != present:
        present = present.parent
    files.try_out(present)


def _export(
    leaf: Leaf, present: Leaf | None, target: Path, files: Files, *, record: Callable[[], None]
) -> tuple[Path, ...]:
    """Copy the pair to `target`, and `record` it; what is there and not ours is kept beside it.

    A failure puts both files back: one of each pair would be none.
    """
    files.make_folder(target, mode=0o755)
    pair = (
        (
            target / "privkey.pem",
            leaf.key_pem.reveal(),
            present and present.key_pem.reveal(),
            0o600,
        ),
        (target / "certificate.pem", leaf.chain_pem, present and present.chain_pem, 0o644),
    )
    found = [files.snapshot(path) for path, *_ in pair]
    saved: list[Path] = []
    try:
        with files.room(target):
            for (path, data, before, mode), was in zip(pair, found, strict=True):
                if was is not None and was.data not in (data, before):
                    saved.append(files.keep_aside(path, was))
                files.write(path, data, mode=mode)
            record()
    except BaseException:
        with contextlib.suppress(HousekeyError):  # what was kept goes when all else is back
            for (path, *_), was in zip(pair, found, strict=True):
                files.restore(path, was)
            for kept in saved:
                files.remove(kept)
        raise
    return tuple(saved)
