"""A fingerprint as people compare it: pairs with colons, in lines that the eye can hold."""

from __future__ import annotations

_PAIRS_IN_A_LINE = 8  # four lines for SHA-256; fits the narrowest phone


def grouped(digest: str) -> str:
    """Return hexadecimal digits in pairs with colons, as devices show them."""
    return ":".join(digest[at : at + 2].upper() for at in range(0, len(digest), 2))


def lines_of(digest: str) -> tuple[str, ...]:
    """Return the same in lines; put together they are `grouped(digest)`."""
    width = 3 * _PAIRS_IN_A_LINE
    whole = grouped(digest)
    return tuple(whole[at : at + width] for at in range(0, len(whole), width))
