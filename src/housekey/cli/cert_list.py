"""`housekey cert list` and `cert show`: what is in use, and one of it whole."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.errors import UsageError
from housekey.house.labels import shown
from housekey.pki.fingerprint import grouped
from housekey.pki.span import span

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from housekey.house.leaves import Leaf
    from housekey.house.records import Event


@click.command("list", short_help="Every certificate that is in use, and how long it is good.")
@common_options
def list_(**options: Any) -> None:
    """List every certificate that is in use; exit code 1 when one is damaged."""
    output = Output(as_json=options["as_json"])
    with open_house(house_folder(options)) as house:
        leaves, damaged = house.each_leaf()
        revoked = house.ledger.revoked()
    if not leaves and not damaged:
        output.row("nothing", "was issued yet: housekey secure, or housekey cert new NAME")
    for leaf in leaves:
        left = leaf.certificate.not_valid_after_utc - now()
        names = [str(name) for name in leaf.names]
        whose = "" if shown(leaf.label) in names else f"{shown(leaf.label)}: "
        facts = facts_of(leaf, leaf.folder, revoked)
        label = (
            "revoked"
            if facts["revoked"]
            else span(left)
            if left >= timedelta()
            else f"{left.days} days"
        )
        output.row(label, f"{whose}{', '.join(names)}")
    for each in damaged:
        output.row(each.state, f"{shown(each.label)}: {each.trouble.message}")
        output.row("hint", each.trouble.hint)
    output.document(
        {
            "certificates": [facts_of(leaf, leaf.folder, revoked) for leaf in leaves],
            "damaged": [
                {
                    "label": shown(each.label),
                    "message": each.trouble.message,
                    "hint": each.trouble.hint,
                }
                for each in damaged
            ],
        }
    )
    if damaged:
        raise click.exceptions.Exit(1)


@click.command("show", short_help="One certificate, by the name that it was issued for.")
@click.argument("name", metavar="NAME")
@common_options
def show(**options: Any) -> None:
    """Show one certificate, by the name that it was issued for."""
    output = Output(as_json=options["as_json"])
    with open_house(house_folder(options)) as house:
        revoked = house.ledger.revoked()
        leaves, damaged = house.each_leaf()
        known = [shown(label) for label in house.labels() if house.ever_had(label)]
    wanted = options["name"].lower()
    leaf = next(
        (
            leaf
            for leaf in leaves
            if wanted in (leaf.label, shown(leaf.label), *map(str, leaf.names))
        ),
        None,
    )
    for each in damaged:
        if leaf is None and wanted in (each.label, shown(each.label)):
            raise each.trouble
    if leaf is None:
        raise UsageError(
            f"there is no certificate for {options['name']}",
            hint=f"there are: {', '.join(known)}" if known else "housekey cert new makes one",
        )
    facts = facts_of(leaf, leaf.folder, revoked)
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
    ):
        output.row(label, str(facts[key]))
    output.row("SHA-256", grouped(facts["sha256"]))  # as browsers and phones show it
    output.row("file", facts["path"])
    output.document(facts)


def facts_of(
    leaf: Leaf, folder: Path, revoked: Mapping[str, Event] | None = None
) -> dict[str, Any]:
    """Return what --json says of a certificate, whose pair lies in `folder`."""
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
