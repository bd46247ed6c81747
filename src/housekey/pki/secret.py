"""Bytes that must not be seen: a key, a passphrase, a token.

On its own because it costs nothing to import, unlike the keys of keys.py.
"""

from __future__ import annotations

from hmac import compare_digest
from typing import NoReturn


class Secret:
    """Bytes that show themselves to nobody who does not ask with `reveal`.

    Neither printed nor formatted, not pickled or copied, not hashable; two secrets
    compare in constant time.
    """

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
