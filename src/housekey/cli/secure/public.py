"""The options of the road of a public name: `housekey secure --public NAME --dns PROVIDER`.

What can be meant is found out first (`public_road`), then the CA and the user are asked what is
missing (`choose_public`). Nothing is ordered or kept here: that is the switch's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from housekey.errors import PublicTrouble, Stopped, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from housekey.cli.output import Output
    from housekey.homeassistant.authority import Authority, Chosen
    from housekey.homeassistant.site import World
    from housekey.house.house import House
    from housekey.house.road import Road
    from housekey.pki.names import Name
    from housekey.public.authority import Given
    from housekey.public.settings import PublicSettings

_F = TypeVar("_F", bound="Callable[..., Any]")

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
# Options of this road, with their parameters, that mean nothing without a name.
_WITH_A_NAME = {
    "--dns": "dns",
    "--dns-credentials": "dns_credentials",
    "--point": "point",
    "--staging": "staging",
    "--acme-directory": "acme_directory",
    "--acme-root": "acme_root",
    "--eab-kid": "eab_kid",
    "--eab-hmac-file": "eab_hmac_file",
    "--profile": "profile",
    "--account-email": "account_email",
    "--agree-tos": "agree_tos",
}


def public_options(command: _F) -> _F:
    """Add the options of this road."""
    for option in (
        click.option("--private", is_flag=True, help="Back to certificates of the house's own CA."),
        click.option(
            "--agree-tos", is_flag=True, help="You have read that CA's terms, and agree to them."
        ),
        click.option(
            "--account-email", metavar="ADDRESS", help="Where that CA may write to you; optional."
        ),
        click.option(
            "--profile", metavar="NAME", help="Kind of certificate, if the CA offers several."
        ),
        click.option(
            "--eab-hmac-file",
            metavar="FILE",
            help="A file with the key (HMAC, base64url) that the CA gave with --eab-kid.",
        ),
        click.option(
            "--eab-kid", metavar="ID", help="Key id, if the CA registers only whom it knows."
        ),
        click.option(
            "--acme-root",
            metavar="FILE",
            help="Root of a private ACME CA; devices have to trust it. With --acme-directory.",
        ),
        click.option(
            "--acme-directory",
            metavar="URL",
            help="Another CA that speaks ACME.  [default: Let's Encrypt]",
        ),
        click.option(
            "--staging",
            is_flag=True,
            help="Rehearse it with Let's Encrypt's staging CA; nothing is switched.",
        ),
        click.option(
            "--point",
            type=click.Choice(["private", "public"]),
            help="Lead a DuckDNS name to Home Assistant's address at home, or to your public one.",
        ),
        click.option(
            "--dns-credentials",
            metavar="FILE",
            help="What the DNS provider knows you by, one `name = value` a line; kept in the house."
            "  [or LEXICON_PROVIDER_… variables, or a question]",
        ),
        click.option(
            "--dns",
            metavar="PROVIDER",
            help="Who keeps the DNS of the name: duckdns, cloudflare, ddns (RFC 2136), …",
        ),
        click.option(
            "--public",
            "public_names",
            multiple=True,
            metavar="NAME",
            help="Use this name of yours, with a certificate that every device trusts already."
            " May be given again; *.NAME is a wildcard.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class PublicRoad:
    """A public name, as it was chosen."""

    settings: PublicSettings
    given: Given | None = None

    @property
    def names(self) -> tuple[Name, ...]:
        return self.settings.dns_names

    @property
    def road(self) -> Road:
        from housekey.homeassistant.recorded import LABEL  # noqa: PLC0415 - loaded by now

        return self.settings.road(LABEL)

    @property
    def signer(self) -> str:
        return self.settings.signer

    @property
    def is_rehearsal(self) -> bool:
        """Whether no device trusts what this CA issues, so that nothing may present it."""
        return self.settings.directory == STAGING

    def authority(self, house: House, world: World) -> Authority:
        from housekey.homeassistant.recorded import LABEL  # noqa: PLC0415 - loaded by now
        from housekey.public.authority import PublicAuthority  # noqa: PLC0415 - only on this road

        return PublicAuthority(
            house,
            self.settings,
            LABEL,
            world,
            given=self.given,
            by_hand=True,
            rehearsal=self.is_rehearsal,
        )


def chosen_private(options: Mapping[str, Any]) -> Chosen | None:
    """Return the house's own road, where that was asked for."""
    from housekey.homeassistant.authority import OwnPrivateRoad  # noqa: PLC0415 - after --help

    return OwnPrivateRoad() if options["private"] else None


