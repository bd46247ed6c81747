"""What a house on the road of a public name has settled once, and renews by; no secret is in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from housekey.errors import HouseBroken
from housekey.house.road import Kind, Road
from housekey.pki.encoding import certificates_from_pem, chain_to_pem
from housekey.pki.names import DnsName, parse_name

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class PublicSettings:
    """Kept in the house's road.json."""

    # As on the certificate; a wildcard is allowed. The first plain one is what Home Assistant is
    # called.
    names: tuple[str, ...]
    directory: str  # the ACME directory's URL
    provider: str  # lexicon's name: "duckdns", "ddns" (RFC 2136), "cloudflare", …
    # One or more certificates, trusted for the CA's own HTTPS and as roots of what it issues;
    # None: the public roots.
    roots_pem: str | None = None
    email: str | None = None
    terms: str | None = None  # the URL of the terms that were agreed to
    profile: str | None = None  # ACME certificate profile
    eab_kid: str | None = None

    @classmethod
    def of(cls, road: Road) -> PublicSettings:
        """Return what a road has settled. Raises `HouseBroken`."""
        try:
            kept = {**road.settings, "names": tuple(road.settings["names"])}
            roots_pem = chain_to_pem(road.roots).decode() if road.roots else None
            return cls(**kept, roots_pem=roots_pem)
        except (KeyError, TypeError) as error:
            raise HouseBroken(
                "the house's road.json is damaged: what was settled with the CA is not known",
                hint="restore a backup; or delete it, and settle it again: housekey secure"
                " --public NAME",
            ) from error

    def road(self, label: str) -> Road:
        """Return the road of `label` that this is kept in."""
        settled = asdict(self)
        del settled["roots_pem"]
        return Road(Kind.PUBLIC, label, self.roots, {**settled, "names": list(self.names)})

    @property
    def roots(self) -> tuple[Certificate, ...]:
        """The roots that are trusted; none: the public ones. Raises `PemUnreadable`."""
        return certificates_from_pem(self.roots_pem.encode()) if self.roots_pem else ()

    @property
    def dns_names(self) -> tuple[DnsName, ...]:
        """The names of the certificate. Raises `NameRefused`."""
        names = map(parse_name, self.names)
        return tuple(name for name in names if isinstance(name, DnsName))

    @property
    def signer(self) -> str:
        """What the CA is called, for people."""
        from housekey.public.limits import name_of  # noqa: PLC0415 - a start of a server goes without

        return name_of(self.directory)
