"""What the road of a public name asks for, and where it leads the name."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from housekey.errors import DnsFailed, NotReady, UsageError
from housekey.pki.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from housekey.cli.output import Output
    from housekey.homeassistant.request import Point
    from housekey.homeassistant.site import Site, World
    from housekey.live.handshake import Address
    from housekey.public.chosen import PublicRoad
    from housekey.public.settings import PublicSettings

_LOOKS_EVERY = 3.0  # seconds
_SETTLES_SECONDS = 90.0  # a resolver keeps an answer of DuckDNS for a minute


def credentials(
    settings: PublicSettings,
    options: Mapping[str, Any],
    world: World,
    output: Output,
    *,
    house: Path,
) -> Mapping[str, Secret] | None:
    """Return what was given for the DNS provider, or answered.

    None: the house has it, or it is a dry run. Raises `UsageError` and `ProviderRefused`.
    """
    from housekey.public import credentials as known  # noqa: PLC0415 - only on this road
    from housekey.public.providers import provider  # noqa: PLC0415

    described = provider(settings.provider)
    file = Path(options["dns_credentials"]) if options["dns_credentials"] else None
    given = known.credentials_from(described, file, os.environ, read=world.files.read)
    if given is not None:
        if given.warning:
            output.row("warning", given.warning)
        described.must_be_given(given.options)
        return given.options
    kept = known.kept(house, settings.provider, files=world.files)
    if kept is not None or not described.asked or options["dry_run"]:
        return None if kept is not None or options["dry_run"] else {}
    if _can_ask(output):
        output.row(
            "asks",
            f"for your access to {settings.provider}, to put a record into the DNS. It is kept in"
            " the house, for you alone (mode 0600). What you type is not shown; leave empty what"
            " you do not need",
        )

    def question(text: str) -> Secret | None:
        return _asked(text, output)

    return known.ask(described, question)


def eab_hmac(
    settings: PublicSettings, options: Mapping[str, Any], world: World, output: Output
) -> Secret | None:
    """Return the key that belongs to `--eab-kid`, from its file or an answer.

    It is needed once: after that the CA knows the house. Raises `UsageError` and `FileTrouble`.
    """
    if options["eab_hmac_file"]:
        text = world.files.read(Path(options["eab_hmac_file"])).strip()
        if not text:
            raise UsageError(
                f"{options['eab_hmac_file']} is empty",
                hint="--eab-hmac-file names a file with the key that the CA gave",
            )
        return Secret(text)
    if settings.eab_kid is None or options["dry_run"]:
        return None
    answer = _asked(f"Key (HMAC) for {settings.eab_kid}", output)
    if answer is None:
        raise UsageError(
            "there is no terminal to ask for the key (HMAC) that goes with --eab-kid on",
            hint="give it with --eab-hmac-file FILE",
        )
    return answer if answer.reveal().strip() else None


def _asked(question: str, output: Output) -> Secret | None:
    """Ask without echo; an empty answer is one. None where nobody can be asked."""
    output.busy("")
    if not _can_ask(output):
        return None
    answer: str = click.prompt(
        f"  {question}", hide_input=True, default="", show_default=False, err=True
    )
    return Secret(answer.encode())


def _can_ask(output: Output) -> bool:
    return not output.as_json and sys.stdin.isatty() and sys.stderr.isatty()


def pointing(
    road: PublicRoad, options: Mapping[str, Any], world: World, *, house: Path
) -> Point | None:
    """Return what leads the name to Home Assistant, as --point says."""
    if not options["point"]:
        return None
    from housekey.public.credentials import kept  # noqa: PLC0415 - only on this road

    given = road.given.credentials if road.given is not None else None
    if given is None:
        given = kept(house, road.settings.provider, files=world.files)
    return _Pointing(
        names=road.settings.names,
        credentials=given or {},
        world=world,
        from_outside=options["point"] == "public",
    )


@dataclass(frozen=True, slots=True)
class _Pointing:
    names: tuple[str, ...]
    credentials: Mapping[str, Secret]
    world: World
    from_outside: bool

    async def __call__(self, site: Site) -> tuple[tuple[str, str], ...]:
        """Point each name that was registered. Raises `NotReady` and as `duckdns.point_all`."""
        from housekey.public.duckdns import point_all  # noqa: PLC0415 - only on this road

        addresses = () if self.from_outside else (await self._at_home(site),)
        await point_all(self.names, addresses, self.credentials, world=self.world)
        return await self._until_seen(
            next(each for each in self.names if not each.startswith("*."))
        )

    @property
    def would(self) -> str:
        """Say what is done, for `--dry-run`."""
        where = "the address that the internet sees" if self.from_outside else "its address at home"
        return f"let {', '.join(self.names)} lead to Home Assistant, at {where}"

    async def _at_home(self, site: Site) -> Address:
        """Return the address at which devices reach Home Assistant; IPv4, if it can be."""
        from housekey.homeassistant.names import local_addresses  # noqa: PLC0415 - loaded already
        from housekey.pki.hosts import is_loopback  # noqa: PLC0415

        if is_loopback(site.door.host):
            found: Sequence[Address] = local_addresses()
        else:
            found = await self.world.resolve(site.door.host)
        private = sorted(
            (each for each in found if each.is_private and not each.is_loopback),
            key=lambda each: each.version,
        )
        if not private:
            raise NotReady(
                "no private address of Home Assistant is known on this machine",
                hint="let the name's A record be its address at duckdns.org, and drop --point",
            )
        return private[0]

    async def _until_seen(self, name: str) -> tuple[tuple[str, str], ...]:
        """Give this machine's resolver time to forget an older answer; return what it does."""
        from housekey.public.lookup import Lookup  # noqa: PLC0415 - only on this road
        from housekey.public.rebinding import (  # noqa: PLC0415
            Kind,
            exceptions_for,
            look,
            told,
        )

        world, left = self.world, _SETTLES_SECONDS
        world.busy(f"waiting until {name} leads there")
        try:
            while (seen := await look(name, lookup=Lookup())).kind in (Kind.OTHER, Kind.NOWHERE):
                if left <= 0:
                    break
                await world.sleep(_LOOKS_EVERY)
                left -= _LOOKS_EVERY
        except DnsFailed as trouble:
            return (("heads up", f"{trouble.message}; {trouble.hint}"),)
        finally:
            world.busy("")
        lines = [("heads up", line) for line in told(seen) or ()]
        if seen.kind is Kind.FILTERED:
            lines += [("", f"{router}: {how}") for router, how in exceptions_for(name)]
        return tuple(lines)
