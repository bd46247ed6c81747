"""Revoking what another CA signed: at that CA, where it is one that can be asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from housekey.errors import RevokeRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from housekey.cli.output import Output
    from housekey.house.house import House
    from housekey.house.revoking import Target
    from housekey.pki.crl import Reason
    from housekey.public.settings import PublicSettings

_SECONDS = 60.0


def obtained_among(house: House, targets: Sequence[Target]) -> tuple[Certificate, ...]:
    """Return those of `targets` that another CA signed."""
    return tuple(each.certificate for each in targets if house.was_obtained(each.certificate))


def revoke_elsewhere(
    house: House, certificates: Sequence[Certificate], *, reason: Reason, output: Output
) -> None:
    """Let their CA revoke them. The caller holds the house's lock.

    Raises `RevokeRefused` where nobody here can ask it, before any is revoked, and `PublicTrouble`.
    """
    settings = [(each, _settings(house, each)) for each in certificates]
    for certificate, settled in settings:
        asyncio.run(_revoke(house, certificate, settled, reason, output))


async def _revoke(
    house: House,
    certificate: Certificate,
    settings: PublicSettings,
    reason: Reason,
    output: Output,
) -> None:
    from housekey.cli.home import world_of  # noqa: PLC0415 - after --help
    from housekey.pki.crl import Reason as Because  # noqa: PLC0415
    from housekey.public.revoking import revoke  # noqa: PLC0415

    name = settings.signer
    output.busy(f"asking {name} to revoke it")
    await revoke(
        house,
        certificate,
        settings,
        leaked=reason is Because.KEY_COMPROMISE,
        world=world_of({"wait": _SECONDS}, output),
    )
    output.busy("")
    output.row("told", f"{name}, which signed it, and which browsers may ask")


def _settings(house: House, certificate: Certificate) -> PublicSettings:
    from housekey.homeassistant.recorded import LABEL  # noqa: PLC0415 - after --help
    from housekey.house.records import OBTAINED  # noqa: PLC0415
    from housekey.house.road import Kind  # noqa: PLC0415
    from housekey.pki.encoding import fingerprint  # noqa: PLC0415
    from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

    event = house.ledger.events(1, kind=OBTAINED, sha256=fingerprint(certificate))[0]
    road = house.road_of(LABEL)
    if road is not None and road.kind is Kind.PUBLIC:
        settings = PublicSettings.of(road)
        if settings.directory == event.data.get("directory"):
            return settings
    issuer = certificate.issuer.rfc4514_string()
    raise RevokeRefused(
        f"serial {certificate.serial_number:x} was signed by {issuer}, which alone can revoke it",
        hint="ask whoever runs that CA; a SERIAL revokes the house's own ones alone",
    )
