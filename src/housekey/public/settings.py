"""What a house on the road of a public name has settled once, and renews by; no secret is in it."""

from __future__ import annotations

from dataclasses import dataclass


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
