"""`housekey cert revoke`: take a certificate back, as far as anybody looks, and replace it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.errors import HousekeyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from housekey.house.files import Files
    from housekey.house.house import House
    from housekey.house.leaves import Leaf
    from housekey.house.revoking import Target
    from housekey.pki.crl import RevocationList

_AGAIN = "run the same command again"
_PATH = "/housekey.crl"
_BY_RENEW = "Home Assistant still presents it: housekey renew --now gets another, with a new key"
REASONS = ("unspecified", "key-compromise", "superseded", "cessation-of-operation")


@click.command("revoke", short_help="Revoke one, and replace it at once.")
@click.argument("what", metavar="LABEL|SERIAL")
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    default=REASONS[0],
    help="What the list says of it.  [default: unspecified, which says nothing]",
)
@click.option("--no-replacement", is_flag=True, help="Issue no new one, now or later.")
@common_options
def revoke(**options: Any) -> None:
    """Revoke a certificate, put it on the list of the house, and issue another.

    LABEL is what cert list shows: all that was issued for it and is still good is
    revoked. SERIAL is one certificate's number, as cert show and browsers show it.
    The new one has a new key. Almost no device looks at such a list, so the old
    one stays good for whoever has its key: docs/revoke.md says what helps.
    """
    from housekey.cli.cert_revoke_elsewhere import (  # noqa: PLC0415 - after --help
        obtained_among,
        revoke_elsewhere,
    )
    from housekey.house import revoking  # noqa: PLC0415
    from housekey.house.exported import replace_copies  # noqa: PLC0415
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.lock import house_lock  # noqa: PLC0415
    from housekey.house.who import who  # noqa: PLC0415
    from housekey.pki.crl import Reason  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    files = Files()
    folder = house_folder(options)
    reason = Reason(options["reason"])
    open_house(folder).close()  # says what is wrong with it before a lock is made in it
    # As it is once the lock is held: it may be rotated, or restored, while we wait.
    with house_lock(folder, files=files), open_house(folder) as house:
        chosen = revoking.choose(house, options["what"], reason=reason, now=now())
        to_replace = None if options["no_replacement"] else chosen.to_replace
        # Where another CA gives the new one, `renew` asks it.
        by_renew = to_replace is not None and house.road_of(to_replace.label) is not None
        to_replace = None if by_renew else to_replace
        if not chosen.targets and chosen.already and to_replace is None:
            raise revoking.already_revoked(options["what"], chosen.already)
        # What would fail later is found while nothing is recorded.
        house.must_be_able_to_issue()
        files.try_out(folder)
        elsewhere = obtained_among(house, chosen.targets)
        revoke_elsewhere(house, elsewhere, reason=reason, output=output)
        revoking.revoke(
            house,
            chosen.targets,
            reason=reason,
            by=who(),
            at=now(),
            # Home Assistant and the onboarding page ("_…") go on, and cannot go on without one.
            replacement=not options["no_replacement"]
            or any((each.label or "").startswith("_") for each in chosen.targets),
        )
        for target in chosen.targets:
            output.row("revoked", _told(target))
        if not chosen.targets and chosen.already:
            output.row("revoked", f"on {chosen.already.at:%Y-%m-%d} already")
        crl, owed = _listed(house, files, output)
        unlisted = [each for each in chosen.targets if not revoking.is_listed(each, crl)]
        new = None
        copies: tuple[Path, ...] = ()
        if to_replace is not None:
            try:
                new = revoking.replace(house, to_replace)
                copies = replace_copies(house, new, now=now()).done
            except HousekeyError as error:
                why = error.message
                owed.append(
                    f"no new certificate: {why}; {_AGAIN}"
                    if new is None
                    else f"{why}; {error.hint}"
                )
    if crl is not None and len(unlisted) > len(elsewhere):
        output.row("heads up", "the list of today's issuing CA cannot name what it did not sign")
    steps = _next(new, to_replace, copies, kept=options["no_replacement"])
    if by_renew:
        steps = [_BY_RENEW]
    _tell(new, copies, owed=owed, steps=steps, targets=chosen.targets, output=output)
    output.document(
        {
            "revoked": [_facts(each, listed=each not in unlisted) for each in chosen.targets],
            "reason": reason.value,
            "crl": _crl_facts(crl, folder / revoking.CRL),
            "replacement": _pair(new, copies),
            "owed": owed,
            "next": steps,
        }
    )
    if owed:
        raise click.exceptions.Exit(1)


def _tell(
    new: Leaf | None,
    copies: Sequence[Path],
    *,
    owed: Sequence[str],
    steps: Sequence[str],
    targets: Sequence[Target],
    output: Output,
) -> None:
    if new is not None:
        output.row("issued", str(new.folder / "certificate.pem"))
        output.row("", f"{new.folder / 'privkey.pem'}  (a new key, {new.key_type.label})")
        for copy in copies:
            output.row("", f"and both in {copy}")
    for each in owed:
        output.row("owed", each)
    for step in steps:
        output.row("next", step)
    ends = max((each.certificate.not_valid_after_utc for each in targets), default=None)
    if ends is not None:
        output.row(
            "heads up",
            f"hardly any device looks at the list: whoever has the key can use it until"
            f" {ends:%Y-%m-%d}",
        )


def _listed(house: House, files: Files, output: Output) -> tuple[RevocationList | None, list[str]]:
    """Make the list anew if it is due; what could not be made is owed."""
    from housekey.house.revoking import crl_is_due, read_crl, remake_crl  # noqa: PLC0415 - loaded
    from housekey.house.who import who  # noqa: PLC0415

    try:
        crl = read_crl(house, files=files)
        if crl_is_due(house, crl, now=now()):
            crl = remake_crl(house, files=files, by=who(), at=now())
    except HousekeyError as error:
        return None, [f"the list of revoked certificates: {error.message}; {_AGAIN}"]
    if crl is not None:
        many = "1 certificate" if len(crl.serials) == 1 else f"{len(crl.serials)} certificates"
        output.row("list", f"{house.folder / 'crl.der'}: {many}")
        output.row("", f"the onboarding page serves it at {_PATH} (housekey share)")
    return crl, []


def _next(
    new: Leaf | None, replaced: Leaf | None, copies: Sequence[Path], *, kept: bool
) -> list[str]:
    from housekey.homeassistant.recorded import LABEL as HOME_ASSISTANT  # noqa: PLC0415
    from housekey.onboarding.leaf import LABEL as PAGE  # noqa: PLC0415

    if new is None or replaced is None:
        return [] if not kept else ["what still presents it: give it another, or switch it off"]
    if new.label == HOME_ASSISTANT:
        return ["Home Assistant still presents the old one: housekey renew"]
    if new.label == PAGE:
        return ["a housekey share that runs presents the old one until it is started again"]
    if copies:
        return ["let what uses them load the new files"]
    return ["give the new files to what uses them, and let it load them"]


def _told(target: Target) -> str:
    from housekey.pki.names import names_of  # noqa: PLC0415 - loaded already

    names = ", ".join(map(str, names_of(target.certificate)))
    in_use = "" if target.in_use or target.label is None else ", one from before"
    return f"{names} (serial {target.serial:x}{in_use})"


def _facts(target: Target, *, listed: bool) -> dict[str, Any]:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already
    from housekey.pki.names import names_of  # noqa: PLC0415

    return {
        "label": target.label and target.label.removeprefix("_"),
        "names": [str(name) for name in names_of(target.certificate)],
        "serial": f"{target.serial:x}",
        "sha256": fingerprint(target.certificate),
        "not_after": target.certificate.not_valid_after_utc.isoformat(),
        "listed": listed,
    }


def _crl_facts(crl: RevocationList | None, path: Any) -> dict[str, Any] | None:
    if crl is None:
        return None
    return {
        "path": str(path),
        "number": crl.number,
        "entries": len(crl.serials),
        "this_update": crl.this_update.isoformat(),
        "next_update": crl.next_update.isoformat(),
    }


def _pair(leaf: Leaf | None, copies: Sequence[Path]) -> dict[str, Any] | None:
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

    if leaf is None:
        return None
    return {
        "path": str(leaf.folder / "certificate.pem"),
        "key_path": str(leaf.folder / "privkey.pem"),
        "copies": [str(copy) for copy in copies],
        "serial": f"{leaf.certificate.serial_number:x}",
        "sha256": fingerprint(leaf.certificate),
    }
