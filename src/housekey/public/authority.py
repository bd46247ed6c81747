"""Who signs on the road of a public name: an ACME CA, as `secure` and every renewal ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import RenewalFailed
from housekey.public.settings import PublicSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cryptography.x509 import Certificate

    from housekey.house.house import House, Leaf
    from housekey.house.road import Road
    from housekey.pki.names import Name
    from housekey.pki.subject import Subject
    from housekey.public.world import World


class PublicAuthority:
    """The CA of a house's public name; see homeassistant/authority.py for what each is for."""

    def __init__(self, house: House, settings: PublicSettings, label: str, world: World) -> None:
        self._house = house
        self._settings = settings
        self._label = label
        self._world = world

    @classmethod
    def of_house(cls, house: House, road: Road, world: World) -> PublicAuthority:
        """Return the one that the house has chosen. Raises `HouseBroken`."""
        return cls(house, PublicSettings.of(road), road.label, world)

    @property
    def road(self) -> Road:
        return self._settings.road(self._label)

    @property
    def trust(self) -> tuple[Certificate, ...]:
        return self._settings.roots

    def gave(self, leaf: Leaf) -> bool:
        raise NotImplementedError

    async def prepare(self, plan: Any, names: Sequence[Name]) -> None:  # noqa: ARG002
        raise RenewalFailed("not yet", hint="not yet")

    def issue(self, plan: Any, names: Sequence[Name], subject: Subject | None) -> Leaf:
        raise NotImplementedError
