"""The forms on the road of a public name, and what is read from them. Pure but for the schemas."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import voluptuous as vol
from homeassistant.data_entry_flow import section
from homeassistant.helpers import selector

from housekey.errors import PemUnreadable
from housekey.pki.encoding import certificates_from_pem, chain_to_pem
from housekey.pki.names import DnsName, parse_name
from housekey.pki.secret import Secret
from housekey.public.directories import LETS_ENCRYPT, STAGING
from housekey.public.naming import NOT_IN_THE_DNS, not_public

from .troubles import NotNow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from housekey.public.providers import Provider
    from housekey.public.settings import PublicSettings

FIRST: Final = "duckdns"  # of the providers

CONF_PUBLIC_NAMES: Final = "public_names"
CONF_PROVIDER: Final = "provider"
CONF_EMAIL: Final = "email"
CONF_ADVANCED: Final = "advanced"
CONF_STAGING: Final = "staging"
CONF_DIRECTORY: Final = "directory"
CONF_ROOTS: Final = "roots"
CONF_PROFILE: Final = "profile"
CONF_EAB_KID: Final = "eab_kid"
CONF_EAB_HMAC: Final = "eab_hmac"
CONF_AGREE: Final = "agree"
CONF_POINT: Final = "point"

_LABELS = {
    "cloudflare": "Cloudflare",
    "ddns": "RFC 2136 (BIND, Knot, PowerDNS, …)",
    "desec": "deSEC",
    "digitalocean": "DigitalOcean",
    "duckdns": "DuckDNS",
    "gandi": "Gandi",
    "godaddy": "GoDaddy",
    "googleclouddns": "Google Cloud DNS",
    "hetzner": "Hetzner",
    "infomaniak": "Infomaniak",
    "inwx": "INWX",
    "ionos": "IONOS",
    "namecheap": "Namecheap",
    "ovh": "OVH",
    "porkbun": "Porkbun",
    "powerdns": "PowerDNS",
    "route53": "Route 53 (AWS)",
}
_SECRET = re.compile(r"token|password|key|secret|hmac", re.IGNORECASE)
_PASSWORD = selector.TextSelector(
    selector.TextSelectorConfig(
        type=selector.TextSelectorType.PASSWORD, autocomplete="new-password"
    )
)
_TEXT = selector.TextSelector()


def label_of(provider: str) -> str:
    """Return what a provider is called on the screen."""
    return _LABELS.get(provider, provider)


def title_of(provider: str) -> str:
    """Return what it is called in a title, where there is little room."""
    return label_of(provider).partition(" (")[0]


def name_schema(providers: Iterable[str], before: PublicSettings | None) -> vol.Schema:
    """Return the form for name, provider and CA; with what was settled `before`."""
    listed = sorted(set(providers), key=lambda name: (name != FIRST, label_of(name).lower()))
    options = [selector.SelectOptionDict(value=name, label=label_of(name)) for name in listed]
    choose = selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=options, mode=selector.SelectSelectorMode.DROPDOWN, sort=False
        )
    )
    email = selector.TextSelector(
        selector.TextSelectorConfig(type=selector.TextSelectorType.EMAIL, autocomplete="email")
    )
    url = selector.TextSelector(selector.TextSelectorConfig(type=selector.TextSelectorType.URL))
    lines = selector.TextSelector(selector.TextSelectorConfig(multiline=True))
    several = selector.TextSelector(selector.TextSelectorConfig(multiple=True))
    is_other = before is not None and before.directory not in (LETS_ENCRYPT, STAGING)

    def optional(key: str, value: str | None) -> vol.Optional:
        return vol.Optional(key, description={"suggested_value": value})

    def was(key: str) -> str | None:
        kept: str | None = getattr(before, key, None)
        return kept

    provider = was("provider")
    return vol.Schema(
        {
            vol.Required(
                # Never without a field to type into: it would have to be found first.
                CONF_PUBLIC_NAMES,
                default=list(before.names) if before is not None else [""],
            ): several,
            vol.Required(CONF_PROVIDER, default=provider if provider in listed else FIRST): choose,
            optional(CONF_EMAIL, was("email")): email,
            vol.Required(CONF_ADVANCED): section(
                vol.Schema(
                    {
                        vol.Required(
                            CONF_STAGING,
                            default=before is not None and before.directory == STAGING,
                        ): selector.BooleanSelector(),
                        optional(CONF_DIRECTORY, was("directory") if is_other else None): url,
                        optional(CONF_ROOTS, was("roots_pem")): lines,
                        optional(CONF_PROFILE, was("profile")): _TEXT,
                        optional(CONF_EAB_KID, was("eab_kid")): _TEXT,
                        optional(CONF_EAB_HMAC, None): _PASSWORD,
                    }
                ),
                {"collapsed": not is_other},
            ),
        }
    )


def settings_from(given: Mapping[str, Any]) -> tuple[PublicSettings, Secret | None]:
    """Read that form: what is settled, and the key for the account that a CA may have given.

    Raises `NotNow`, `NameRefused` and `PemUnreadable`, all for people.
    """
    from housekey.public.settings import PublicSettings  # noqa: PLC0415 - only on this road

    advanced = given.get(CONF_ADVANCED, {})
    directory = str(advanced.get(CONF_DIRECTORY) or "").strip()
    if directory and (urlsplit(directory).scheme != "https" or not urlsplit(directory).hostname):
        raise NotNow(
            "not_a_directory",
            f"{directory} is not the address of an ACME directory",
            hint="it begins with https://, and the CA's own pages tell it",
            address=directory,
        )
    usual = STAGING if advanced.get(CONF_STAGING) else LETS_ENCRYPT
    hmac = str(advanced.get(CONF_EAB_HMAC) or "").strip()
    roots_pem = _roots(str(advanced.get(CONF_ROOTS) or ""))
    names = names_from(given.get(CONF_PUBLIC_NAMES, ()), private_ca=roots_pem is not None)
    settings = PublicSettings(
        names=tuple(map(str, names)),
        directory=directory or usual,
        provider=str(given[CONF_PROVIDER]),
        roots_pem=roots_pem,
        email=_text(given, CONF_EMAIL),
        profile=_text(advanced, CONF_PROFILE),
        eab_kid=_text(advanced, CONF_EAB_KID),
    )
    return settings, Secret(hmac.encode()) if hmac else None


def names_from(texts: Iterable[str], *, private_ca: bool = False) -> tuple[DnsName, ...]:
    """Read public names, each once; fields that were left empty are none.

    Raises `NotNow` for what no public CA signs for, and where there is no name but wildcards.
    """
    names: list[DnsName] = []
    for text in filter(None, map(str.strip, texts)):
        name = parse_name(text)
        if not isinstance(name, DnsName):
            raise NotNow(
                "not_a_dns_name",
                f"{name} is an address, and this certificate is for a name",
                hint="give a name in the DNS, such as myhome.duckdns.org",
                address=str(name),
            )
        if not private_ca and not_public(name.text.removeprefix("*.")):
            raise NotNow(
                "not_public",
                f"no public CA signs for {name}",
                hint="give a name that is yours in the DNS, such as myhome.duckdns.org",
                name=str(name),
            )
        names.append(name)
    if not any(not name.is_wildcard for name in names):
        raise NotNow(
            "no_public_name",
            "there is no name by which to open Home Assistant",
            hint="give one such as ha.example.org; *.example.org may come besides",
        )
    return tuple(dict.fromkeys(names))


def suggested_names(urls: Iterable[str | None]) -> tuple[str, ...]:
    """Return the public names by which Home Assistant is said to be reached already."""
    found = []
    for url in urls:
        host = (urlsplit(url or "").hostname or "").rstrip(".").lower()
        zone = host.rpartition(".")[2]
        if "." in host and not zone.isdigit() and ":" not in host and zone not in _AT_HOME:
            found.append(host)
    return tuple(dict.fromkeys(found))


_AT_HOME = NOT_IN_THE_DNS | {"box"}  # which can be owned, and mostly is what a router says


def credentials_schema(described: Provider, *, terms: bool, point: bool | None) -> vol.Schema:
    """Return the form for what a provider asks; with its terms, and with where a name leads."""
    fields: dict[Any, Any] = {
        vol.Optional(option.name): _PASSWORD if _SECRET.search(option.name) else _TEXT
        for option in described.asked
    }
    if point is not None:
        fields[vol.Required(CONF_POINT, default=point)] = selector.BooleanSelector()
    if terms:
        fields[vol.Required(CONF_AGREE, default=False)] = selector.BooleanSelector()
    return vol.Schema(fields)


def credentials_from(described: Provider, given: Mapping[str, Any]) -> dict[str, Secret]:
    """Read that form: what was left empty is not given."""
    found = {}
    for option in described.asked:
        if text := str(given.get(option.name) or "").strip():
            found[option.name] = Secret(text.encode())
    return found


def _roots(text: str) -> str | None:
    if not text.strip():
        return None
    # A field of one line takes the line breaks away.
    again = re.sub(r"\s*(-----(?:BEGIN|END) CERTIFICATE-----)\s*", r"\n\1\n", text)
    try:
        return chain_to_pem(certificates_from_pem(again.encode())).decode()
    except PemUnreadable:
        return chain_to_pem(certificates_from_pem(text.encode())).decode()


def _text(given: Mapping[str, Any], key: str) -> str | None:
    return str(given.get(key) or "").strip() or None


def shown_names(names: Sequence[object]) -> str:
    """Return names for a sentence."""
    return ", ".join(map(str, names))
