"""A host as it is written in an address; on its own, because it needs nothing else."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URL: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host