def public_road(options: Mapping[str, Any], world: World, *, house: Path) -> PublicRoad | None:
    """Return what the options can mean; None when they are about another road.

    Raises `UsageError`, `NameRefused` and `ProviderRefused`; nobody is asked anything.
    """
    names = options["public_names"]
    given = [option for option, name in _WITH_A_NAME.items() if options[name]]
    if options["private"] and (names or given):
        told = (["--public"] if names else []) + given
        raise UsageError(
            f"--private is the house's own CA, and {' '.join(told)} another one",
            hint="drop one of the two",
        )
    before = _settled(house, world)
    if given == ["--agree-tos"] and not names and before is not None:
        return _road(before)  # as it is settled; there are new terms
    if not names:
        if given:
            raise UsageError(
                f"{' and '.join(given)} would be about a public name, and none is given",
                hint="say which one it is with --public NAME",
            )
        return None
    _must_fit(options)
    from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

    return _road(
        PublicSettings(
            names=_names(names, private_ca=bool(options["acme_root"])),
            directory=_directory(options),
            provider=_provider(options, before),
            roots_pem=_roots_pem(options, world),
            email=options["account_email"],
            profile=options["profile"],
            eab_kid=options["eab_kid"],
        )
    )


async def choose_public(
    road: PublicRoad,
    options: Mapping[str, Any],
    world: World,
    output: Output,
    *,
    house: Path,
) -> PublicRoad:
    """Ask the CA and the user for what is missing: terms, and what the DNS provider wants to know.

    A dry run asks for nothing. Raises `Stopped`, `AnswerMissing`, `UsageError` and as `about`.
    """
    from housekey.cli.secure.public_asking import credentials, eab_hmac  # noqa: PLC0415
    from housekey.public.account import account_in  # noqa: PLC0415 - only on this road
    from housekey.public.authority import Given  # noqa: PLC0415
    from housekey.public.terms import demanded  # noqa: PLC0415

    settings = road.settings
    given = Given(
        credentials(settings, options, world, output, house=house),
        # It was needed once, to register; who agrees to new terms is.
        eab_hmac(settings, options, world, output) if options["public_names"] else None,
    )
    before = _settled(house, world)
    if options["agree_tos"] and account_in(house, settings.directory, files=world.files) is None:
        before = None  # it has to register again, on the terms of today
    demand = None
    if before is not None and before.directory == settings.directory and before.terms:
        settings = replace(settings, terms=before.terms, email=settings.email or before.email)
        demand = demanded(house, settings.directory, world=world)
        is_settled = demand is None and bool(options["public_names"])
    else:
        is_settled = False
    if demand is not None and demand.terms is not None and not options["dry_run"]:
        settings = replace(settings, terms=_agreed(settings.signer, demand.terms, options, output))
    elif not is_settled and not options["dry_run"]:
        terms = await _agreed_terms(settings, options, world, output, house=house)
        settings = replace(settings, terms=terms)
    return _road(settings, given)


def _road(settings: PublicSettings, given: Given | None = None) -> PublicRoad:
    return PublicRoad(settings, given)


async def _agreed_terms(
    settings: PublicSettings,
    options: Mapping[str, Any],
    world: World,
    output: Output,
    *,
    house: Path,
) -> str | None:
    from housekey.public.account import about  # noqa: PLC0415 - only to register

    output.busy("asking the CA for its terms")
    ca = await about(settings, world=world, house=house)
    output.busy("")
    if ca.needs_eab and settings.eab_kid is None:
        raise PublicTrouble(
            f"{ca.name} registers only whom it knows",
            hint="it gives its customers a key id and a key (HMAC): --eab-kid ID"
            " --eab-hmac-file FILE",
        )
    if settings.profile is not None and settings.profile not in ca.profiles:
        listed = ", ".join(ca.profiles)
        raise UsageError(
            f"{ca.name} has no profile {settings.profile!r}",
            hint=f"it offers {listed}" if listed else "it offers none: drop --profile",
        )
    return None if ca.terms is None else _agreed(ca.name, ca.terms, options, output)


def _agreed(ca: str, terms: str, options: Mapping[str, Any], output: Output) -> str:
    """Return the address of `terms`, once they are agreed to."""
    output.row("terms", f"{ca} signs for those who agree to its terms: {terms}")
    if not options["agree_tos"]:
        question = "Have you read them, and do you agree?"
        output.must_be_a_terminal(question, option="--agree-tos")
        if not click.confirm(f"  {question}", err=True):  # --yes is no answer to this one
            raise Stopped
    return terms


