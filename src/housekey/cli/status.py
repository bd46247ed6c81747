"""`housekey status`: the house at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@click.command("status")
@common_options
def command(**options: Any) -> None:
    """Show the house at a glance; exit code 1 when something is due."""
    from housekey.cli.cert import shown  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.journal import Journal, State  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder = house_folder(options)
    with open_house(folder) as house:
        leaves = house.leaves()
        journal = Journal(folder / "journal", files=Files(), clock=now)
        standing = journal.standing()
        dates = {"root": house.root, "issuing CA": house.issuing}
    dates |= {shown(leaf): leaf.certificate for leaf in leaves}
    due = [what for what, certificate in dates.items() if _is_due(certificate)]
    cut_short = sorted({t.target["folder"] for t in standing if t.state is State.OPEN})
    secured = sorted({t.target["folder"] for t in standing if t.state is State.KEPT})

    output.row("house", str(folder))
    for what, certificate in dates.items():
        left = (certificate.not_valid_after_utc - now()).days
        state = "has ended" if left < 0 else f"{left} days left"
        note = "  - due" if what in due else ""
        output.row("due" if note else "good", f"{what}: {state}{note}")
    for place in secured:
        output.row("serves", f"Home Assistant in {place}")
    for place in cut_short:
        output.row("owed", f"a change in {place} was cut short: housekey secure, or housekey undo")
    if not leaves:
        output.row("next", "housekey secure")
    output.document(
        {
            "house": str(folder),
            "certificates": {
                what: {
                    "not_after": certificate.not_valid_after_utc.isoformat(),
                    "days_left": (certificate.not_valid_after_utc - now()).days,
                    "due": what in due,
                }
                for what, certificate in dates.items()
            },
            "home_assistants": secured,
            "cut_short": cut_short,
        }
    )
    if due or cut_short:
        raise click.exceptions.Exit(1)


def _is_due(certificate: Certificate) -> bool:
    """Whether two thirds of its life are over: when `secure` renews a leaf, too."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now() >= end - (end - begin) / 3
