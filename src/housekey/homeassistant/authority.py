"""Who signs Home Assistant's certificate: the house itself, or somebody on another road.

`secure` looks, decides and switches alike on every road. What differs is here: which names a
certificate can have, whether the present one is of this road, what has to be got ready before
anything is changed, and whom the proof trusts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from housekey.errors import RenewalFailed
from housekey.homeassistant.recorded import LABEL
from housekey.house.road import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housekey.homeassistant.plan import Plan
    from housekey.homeassistant.site import World
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
    def trust(self) -> Trust:
        """What devices trust that accept what it signs: whom the proof trusts."""

    def gave(self, leaf: Leaf) -> bool:
        """Whether it signed `leaf`, and would sign for the same key again."""

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> None:
        """Get ready whatever takes its time or can fail, before Home Assistant is touched.

        Called only for a plan that issues. Raises any `HousekeyError`: nothing was changed.
        """

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:
        """Put the new leaf into the house. Raises as `House.issue` and `House.take`."""


class Chosen(Protocol):
    """A road as the user has just chosen it; there may be no house yet."""

    @property
    def names(self) -> tuple[Name, ...] | None:
        """What its certificate is for; None: the names that are found, as on the house's own."""

    def authority(self, house: House, world: World) -> Authority:
        """Return who signs."""


class OfHouse:
    """The house's own issuing CA."""

    road = None

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def trust(self) -> Trust:
        return self._house.root

    def gave(self, leaf: Leaf) -> bool:
        house = self._house
        if house.road_of(LABEL) is not None:
            return False  # its key may have been elsewhere
        return house.may_keep_key(leaf) or house.has_leaked(leaf)

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> None:
        """Nothing: to issue takes milliseconds."""

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

    def authority(self, house: House, world: World) -> Authority:  # noqa: ARG002 - of no use here
        return OfHouse(house)


class _ByHand:
    """A CA of the user's own: it signed what there is, and only its owner can ask it again."""

    def __init__(self, house: House, road: Road) -> None:
        self._house = house
        self.road = road

    @property
    def trust(self) -> Trust:
        return self.road.roots

    def gave(self, leaf: Leaf) -> bool:
        return self._house.may_keep_key(leaf)

    async def prepare(self, plan: Plan, names: Sequence[Name]) -> None:  # noqa: ARG002 - none helps
        raise RenewalFailed(
            f"a new certificate is due ({plan.issue}), and your own CA has to sign it",
            hint="housekey secure --csr FILE writes the request; --install CHAIN takes the answer",
        )

    def issue(self, plan: Plan, names: Sequence[Name], subject: Subject | None) -> Leaf:
        raise NotImplementedError("prepare() has raised")


def authority_of(house: House, world: World) -> Authority:
    """Return who signs as the house stands: its road, or it itself."""
    road = house.road_of(LABEL)
    if road is None:
        return OfHouse(house)
    if road.kind is Kind.PUBLIC:
        from housekey.public.authority import PublicAuthority  # noqa: PLC0415 - only on this road

        return PublicAuthority.of_house(house, road, world)
    return _ByHand(house, road)


def names_on(house: House | None) -> tuple[Name, ...] | None:
    """Return the names that the house's road is for; None: those that are found."""
    road = None if house is None else house.road_of(LABEL)
    if road is None or house is None:
        return None
    if road.kind is Kind.PUBLIC:
        from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

        return PublicSettings.of(road).dns_names
    leaf = house.leaf(LABEL)
    return None if leaf is None else leaf.names
