"""`housekey secure`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import choose_home, folder_of, home_options, running, sign_in, world_of
from housekey.cli.output import (
    Output,
    common_options,
    house_folder,
    note_code,
    promised,
    subject_of,
    subject_options,
    yes_option,
)
from housekey.cli.secure.helping import InGroups
from housekey.cli.secure.own import (
    ask_for_signature,
    chosen_own,
    own_options,
    refuse_contradictions,
    taking,
    what_next,
)
from housekey.cli.secure.public import (
    choose_public,
    chosen_private,
    public_options,
    public_road,
)
from housekey.cli.secure.which import ask_which_road
from housekey.pki.keys import KeyType

if TYPE_CHECKING:
    from pathlib import Path

    from housekey.homeassistant.impact import Impact
    from housekey.homeassistant.request import Result
    from housekey.house.recovery import RecoveryCode


@click.command("secure", cls=InGroups)
@home_options
@click.option(
    "--name", "add", multiple=True, metavar="NAME", help="Cover this name as well, from now on."
)
@click.option(
    "--no-name", "remove", multiple=True, metavar="NAME", help="Leave this name out, from now on."
)
@click.option(
    "--permit",
    multiple=True,
    metavar="NAME",
    help="Let the new house issue for this name and what is below it, now or later.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Move Home Assistant to this port.",
)
@click.option(
    "--key",
    "key_type",
    type=click.Choice([kind.value for kind in KeyType]),
    help="Kind of key.  [default: ecdsa-p256]",
)
@click.option(
    "--days",
    type=click.IntRange(1, 825),
    metavar="DAYS",
    help="How long a new certificate is good for.  [default: 397]",
)
@click.option(
    "--cert-path",
    metavar="FILE",
    help="Where the certificate goes.  [default: certificate.pem in the folder]",
)
@click.option(
    "--key-path", metavar="FILE", help="Where its key goes.  [default: privkey.pem in the folder]"
)
@click.option(
    "--fix-permissions", is_flag=True, help="Put wrong owners and modes of the two files right."
)
@click.option(
    "--critical-constraints",
    is_flag=True,
    help="Mark the new house's name constraints critical (RFC 5280; ESP32 devices cannot read it).",
)
@subject_options(
    "The new root's",
    country="Home Assistant's",
    organization="Home Assistant's name",
    common_name="one that tells homes apart",
)
@public_options
@own_options
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@yes_option
@common_options
def command(**options: Any) -> None:
    """Take a Home Assistant to https.

    Finds Home Assistant, creates the house if there is none, issues a
    certificate, switches Home Assistant to HTTPS on trial, proves from outside
    that it works, and only then makes it permanent. Whatever fails, everything
    is put back as it was. Run again, it changes nothing unless something is due.

    Three roads lead there; docs/roads.md compares them:

    \b
    housekey secure                       a private root; devices are told once
    housekey secure --public NAME         a name of yours; devices need nothing
    housekey secure --csr FILE            a CA of your own: writes the request
    housekey secure --install FILE...     and takes what that CA returned
    """
    refuse_contradictions(options)
    output = Output(as_json=options["as_json"], yes=options["yes"])
    ask_which_road(options, output, house=house_folder(options))
    if options["csr"] is not None:
        ask_for_signature(options, _Asker)
        return
    result = running(_secure(options, output), output)
    for warning in result.warnings:
        output.row("warning", warning)
    owed = result.outcome is not None and not result.outcome.kept
    if owed:
        output.row("owed", "restart Home Assistant, then run housekey secure again to prove it")
    elif options["staging"] and not options["dry_run"]:
        output.row("rehearsed", "the order works; nothing was switched, and nothing presents it")
        output.row("next", "the same without --staging")
    elif result.changed:
        steps = what_next(result.house, new=result.recovery_code is not None)
        for number, step in enumerate(steps):
            output.row("" if number else "next", step)
    output.document(_document(result, output))
    if owed:
        raise click.exceptions.Exit(1)  # a restart is still due


async def _secure(options: dict[str, Any], output: Output) -> Result:
    from housekey.cli.secure.public_asking import pointing  # noqa: PLC0415 - after --help
    from housekey.homeassistant.request import Request  # noqa: PLC0415
    from housekey.homeassistant.secure import secure  # noqa: PLC0415

    house = house_folder(options)
    world = world_of(options, output)
    own = chosen_own(options, world, output, house=house)  # before anybody is asked anything
    public = public_road(options, world, house=house)
    home = await choose_home(options, world, output, house=house)
    async with sign_in(options, home, world, output, house=house) as token:
        folder = await folder_of(home, token, world, house=house)
        if public is not None:
            public = await choose_public(public, options, world, output, house=house)
        request = Request(
            house=house,
            folder=folder,
            door=home.door,
            token=token,
            add=options["add"],
            remove=options["remove"],
            permit=options["permit"],
            subject=subject_of(options),
            critical=options["critical_constraints"],
            certificate=_path(options["cert_path"], folder),
            key=_path(options["key_path"], folder),
            port=options["port"],
            key_type=KeyType(options["key_type"]) if options["key_type"] else None,
            days=options["days"],
            fix_permissions=options["fix_permissions"],
            dry_run=options["dry_run"],
            restart_command=options["restart_command"],
            road=public or chosen_private(options),
            point=None if public is None else pointing(public, options, world, house=house),
            rehearsal=public is not None and public.is_rehearsal,
        )
        if own is not None:
            request = taking(request, own)
        return await secure(request, world, _Asker(output))


class _Asker:
    """Asks on the terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def go_on(self, impacts: tuple[Impact, ...]) -> bool:  # noqa: ARG002 - already told
        return self._output.confirm("Go on?")

    def note_code(self, code: RecoveryCode) -> bool:
        return note_code(self._output, code)

    def created(self, code: RecoveryCode) -> None:
        promised["recovery_code"] = code.text


def _path(given: str | None, folder: Path) -> Path | None:
    return None if given is None else (folder / given)


def _document(result: Result, output: Output) -> dict[str, Any]:
    if not output.as_json:
        return {}
    site, outcome = result.view.site, result.outcome
    document: dict[str, Any] = {
        "home_assistant": {
            "version": site.version,
            "url": outcome.url if outcome is not None and outcome.kept else site.door.url,
            "config_dir": str(site.folder),
        },
        "names": [str(name) for name in result.names],
        "house": str(result.house),
        "dry_run": outcome is None,
        "changed": result.changed,
        "kept": outcome is not None and outcome.kept,
        "certificate": None,
        "proven": {},
        "signed_in": None,
        "affected": {impact.domain: impact.effect for impact in result.impacts},
        "would": list(result.plan.told()) if outcome is None else [],
        "warnings": list(result.warnings),
    }
    if outcome is not None:
        from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

        document["certificate"] = {
            "sha256": fingerprint(outcome.leaf.certificate),
            "not_after": outcome.leaf.certificate.not_valid_after_utc.isoformat(),
            "path": outcome.pair_path,
        }
        document["proven"] = {str(name): proof.ok for name, proof in outcome.proofs.items()}
        document["signed_in"] = outcome.signed_in
    if result.recovery_code is not None:
        document["recovery_code"] = result.recovery_code.text
    return document
