"""`housekey check`: which devices accept this, and if not, why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now
from housekey.errors import UsageError
from housekey.platforms.model import Platform

if TYPE_CHECKING:
    from housekey.check.run import Checked


@click.command("check")
@click.argument("target", required=False, metavar="TARGET")
@click.option(
    "--root",
    metavar="FILE",
    help="What the devices trust.  [default: the house's root; a self-signed leaf is its own]",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME",
    help="What clients connect to.  [default: the host of TARGET, else every name of the leaf]",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    type=click.Choice([each.value for each in Platform]),
    metavar="PLATFORM",
    help=f"Ask only this one: {', '.join(each.value for each in Platform)}.",
)
@click.option(
    "--at", metavar="TIME", help="As if it were this time: 2027-01-31T00:00Z.  [default: now]"
)
@click.option(
    "--fix", is_flag=True, help="Of a folder: put owners and modes of certificate and key right."
)
@click.option("--rules", is_flag=True, help="List every rule, with its source.")
@common_options
def command(**options: Any) -> None:
    """Tell which devices accept what TARGET presents, and if not, why.

    TARGET is a file (PEM or DER: the leaf first, then what a server would send with it), the
    configuration folder of a Home Assistant, HOST[:PORT], or an https:// address. Without a
    port it is 443, or 8123 where nothing answers at 443. Nothing is changed, unless by --fix.

    Exit code 0: every platform accepts it. 1: one rejects it, or something else is wrong.
    3: it could not be looked at.
    """
    from housekey.cli import verdicts  # noqa: PLC0415 - after --help

    output = Output(as_json=options["as_json"])
    platforms = tuple(dict.fromkeys(map(Platform, options["platforms"]))) or tuple(Platform)
    if options["rules"]:
        verdicts.tell_rules(platforms, output)
        return
    if not options["target"]:
        raise UsageError("there is nothing to check", hint="housekey check TARGET, or --rules")
    checked = _check(options, platforms, output)
    verdicts.tell(checked, options["target"], output, verbose=options["verbose"] > 0)
    output.document(verdicts.document(checked, options["target"]) if output.as_json else {})
    if not checked.accepted:
        raise click.exceptions.Exit(1)


def _check(options: dict[str, Any], platforms: tuple[Platform, ...], output: Output) -> Checked:
    from housekey.check.run import Request, check  # noqa: PLC0415 - after --help
    from housekey.check.target import HomeTarget, parse_target  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.live.handshake import resolve  # noqa: PLC0415
    from housekey.pki.names import parse_name  # noqa: PLC0415

    names = tuple(dict.fromkeys(map(parse_name, options["names"])))
    at = _time(options["at"]) if options["at"] else now()
    target = parse_target(options["target"])
    if options["fix"] and not isinstance(target, HomeTarget):
        raise UsageError(
            "--fix is for the folder of a Home Assistant", hint="give the folder as TARGET"
        )
    request = Request(
        target=target,
        root=Path(options["root"]) if options["root"] else None,
        names=names,
        platforms=platforms,
        at=at,
        house=house_folder(options),
        fix=options["fix"],
    )
    output.busy("looking")
    try:
        return asyncio.run(check(request, files=Files(), resolver=resolve))
    finally:
        output.busy("")


def _time(text: str) -> datetime:
    """Return a time as aware UTC; without a zone it is UTC, without an hour midnight."""
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time", hint="write it like 2027-01-31 or 2027-01-31T00:00Z"
        ) from None
