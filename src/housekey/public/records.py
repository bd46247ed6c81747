"""The TXT records that prove a name to the CA (DNS-01, RFC 8555 8.4): published, and shown.

A CA asks any of the zone's servers, and a proof that one of them does not show yet costs one of
the few failures that it allows in an hour. So it is told only when every server that can be asked
shows it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from housekey.errors import DnsFailed, DnsNotShown, ProviderRefused
from housekey.public import duckdns
from housekey.public.changing import SECONDS as PROVIDER_SECONDS
from housekey.public.changing import Changer
from housekey.public.lookup import Lookup, Said, Zone
from housekey.public.shown import State, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.pki.secret import Secret
    from housekey.public.settings import PublicSettings
    from housekey.public.world import World

PREFIX = "_acme-challenge"
SECONDS = 900.0  # until a record must be shown; slow providers write their zones every ten minutes
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = (
    2.0,
    20.0,
    1.5,
)  # seconds between two looks; polite to servers


def records_of(
    settings: PublicSettings,
    credentials: Mapping[str, Secret],
    *,
    world: World,
    lookup: Lookup | None = None,
    seconds: float = SECONDS,
    provider_seconds: float = PROVIDER_SECONDS,
) -> DnsRecords:
    """Return what publishes the records of a house's names; nothing is loaded or asked yet.

    `lookup`: how the DNS is asked, if not through this computer's resolver; `seconds`: how long a
    record may take to be shown, `provider_seconds`: the provider to answer.
    """
    changer = Changer(settings.provider, credentials, seconds=provider_seconds)
    return DnsRecords(changer, world=world, lookup=lookup or Lookup(), seconds=seconds)


def managed(zone: str, record: str) -> str:
    """Return what the provider takes for the zone of `record`.

    In a zone that many share (duckdns.org, dynu.com) each user has one name, and the provider knows
    that alone.
    """
    from housekey.pki.shared_zones import shared_by_many  # noqa: PLC0415 - reads a long list

    below = record.removesuffix(f".{zone}").split(".")
    if record == zone or shared_by_many(zone) is None:
        return zone
    return f"{below[-1]}.{zone}"


class DnsRecords:
    """Publishes and withdraws the records of the proof."""

    def __init__(self, changer: Changer, *, world: World, lookup: Lookup, seconds: float) -> None:
        self._changer = changer
        self._world = world
        self._lookup = lookup
        self._seconds = seconds
        self._seen: dict[str, str] = {}

    @property
    def one_at_a_time(self) -> bool:
        """Whether a name can show one value only: two names' proofs then follow each other."""
        return self._changer.provider_name == duckdns.PROVIDER

    async def ready(self) -> None:
        """Raise `ProviderRefused` if nothing could be published: best known before an order."""
        await self._changer.ready()

    def seen_at(self, domain: str) -> str:
        """Say for people which servers showed the record of `domain`; empty: none did."""
        return self._seen.get(domain, "")

    async def publish(self, domain: str, values: Sequence[str]) -> None:
        """Let `_acme-challenge.DOMAIN` show all of `values`, and wait until every server does.

        What is there already stays. Raises `DnsFailed`: it could not be looked up, or not be
        changed; `DnsNotShown`: it was changed, and is not shown in time; `ProviderRefused`.
        """
        await self.ready()
        wanted = frozenset(values)
        if self.one_at_a_time and len(wanted) > 1:
            raise DnsFailed(
                f"DuckDNS shows one proof at a time, and {domain} needs {len(wanted)} at once",
                hint=f"leave out either {domain} or *.{domain}",
            )
        record, zone, known_as = await self._place(domain)
        there = self._there(await self._ask(record, zone))
        try:
            for value in sorted(wanted - there):
                self._world.busy(f"publishing the TXT record {record}")
                await self._changer.create("TXT", record, value, zone=known_as)
            await self._wait(record, zone, wanted)
            self._seen[domain] = f"at {' and '.join(str(server) for server in zone.servers)}"
        finally:
            self._world.busy("")

    async def withdraw(self, domain: str, values: Sequence[str]) -> None:
        """Take `values` away again. What cannot be is told, and no failure: it harms nobody."""
        try:
            record, _, known_as = await self._place(domain)
            for value in sorted(set(values)):
                await self._changer.delete(
                    "TXT", record, value,
                    zone=known_as,
                    identifier="TXT" if self.one_at_a_time else None,
                )  # fmt: skip
        except (DnsFailed, ProviderRefused) as trouble:
            self._world.tell("heads up", f"a TXT record stays behind: {trouble.message}")

    async def _place(self, domain: str) -> tuple[str, Zone, str]:
        """Where the proof of `domain` is kept: record, zone, and what the provider calls that."""
        record = f"{PREFIX}.{domain.removeprefix('*.')}".lower()
        # Names of DuckDNS have no CNAME records and no zones of their own, and its servers were
        # made for little else than A, AAAA and TXT.
        if duckdns.holds(record):
            zone = await self._lookup.zone_of(duckdns.ZONE)
        else:
            record, zone = await self._lookup.place_of(record)
        if self.one_at_a_time:
            duckdns.domain_of(record)
        return record, zone, await asyncio.to_thread(managed, zone.name, record)

    def _there(self, said: Sequence[Said]) -> frozenset[str]:
        """What need not be published again: some servers may not show it yet."""
        values = [each.values for each in said if each.values is not None]
        if self.one_at_a_time and values:
            # One that only some show may be an older one that has been written over.
            return frozenset.intersection(*values)
        return frozenset().union(*values)

    async def _ask(self, record: str, zone: Zone) -> tuple[Said, ...]:
        asked = (self._lookup.said_by(server, record, "TXT") for server in zone.servers)
        return tuple(await asyncio.gather(*asked))

    async def _wait(self, record: str, zone: Zone, wanted: frozenset[str]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        pause = _FIRST_PAUSE
        rounds: list[tuple[Said, ...]] = []
        while True:
            rounds.append(await self._ask(record, zone))
            state = state_of(rounds, wanted)
            if state is State.UNHEARD:
                state = await self._by_resolver(record, wanted)
            if state is State.SHOWN:
                return
            left = end - loop.time()
            if left <= 0:
                raise self._not_shown(record, rounds[-1], wanted)
            self._world.busy(f"waiting until all DNS servers of {zone.name} show {record}")
            await self._world.sleep(min(pause, left))
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    async def _by_resolver(self, record: str, wanted: frozenset[str]) -> State:
        """Where no server of the zone can be asked from here, this computer's resolver must do."""
        try:
            seen = await self._lookup.seen(record, "TXT")
        except DnsFailed:
            return State.UNHEARD
        return State.SHOWN if wanted <= seen else State.WAITING

    def _not_shown(self, record: str, said: Sequence[Said], wanted: frozenset[str]) -> DnsNotShown:
        lacking = [each for each in said if each.values is None or not wanted <= each.values]
        places = tuple((str(each.server), each.told) for each in lacking)
        told = "; ".join(f"{server}: {found}" for server, found in places)
        return DnsNotShown(
            f"the TXT record {record} is not shown by all its servers"
            f" after {self._seconds:.0f} seconds; {told}",
            hint=f"the DNS provider {self._changer.provider_name} took it: look there whether it is"
            " listed, and whether it serves this name; then run it again, it goes on from here",
            record=record,
            places=places,
        )
