"""What `housekey renew` and `housekey run` share: the options, whom they serve, and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from housekey.cli.home import REMEMBERED, choose_home, folder_of, known_token
from housekey.errors import CopyNotRenewed, TermsChanged, UsageError
from housekey.house.labels import shown
from housekey.pki.span import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from housekey.cli.output import Output
    from housekey.homeassistant.site import World
    from housekey.renewal.delivery import QuietHours
    from housekey.renewal.home import Home
    from housekey.renewal.round import Item

QUIET = "02:00-05:00"


def quiet_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --quiet-hours."""
    return click.option(
        "--quiet-hours",
        default=QUIET,
        metavar="FROM-TO",
        help=f"When Home Assistant may be restarted, if it has to be.  [default: {QUIET}]",
    )(command)


def quiet_hours(text: str) -> QuietHours:
    """Read `02:00-05:00`. Raises UsageError."""
    from datetime import time  # noqa: PLC0415 - after --help

    from housekey.renewal.delivery import QuietHours  # noqa: PLC0415

    begin, _, end = text.partition("-")
    try:
        return QuietHours(time.fromisoformat(begin.strip()), time.fromisoformat(end.strip()))
    except ValueError:
        raise UsageError(
            f"{text!r} are no quiet hours", hint="write them like --quiet-hours 02:00-05:00"
        ) from None


async def home_to_renew(
    options: dict[str, Any], world: World, output: Output, *, house: Path
) -> Home | None:
    """Return the Home Assistant of the house, as the journal or the options have it."""
    from housekey.renewal.home import Home, home_of  # noqa: PLC0415 - after --help

    token = known_token(options, world, output, house=house)
    if options["config"] or options["url"]:
        found = await choose_home(options, world, output, house=house)
        folder, door = await folder_of(found, token, world, house=house), found.door
    else:
        known = await home_of(house, world)
        if known is None:
            return None
        folder, door = known
    if token is not None and options["remember"] and not options.get("dry_run"):
        world.files.write(house / REMEMBERED, token, mode=0o600)
    return Home(folder, door, token, options["restart_command"])


def told(item: Item, *, now: datetime) -> tuple[str, str]:
    """Say in one line what became of a certificate: a label, and a text."""
    from housekey.renewal.round import Became  # noqa: PLC0415 - loaded already

    what, until = shown(item.label), _until(item.ends, now)
    reason = _reason(item)
    match item.became:
        case Became.GOOD:
            return "good", f"{what}: {until}"
        case Became.RENEWED:
            return "renewed", f"{what}: {until} ({reason}){_how(item)}"
        case Became.WAITS:
            assert item.delivery is not None  # noqa: S101 - what it waits for
            at = item.delivery.at
            when = f" at {at:%H:%M}" if at is not None else ""
            return "waits", f"{what}: {until} ({reason}); {item.delivery.reason}{when}"
        case Became.WOULD:
            folders = ", ".join(map(str, item.copies.done))
            missed = f"renew the copy in {folders}: it has missed a renewal of {what}"
            return "would", missed if folders else f"renew {what}: {until} ({reason})"
        case Became.UNUSED:
            return "unused", f"{what}: Home Assistant does not present it; housekey secure does"
        case Became.FAILED:
            trouble = "" if item.trouble is None else f": {item.trouble.message}"
            return _told_trouble(item, f"{what}: {until}", trouble)


def _told_trouble(item: Item, what: str, trouble: str) -> tuple[str, str]:
    if isinstance(item.trouble, TermsChanged):  # nothing is broken: a person has to agree
        return "waits", f"{what}, and waits for you{trouble}"
    was = isinstance(item.trouble, CopyNotRenewed)  # it says so itself
    return "failed", f"{what}{'' if was else ', and could not be renewed'}{trouble}"


def told_of_copies(item: Item) -> Iterator[tuple[str, str]]:
    """Say what else there is to say of its copies: those made up, and those that are not there."""
    from housekey.renewal.round import Became  # noqa: PLC0415 - loaded already

    what = shown(item.label)
    for folder in item.copies.done if item.became is Became.GOOD else ():
        yield "copied", f"{what}: to {folder}, which had missed a renewal"
    for folder in item.copies.away:
        yield "away", f"{what}: its copy in {folder} is not there; it is renewed once it is"


def facts_of(item: Item, *, now: datetime) -> dict[str, Any]:
    """Return what --json says of a certificate."""
    delivery = item.delivery
    return {
        "label": shown(item.label),
        "became": item.became.value,
        "due": None
        if item.due is None
        else {
            "why": item.due.why.value,
            "reason": item.due.reason,
            "since": item.due.since.isoformat() if item.due.since is not None else None,
        },
        "not_presented": item.owed,
        "not_after": item.ends.isoformat() if item.ends is not None else None,
        "days_left": (item.ends - now).days if item.ends is not None else None,
        "sha256": item.sha256,
        "path": str(item.leaf.folder / "certificate.pem") if item.leaf is not None else None,
        "copies": [str(folder) for folder in item.copies.done],
        "copies_away": [str(folder) for folder in item.copies.away],
        "way": delivery.way.value if delivery is not None else None,
        "at": delivery.at.isoformat() if delivery is not None and delivery.at else None,
        "error": None
        if item.trouble is None
        else {"message": item.trouble.message, "hint": item.trouble.hint},
        "warnings": list(item.warnings),
    }


def _reason(item: Item) -> str:
    if item.due is not None:
        return item.due.reason
    return "Home Assistant did not present the last one" if item.owed else "asked for"


def _how(item: Item) -> str:
    from housekey.renewal.delivery import Way  # noqa: PLC0415 - loaded already

    if item.delivery is not None:
        live = item.delivery.way is Way.LIVE
        return "; Home Assistant ran on" if live else "; Home Assistant was restarted"
    return ""


def _until(ends: datetime | None, now: datetime) -> str:
    if ends is None:
        return "cannot be read"
    if ends <= now:
        return f"has ended on {ends.day} {ends:%B %Y}"
    return f"good for {span(ends - now)}"
