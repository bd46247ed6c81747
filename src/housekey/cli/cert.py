"""`housekey cert`: certificates for anything else in the house."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

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
from housekey.errors import HousekeyError, HouseMissing, Stopped, UsageError
from housekey.house.labels import shown
from housekey.pki.keys import KeyType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.records import Event
    from housekey.house.recovery import RecoveryCode
    from housekey.pki.names import Name

LOCK_SECONDS = 10.0
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


command.add_command(revoke)


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
    with house_lock(folder, wait=LOCK_SECONDS, files=files), open_house(folder) as house:
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
    document = {"certificate": _facts(leaf, target), "house": str(folder)}
    if options["self_signed"]:
        document["never_accepted_by"] = NEVER_SELF_SIGNED
    if code is not None:
        document["recovery_code"] = code.text
    output.document(document)


@command.command("list")
@common_options
def list_(**options: Any) -> None:
    """List every certificate that is in use."""
    output = Output(as_json=options["as_json"])
    with open_house(house_folder(options)) as house:
        leaves = house.leaves()
        revoked = house.ledger.revoked()
    if not leaves:
        output.row("nothing", "was issued yet: housekey secure, or housekey cert new NAME")
    for leaf in leaves:
        left = (leaf.certificate.not_valid_after_utc - now()).days
        names = [str(name) for name in leaf.names]
        whose = "" if shown(leaf.label) in names else f"{shown(leaf.label)}: "
        facts = _facts(leaf, leaf.folder, revoked)
        label = "revoked" if facts["revoked"] else f"{left} days"
        output.row(label, f"{whose}{', '.join(names)}")
    output.document({"certificates": [_facts(leaf, leaf.folder, revoked) for leaf in leaves]})


@command.command("show")
@click.argument("name", metavar="NAME")
@common_options
def show(**options: Any) -> None:
    """Show one certificate, by the name that it was issued for."""
    output = Output(as_json=options["as_json"])
    with open_house(house_folder(options)) as house:
        revoked = house.ledger.revoked()
        leaf = next(
            (
                leaf
                for leaf in house.leaves()
                if options["name"].lower() in (leaf.label, shown(leaf.label), *map(str, leaf.names))
            ),
            None,
        )
        known = [shown(each.label) for each in house.leaves()]
    if leaf is None:
        raise UsageError(
            f"there is no certificate for {options['name']}",
            hint=f"there are: {', '.join(known)}" if known else "housekey cert new makes one",
        )
    facts = _facts(leaf, leaf.folder, revoked)
    output.row("names", ", ".join(facts["names"]))
    if facts["revoked"]:
        told = facts["revoked"]
        why = "" if told["reason"] == "unspecified" else f": {told['reason']}"
        output.row("revoked", f"{told['at'][:10]}{why}; housekey cert revoke replaces it")
    for label, key in (
        ("subject", "subject"),
        ("issuer", "issuer"),
        ("from", "not_before"),
        ("until", "not_after"),
        ("key", "key"),
        ("serial", "serial"),
        ("SHA-256", "sha256"),
        ("file", "path"),
    ):
        output.row(label, str(facts[key]))
    output.document(facts)


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
        raise Stopped
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


def _facts(leaf: Leaf, folder: Path, revoked: Mapping[str, Event] | None = None) -> dict[str, Any]:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

    certificate = leaf.certificate
    event = (revoked or {}).get(fingerprint(certificate))
    return {
        "label": shown(leaf.label),
        "names": [str(name) for name in leaf.names],
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "not_before": certificate.not_valid_before_utc.isoformat(),
        "not_after": certificate.not_valid_after_utc.isoformat(),
        "key": leaf.key_type.value,
        "serial": f"{certificate.serial_number:x}",
        "sha256": fingerprint(certificate),
        "revoked": event
        and {"at": event.at.isoformat(), "reason": event.data.get("reason", "unspecified")},
        "path": str(folder / "certificate.pem"),
        "key_path": str(folder / "privkey.pem"),
    }
