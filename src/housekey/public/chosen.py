"""The road of a public name as a user has just chosen it, on the command line or in a flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from housekey.house.house import House
    from housekey.house.road import Road
    from housekey.pki.names import DnsName
    from housekey.public.authority import Given, PublicAuthority
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World


@dataclass(frozen=True, slots=True)
class PublicRoad:
    """A `Chosen` of homeassistant/authority.py, for the leaf that the house calls `label`."""

    settings: PublicSettings
    label: str
    given: Given | None = None  # what the user has just told, and the house keeps when it is proven
    is_rehearsal: bool = False  # no device trusts what this CA issues, so nothing may present it

    @property
    def names(self) -> tuple[DnsName, ...]:
        """What the certificate is for."""
        return self.settings.dns_names

    @property
    def road(self) -> Road:
        """What the house will keep of it."""
        return self.settings.road(self.label)

    @property
    def signer(self) -> str:
        """Who signs, for people."""
        return self.settings.signer

    def authority(self, house: House, world: World) -> PublicAuthority:
        """Return who signs."""
        from housekey.public.authority import PublicAuthority  # noqa: PLC0415 - only to order

        return PublicAuthority(
            house,
            self.settings,
            self.label,
            world,
            given=self.given,
            by_hand=True,
            rehearsal=self.is_rehearsal,
        )
