"""A CA's new terms: what it demands, and agreeing to them (RFC 8555, section 7.3.3).

A CA may change its terms and go on signing, as Let's Encrypt does: then nothing is to be done, and
renewals do not even look. Or it refuses whatever it is asked until somebody has agreed, with
"userActionRequired", the address of the new terms, and a page that says how to agree. Some take the
word of the account for it, which `agree` sends; the RFC has them ignore that (section 7.3.2), and
Pebble refuses it: then only the page helps, and whether somebody was there the next order tells.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from housekey.errors import CaRefused, HouseMissing
from housekey.house.records import OBTAINED
from housekey.house.view import HouseView
from housekey.public.account import account_key, keep_account
from housekey.public.limits import FAILED
from housekey.public.waiting import kept, must_not_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from housekey.house.house import House
    from housekey.house.records import Event
    from housekey.public.account import Account
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

DEMANDED = "userActionRequired"  # RFC 8555, section 6.7
_LONGEST = 400  # characters of an address


@dataclass(frozen=True, slots=True)
class Demand:
    """What a CA wants somebody to do."""

    terms: str | None  # where its new terms are; None: it does not say
    page: str | None  # where it says how to agree to them


def demand_in(headers: Mapping[str, str], document: Any) -> Demand:
    """Read the answer with which a CA demands it: header fields and problem document."""
    from requests.utils import parse_header_links  # noqa: PLC0415 - loaded by now

    links = parse_header_links(headers.get("Link", ""))
    found = (each.get("url") for each in links if each.get("rel") == "terms-of-service")
    page = document.get("instance") if isinstance(document, dict) else None
    return Demand(_address(next(found, None)), _address(page))


def demand_of(events: Iterable[Event], *, directory: str) -> Demand | None:
    """Return what the CA of `directory` demands, by the ledger; None: nothing.

    `events`: failures and what was obtained, in any order. What it signs after a demand ends it.
    """
    of_it = [event for event in events if event.data.get("directory") == directory]
    telling = [
        event for event in of_it if event.kind == OBTAINED or event.data.get("code") == DEMANDED
    ]
    last = max(telling, key=lambda event: event.at, default=None)
    if last is None or last.kind == OBTAINED:
        return None
    return Demand(_address(last.data.get("terms")), _address(last.data.get("page")))


def demanded(house: Path, directory: str, *, world: World) -> Demand | None:
    """As `demand_of`, of the house in that folder, if there is one."""
    try:
        view = HouseView.open(house, files=world.files, clock=world.clock)
    except HouseMissing:
        return None
    with view:
        ledger = view.ledger
        events = [*ledger.events(-1, kind=FAILED), *ledger.events(-1, kind=OBTAINED)]
    return demand_of(events, directory=directory)


async def agree(
    house: House,
    settings: PublicSettings,
    account: Account,
    *,
    world: World,
    hook: Callable[[str], None] = lambda _moment: None,
) -> Account:
    """Tell the CA that the account agrees to `settings.terms`, and keep that.

    One that takes no such word is no trouble here. Raises as `Ca.ask`.
    """
    from acme import messages  # noqa: PLC0415 - slow

    from housekey.public.ca import Ca  # noqa: PLC0415 - slow

    directory, url = settings.directory, account.url
    must_not_wait(house, directory)
    with kept(house, directory, asked="account"):
        ca = await Ca.at(settings, world=world, key=account_key(house), account=url, hook=hook)
        yes = messages.UpdateRegistration(terms_of_service_agreed=True)
        with suppress(CaRefused):
            await ca.again("agreement", lambda: ca.post(url, yes))
    agreed = replace(account, terms=settings.terms)
    keep_account(house, agreed)
    world.tell("agreed", f"{settings.signer} was told so: {agreed.terms}")
    return agreed


def _address(said: object) -> str | None:
    """Return an address as it can be shown: one line, and not endless."""
    return "".join(said.split())[:_LONGEST] or None if isinstance(said, str) else None
