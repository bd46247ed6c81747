"""Names that belong to more than one home: public registries and shared zones.

A constraint on a DNS name covers everything below it (RFC 5280 4.2.1.10), and no
spelling covers the host alone on every platform (NC-03). Permitting `duckdns.org`
would let a stolen issuing key speak for every other home there (NC-16); permitting
`com`, for half the web.

Which these are is the Public Suffix List's to know, the list that browsers use
(https://publicsuffix.org), in the copy that the publicsuffixlist package carries. A bare
host name (`myserver`, `ha`, `pi`) is a single label, too, and legitimate: it is refused
only where the public DNS has a zone of that name.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# Every home's own, though browsers take the last one for a registry (RFC 8375). Asked before the
# list, whose reading costs a tenth of a second, so that the usual house does without it.
_OWN = frozenset(("local", "lan", "internal", "localhost", "homeassistant", "home.arpa"))

# Zones in which every customer gets a name, and which are not in the list (looked up in its
# copy of October 2026). South Africa's `za` is there only by what stands below it.
_SHARED = frozenset(
    """
    access.ly afraid.org asuscomm.com beta.tailscale.net cfargotunnel.com changeip.com changeip.org
    chickenkiller.com duia.eu dynu.com freedns.org loca.lt mooo.com my-wan.de mynetname.net
    nabu.casa netbird.cloud nip.io noip.com pagekite.me plex.direct direct.quickconnect.to
    securepoint.de selfhost.bz selfhost.de selfhost.eu sslip.io tplinkdns.com traefik.me us.to
    xip.io ydns.eu za
    """.split()  # noqa: SIM905 - a word list is read as one
)


def shared_by_many(name: str) -> str | None:
    """Why a constraint on `name` (lower-case A-labels) would cover strangers; None if it does not.

    A parent of a zone of `_SHARED` is refused with it.
    """
    if name in _OWN:
        return None
    if "." not in name and _is_listed(name):
        return f"{name!r} is a public registry, and every name under it would be covered"
    if _is_listed(name) or any(zone == name or zone.endswith(f".{name}") for zone in _SHARED):
        return f"other homes have names under {name!r}, too"
    return None


def is_registry(name: str, *, unknown: bool = True) -> bool:
    """Whether names are registered directly below `name` (lower-case A-labels).

    By the list's ICANN section: shared zones such as duckdns.org are none. `unknown`: whether
    a single label that is not listed (`lan`, `local`) counts, as it does to browsers (CHR-03).
    """
    registries = _registries()
    if registries.publicsuffix(name, accept_unknown=False) == name:
        return True
    return unknown and "." not in name


def registered_domain(name: str) -> str:
    """The registered domain of `name` (lower-case A-labels): one label below its public suffix.

    With the shared zones that the list knows, as Let's Encrypt counts its limits: of
    ha.example.duckdns.org it is example.duckdns.org.
    """
    return _suffixes().privatesuffix(name) or name


def _is_listed(name: str) -> bool:
    return _suffixes().publicsuffix(name, accept_unknown=False) == name


@cache
def _suffixes() -> PublicSuffixList:
    # Reading the list costs more than the rest of this room, and few commands need it.
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList()


@cache
def _registries() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList  # noqa: PLC0415

    return PublicSuffixList(only_icann=True)