def _must_fit(options: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options of this road that contradict each other."""
    if options["staging"] and options["acme_directory"]:
        raise UsageError(
            "--staging is a CA of Let's Encrypt, and --acme-directory another one",
            hint="drop one of the two",
        )
    if options["acme_root"] and not options["acme_directory"]:
        raise UsageError(
            "--acme-root is the root of a private CA, and the address of that CA is missing",
            hint="give its address with --acme-directory URL",
        )
    if bool(options["eab_kid"]) is not bool(options["eab_hmac_file"]) and options["eab_hmac_file"]:
        raise UsageError(
            "--eab-hmac-file goes with the key id that the CA gave with it",
            hint="give that with --eab-kid ID",
        )


def _names(given: tuple[str, ...], *, private_ca: bool) -> tuple[str, ...]:
    from housekey.pki.names import DnsName, parse_name  # noqa: PLC0415 - after --help

    names = dict.fromkeys(map(parse_name, given))
    for name in names:
        if not isinstance(name, DnsName):
            raise UsageError(
                f"{name} is an address, and --public takes a name in the DNS",
                hint="without --public the house's own CA signs for addresses, too",
            )
        if not private_ca and (why := _not_public(name.text.removeprefix("*."))):
            raise UsageError(
                f"no public CA signs for {name}: {why}",
                hint="without --public the house's own CA does",
            )
    plain = [name for name in names if isinstance(name, DnsName) and not name.is_wildcard]
    if not plain:
        raise UsageError(
            f"{given[0]} stands for many names, and none of them is Home Assistant's",
            hint=f"give that one first: --public ha.{given[0].removeprefix('*.')} --public"
            f" '{given[0]}'",
        )
    return tuple(map(str, names))


_NOT_IN_THE_DNS = {
    "local", "lan", "home", "internal", "localhost", "localdomain", "intranet", "private", "corp",
    "test", "example", "invalid", "arpa", "onion", "alt",
}  # fmt: skip


def _not_public(name: str) -> str | None:
    """Say why no public CA could sign for a name (RFC 6761, RFC 6762, ICANN's .internal)."""
    last = name.rpartition(".")[2]
    if "." not in name:
        return "it has no domain"
    if last in _NOT_IN_THE_DNS:
        return f"nobody can own a name under .{last}"
    from housekey.pki.shared_zones import is_registry  # noqa: PLC0415 - slow

    return "it is a registry, not a name of one home" if is_registry(name, unknown=False) else None


def _directory(options: Mapping[str, Any]) -> str:
    url: str = options["acme_directory"] or (STAGING if options["staging"] else LETS_ENCRYPT)
    if not url.startswith("https://"):
        raise UsageError(
            f"{url} is not an address of an ACME CA", hint="it begins with https:// (RFC 8555, 6.1)"
        )
    return url


def _provider(options: Mapping[str, Any], before: PublicSettings | None) -> str:
    from housekey.public import duckdns, providers  # noqa: PLC0415 - only on this road

    all_duckdns = all(map(duckdns.holds, options["public_names"]))
    default = duckdns.PROVIDER if all_duckdns else before.provider if before else None
    name = options["dns"].lower() if options["dns"] else default
    if name is None:
        raise UsageError(
            "who keeps the DNS of this name is not said",
            hint="--dns duckdns, cloudflare, ddns (RFC 2136), …; docs/public.md lists them",
        )
    if options["point"] and name != duckdns.PROVIDER:
        raise UsageError(
            f"--point is for names of DuckDNS, and the DNS of this one is kept by {name}",
            hint="let its A record be Home Assistant's address there, and drop --point",
        )
    described: str = providers.provider(name).name
    return described


def _roots_pem(options: Mapping[str, Any], world: World) -> str | None:
    if not options["acme_root"]:
        return None
    from housekey.check.reading import chain_in  # noqa: PLC0415 - after --help
    from housekey.pki.encoding import certificate_from_der, chain_to_pem  # noqa: PLC0415

    found = chain_in(Path(options["acme_root"]), world.files)
    return chain_to_pem(map(certificate_from_der, found)).decode()


def _settled(house: Path, world: World) -> PublicSettings | None:
    """Return what the house has settled before on this road; None: nothing, or no house."""
    from housekey.house.road import Kind, read_road  # noqa: PLC0415 - after --help
    from housekey.public.settings import PublicSettings  # noqa: PLC0415

    road = read_road(house, files=world.files)
    return PublicSettings.of(road) if road is not None and road.kind is Kind.PUBLIC else None
