"""A host as it is written in an address; on its own, because it needs nothing else."""

from __future__ import annotations

from ipaddress import ip_address


def bracketed(host: str) -> str:
    """Return `host` as it stands in a URL: an IPv6 address in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    """Whether `host`, without brackets, is an IP address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether `host` leads to the machine that asks, and to no other.

    Of names that is `localhost` alone, and what is below it (RFC 6761, section 6.3).
    """
    if is_address(host):
        return ip_address(host).is_loopback
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")
