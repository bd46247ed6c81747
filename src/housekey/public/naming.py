"""Which names a public CA can sign for at all: what it would refuse is best said before."""

from __future__ import annotations

from typing import Final

# Nobody can own a name below these (RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN's .internal).
NOT_IN_THE_DNS: Final = frozenset((
    "local", "lan", "home", "internal", "localhost", "localdomain", "intranet", "private", "corp",
    "test", "example", "invalid", "arpa", "onion", "alt",
))  # fmt: skip


def not_public(name: str) -> str | None:
    """Say why no public CA could sign for a name, given without a `*.`; None: one could."""
    last = name.rpartition(".")[2]
    if "." not in name:
        return "it has no domain"
    if last in NOT_IN_THE_DNS:
        return f"nobody can own a name under .{last}"
    from housekey.pki.shared_zones import is_registry  # noqa: PLC0415 - slow

    return "it is a registry, not a name of one home" if is_registry(name, unknown=False) else None
