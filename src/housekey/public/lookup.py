"""Asking the DNS: through this computer's resolver, and straight at the servers of a zone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from housekey.errors import DnsFailed
from housekey.public.answers import owner_of_soa, rdatas, text_of, value_of

if TYPE_CHECKING:
    from dns.message import Message
    from dns.name import Name
    from dns.resolver import Resolver

PORT = 53
_LONGEST_CHAIN = 10  # CNAMEs; resolvers give up about there too


@dataclass(frozen=True, slots=True)
class Server:
    """One address of one authoritative server."""

    name: str  # of the server, without the dot at its end
    address: str

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


@dataclass(frozen=True, slots=True)
class Said:
    """What one server said of a record."""

    server: Server
    values: frozenset[str] | None  # None: it was not to be heard, or does not serve the zone
    trouble: str = ""  # why, in words

    @property
    def told(self) -> str:
        """For a sentence: what was found there."""
        if self.values is None:
            return self.trouble
        if not self.values:
            return "nothing"
        return "another value, " + ", ".join(sorted(_short(each) for each in self.values))


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of the DNS, and who serves it."""

    name: str  # without the dot at its end
    servers: tuple[Server, ...] = field(default=(), repr=False)


class _NoSense(DnsFailed):
    """The resolver answers, and not to this question."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How the DNS is asked."""

    nameservers: tuple[str, ...] = ()  # addresses of resolvers; none: this computer's own
    port: int = PORT  # of resolvers and authoritative servers alike
    # Seconds for one question to one authoritative server; resolvers get three times that, for
    # all of them and all tries together.
    patience: float = 5.0

    async def place_of(self, name: str) -> tuple[str, Zone]:
        """Follow the CNAME records of `name` (RFC 1034 3.6.2); return where they end, and its zone.

        The DNS-01 proof may be delegated that way (RFC 8555 8.4 asks for an ordinary look-up).
        Raises `DnsFailed`: a circle, too many steps, or no answer.
        """
        seen = [name.lower()]
        while True:
            zone = await self.zone_of(seen[-1])
            target = await self._target(seen[-1], zone)
            if target is None:
                return seen[-1], zone
            if target in seen:
                raise DnsFailed(
                    f"the CNAME record of {name} leads in a circle: {' -> '.join([*seen, target])}",
                    hint="mend it where the DNS of that name is kept, or take it away",
                )
            seen.append(target)
            if len(seen) > _LONGEST_CHAIN:
                raise DnsFailed(
                    f"the CNAME record of {name} leads on and on: {' -> '.join(seen)}",
                    hint="let it lead straight to the last of these names",
                )

    async def zone_of(self, name: str) -> Zone:
        """Find the zone that holds `name`, by its SOA record, and the servers of it.

        Raises `DnsFailed`: no zone, no answer, or an answer that cannot be right.
        """
        zone = await self._zone_name(name.lower())
        answer = await self._resolve(zone, "NS")
        named = sorted({text_of(rdata.target) for rdata in rdatas(answer, zone, "NS")})
        found = await asyncio.gather(
            *(self.addresses(server, kind) for server in named for kind in ("A", "AAAA"))
        )
        servers = [server for server in named for _ in range(2)]
        pairs = zip(servers, found, strict=True)
        listed = tuple(Server(server, each) for server, got in pairs for each in sorted(got))
        if not listed:
            raise DnsFailed(
                f"it was not found out which servers hold the zone {zone}",
                hint="look whether this computer's DNS works, and try again",
            )
        return Zone(zone, listed)

    async def addresses(self, name: str, kind: str) -> frozenset[str]:
        """Return the addresses of `name` that this computer's resolver tells (A or AAAA).

        Nothing for a name that does not exist, and where the resolver fails for this name.
        """
        try:
            answer = await self._resolve(name, kind)
        except DnsFailed:
            return frozenset()
        return frozenset(map(value_of, rdatas(answer, None, kind)))

    async def published(self, name: str) -> frozenset[str]:
        """Return the addresses of `name` by its own servers, which no router filters.

        Raises `DnsFailed`, also where none of them can be asked from here.
        """
        name, zone = await self.place_of(name)
        said = await asyncio.gather(
            *(self.said_by(server, name, kind) for server in zone.servers for kind in ("A", "AAAA"))
        )
        if all(each.values is None for each in said):
            raise DnsFailed(
                f"none of the DNS servers of {zone.name} answers from here:"
                f" {'; '.join(f'{each.server}: {each.trouble}' for each in said[::2])}",
                hint="a router or provider that keeps DNS to itself does that; ask the name"
                " elsewhere, on a phone without Wi-Fi",
            )
        return frozenset().union(*(each.values or () for each in said))

    async def said_by(self, server: Server, name: str, kind: str) -> Said:
        """Ask one server itself; what it has comes as text. Raises nothing."""
        return await asyncio.to_thread(self._said_by, server, name, kind)

    async def seen(self, name: str, kind: str) -> frozenset[str]:
        """Return the values that this computer's resolver tells. Raises `DnsFailed`."""
        answer = await self._resolve(name, kind)
        return frozenset(map(value_of, rdatas(answer, None, kind)))

    async def _target(self, name: str, zone: Zone) -> str | None:
        """Where the CNAME record of `name` leads to, by the zone's own servers if one is heard.

        A resolver may remember that there was none, or have an entry of its own in its place.
        """
        asked = [asyncio.ensure_future(self.said_by(each, name, "CNAME")) for each in zone.servers]
        try:
            for answer in asyncio.as_completed(asked):
                said = await answer
                if said.values is not None:
                    return min(said.values, default=None)
        finally:
            for each in asked:
                each.cancel()
        return min(await self.seen(name, "CNAME"), default=None)

    async def _zone_name(self, name: str) -> str:
        labels = name.split(".")
        failed: DnsFailed | None = None
        for number in range(len(labels) - 1):
            above = ".".join(labels[number:])
            try:
                told = owner_of_soa(await self._resolve(above, "SOA"), above)
            except _NoSense as error:  # a CNAME there leads nowhere, perhaps
                failed = failed or error
                continue
            if told is not None:
                await asyncio.to_thread(_refuse_registry, told, name)
                return told
        if failed is not None:
            raise failed
        await asyncio.to_thread(_refuse_registry, labels[-1], name)
        raise AssertionError("a single label is a registry")

    async def _resolve(self, name: str, kind: str) -> Message | None:
        """Ask the resolver; None for a name that does not exist and nothing more is known of."""
        return await asyncio.to_thread(self._resolved, name, kind)

    # In threads, and not with dnspython's own asyncio: it opens files and loads modules as it goes,
    # and Home Assistant's loop must not wait for that. All of it ends within its own time limits.

    def _said_by(self, server: Server, name: str, kind: str) -> Said:
        import dns.exception  # noqa: PLC0415 - only when an order is made
        import dns.message  # noqa: PLC0415 - likewise
        import dns.query  # noqa: PLC0415 - likewise
        import dns.rcode  # noqa: PLC0415 - likewise

        question = dns.message.make_query(name, kind, flags=0)  # no recursion: what it has itself
        try:
            answer, _ = dns.query.udp_with_fallback(
                question, server.address, timeout=self.patience, port=self.port,
                ignore_unexpected=True,
            )  # fmt: skip
        except dns.exception.Timeout:
            return Said(server, None, "no answer")
        except OSError as error:
            return Said(server, None, f"not reached ({error.strerror or 'no way there'})")
        except dns.exception.DNSException as error:
            return Said(server, None, f"not understood ({type(error).__name__})")
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return Said(server, None, f"it answered {dns.rcode.to_text(answer.rcode())}")
        return Said(server, frozenset(map(value_of, rdatas(answer, name, kind))))

    def _resolved(self, name: str, kind: str) -> Message | None:
        import dns.exception  # noqa: PLC0415 - only when an order is made
        import dns.name  # noqa: PLC0415 - likewise
        import dns.resolver  # noqa: PLC0415 - likewise

        resolver = self._resolver()
        try:
            answer = resolver.resolve(
                dns.name.from_text(name), kind, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN as nothing:
            responses: dict[Name, Message] = nothing.responses()  # type: ignore[no-untyped-call]
            return next(iter(responses.values()), None)
        except (dns.exception.DNSException, OSError) as error:
            where = ", ".join(str(each) for each in resolver.nameservers)
            silent = isinstance(error, (dns.exception.Timeout, OSError))
            raise (DnsFailed if silent else _NoSense)(
                f"the DNS gave no answer for {name} ({kind}), asked at {where}: {_reason(error)}",
                hint="look whether this computer reaches the internet and its DNS, and try again",
            ) from error
        return answer.response

    def _resolver(self) -> Resolver:
        import dns.resolver  # noqa: PLC0415 - only when an order is made

        try:
            resolver = dns.resolver.Resolver(configure=not self.nameservers)
        except (dns.resolver.NoResolverConfiguration, OSError) as error:
            raise DnsFailed(
                "this computer has no DNS set up: /etc/resolv.conf names no server",
                hint="set one up; on most systems the router's address",
            ) from error
        if self.nameservers:
            resolver.nameservers = list(self.nameservers)
            resolver.port = self.port
        resolver.lifetime = self.patience * 3
        resolver.timeout = min(resolver.timeout, resolver.lifetime)
        return resolver


def _refuse_registry(zone: str, name: str) -> None:
    from housekey.pki.shared_zones import is_registry  # noqa: PLC0415 - reads a long list

    # A resolver that answers for `name` by itself (an entry of the router's) may hide its zone.
    if is_registry(zone):
        raise DnsFailed(
            f"no zone was found that holds {name}, below {zone}",
            hint="look for a typing error; if the name is right, a DNS server at home may answer"
            " for it by itself: try again with another one",
        )


def _short(value: str) -> str:
    return value if len(value) <= 60 else value[:60] + "…"


def _reason(error: Exception) -> str:
    import dns.exception  # noqa: PLC0415 - only when an order is made
    import dns.resolver  # noqa: PLC0415 - likewise

    if isinstance(error, dns.resolver.NoNameservers):
        return "it failed or refused"
    if isinstance(error, dns.exception.Timeout):
        return "nobody answered in time"
    return str(error) or type(error).__name__
