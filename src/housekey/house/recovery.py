"""The recovery code: what opens the sealed key of the root, on paper and over the telephone.

Thirty characters in six groups of five: 26 random ones (130 bits) and four that check them.

The alphabet is Crockford's (https://www.crockford.com/base32.html): no I, L, O or U. Lower case is
as good, O is read as 0 and I and L as 1.

The check is a Reed-Solomon code over the 32 characters. Its distance is five: up to four wrong
characters anywhere, and so every swap of two neighbours, are always told from the right code. Of
a single wrong character it even tells where.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field

from housekey.errors import RecoveryCodeWrong
from housekey.pki.secret import Secret

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUP = 5
RANDOM_CHARACTERS = 26
CHECK_CHARACTERS = 4
LENGTH = RANDOM_CHARACTERS + CHECK_CHARACTERS

_READ_AS = str.maketrans("OIL", "011")
_SEPARATORS = "-‐‑–—_.,"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """A recovery code without a typo. `str` and `repr` hide it; `text` is for the user's eyes."""

    _characters: str = field(repr=False)

    @classmethod
    def generate(cls) -> RecoveryCode:
        data = [secrets.randbelow(32) for _ in range(RANDOM_CHARACTERS)]
        return cls("".join(ALPHABET[value] for value in data + _check_values(data)))

    @classmethod
    def parse(cls, text: str) -> RecoveryCode:
        """Read a code as somebody typed it: any case, with or without dashes and spaces.

        Raises `RecoveryCodeWrong`, which says where the typo is as far as can be known.
        """
        characters = "".join(
            character for character in text.upper() if not _is_separator(character)
        ).translate(_READ_AS)
        for position, character in enumerate(characters):
            if character not in _VALUE:
                raise RecoveryCodeWrong(
                    f"group {position // GROUP + 1} of the recovery code has a character that"
                    f" no code has: {character!r}",
                    hint="a code is made of digits and letters without I, L, O and U",
                )
        if len(characters) != LENGTH:
            raise RecoveryCodeWrong(
                f"the recovery code has {len(characters)} characters, not {LENGTH}",
                hint="it is six groups of five: see which group is too short or too long",
            )
        syndromes = _syndromes([_VALUE[character] for character in characters])
        if any(syndromes):
            raise RecoveryCodeWrong(
                "the recovery code has a typo" + _where(syndromes),
                hint="compare it with your note, group by group",
            )
        return cls(characters)

    @property
    def text(self) -> str:
        """The code as it is shown: `XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`."""
        return "-".join(
            self._characters[start : start + GROUP] for start in range(0, LENGTH, GROUP)
        )

    @property
    def secret(self) -> Secret:
        """What seals and opens the key: the same bytes however the code was typed."""
        return Secret(self._characters.encode("ascii"))


def _is_separator(character: str) -> bool:
    return character.isspace() or character in _SEPARATORS


# Reed-Solomon over GF(32), x^5 + x^2 + 1, primitive element 2. A code word is a polynomial, its
# first character the highest coefficient, that is zero at 2^1 … 2^4; 30 characters are one fewer
# than such a code may have.

_POWER = [1]
while len(_POWER) < 31:
    _POWER.append(_POWER[-1] << 1 ^ (0b100101 if _POWER[-1] & 0b10000 else 0))
_LOGARITHM = {value: exponent for exponent, value in enumerate(_POWER)}


def _times(a: int, b: int) -> int:
    return _POWER[(_LOGARITHM[a] + _LOGARITHM[b]) % 31] if a and b else 0


def _generator() -> list[int]:
    polynomial = [1]
    for root in _POWER[1 : CHECK_CHARACTERS + 1]:
        polynomial = [
            high ^ _times(low, root)
            for high, low in zip([*polynomial, 0], [0, *polynomial], strict=True)
        ]
    return polynomial


_GENERATOR = _generator()


def _check_values(data: list[int]) -> list[int]:
    rest = data + [0] * CHECK_CHARACTERS
    for position in range(len(data)):
        factor = rest[position]
        for offset, coefficient in enumerate(_GENERATOR):
            rest[position + offset] ^= _times(factor, coefficient)
    return rest[-CHECK_CHARACTERS:]


def _syndromes(word: list[int]) -> list[int]:
    values = []
    for root in _POWER[1 : CHECK_CHARACTERS + 1]:
        value = 0
        for coefficient in word:
            value = _times(value, root) ^ coefficient
        values.append(value)
    return values


def _where(syndromes: list[int]) -> str:
    """Name the group if one wrong character explains it all: then S(i+1) / S(i) is its place."""
    if not all(syndromes):
        return ""
    logarithms = [_LOGARITHM[syndrome] for syndrome in syndromes]
    steps = {(after - before) % 31 for before, after in itertools.pairwise(logarithms)}
    position = LENGTH - 1 - next(iter(steps))
    if len(steps) > 1 or position < 0:
        return ""
    return f", it seems in group {position // GROUP + 1}"
