"""Who signs Home Assistant's certificate: the house itself, or somebody on another road.

`secure` looks, decides and switches alike on every road. What differs is here: which names a
certificate can have, whether the present one is of this road, what has to be got ready before
anything is changed, and whom the proof trusts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from housekey.homeassistant.recorded import LABEL
from housekey.house.leaves import read_public
from housekey.house.road import Kind
from housekey.house.view import LEAVES
from housekey.live.tls import Called
from housekey.pki.names import DnsName, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from housekey.homeassistant.plan import Plan
    from housekey.homeassistant.site import World
    from housekey.house.files import Files
    from housekey.house.house import House, Leaf
    from housekey.house.road import Road
    from housekey.live.tls import Trust
    from housekey.pki.names import Name
    from housekey.pki.subject import Subject


class Authority(Protocol):
    """Who signs, for one house."""

    @property
    def road(self) -> Road | None:
        """What the house keeps of it in `road.json`; None: it issues everything itself."""

    @property
    def settled(self) -> bool:
        """Whether the house keeps all of that already."""

    @property
    def signer(self) -> str | None:
        """Who signs, for people; None: the house itself."""

    @property
    def trust(self) -> Trust:
        """What devices trust that accept what it signs: whom the proof trusts."""

    def gave(self, leaf: Leaf) -> bool:
        """Whether it signed `leaf`, and would sign for the same key again."""

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> bool:
        """Get ready whatever takes its time or can fail, before Home Assistant is touched.

        Returns whether it is for the key that the plan counts on; else it has to be made anew.
        Called for a plan that issues, or settles the road anew. Raises any `HousekeyError`:
        nothing was changed.
        """

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:
        """Put the new leaf into the house. Raises as `House.issue` and `House.take`."""


class Chosen(Protocol):
    """A road as the user has just chosen it; there may be no house yet."""

    @property
    def names(self) -> tuple[Name, ...] | None:
        """What its certificate is for; None: the names that are found, as on the house's own."""

    @property
    def road(self) -> Road | None:
        """What the house will keep of it; None: it issues everything itself."""

    @property
    def signer(self) -> str | None:
        """Who signs, for people; None: the house itself."""

    def authority(self, house: House, world: World) -> Authority:
        """Return who signs."""


class OfHouse:
    """The house's own issuing CA."""

    road = None
    signer = None

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def settled(self) -> bool:
        return self._house.road_of(LABEL) is None

    @property
    def trust(self) -> Trust:
        return self._house.root

    def gave(self, leaf: Leaf) -> bool:
        house = self._house
        if house.road_of(LABEL) is not None:
            return False  # its key may have been elsewhere
        return house.may_keep_key(leaf) or house.has_leaked(leaf)

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> bool:  # noqa: ARG002 - see below
        """Nothing: to issue takes milliseconds."""
        return True

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:
        return self._house.issue(
            LABEL,
            names,
            key_type=plan.key_type,
            days=plan.days,
            reuse_key=plan.reuse_key,
            subject=subject,
        )


class OwnPrivateRoad:
    """Back to the house's own issuing CA, from another road."""

    names = None
    road = None
    signer = None

    def authority(self, house: House, world: World) -> Authority:  # noqa: ARG002 - of no use here
        return OfHouse(house)


def authority_of(house: House, world: World, *, by_hand: bool = False) -> Authority:
    """Return who signs as the house stands: its road, or it itself.

    `by_hand`: a person is there, so what failed before is tried again at once.
    """
    road = house.road_of(LABEL)
    if road is None:
        return OfHouse(house)
    if road.kind is Kind.PUBLIC:
        from housekey.public.authority import PublicAuthority  # noqa: PLC0415 - only on this road

        return PublicAuthority.of_house(house, road, world, by_hand=by_hand)
    from housekey.homeassistant.own_authority import ByHand  # noqa: PLC0415 - only on this road

    return ByHand(house, road)


def met_as(trust: Trust, names: Sequence[Name] | None) -> Trust | Called:
    """Return what Home Assistant is met under, with a certificate for `names` of another road.

    That has no addresses in it, so it is asked for by name. None: one of the house's own has.
    """
    plain = (name for name in names or () if isinstance(name, DnsName) and not name.is_wildcard)
    name = next(plain, None)
    return trust if name is None else Called(trust, str(name))


def names_on(house: House | None) -> tuple[Name, ...] | None:
    """Return the names that the house's road is for; None: those that are found."""
    road = None if house is None else house.road_of(LABEL)
    if road is None or house is None:
        return None
    return names_of_road(house.folder, road, files=house.files)


def names_of_road(house: Path, road: Road, *, files: Files) -> tuple[Name, ...] | None:
    """Return the names that `road` is for, without opening the house."""
    if road.kind is Kind.PUBLIC:
        from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

        return PublicSettings.of(road).dns_names
    leaf = read_public(house / LEAVES, road.label, files=files)
    return None if leaf is None else names_of(leaf.certificate)
