"""Making an order, so that one whose answer was lost is found and not made again.

The one moment of an order at which the CA knows more than the house is between its making and the
answer that says where it is. Apart from ordering.py, whose every other turn begins with that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from acme import errors as acme_errors
from acme import messages
from josepy.json_util import field
from requests.utils import parse_header_links

from housekey.errors import CaRefused, CaUnreachable
from housekey.public.ca import TRIES
from housekey.public.limits import ORDER, ORDER_STEP, limits_of, together

if TYPE_CHECKING:
    from housekey.house.house import House
    from housekey.public.account import Account
    from housekey.public.ca import Ca
    from housekey.public.steps import State, Steps
    from housekey.public.world import World

_MOST_PAGES = 20  # of the list of orders
# With these the CA says of the certificate that is to be replaced what is no reason not to order.
_NOT_TO_BE_REPLACED = ("alreadyReplaced", "malformed", "unauthorized", "conflict")


class _NewOrder(messages.NewOrder):
    """With what newer CAs take: a profile (draft-ietf-acme-profiles), and RFC 9773, section 5."""

    # Of newer releases of the library its own class has this one, of another type.
    profile: Any = field("profile", omitempty=True)
    replaces: str | None = field("replaces", omitempty=True)


def order_at(ca: Ca, url: str) -> messages.Order:
    """Ask for the order at `url`; blocks. A ValueError for what is none."""
    order: messages.Order = messages.Order.from_json(ca.post(url).json())
    if order.status is None or not order.identifiers or not order.authorizations:
        raise ValueError(order)
    return order


class Placing:
    """Makes the order of one call of `obtain`."""

    def __init__(
        self, house: House, account: Account, ca: Ca, steps: Steps, *, world: World
    ) -> None:
        self._house = house
        self._account = account
        self._ca = ca
        self._steps = steps
        self._world = world

    async def place(self, state: State, *, again: bool) -> str:
        """Return the URL of the order: one that was made and lost, or a new one.

        `again`: a run before this one may have made it. Raises as `Ca.ask`.
        """
        for attempt in range(TRIES):
            if again or attempt:
                found = await self._lost(state)
                if found is not None:
                    return found
            try:
                return await self._new_order(state)
            except CaUnreachable as error:
                if attempt == TRIES - 1 or not self._can_be_found:
                    raise
                await self._world.sleep(self._ca.pause(error.again_in or 3.0**attempt))
        raise AssertionError

    @property
    def _can_be_found(self) -> bool:
        """Whether to order again can be known not to make a second order.

        The CA lists the account's orders, or gives a pending one again: Let's Encrypt
        (https://github.com/letsencrypt/boulder/blob/main/docs/acme-implementation_details.md).
        """
        return self._account.orders is not None or bool(limits_of(self._account.directory))

    async def _new_order(self, state: State) -> str:
        """Order, and return the URL; nothing else may fail before that is written down."""
        self._steps.note(ORDER_STEP, state, why=state.why)
        replaces = state.replaces if self._ca.offers("renewalInfo") else None
        url = None
        if replaces is not None:
            try:
                url = await self._ca.ask("new order", lambda: self._post_order(state, replaces))
            except CaRefused as error:
                if error.code not in _NOT_TO_BE_REPLACED:
                    raise
        if url is None:
            url = await self._ca.ask("new order", lambda: self._post_order(state, None))
        if url is None:
            raise CaUnreachable(
                f"{self._ca.name} answered an order without saying where it is",
                hint="nothing is lost: it is looked for at the next run",
            )
        return url

    def _post_order(self, state: State, replaces: str | None) -> str | None:
        identifiers = [
            messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in state.names
        ]
        optional = {"profile": state.profile, "replaces": replaces}
        wanted = _NewOrder(
            identifiers=identifiers,
            **{key: value for key, value in optional.items() if value is not None},
        )
        try:
            response = self._ca.post(self._ca.client.directory["newOrder"], wanted)
        except acme_errors.ConflictError:  # 409: it has been replaced by another one already
            return None
        return response.headers.get("Location")

    async def _lost(self, state: State) -> str | None:
        """Look for an order that was made, and whose answer never came; None: there is none.

        Let's Encrypt lists no orders (RFC 8555, section 7.1.2.1, lets it): there the same order
        asked for again is the one that is pending, not another one.
        """
        known = {event.data.get("url") for event in self._house.ledger.events(-1, kind=ORDER)}
        page, pages = self._account.orders, 0
        while page is not None and pages < _MOST_PAGES:
            try:
                urls, page = await self._ca.again("orders", partial(self._listed, page))
            except CaRefused:  # it names a list, and keeps none
                return None
            pages += 1
            for url in urls:
                if url in known:
                    continue
                order = await self._ca.again("an order", partial(order_at, self._ca, url))
                if order.status.name not in ("pending", "ready"):
                    continue
                if together([each.value for each in order.identifiers]) == together(state.names):
                    return str(url)
        return None

    def _listed(self, url: str) -> tuple[list[str], str | None]:
        response = self._ca.post(url)
        links = parse_header_links(response.headers.get("Link", ""))
        following = next((each["url"] for each in links if each.get("rel") == "next"), None)
        document = response.json()
        # Smallstep's CA, and Caddy's with it, answers with the bare list.
        urls = document.get("orders") if isinstance(document, dict) else document
        return [str(each) for each in urls] if isinstance(urls, list) else [], following
