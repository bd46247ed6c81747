"""`housekey status`: the house at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.output import Output, common_options, house_folder, now, open_house
from housekey.onboarding.devices import TRUSTS, called, visitor_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.house.house import House
    from housekey.house.ledger import Event

_MOST_NAMED = 6


@click.command("status")
@common_options
def command(**options: Any) -> None:
    """Show the house at a glance; exit code 1 when something is due."""
    from housekey.cli.cert import shown  # noqa: PLC0415 - after --help
    from housekey.house.files import Files  # noqa: PLC0415
    from housekey.house.journal import Journal, State  # noqa: PLC0415
    from housekey.house.leaves import is_due  # noqa: PLC0415
    from housekey.onboarding.leaf import LABEL  # noqa: PLC0415

    output = Output(as_json=options["as_json"])
    folder = house_folder(options)
    with open_house(folder) as house:
        leaves = house.leaves()
        journal = Journal(folder / "journal", files=Files(), clock=now)
        standing = journal.standing()
        dates = {"root": house.root, "issuing CA": house.issuing}
        trusting = _trusting(house)
    dates |= {shown(leaf): leaf.certificate for leaf in leaves}
    # The page's own is renewed by the page, whenever it is served.
    renewing = {shown(leaf) for leaf in leaves if leaf.label == LABEL}
    due = [
        what
        for what, certificate in dates.items()
        if what not in renewing and is_due(certificate, now=now())
    ]
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
    if trusting:
        output.row("devices", _told(trusting))
    for place in cut_short:
        output.row("owed", f"a change in {place} was cut short: housekey secure, or housekey undo")
    if not [leaf for leaf in leaves if leaf.label != LABEL]:
        output.row("next", "housekey secure")
    elif secured and not trusting:
        output.row("next", "phones and laptops: housekey share")
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
            "devices": [{**event.data, "at": event.at.isoformat()} for event in trusting],
        }
    )
    if due or cut_short:
        raise click.exceptions.Exit(1)


def _trusting(house: House) -> tuple[Event, ...]:
    """Return what devices have proved of this root, newest first."""
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415 - loaded already

    sha256 = fingerprint(house.root)
    events = house.ledger.events(-1, kind=TRUSTS)
    return tuple(event for event in events if event.sha256 == sha256)


def _told(trusting: Sequence[Event]) -> str:
    """Say how many devices trust the root, and which were the last."""
    named = [f"{called(visitor_of(each.data))} {_day(each.at)}" for each in trusting[:_MOST_NAMED]]
    more = len(trusting) - len(named)
    number = f"{len(trusting)} {'trusts' if len(trusting) == 1 else 'trust'} the root"
    return f"{number}: {', '.join(named)}" + (f" and {more} more" if more else "")


def _day(at: datetime) -> str:
    """Write a day as people say it, on this machine's clock; the year only when it is another."""
    local = at.astimezone()
    year = "" if local.year == now().astimezone().year else f" {local.year}"
    return f"{local.day} {local:%B}{year}"
