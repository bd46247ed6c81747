"""Revoking a certificate at the ACME CA that issued it (RFC 8555, section 7.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from housekey.errors import CaRefused, PublicTrouble
from housekey.house.who import who
from housekey.pki.encoding import fingerprint
from housekey.public.account import account_key, account_of

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from housekey.house.house import House
    from housekey.house.records import JsonValue
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

_KEY_COMPROMISE, _SUPERSEDED = 1, 4  # RFC 5280, section 5.3.1


async def revoke(
    house: House,
    certificate: Certificate,
    settings: PublicSettings,
    *,
    leaked: bool,
    world: World,
) -> None:
    """Tell the CA that `certificate` is not to be trusted any more; one that is revoked stays so.

    `leaked`: somebody else may have its key; else it has only been replaced. Raises as `Ca.ask`,
    and `PublicTrouble` without an account. What serves the certificate goes on serving it: give
    that another one first.
    """
    from housekey.public.ca import Ca  # noqa: PLC0415 - slow: it brings the library

    account = account_of(house, settings.directory)
    name = settings.signer
    if account is None:
        raise PublicTrouble(
            f"this house has no account with {name}",
            hint="housekey secure --public registers it",
        )
    ca = await Ca.at(settings, world=world, key=account_key(house), account=account.url)
    reason = _KEY_COMPROMISE if leaked else _SUPERSEDED
    sha256 = fingerprint(certificate)
    data: dict[str, JsonValue] = {
        "step": "revoke",
        "directory": settings.directory,
        "reason": reason,
    }
    house.ledger.record_event("order", at=house.clock(), by=who(), sha256=sha256, data=data)
    try:
        await ca.again("revocation", lambda: ca.revoke(certificate, reason))
    except CaRefused as refused:
        if refused.code != "alreadyRevoked":
            raise
