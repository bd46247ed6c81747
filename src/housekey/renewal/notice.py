"""The notification in Home Assistant about what could not be renewed: one, replaced and dismissed.

It is for the people of the house, who read no log. What Home Assistant cannot be told, because it
is what does not answer, the exit code and the log say all the same.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from housekey.errors import HomeAssistantTrouble, SignatureNeeded, TermsChanged
from housekey.homeassistant.client import Client
from housekey.homeassistant.secure import met_under
from housekey.house.labels import shown
from housekey.live.presented import presented_by
from housekey.pki.encoding import fingerprint
from housekey.renewal.round import Became

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from housekey.house.house import House
    from housekey.renewal.home import Home
    from housekey.renewal.round import Item

_SOON = timedelta(days=14)  # for whoever has a CA of their own: time to find it, and to sign
NOTIFICATION = "housekey_renewal"  # one id, so that a newer one takes its place


@dataclass(frozen=True, slots=True)
class Notice:
    """What is shown."""

    title: str
    message: str  # Markdown


def notice_of(items: Sequence[Item], *, now: datetime) -> Notice | None:
    """Return what the people of the house are to be told; None: nothing is wrong."""
    failed = [each for each in items if each.became is Became.FAILED]
    if not failed:
        return None
    if all(isinstance(each.trouble, SignatureNeeded | TermsChanged) for each in failed):
        return _reminder(failed[0], now)
    one = len(failed) == 1
    return Notice(
        "A certificate could not be renewed" if one else "Certificates could not be renewed",
        "\n\n".join(_told(each, now) for each in failed)
        + "\n\nhousekey tries again by itself; `housekey renew` does so now.",
    )


def _reminder(item: Item, now: datetime) -> Notice:
    """A certificate that only waits for a person, until late: to have it signed, or to agree."""
    assert item.trouble is not None  # noqa: S101 - it is what this is about
    ends, what = item.ends, "Home Assistant's certificate"
    by_hand = isinstance(item.trouble, SignatureNeeded)
    title = f"{what} has to be signed anew by your own CA"
    if not by_hand:
        title = "The CA of Home Assistant's certificate has new terms"
    if ends is not None and ends <= now:
        title = f"{what} has ended: devices refuse it"
    elif ends is not None and ends - now < _SOON:
        days = (ends - now).days
        title = f"{what} ends in {days} day{'' if days == 1 else 's'}, and " + (
            "your own CA has to sign" if by_hand else "its CA has new terms"
        )
    return Notice(title, f"{_told(item, now)}\n\nThis goes away when that is done.")


def _told(item: Item, now: datetime) -> str:
    lines = [f"**{shown(item.label)}**: {_until(item.ends, now)}."]
    if item.trouble is not None:
        lines += [f"What was in the way: {item.trouble.message}.", f"{item.trouble.hint}."]
    return " ".join(lines)


def _until(ends: datetime | None, now: datetime) -> str:
    if ends is None:
        return "its certificate cannot be read"
    day = f"{ends.day} {ends:%B %Y}"
    if ends <= now:
        return f"its certificate ended on {day}, and devices refuse it"
    return f"its certificate ends on {day}, and devices refuse it from then on"


async def show(house: House, home: Home, notice: Notice | None) -> bool:
    """Show `notice` in Home Assistant, or take the last one away; say whether it was told."""
    if home.token is None:
        return False
    presents = await presented_by(home.door.host, home.door.port)
    pin = None
    if presents is not None and house.ledger.certificate(fingerprint(presents)) is not None:
        pin = fingerprint(presents)  # ours, though it may have ended
    with contextlib.suppress(HomeAssistantTrouble):
        async with Client(home.door.url, home.token, **met_under(house), pin=pin) as client:
            if notice is None:
                await client.dismiss(NOTIFICATION)
            else:
                await client.notify(NOTIFICATION, title=notice.title, message=notice.message)
            return True
    return False
