"""Trying out a DNS provider, or other credentials for it, while no certificate is due.

A renewal weeks later would be the first to find out that they do not work, and the ones that did
would be gone.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from housekey.errors import DnsNotShown
from housekey.public.records import PREFIX

if TYPE_CHECKING:
    from housekey.public.order import Records
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World


SECONDS = 60.0  # for a provider that has shown records before: it has taken it, and is slow


async def try_out(
    records: Records, settings: PublicSettings, *, must_show: bool, world: World
) -> None:
    """Publish a record that proves nothing where proofs go, and take it away again.

    `must_show`: it is no answer that the provider took it: its servers may not be asked by anybody.
    Raises as `Records.publish`; what was not shown is taken away, too.
    """
    domain = settings.names[0].removeprefix("*.")
    value = f"housekey-tries-{secrets.token_hex(8)}"
    try:
        await records.publish(domain, [value])
    except DnsNotShown:
        if must_show:
            await records.withdraw(domain, [value])
            raise
    world.tell("tried", f"{settings.provider} takes records for {PREFIX}.{domain}")
    await records.withdraw(domain, [value])
